//! What guards the short sections that are not worth a lock-free argument.

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
