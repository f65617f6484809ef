//! What guards the short sections that are not worth a lock-free argument.

use core::marker::PhantomData;

use crate::sync::{UnsafeCell, const_fn};

/// Mutual exclusion for a few instructions.
///
/// The closure form lets a critical section restore what it found. No user code ever runs inside, so `section` neither
/// panics nor blocks.
///
/// # Safety
/// `with` runs `section` exactly once before it returns, no two sections of one lock run at the same time, and a section sees
/// everything that earlier ones wrote. A lock may, but need not, be entered again by the thread that is inside.
pub unsafe trait Lock: Send + Sync + 'static {
    /// An open lock.
    #[must_use]
    fn new() -> Self
    where
        Self: Sized;

    /// Runs `section` while no other thread is inside a section of this lock.
    fn with<R>(&self, section: impl FnOnce() -> R) -> R;
}

/// A [`Lock`] that can be in a `static`, as static pools ask for.
pub trait ConstLock: Lock {
    /// An open lock.
    const NEW: Self;
}

/// Interrupts off (and on several cores whatever the program's `critical-section` implementation adds).
///
/// ```
/// use concurrent_futures_core::platform::{CriticalLock, Lock};
///
/// static LOCK: CriticalLock = CriticalLock::new();
/// # let _ = || {
/// assert_eq!(LOCK.with(|| 1), 1);
/// # };
/// ```
#[derive(Debug, Default)]
pub struct CriticalLock(());

impl CriticalLock {
    /// A lock for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

// SAFETY: a critical section excludes all others, and orders its accesses.
unsafe impl Lock for CriticalLock {
    fn new() -> Self {
        Self(())
    }

    #[inline]
    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        critical_section::with(|_| section())
    }
}

impl ConstLock for CriticalLock {
    const NEW: Self = Self::new();
}

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
/// A handler never finds it held by the thread that it interrupts. It still spins, so nothing that a handler may call needs it.
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

/// A value and the lock that guards it. Not for others: a lock that may be entered again would lend the value twice.
pub(crate) struct Locked<L, T> {
    lock: L,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only inside the lock, so it is on one thread at a time.
unsafe impl<L: Lock, T: Send> Sync for Locked<L, T> {}
// SAFETY: moving the pair moves the value.
unsafe impl<L: Lock, T: Send> Send for Locked<L, T> {}

impl<L: Lock, T> Locked<L, T> {
    const_fn! {
        pub(crate) const fn over(lock: L, value: T) -> Self {
            Self {
                lock,
                value: UnsafeCell::new(value),
            }
        }
    }

    pub(crate) fn new(value: T) -> Self {
        Self::over(L::new(), value)
    }

    /// Runs `section` with the value, alone. `section` must not come back to this lock.
    #[inline]
    pub(crate) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        self.lock.with(|| {
            self.value.with_mut(|value| {
                // SAFETY: inside the lock nobody else has a reference, and `section` does not come back.
                section(unsafe { &mut *value })
            })
        })
    }
}
