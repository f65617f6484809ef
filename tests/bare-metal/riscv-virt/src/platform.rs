//! Four harts as a platform: a token and a software interrupt for each.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
    task::{RawWaker, RawWakerVTable, Waker},
    time::Duration,
};

use concurrent_futures_core::platform::{
    Clock, Current, InterruptUnpark, MaskedSpinLock, Parker, Platform, Stripe, Time, Unparker,
    WorkerContext,
};

use crate::{
    clint,
    interrupts::{ThisHart, mask, unmask, wait_for_interrupt},
    start::{HARTS, hart},
    traps,
};

/// What guards short sections: interrupts masked, then a lock that spins.
pub(crate) type HartLock = MaskedSpinLock<ThisHart>;

/// The harts of this machine.
pub(crate) struct Harts;

static TOKENS: [AtomicBool; HARTS] = [const { AtomicBool::new(false) }; HARTS];

/// What the calling hart waits with: its token.
pub(crate) struct HartParker(usize);

/// Puts the token of `hart` and wakes it, from anywhere. Takes no lock and waits for nobody.
pub(crate) fn wake(hart: usize) {
    // Release: who takes the token sees what was done before this.
    TOKENS[hart].store(true, Ordering::Release);
    if cfg!(not(feature = "plant")) {
        clint::raise(hart);
    }
}

/// The token that a life before left behind wakes nobody in the next one.
pub(crate) fn forget_token() {
    // Relaxed: nothing is read on its account.
    TOKENS[hart()].store(false, Ordering::Relaxed);
}

impl HartParker {
    /// Takes the token, or waits until an interrupt comes; says whether it took it. `before_waiting` runs without interrupts.
    fn wait_once(&self, before_waiting: impl FnOnce()) -> bool {
        // From the look at the token until `wfi` an interrupt stays pending, and a pending one ends `wfi`: a wake in
        // between is not lost. The handler runs at `unmask`.
        let before = mask();
        // Acquire: what was done before the token was put is seen.
        let taken = TOKENS[self.0].swap(false, Ordering::Acquire);
        if !taken {
            before_waiting();
            wait_for_interrupt();
        }
        if before {
            unmask();
        }
        taken
    }
}

impl Parker for HartParker {
    fn unparker(&self) -> Unparker {
        Unparker::new(waker(self.0))
    }

    fn id(&self) -> usize {
        self.0
    }

    fn park(&self) {
        // It could return after any interrupt. It does not, so that a wake that gets lost is not made up for by a tick.
        while !self.wait_once(|| ()) {}
    }

    fn park_until(&self, deadline: Time) {
        let deadline = ticks(deadline);
        while clint::now() < deadline && !self.wait_once(|| clint::wake_at(deadline)) {}
    }
}

const WAKER: RawWakerVTable = RawWakerVTable::new(
    |hart| RawWaker::new(hart, &WAKER),
    |hart| wake(hart.addr()),
    |hart| wake(hart.addr()),
    |_| (),
);

fn waker(hart: usize) -> Waker {
    // SAFETY: the pointer is a hart's number, which the functions read as one; there is nothing to keep alive.
    unsafe { Waker::new(core::ptr::without_provenance(hart), &WAKER) }
}

/// The time that `mtime` shows.
pub(crate) struct MachineTime;

const NANOSECONDS: u64 = 1_000_000_000 / clint::HERTZ as u64;

impl Clock for MachineTime {
    fn now() -> Option<Time> {
        Some(Time::from_epoch(Duration::from_nanos(
            clint::now() * NANOSECONDS,
        )))
    }
}

/// The first tick at or after `time`.
fn ticks(time: Time) -> u64 {
    let elapsed = time.since_epoch();
    let rest = u64::from(elapsed.subsec_nanos()).div_ceil(NANOSECONDS);
    elapsed
        .as_secs()
        .saturating_mul(clint::HERTZ.into())
        .saturating_add(rest)
}

static WORKERS: [AtomicPtr<WorkerContext>; HARTS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; HARTS];

static CALL_LOCKS: [HartLock; 4] = [const { HartLock::new() }; 4];
static SET_LOCKS: [HartLock; 4] = [const { HartLock::new() }; 4];

// SAFETY: the locks are chosen by their arguments alone. A worker's context is current on its own hart only, from `enter` until
// `enter` returns, and never in that hart's handler.
unsafe impl Platform for Harts {
    type Parker = HartParker;
    type Lock = HartLock;
    type Clock = MachineTime;

    fn with_parker<R>(wait: impl FnOnce(&HartParker) -> R) -> R {
        wait(&HartParker(hart()))
    }

    fn stripe(stripe: Stripe, address: usize) -> &'static HartLock {
        let locks = match stripe {
            Stripe::Call => &CALL_LOCKS,
            Stripe::Set => &SET_LOCKS,
        };
        // The lowest bits of addresses are the same.
        &locks[(address >> 6) % locks.len()]
    }

    fn current() -> Current {
        if traps::inside() {
            return Current::MustNotBlock;
        }
        // Relaxed: only this hart reads and writes it.
        NonNull::new(WORKERS[hart()].load(Ordering::Relaxed))
            .map_or(Current::Foreign, Current::Worker)
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        let worker = &WORKERS[hart()];
        // Relaxed: as above.
        let before = worker.swap(core::ptr::from_ref(context).cast_mut(), Ordering::Relaxed);
        // A panic ends the program, so there is no other way out than this.
        let result = life();
        worker.store(before, Ordering::Relaxed);
        result
    }

    fn processor() -> Option<usize> {
        Some(hart())
    }
}

// SAFETY: it puts a token and writes a register.
unsafe impl InterruptUnpark for Harts {
    fn unpark(id: usize) {
        wake(id);
    }
}
