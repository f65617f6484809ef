//! Calls that come from interrupt handlers, wherever these come between.

use core::{sync::atomic::Ordering, time::Duration};

use concurrent_futures_core::future::{Slot, SubmitError};

use crate::{
    Board, Check, Verdict,
    calls::refused,
    checks, expect, in_handler,
    pools::PENDED,
    promises::pair,
    tracked::{Count, Digits, Tracked},
    waiting::with_alarm,
};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "D2" "a call from an interrupt handler is run, and dropped, by a thread" from_handler::<B>;
        "D2" "a full pool hands a handler its closure back" full::<B>;
        "D2 S4" "calls from threads and handlers start in the order of their submission" in_order::<B>;
        "D2" "a handler submits in the middle of a submission, at whichever instruction it comes" during_submit::<B>;
        "D2" "of a thread and a handler that want the last slot one gets it" last_slot::<B>;
        "D2" "a handler submits while calls are run, at whichever instruction it comes" during_run::<B>;
        "D2 K2" "a handler submits while a call is cancelled, at whichever instruction it comes" during_cancel::<B>;
        "D2 D3" "a loop that runs calls and sleeps in between gets what a call from a handler brings" wakes::<B>;
        "D2" "the pender is told of each submission, also of a handler's" pender::<B>;
    ]
}

/// At how many cycles after the start the interrupt is tried: until what it comes between is over.
const CYCLES: u32 = 3000;

fn from_handler<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    static RAN: Digits = Digits::new();
    let pool = &B::pools().two;
    let captured = Tracked::new::<B>(&DROPPED);
    let call = move || {
        RAN.write(if B::in_handler() { 2 } else { 1 });
        drop(captured);
    };
    let taken = in_handler::<B, _>(move || pool.interrupt_side().submit_detached(call).is_ok());
    expect!(taken, "it is refused");
    expect!(pool.free_slots() == 1, "it takes no slot");
    expect!(pool.run_until_idle() == 1, "it is not run");
    expect!(RAN.take() == 1, "it did not run in a thread, once");
    expect!(
        DROPPED.in_threads() == 1 && DROPPED.in_handlers() == 0,
        "not dropped once, by a thread"
    );
    expect!(pool.free_slots() == 2, "the slot is not free");
    Ok(())
}

fn full<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    let one = pool.spawn(|| 1).map_err(refused)?;
    let two = pool.spawn(|| 2).map_err(refused)?;
    let captured = Tracked::new::<B>(&DROPPED);
    let call = move || drop(captured);
    let back = in_handler::<B, _>(move || match pool.interrupt_side().submit_detached(call) {
        Err(SubmitError::Full(back)) => Some(back.into_inner()),
        _ => None,
    });
    let Some(back) = back else {
        return Err("no error that says it is full");
    };
    expect!(
        DROPPED.in_threads() + DROPPED.in_handlers() == 0,
        "the closure was dropped"
    );
    back();
    expect!(DROPPED.in_threads() == 1, "another closure comes back");
    expect!(pool.run_until_idle() == 2, "the refused call is queued");
    drop((one, two));
    Ok(())
}

fn in_order<B: Board>() -> Verdict {
    static ORDER: Digits = Digits::new();
    let pool = &B::pools().eight;
    for digit in [1, 3, 5] {
        drop(pool.spawn(move || ORDER.write(digit)).map_err(refused)?);
        let taken = in_handler::<B, _>(|| {
            pool.interrupt_side()
                .submit_detached(move || ORDER.write(digit + 1))
                .is_ok()
        });
        expect!(taken, "it is refused");
        if digit == 3 {
            expect!(pool.run_one(), "it does not run");
        }
    }
    expect!(pool.run_until_idle() == 5, "not all of them ran");
    expect!(ORDER.take() == 123_456, "another order");
    Ok(())
}

/// What a handler left, when it came between.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Submission {
    None,
    Taken,
    Refused,
}

/// Runs `code` while an interrupt comes that submits a call of `captured`, which writes 2 into `order`; then all calls.
fn while_submitting<B: Board, R>(
    cycles: u32,
    order: &'static Digits,
    dropped: &'static Count,
    code: impl FnOnce() -> R,
) -> (R, Submission) {
    let mut submission = Submission::None;
    let mut captured = Some(Tracked::new::<B>(dropped));
    let mut refused_call = None;
    let mut handler = || {
        if let Some(captured) = captured.take() {
            let call = move || {
                order.write(2);
                drop(captured);
            };
            match B::pools().two.interrupt_side().submit_detached(call) {
                Ok(()) => submission = Submission::Taken,
                Err(error) => {
                    submission = Submission::Refused;
                    // Dropped by the thread.
                    refused_call = Some(error);
                }
            }
        }
    };
    let result = with_alarm::<B, _>(cycles, &mut handler, code);
    drop(refused_call);
    (result, submission)
}

/// That nothing is left of what a check did.
fn all_gone<B: Board>(dropped: &Count, expected: usize) -> Verdict {
    expect!(
        dropped.in_handlers() == 0,
        "something was dropped by a handler"
    );
    expect!(
        dropped.in_threads() == expected,
        "something was not dropped once"
    );
    expect!(B::pools().two.free_slots() == 2, "a slot is not free");
    dropped.reset();
    Ok(())
}

