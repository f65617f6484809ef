//! One core, one thread and its interrupts.

use core::{
    arch::asm,
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
    task::{RawWaker, RawWakerVTable, Waker},
};

use concurrent_futures_core::platform::{
    Clock, CriticalLock, Current, InterruptUnpark, Parker, Platform, Stripe, Time, Unparker,
    WorkerContext,
};
use cortex_m::{asm, register::primask};

use crate::TickClock;

/// The only core.
#[derive(Debug)]
pub struct Core;

/// The token of the only thread. Handlers run on the same core, so a load and a store are as good as a swap: who takes the
/// token masks interrupts first.
#[derive(Debug)]
pub struct Token;

static TOKEN: AtomicBool = AtomicBool::new(false);

impl Token {
    /// Puts the token; the interrupt that this happens in ends the wait for one.
    fn put() {
        if !cfg!(feature = "deaf-unpark") {
            TOKEN.store(true, Ordering::Release);
        }
    }

    /// Takes the token if it is there. Only with interrupts masked.
    fn take() -> bool {
        let there = TOKEN.load(Ordering::Acquire);
        if there {
            TOKEN.store(false, Ordering::Relaxed);
        }
        there
    }

    /// Sleeps until the token is there or `enough`.
    ///
    /// Masked from the look at the token until the core sleeps, so that no handler comes between. An interrupt ends the sleep
    /// all the same, and is handled as soon as it is unmasked.
    fn wait(enough: impl Fn() -> bool) {
        assert!(
            primask::read().is_active(),
            "whoever sleeps with interrupts masked sleeps for ever"
        );
        assert!(!in_handler(), "a handler waits");
        loop {
            if cfg!(feature = "racing-park") && !TOKEN.load(Ordering::Acquire) && !enough() {
                asm::wfi();
            }
            cortex_m::interrupt::disable();
            let over = Self::take() || enough();
            if !over && !cfg!(feature = "racing-park") {
                asm::wfi();
            }
            // SAFETY: they were on when this began, and this is no critical section.
            unsafe { cortex_m::interrupt::enable() };
            if over {
                return;
            }
        }
    }
}

const WAKING: RawWakerVTable =
    RawWakerVTable::new(|_| RAW, |_| Token::put(), |_| Token::put(), |_| ());
const RAW: RawWaker = RawWaker::new(core::ptr::null(), &WAKING);

impl Parker for Token {
    fn unparker(&self) -> Unparker {
        // SAFETY: the functions need no data, and are safe from anywhere.
        Unparker::new(unsafe { Waker::from_raw(RAW) })
    }

    fn park(&self) {
        Self::wait(|| false);
    }

    fn park_until(&self, deadline: Time) {
        // Each tick ends the sleep.
        Self::wait(|| TickClock::now().is_none_or(|now| now >= deadline));
    }
}

/// The worker that this core is, while a call runs. Not what a handler is: see [`in_handler`].
static WORKER: AtomicPtr<WorkerContext> = AtomicPtr::new(core::ptr::null_mut());

/// Whether this is an interrupt handler, or another exception.
pub(crate) fn in_handler() -> bool {
    let exception: u32;
    // SAFETY: reading this register has no effect.
    unsafe { asm!("mrs {}, IPSR", out(reg) exception, options(nomem, nostack, preserves_flags)) };
    exception != 0
}

// SAFETY: there is one lock, which may be entered again; a worker's context is current inside `enter` only, and not in handlers.
unsafe impl Platform for Core {
    type Parker = Token;
    type Lock = CriticalLock;
    type Clock = TickClock;

    fn with_parker<R>(wait: impl FnOnce(&Token) -> R) -> R {
        wait(&Token)
    }

    fn stripe(_: Stripe, _: usize) -> &'static CriticalLock {
        static ALL: CriticalLock = CriticalLock::new();
        &ALL
    }

    fn current() -> Current {
        if !cfg!(feature = "blocking-handler") && in_handler() {
            return Current::MustNotBlock;
        }
        NonNull::new(WORKER.load(Ordering::Relaxed)).map_or(Current::Foreign, Current::Worker)
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        // A load and a store: handlers change nothing here.
        let before = WORKER.load(Ordering::Relaxed);
        WORKER.store(core::ptr::from_ref(context).cast_mut(), Ordering::Relaxed);
        // Nothing unwinds here, so there is no other way out than this.
        let result = life();
        WORKER.store(before, Ordering::Relaxed);
        result
    }
}

// SAFETY: it is a store.
unsafe impl InterruptUnpark for Core {
    fn unpark(_: usize) {
        Token::put();
    }
}
