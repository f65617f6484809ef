// A platform for the cases here that have interrupts; they include it.

use concurrent_futures_core::platform::{
    Current, InterruptUnpark, NoClock, Parker, Platform, SpinLock, Stripe, Time, Unparker,
    WorkerContext,
};

/// One thread, one lock, and interrupts that never come.
struct Chip;

impl Parker for Chip {
    fn unparker(&self) -> Unparker {
        Unparker::new(std::task::Waker::noop().clone())
    }

    fn park(&self) {
        unreachable!("nobody waits here")
    }

    fn park_until(&self, _: Time) {
        unreachable!("nobody waits here")
    }
}

// SAFETY: there is one lock and one thread, which is never a worker's.
unsafe impl Platform for Chip {
    type Parker = Self;
    type Lock = SpinLock;
    type Clock = NoClock;

    fn with_parker<R>(wait: impl FnOnce(&Self) -> R) -> R {
        wait(&Self)
    }

    fn stripe(_: Stripe, _: usize) -> &'static SpinLock {
        static ALL: SpinLock = SpinLock::new();
        &ALL
    }

    fn current() -> Current {
        Current::Foreign
    }

    fn enter<R>(_: &WorkerContext, life: impl FnOnce() -> R) -> R {
        life()
    }
}

// SAFETY: nobody sleeps.
unsafe impl InterruptUnpark for Chip {
    fn unpark(_: usize) {}
}
