//! Locks that spin: for several cores, and for targets with compare-and-swap.

use core::marker::PhantomData;

use super::{ConstLock, Lock};

/// Spins until the other core is done. Only between threads on several cores; never where an interrupt handler can come.
///
/// ```
/// use concurrent_futures_core::platform::{Lock, SpinLock};
///
/// static LOCK: SpinLock = SpinLock::new();
/// assert_eq!(LOCK.with(|| 1), 1);
/// ```
#[derive(Debug, Default)]
pub struct SpinLock(spin::Mutex<()>);

impl SpinLock {
    /// A lock for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(spin::Mutex::new(()))
    }
}

// SAFETY: the mutex is held while the section runs.
unsafe impl Lock for SpinLock {
    fn new() -> Self {
        Self::new()
    }

    #[inline]
    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        let _inside = self.0.lock();
        section()
    }
}

impl ConstLock for SpinLock {
    const NEW: Self = Self::new();
}

/// Switches the interrupts of the calling core off and on.
///
/// # Safety
/// `masked` runs `section` exactly once before it returns, on the calling thread, and no interrupt handler runs on this core meanwhile; then
/// interrupts are as they were.
pub unsafe trait InterruptMask: Send + Sync + 'static {
    /// Runs `section` without interrupts.
    fn masked<R>(section: impl FnOnce() -> R) -> R;
}

/// For several cores without an operating system: masks this core's interrupts, then spins until the other core is done.
///
/// A handler never finds it held by the thread that it interrupts. It still spins, so
/// [`InterruptSide`](crate::executor::InterruptSide) does without.
///
/// ```
/// use concurrent_futures_core::platform::{InterruptMask, Lock, MaskedSpinLock};
///
/// struct Core;
/// // SAFETY: there are no interrupts here.
/// unsafe impl InterruptMask for Core {
///     fn masked<R>(section: impl FnOnce() -> R) -> R { section() }
/// }
///
/// static LOCK: MaskedSpinLock<Core> = MaskedSpinLock::new();
/// assert_eq!(LOCK.with(|| 1), 1);
/// ```
#[derive(Debug)]
pub struct MaskedSpinLock<M> {
    lock: SpinLock,
    mask: PhantomData<M>,
}

impl<M: InterruptMask> MaskedSpinLock<M> {
    /// A lock for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lock: SpinLock::new(),
            mask: PhantomData,
        }
    }
}

impl<M: InterruptMask> Default for MaskedSpinLock<M> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: the spin lock excludes other cores, and what could come on this one is masked.
unsafe impl<M: InterruptMask> Lock for MaskedSpinLock<M> {
    fn new() -> Self {
        Self::new()
    }

    #[inline]
    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        M::masked(|| self.lock.with(section))
    }
}

impl<M: InterruptMask> ConstLock for MaskedSpinLock<M> {
    const NEW: Self = Self::new();
}
