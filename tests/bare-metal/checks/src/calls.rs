//! Calls of a pool in a `static`, run by whoever asks or waits.

use concurrent_futures_core::future::{
    CancelledBy, Future, ResultError, Slot, SubmitError, TaskError,
};

use crate::{
    Board, Check, Verdict, checks, expect, in_handler,
    promises::{LONG, pair},
    tracked::{Count, Digits, Tracked},
};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "D3" "run_one runs the call that has waited longest" run_one::<B>;
        "D3" "run_until_idle runs all calls, also those that calls submit, and says how many" run_until_idle::<B>;
        "D3" "run_until runs no more calls than it needs" run_until::<B>;
        "D3" "whoever waits for a call runs it, and those before it" waiter_runs::<B>;
        "D3" "whoever must not block gets the future back, and no call runs" must_not_block::<B>;
        "S1 R8" "functions with arguments and closures are called, and an error is a failure where it was said to be" forms::<B>;
        "S4" "calls start in the order of their submission" in_order::<B>;
        "D2 S2" "a full pool hands the closure back" full::<B>;
        "D2" "a slot is free when both the pool and the future have let go, whichever is first" slot_is_free::<B>;
        "D2 K2" "cancel drops the closure at once, and the entry leaves the queue" cancel::<B>;
        "D2 K2" "cancel by an interrupt handler takes the entry out from between others" cancel_between::<B>;
        "K1" "cancel is false for what runs and what is over" cancel_too_late::<B>;
        "K4" "dropping a future does not cancel its call, but where that is asked for" dropped::<B>;
        "T5" "what a call captured and returned is dropped once, by a thread" drops::<B>;
    ]
}

/// The error of a check that a pool refuses a call.
pub(crate) fn refused<F>(_: SubmitError<F>) -> &'static str {
    "the pool refuses a call"
}

fn run_one<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    expect!(!pool.run_one(), "it runs a call that nobody submitted");
    let first = pool.spawn(|| 1).map_err(refused)?;
    let second = pool.spawn(|| 2).map_err(refused)?;
    expect!(pool.run_one(), "it does not run a call that waits");
    expect!(
        first.done() && !second.done(),
        "it does not run the first, and only that"
    );
    expect!(pool.run_one(), "it does not run the second");
    expect!(!pool.run_one(), "it runs a third");
    expect!(
        matches!((first.result(), second.result()), (Ok(1), Ok(2))),
        "another outcome"
    );
    Ok(())
}

fn run_until_idle<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    expect!(
        pool.run_until_idle() == 0,
        "it runs calls that nobody submitted"
    );
    let outer = pool
        .spawn(|| B::pools().eight.spawn(|| 5).ok())
        .map_err(refused)?;
    expect!(pool.run_until_idle() == 2, "it does not run both calls");
    let Ok(Some(inner)) = outer.result() else {
        return Err("a call cannot submit another");
    };
    expect!(matches!(inner.try_result(), Ok(5)), "another outcome");
    Ok(())
}

fn run_until<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let first = pool.spawn(|| 1).map_err(refused)?;
    let second = pool.spawn(|| 2).map_err(refused)?;
    let third = pool.spawn(|| 3).map_err(refused)?;
    expect!(pool.run_until(&second), "it says that the call is not over");
    expect!(first.done() && second.done(), "not all of them ran");
    expect!(!third.done(), "the one behind it ran too");
    expect!(
        pool.run_until(&third),
        "it says that the last call is not over"
    );
    Ok(())
}

fn waiter_runs<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let first = pool.spawn(|| 1).map_err(refused)?;
    let second = pool.spawn(|| 2).map_err(refused)?;
    let third = pool.spawn(|| 3).map_err(refused)?;
    expect!(matches!(second.result(), Ok(2)), "another outcome");
    expect!(
        first.done() && !third.done(),
        "it does not run those before it, and only those"
    );
    let nested = pool.spawn(|| {
        let inner = B::pools().eight.spawn(|| 20).ok()?;
        inner.result().ok()
    });
    let nested = nested.map_err(refused)?;
    expect!(
        matches!(nested.result(), Ok(Some(20))),
        "a call that waits for another does not run it"
    );
    expect!(
        third.done(),
        "the nested one ran before the one that waited longer"
    );
    expect!(!pool.run_one(), "what it ran is in the queue still");
    drop((first, third));
    expect!(pool.free_slots() == 8, "a slot is not free");
    Ok(())
}

