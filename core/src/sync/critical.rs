//! Atomics for targets without compare-and-swap: plain loads, everything else inside a critical section.
//!
//! Only the operations that this crate uses. A single-core target has loads and stores of a word that are atomic; what it
//! lacks is read-modify-write, and a critical section is one there.

use core::sync::atomic::{self, Ordering};

/// Orders this core's accesses; a critical section does the rest.
pub(crate) fn fence(ordering: Ordering) {
    atomic::fence(ordering);
}

/// A machine word.
pub(crate) struct AtomicUsize(atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) const fn new(value: usize) -> Self {
        Self(atomic::AtomicUsize::new(value))
    }

    #[inline]
    pub(crate) fn load(&self, ordering: Ordering) -> usize {
        self.0.load(ordering)
    }

    /// The one read-modify-write: all others are built on it.
    #[inline]
    fn update(&self, change: impl FnOnce(usize) -> Option<usize>) -> Result<usize, usize> {
        critical_section::with(|_| {
            // Relaxed: entering the critical section orders it after what others did in theirs.
            let old = self.0.load(Ordering::Relaxed);
            match change(old) {
                Some(new) => {
                    // Release: whoever loads it needs no critical section for that.
                    self.0.store(new, Ordering::Release);
                    Ok(old)
                }
                None => Err(old),
            }
        })
    }

    /// An update that never refuses.
    #[inline]
    fn apply(&self, change: impl FnOnce(usize) -> usize) -> usize {
        self.update(|old| Some(change(old)))
            .unwrap_or_else(|old| old)
    }

    #[inline]
    pub(crate) fn store(&self, value: usize, _: Ordering) {
        self.apply(|_| value);
    }

    #[inline]
    pub(crate) fn compare_exchange(
        &self,
        current: usize,
        new: usize,
        _: Ordering,
        _: Ordering,
    ) -> Result<usize, usize> {
        self.update(|old| (old == current).then_some(new))
    }

    #[inline]
    pub(crate) fn compare_exchange_weak(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        self.compare_exchange(current, new, success, failure)
    }

    #[inline]
    pub(crate) fn fetch_add(&self, value: usize, _: Ordering) -> usize {
        self.apply(|old| old.wrapping_add(value))
    }

    #[inline]
    pub(crate) fn fetch_sub(&self, value: usize, _: Ordering) -> usize {
        self.apply(|old| old.wrapping_sub(value))
    }

    #[inline]
    pub(crate) fn fetch_or(&self, bits: usize, _: Ordering) -> usize {
        self.apply(|old| old | bits)
    }

    #[inline]
    pub(crate) fn fetch_and(&self, bits: usize, _: Ordering) -> usize {
        self.apply(|old| old & bits)
    }
}
