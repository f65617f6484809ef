//! A platform of one thread: whoever waits could only be woken by itself, so waiting is a mistake that ends the program.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicPtr, Ordering},
    task::Waker,
};

use concurrent_futures_core::platform::{
    CriticalLock, Current, NoClock, Parker, Platform, Stripe, Time, Unparker, WorkerContext,
};

/// The program's only thread.
pub(crate) struct Single;

/// Nobody would ever wake it.
pub(crate) struct Never;

impl Parker for Never {
    fn unparker(&self) -> Unparker {
        Unparker::new(Waker::noop().clone())
    }

    fn park(&self) {
        crate::abort()
    }

    fn park_until(&self, _: Time) {
        crate::abort()
    }
}

/// The worker that this thread is, while a call runs.
static WORKER: AtomicPtr<WorkerContext> = AtomicPtr::new(core::ptr::null_mut());

// SAFETY: there is one lock and one thread; a worker's context is current inside `enter` only.
unsafe impl Platform for Single {
    type Parker = Never;
    type Lock = CriticalLock;
    type Clock = NoClock;

    fn with_parker<R>(wait: impl FnOnce(&Never) -> R) -> R {
        wait(&Never)
    }

    fn stripe(_: Stripe, _: usize) -> &'static CriticalLock {
        static ALL: CriticalLock = CriticalLock::new();
        &ALL
    }

    fn current() -> Current {
        NonNull::new(WORKER.load(Ordering::Relaxed)).map_or(Current::Foreign, Current::Worker)
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        let before = WORKER.swap(core::ptr::from_ref(context).cast_mut(), Ordering::Relaxed);
        // Nothing unwinds here, so there is no other way out than this.
        let result = life();
        WORKER.store(before, Ordering::Relaxed);
        result
    }
}
