//! A platform for promises on one thread, whose time passes only when the test says so or somebody waits for a deadline.
//!
//! Waiting for ever fails the test, because nobody else is there; what is asked of the platform is counted.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use concurrent_futures::{
    Future, Promise, Ring, Task,
    core::{
        executor::PumpExecutor,
        future::PanicPayload,
        platform::{
            Clock, Current, Parker, Platform, SpinLock, Stripe, Time, Unparker, WorkerContext,
        },
    },
};

use crate::wakers::Wakes;

/// See the module.
pub(crate) struct Virtual;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::from_secs(1)) };
    static LOCKS: Cell<usize> = const { Cell::new(0) };
    static WAKES: Arc<Wakes> = Wakes::new();
}

/// What has passed of this thread's time.
pub(crate) fn now() -> Duration {
    NOW.get()
}

/// Lets time pass.
pub(crate) fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

/// How often this thread has asked for a lock.
pub(crate) fn locks() -> usize {
    LOCKS.get()
}

/// Where the wakes of this thread's parker are counted.
pub(crate) fn wakes() -> Arc<Wakes> {
    WAKES.with(Arc::clone)
}

/// A promise and its future on this platform.
pub(crate) fn promise<T: Send + 'static>() -> (Promise<T>, Future<T>) {
    concurrent_futures::core::future::promise::<Virtual, T>()
}

/// A pool of zero workers on this platform.
pub(crate) fn pump() -> PumpExecutor<Virtual, Ring<Task>> {
    PumpExecutor::new(Ring::new(8).expect("eight is a capacity"))
}

impl Parker for Virtual {
    fn unparker(&self) -> Unparker {
        Unparker::new(wakes().waker())
    }

    fn park(&self) {
        panic!("waiting for ever, with nobody to wake");
    }

    fn park_until(&self, deadline: Time) {
        NOW.set(NOW.get().max(deadline.since_epoch()));
    }
}

impl Clock for Virtual {
    fn now() -> Option<Time> {
        Some(Time::from_epoch(NOW.get()))
    }
}

// SAFETY: one static lock per kind; nobody is a worker here; everything given is run once, on the calling thread.
unsafe impl Platform for Virtual {
    type Parker = Self;
    type Lock = SpinLock;
    type Clock = Self;

    fn with_parker<R>(wait: impl FnOnce(&Self) -> R) -> R {
        wait(&Self)
    }

    fn stripe(stripe: Stripe, _: usize) -> &'static SpinLock {
        static CALLS: SpinLock = SpinLock::new();
        static SETS: SpinLock = SpinLock::new();
        LOCKS.set(LOCKS.get() + 1);
        match stripe {
            Stripe::Call => &CALLS,
            Stripe::Set => &SETS,
        }
    }

    fn catch<R>(code: impl FnOnce() -> R) -> Result<R, PanicPayload> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| PanicPayload::new(payload, None))
    }

    fn current() -> Current {
        Current::Foreign
    }

    fn enter<R>(_: &WorkerContext, life: impl FnOnce() -> R) -> R {
        life()
    }
}