fn must_not_block<B: Board>() -> Verdict {
    let pool = &B::pools().two;
    let future = pool.spawn(|| 4).map_err(refused)?;
    let back = in_handler::<B, _>(move || match future.result_timeout(LONG) {
        Err(ResultError::WouldBlock(future)) => Some(future),
        _ => None,
    });
    let Some(future) = back else {
        return Err("the future does not come back");
    };
    expect!(!future.done(), "the handler ran the call");
    expect!(matches!(future.result(), Ok(4)), "another outcome");
    let future = pool.spawn(|| 5).map_err(refused)?;
    let answer = in_handler::<B, _>(move || matches!(future.result(), Err(TaskError::WouldBlock)));
    expect!(answer, "the wait for ever says something else");
    expect!(
        pool.run_until_idle() == 1,
        "the call is gone with its future"
    );
    Ok(())
}

fn forms<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let sum = pool.submit(|(a, b)| a + b, (40_u32, 2)).map_err(refused)?;
    expect!(matches!(sum.result(), Ok(42)), "another sum");
    let good = pool.submit_result(u8::try_from, 200_u32).map_err(refused)?;
    let bad = pool.submit_result(u8::try_from, 300_u32).map_err(refused)?;
    let plain = pool.submit(u8::try_from, 300_u32).map_err(refused)?;
    let closure = pool.spawn_result(|| Err::<(), u8>(9)).map_err(refused)?;
    expect!(pool.run_until_idle() == 4, "not all of them ran");
    expect!(
        !good.failed() && bad.failed() && closure.failed(),
        "an error is no failure"
    );
    expect!(!plain.failed(), "a value is a failure");
    expect!(
        matches!((good.result(), closure.result()), (Ok(Ok(200)), Ok(Err(9)))),
        "another outcome"
    );
    Ok(())
}

fn in_order<B: Board>() -> Verdict {
    static ORDER: Digits = Digits::new();
    let pool = &B::pools().eight;
    for digit in 1..=8 {
        drop(pool.spawn(move || ORDER.write(digit)).map_err(refused)?);
    }
    expect!(pool.run_until_idle() == 8, "not all of them ran");
    expect!(ORDER.take() == 12_345_678, "another order");
    Ok(())
}

fn full<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    let first = pool.spawn(|| 1).map_err(refused)?;
    let second = pool.spawn(|| 2).map_err(refused)?;
    expect!(pool.free_slots() == 0, "there is a third slot");
    let captured = Tracked::new::<B>(&DROPPED);
    let call = move || {
        drop(captured);
        3
    };
    let Err(SubmitError::Full(back)) = pool.spawn(call) else {
        return Err("no error that says it is full");
    };
    expect!(DROPPED.in_threads() == 0, "the closure was dropped");
    expect!(back.into_inner()() == 3, "another closure comes back");
    let Err(SubmitError::Full(back)) = pool.submit(u32::wrapping_neg, 7) else {
        return Err("no error that says it is full, for a function");
    };
    let (_, argument) = back.into_inner();
    expect!(argument == 7, "another argument comes back");
    expect!(pool.run_until_idle() == 2, "the refused calls are queued");
    expect!(
        matches!((first.result(), second.result()), (Ok(1), Ok(2))),
        "another outcome"
    );
    expect!(pool.free_slots() == 2, "slots are not free again");
    Ok(())
}

fn slot_is_free<B: Board>() -> Verdict {
    let pool = &B::pools().two;
    let held = pool.spawn(|| 1).map_err(refused)?;
    let let_go = pool.spawn(|| 2).map_err(refused)?;
    drop(let_go);
    expect!(pool.free_slots() == 0, "free while the call is queued");
    expect!(pool.run_until_idle() == 2, "not all of them ran");
    expect!(
        pool.free_slots() == 1,
        "not just that one is free whose future was dropped"
    );
    expect!(matches!(held.result(), Ok(1)), "another outcome");
    expect!(
        pool.free_slots() == 2,
        "not free after the outcome was taken"
    );
    Ok(())
}

