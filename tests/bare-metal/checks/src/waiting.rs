//! Waiting for what an interrupt handler brings, wherever it comes between.

use core::{
    sync::atomic::{AtomicPtr, Ordering},
    time::Duration,
};

use concurrent_futures_core::{
    future::{CancelledBy, ResultError, Slot, TaskError},
    platform::{Clock, Platform, Time},
};

use crate::{Board, Check, Handler, Verdict, checks, clock::A_WHILE, expect, promises::pair};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "R1" "a wait for ever ends with what an interrupt brings, at whichever instruction it comes" for_ever::<B>;
        "R1" "a wait with a limit ends with what an interrupt brings, at whichever instruction it comes" with_limit::<B>;
        "R1" "a wait whose time is over hands its future back untouched, not early" over::<B>;
        "R1" "a wait until a point in time ends then" deadline::<B>;
        "R2" "what is done is there at once, whatever the limit" at_once::<B>;
        "R5" "a cancel wakes who waits, at whichever instruction it comes" cancel_wakes::<B>;
    ]
}

/// At how many cycles after the start of a wait the interrupt is tried: until the core sleeps for certain.
const CYCLES: u32 = 3000;

/// What the alarm is to call: a `&mut Handler` in the frame of [`with_alarm`].
static ALARM: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

fn ring() {
    let handler: *mut &mut Handler<'_> = ALARM.load(Ordering::Acquire).cast();
    ALARM.store(core::ptr::null_mut(), Ordering::Release);
    // SAFETY: `with_alarm` does not return before this has run.
    if let Some(handler) = unsafe { handler.as_mut() } {
        handler();
    }
}

/// Runs `code`, into which an interrupt comes that calls `handler`, `cycles` from the start; waits for that if it comes later.
pub(crate) fn with_alarm<B: Board, R>(
    cycles: u32,
    mut handler: &mut Handler<'_>,
    code: impl FnOnce() -> R,
) -> R {
    ALARM.store(core::ptr::from_mut(&mut handler).cast(), Ordering::Release);
    B::alarm(cycles, ring);
    let result = code();
    while !ALARM.load(Ordering::Acquire).is_null() {
        core::hint::spin_loop();
    }
    result
}

fn now<B: Board>() -> Time {
    <B::Platform as Platform>::Clock::now().unwrap_or(Time::from_epoch(Duration::ZERO))
}

static SLOT: Slot<u32> = Slot::new();

fn for_ever<B: Board>() -> Verdict {
    for cycles in 1..CYCLES {
        let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
        let mut promise = Some(promise);
        let mut brought = 0;
        let mut bring = || {
            let _ = promise.take().map(|promise| promise.set(cycles));
            brought = B::ticks();
        };
        let got = with_alarm::<B, _>(cycles, &mut bring, || future.result());
        expect!(
            matches!(got, Ok(value) if value == cycles),
            "another outcome"
        );
        // The next interrupt, which would end the sleep that a lost wake-up did not, is that of the next tick.
        expect!(B::ticks() == brought, "the wake-up is late");
    }
    Ok(())
}

fn with_limit<B: Board>() -> Verdict {
    for cycles in 1..CYCLES {
        let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
        let mut promise = Some(promise);
        let mut bring = || {
            let _ = promise.take().map(|promise| promise.set(cycles));
        };
        let got = with_alarm::<B, _>(cycles, &mut bring, || {
            future.result_timeout(Duration::from_secs(1000))
        });
        expect!(
            matches!(got, Ok(value) if value == cycles),
            "another outcome"
        );
    }
    Ok(())
}

fn over<B: Board>() -> Verdict {
    const LIMIT: Duration = Duration::from_millis(3);
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    let start = now::<B>();
    let Err(ResultError::Unfinished(future)) = future.result_timeout(LIMIT) else {
        return Err("the future does not come back");
    };
    let waited = now::<B>().saturating_since(start);
    expect!(waited >= LIMIT, "it is back early");
    expect!(waited < LIMIT + A_WHILE, "it is back late");
    expect!(promise.set(1).is_ok(), "the call was touched");
    expect!(matches!(future.result(), Ok(1)), "another outcome");
    Ok(())
}

fn deadline<B: Board>() -> Verdict {
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    let Some(deadline) = now::<B>().checked_add(Duration::from_millis(2)) else {
        return Err("the clock is at its end");
    };
    let Err(ResultError::Unfinished(future)) = future.result_deadline(deadline) else {
        return Err("the future does not come back");
    };
    expect!(now::<B>() >= deadline, "it is back early");
    expect!(promise.set(1).is_ok(), "the call was touched");
    expect!(
        matches!(future.result_deadline(deadline), Ok(1)),
        "what is done is not there"
    );
    Ok(())
}

fn at_once<B: Board>() -> Verdict {
    for limit in [Duration::ZERO, Duration::MAX] {
        let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
        expect!(promise.set(1).is_ok(), "it takes no value");
        expect!(
            matches!(future.result_timeout(limit), Ok(1)),
            "another outcome"
        );
    }
    Ok(())
}

fn cancel_wakes<B: Board>() -> Verdict {
    for cycles in 1..CYCLES {
        let (_promise, future) = pair::<B::Platform, _>(&SLOT)?;
        let mut cancel = || {
            let _ = future.cancel();
        };
        let done = with_alarm::<B, _>(cycles, &mut cancel, || future.wait());
        expect!(done, "the wait says that it is not over");
        expect!(
            matches!(
                future.result(),
                Err(TaskError::Cancelled(CancelledBy::Caller))
            ),
            "another outcome"
        );
    }
    Ok(())
}
