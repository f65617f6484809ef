//! One core that never waits but in its loop: the platform with the least in it.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicPtr, Ordering},
    task::{RawWaker, RawWakerVTable, Waker},
};

use concurrent_futures_core::platform::{
    CriticalLock, Current, InterruptUnpark, NoClock, Parker, Platform, Stripe, Time, Unparker,
    WorkerContext,
};
use cortex_m::{asm::wfi, peripheral::SCB};

/// The only core.
pub(crate) struct Core;

/// Every interrupt ends the sleep, and whoever waits looks again: no token is needed if a tick comes anyway.
pub(crate) struct Tick;

const NOTHING: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| (), |_| (), |_| ());
const RAW: RawWaker = RawWaker::new(core::ptr::null(), &NOTHING);

impl Parker for Tick {
    fn unparker(&self) -> Unparker {
        // SAFETY: the functions need no data, and do nothing.
        Unparker::new(unsafe { Waker::from_raw(RAW) })
    }

    fn park(&self) {
        wfi();
    }

    fn park_until(&self, _: Time) {
        wfi();
    }
}

static WORKER: AtomicPtr<WorkerContext> = AtomicPtr::new(core::ptr::null_mut());

// SAFETY: there is one lock, which may be entered again; a worker's context is current inside `enter` only, and not in handlers.
unsafe impl Platform for Core {
    type Parker = Tick;
    type Lock = CriticalLock;
    type Clock = NoClock;

    fn with_parker<R>(wait: impl FnOnce(&Tick) -> R) -> R {
        wait(&Tick)
    }

    fn stripe(_: Stripe, _: usize) -> &'static CriticalLock {
        static ALL: CriticalLock = CriticalLock::new();
        &ALL
    }

    fn current() -> Current {
        if SCB::vect_active() != cortex_m::peripheral::scb::VectActive::ThreadMode {
            return Current::MustNotBlock;
        }
        NonNull::new(WORKER.load(Ordering::Relaxed)).map_or(Current::Foreign, Current::Worker)
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        // A load and a store: handlers change nothing here.
        let before = WORKER.load(Ordering::Relaxed);
        WORKER.store(core::ptr::from_ref(context).cast_mut(), Ordering::Relaxed);
        let result = life();
        WORKER.store(before, Ordering::Relaxed);
        result
    }
}

// SAFETY: it does nothing; the interrupt that calls it ends the sleep.
unsafe impl InterruptUnpark for Core {
    fn unpark(_: usize) {}
}