fn cancel<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    let captured = Tracked::new::<B>(&DROPPED);
    let future = pool.spawn(move || drop(captured)).map_err(refused)?;
    expect!(pool.stats().queued == 1, "it is not queued");
    expect!(future.cancel(), "it is not cancelled");
    expect!(DROPPED.in_threads() == 1, "the closure is not dropped");
    expect!(pool.stats().queued == 0, "its entry is in the queue");
    expect!(!pool.run_one(), "it is run");
    expect!(
        pool.free_slots() == 1,
        "the slot is free while the future is there"
    );
    expect!(
        matches!(
            future.result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ),
        "another outcome"
    );
    expect!(pool.free_slots() == 2, "the slot is not free");
    Ok(())
}

fn cancel_between<B: Board>() -> Verdict {
    static ORDER: Digits = Digits::new();
    let pool = &B::pools().eight;
    let spawn = |digit| pool.spawn(move || ORDER.write(digit)).map_err(refused);
    let futures = [spawn(1)?, spawn(2)?, spawn(3)?, spawn(4)?];
    let [first, second, _, last] = &futures;
    expect!(
        in_handler::<B, _>(|| second.cancel()),
        "the one between is not cancelled"
    );
    expect!(last.cancel(), "the last is not cancelled");
    expect!(first.cancel(), "the first is not cancelled");
    let behind = spawn(5)?;
    expect!(
        pool.run_until_idle() == 2,
        "another number of calls is left"
    );
    expect!(ORDER.take() == 35, "others are left");
    drop((futures, behind));
    expect!(pool.free_slots() == 8, "slots are not free");
    Ok(())
}

fn cancel_too_late<B: Board>() -> Verdict {
    static CANCELLED: Digits = Digits::new();
    static OWN: Slot<Future<()>> = Slot::new();
    let pool = &B::pools().two;
    let future = pool.spawn(|| 1).map_err(refused)?;
    expect!(pool.run_one(), "it does not run");
    expect!(!future.cancel(), "what is over is cancelled");
    drop(future);

    // A call that sees, through a promise that is given to it, whether it can be cancelled while it runs.
    let (promise, own) = pair::<B::Platform, _>(&OWN)?;
    let future = pool.spawn(move || {
        if let Ok(own) = own.result() {
            CANCELLED.write(usize::from(own.running()) * 2 + usize::from(own.cancel()));
        }
    });
    expect!(
        promise.set(future.map_err(refused)?).is_ok(),
        "it takes no value"
    );
    expect!(pool.run_until_idle() == 1, "it does not run");
    expect!(
        CANCELLED.take() == 2,
        "what runs is cancelled, or does not say that it runs"
    );
    expect!(pool.free_slots() == 2, "slots are not free");
    Ok(())
}

fn dropped<B: Board>() -> Verdict {
    static RAN: Digits = Digits::new();
    static DROPPED: Count = Count::new();
    let pool = &B::pools().two;
    drop(pool.spawn(|| RAN.write(1)).map_err(refused)?);
    let captured = Tracked::new::<B>(&DROPPED);
    let future = pool.spawn(move || {
        RAN.write(2);
        drop(captured);
    });
    drop(future.map_err(refused)?.cancel_on_drop());
    expect!(
        DROPPED.in_threads() == 1,
        "dropping the guard does not cancel"
    );
    expect!(
        pool.run_until_idle() == 1 && RAN.take() == 1,
        "dropping the future cancels"
    );
    expect!(pool.free_slots() == 2, "slots are not free");
    Ok(())
}

fn drops<B: Board>() -> Verdict {
    static CAPTURED: Count = Count::new();
    static RETURNED: Count = Count::new();
    let pool = &B::pools().two;
    let captured = Tracked::new::<B>(&CAPTURED);
    let future = pool.spawn(move || {
        let _captured = captured;
        Tracked::new::<B>(&RETURNED)
    });
    let future = future.map_err(refused)?;
    expect!(pool.run_one(), "it does not run");
    expect!(CAPTURED.in_threads() == 1, "what was captured is kept");
    expect!(RETURNED.in_threads() == 0, "what was returned is lost");
    drop(future);
    expect!(RETURNED.in_threads() == 1, "what was returned is kept");
    expect!(
        CAPTURED.in_handlers() + RETURNED.in_handlers() == 0,
        "dropped by a handler"
    );
    Ok(())
}