fn during_submit<B: Board>() -> Verdict {
    static ORDER: Digits = Digits::new();
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    let (mut before, mut after) = (false, false);
    for cycles in 1..CYCLES {
        let captured = Tracked::new::<B>(&DROPPED);
        let (future, submission) = while_submitting::<B, _>(cycles, &ORDER, &DROPPED, || {
            pool.spawn(move || {
                ORDER.write(1);
                drop(captured);
            })
        });
        let future = future.map_err(refused)?;
        expect!(submission == Submission::Taken, "the handler's is refused");
        expect!(pool.run_until_idle() == 2, "not both ran");
        match ORDER.take() {
            12 => after = true,
            21 => before = true,
            _ => return Err("not both wrote"),
        }
        expect!(future.try_result().is_ok(), "another outcome");
        all_gone::<B>(&DROPPED, 2)?;
    }
    expect!(
        before && after,
        "the interrupt never came before, or never after"
    );
    Ok(())
}

fn last_slot<B: Board>() -> Verdict {
    static ORDER: Digits = Digits::new();
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    let (mut before, mut after) = (false, false);
    for cycles in 1..CYCLES {
        let first = pool.spawn(|| ORDER.write(3)).map_err(refused)?;
        let captured = Tracked::new::<B>(&DROPPED);
        let (future, submission) = while_submitting::<B, _>(cycles, &ORDER, &DROPPED, || {
            pool.spawn(move || {
                ORDER.write(1);
                drop(captured);
            })
        });
        match (future, submission) {
            (Ok(_), Submission::Refused) => {
                expect!(
                    pool.run_until_idle() == 2 && ORDER.take() == 31,
                    "others ran"
                );
                after = true;
            }
            (Err(error), Submission::Taken) => {
                drop(error);
                expect!(
                    pool.run_until_idle() == 2 && ORDER.take() == 32,
                    "others ran"
                );
                before = true;
            }
            (Ok(_), _) => return Err("both got it"),
            (Err(_), _) => return Err("neither got it"),
        }
        drop(first);
        all_gone::<B>(&DROPPED, 2)?;
    }
    expect!(
        before && after,
        "the interrupt never came before, or never after"
    );
    Ok(())
}

fn during_run<B: Board>() -> Verdict {
    static ORDER: Digits = Digits::new();
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    let (mut during, mut after) = (false, false);
    for cycles in 1..CYCLES {
        let captured = Tracked::new::<B>(&DROPPED);
        let call = move || {
            ORDER.write(1);
            drop(captured);
        };
        drop(pool.spawn(call).map_err(refused)?);
        let (ran, submission) =
            while_submitting::<B, _>(cycles, &ORDER, &DROPPED, || pool.run_until_idle());
        expect!(submission == Submission::Taken, "the handler's is refused");
        match ran {
            1 => after = true,
            2 => during = true,
            _ => return Err("another number of calls ran"),
        }
        expect!(pool.run_until_idle() == 2 - ran, "a call is lost");
        expect!(ORDER.take() == 12, "another order");
        all_gone::<B>(&DROPPED, 2)?;
    }
    expect!(
        during && after,
        "the interrupt never came between, or never after"
    );
    Ok(())
}

fn during_cancel<B: Board>() -> Verdict {
    static ORDER: Digits = Digits::new();
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    for cycles in 1..CYCLES {
        let captured = Tracked::new::<B>(&DROPPED);
        let call = move || {
            ORDER.write(1);
            drop(captured);
        };
        let future = pool.spawn(call).map_err(refused)?;
        let (cancelled, submission) = while_submitting::<B, _>(cycles, &ORDER, &DROPPED, || {
            let cancelled = future.cancel();
            drop(future);
            cancelled
        });
        expect!(cancelled, "it is not cancelled");
        expect!(submission == Submission::Taken, "the handler's is refused");
        expect!(
            pool.run_until_idle() == 1,
            "another number of calls is left"
        );
        expect!(ORDER.take() == 2, "another call is left");
        all_gone::<B>(&DROPPED, 2)?;
    }
    Ok(())
}

fn wakes<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let pool = &B::pools().two;
    for cycles in 1..CYCLES {
        let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
        let mut promise = Some(promise);
        let mut handler = || {
            if let Some(promise) = promise.take() {
                let _ = pool.interrupt_side().submit_detached(move || {
                    let _ = promise.set(cycles);
                });
            }
        };
        // A super-loop: sleeps while there is nothing to do, until the interrupt.
        let done = with_alarm::<B, _>(cycles, &mut handler, || {
            while !future.done() {
                if !pool.run_one() {
                    let _ = future.wait_timeout(Duration::from_millis(1));
                }
            }
            true
        });
        expect!(
            done && matches!(future.result(), Ok(value) if value == cycles),
            "another outcome"
        );
    }
    expect!(pool.free_slots() == 2, "a slot is not free");
    Ok(())
}

fn pender<B: Board>() -> Verdict {
    let pool = &B::pools().pending;
    let pended = || PENDED.load(Ordering::Relaxed);
    drop(pool.spawn(|| 1).map_err(refused)?);
    expect!(pended() == 1, "not told of a thread's");
    let taken = in_handler::<B, _>(|| pool.interrupt_side().submit_detached(|| ()).is_ok());
    expect!(taken && pended() == 2, "not told of a handler's");
    expect!(
        pool.spawn(|| 3).is_err() && pended() == 2,
        "told of one that was refused"
    );
    expect!(pool.run_until_idle() == 2, "not both ran");
    Ok(())
}
