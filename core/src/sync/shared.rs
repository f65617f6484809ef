//! A reference-counted value on this crate's own atomics: in a box, for targets where `alloc::sync::Arc` does not exist, or in a `static`.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(not(cf_model))]
use core::mem::ManuallyDrop;
use core::{ops::Deref, ptr::NonNull};

use super::{AtomicUsize, Ordering, const_fn};

/// A value and how many share it besides the first: nothing but zeros, for a new one whose value is.
pub(crate) struct Counted<T> {
    others: AtomicUsize,
    value: T,
}

impl<T> Counted<T> {
    const_fn! {
        /// Shared once; a `static` that it is in never gives that share back.
        pub(crate) const fn new(value: T) -> Self {
            Self {
                others: AtomicUsize::new(0),
                value,
            }
        }
    }

    /// A share that is not counted, because this lives for ever.
    #[cfg(not(cf_model))]
    #[inline]
    pub(crate) fn lend(&'static self) -> ManuallyDrop<Shared<T>> {
        ManuallyDrop::new(Shared {
            counted: NonNull::from(self),
        })
    }
}

/// Shared ownership of a value: the last clone to go drops it.
///
/// What `alloc::sync::Arc` does, without weak references, and available where that is not.
///
/// ```
/// use concurrent_futures_core::sync::Shared;
///
/// let first = Shared::new(41);
/// let second = first.clone();
/// drop(first);
/// assert_eq!(*second + 1, 42);
/// ```
pub struct Shared<T> {
    counted: NonNull<Counted<T>>,
}

// SAFETY: a `Shared` gives out `&T` on every thread that has a clone and drops `T` on any of them, as `Arc` does.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above; `&Shared` gives no more than a clone does.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Moves `value` to the heap.
    #[cfg(feature = "alloc")]
    pub fn new(value: T) -> Self {
        Self {
            counted: NonNull::from(Box::leak(Box::new(Counted::new(value)))),
        }
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: this clone is counted, so the allocation is alive; it is only ever shared.
        unsafe { self.counted.as_ref() }
    }

    /// Gives this clone's count away as a pointer, for [`from_raw`](Self::from_raw).
    pub(crate) fn into_raw(self) -> NonNull<()> {
        let counted = self.counted.cast();
        core::mem::forget(self);
        counted
    }

    /// Takes back what [`into_raw`](Self::into_raw) gave away.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of a `Shared<T>` of the same `T`, and is taken back once.
    pub(crate) unsafe fn from_raw(raw: NonNull<()>) -> Self {
        Self {
            counted: raw.cast(),
        }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        // Relaxed: the clone is made from one that is alive, so nothing is published by counting it.
        let before = self.counted().others.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // More clones than memory can hold: they were forgotten, and the count is about to wrap.
            super::abort("too many clones of a shared value");
        }
        Self {
            counted: self.counted,
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        if self.counted().others.fetch_sub(1, Ordering::Release) == 0 {
            super::acquire(&self.counted().others);
            #[cfg(feature = "alloc")]
            // SAFETY: there were no others, so no other clone exists, and the fence orders their accesses before this. It is a box: a
            // `static` keeps a share.
            drop(unsafe { Box::from_raw(self.counted.as_ptr()) });
        }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.counted().value
    }
}
