//! Waiting for several futures at once, in a slice.

use core::time::Duration;

use concurrent_futures_core::future::{Future, ReturnWhen, Slot, wait_in};

use crate::{
    Board, Check, Verdict, calls::refused, checks, expect, in_handler, promises::pair,
    waiting::with_alarm,
};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "W1" "wait_in gives back all it was given, in two parts, each in order" parts::<B>;
        "W2" "FirstCompleted gives all that are done at entry, and runs nothing then" done_at_entry::<B>;
        "W2" "FirstCompleted runs calls until one is done" first_completed::<B>;
        "W2" "FirstException ends with a failure, and a cancelled call is none" first_exception::<B>;
        "W2" "AllCompleted runs all" all_completed::<B>;
        "W2 W4" "FirstCompleted ends with what an interrupt brings, wherever it comes, and leaves nothing behind" interrupted::<B>;
        "W3" "a timeout is no error, and an empty slice is over at once" over::<B>;
        "W3 D3" "a context that must not block gets what is done, at once" must_not_block::<B>;
    ]
}

static SLOTS: [Slot<u32>; 3] = [const { Slot::new() }; 3];

fn parts<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let spawn = |value: u32| pool.spawn(move || value).map_err(refused);
    let (promise, promised) = pair::<B::Platform, _>(&SLOTS[0])?;
    let mut futures = [spawn(0)?, promised, spawn(2)?, spawn(3)?];
    expect!(pool.run_one(), "it does not run");
    let [_, _, _, last] = &futures;
    expect!(last.cancel(), "it is not cancelled");
    let ids = futures.each_ref().map(Future::id);
    let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstCompleted, None);
    let [first, last] = done else {
        return Err("not two are done");
    };
    let [promised, pending] = not_done else {
        return Err("not two are left");
    };
    let sorted = [first.id(), promised.id(), pending.id(), last.id()];
    expect!(sorted == ids, "another order");
    drop(promise);
    expect!(
        pool.run_until_idle() == 1,
        "another number of calls is left"
    );
    Ok(())
}

fn done_at_entry<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let spawn = |value: u32| pool.spawn(move || value).map_err(refused);
    let mut futures = [spawn(0)?, spawn(1)?, spawn(2)?];
    expect!(pool.run_one() && pool.run_one(), "they do not run");
    let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstCompleted, None);
    expect!((done.len(), not_done.len()) == (2, 1), "another split");
    expect!(
        pool.run_until_idle() == 1,
        "it ran a call though some were done"
    );
    Ok(())
}

fn first_completed<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let spawn = |value: u32| pool.spawn(move || value).map_err(refused);
    let mut futures = [spawn(0)?, spawn(1)?, spawn(2)?];
    let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstCompleted, None);
    expect!((done.len(), not_done.len()) == (1, 2), "another split");
    expect!(pool.run_until_idle() == 2, "it ran more than one");
    Ok(())
}

fn first_exception<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let spawn = |good: bool| {
        pool.spawn_result(move || good.then_some(()).ok_or(0_u8))
            .map_err(refused)
    };
    let mut futures = [spawn(true)?, spawn(true)?, spawn(false)?, spawn(true)?];
    let [first, ..] = &futures;
    expect!(first.cancel(), "it is not cancelled");
    let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstException, None);
    expect!((done.len(), not_done.len()) == (3, 1), "another split");
    expect!(
        pool.run_until_idle() == 1,
        "another number of calls is left"
    );
    Ok(())
}

fn all_completed<B: Board>() -> Verdict {
    let pool = &B::pools().eight;
    let spawn = |value: u32| pool.spawn(move || value).map_err(refused);
    let mut futures = [spawn(0)?, spawn(1)?, spawn(2)?];
    let (done, not_done) = wait_in(&mut futures, ReturnWhen::AllCompleted, None);
    expect!((done.len(), not_done.len()) == (3, 0), "another split");
    let sum: u32 = futures
        .into_iter()
        .filter_map(|future| future.result().ok())
        .sum();
    expect!(sum == 3, "other outcomes");
    Ok(())
}

/// At how many cycles after the start the interrupt is tried: until the core sleeps for certain.
const CYCLES: u32 = 4000;

fn interrupted<B: Board>() -> Verdict {
    for cycles in 1..CYCLES {
        let (first, one) = pair::<B::Platform, _>(&SLOTS[0])?;
        let (second, two) = pair::<B::Platform, _>(&SLOTS[1])?;
        let (third, three) = pair::<B::Platform, _>(&SLOTS[2])?;
        let mut second = Some(second);
        let mut brought = 0;
        let mut bring = || {
            let _ = second.take().map(|promise| promise.set(cycles));
            brought = B::ticks();
        };
        let mut futures = [one, two, three];
        let id = futures[1].id();
        let (done, not_done) = with_alarm::<B, _>(cycles, &mut bring, || {
            wait_in(&mut futures, ReturnWhen::FirstCompleted, None)
        });
        expect!(B::ticks() == brought, "the wake-up is late");
        expect!((done.len(), not_done.len()) == (1, 2), "another split");
        expect!(done[0].id() == id, "another future is done");
        // Nobody waits any more, so nobody is told.
        expect!(
            first.set(1).is_ok() && third.set(3).is_ok(),
            "they take no value"
        );
        expect!(futures.iter().all(Future::done), "they are not done");
    }
    Ok(())
}

fn over<B: Board>() -> Verdict {
    const LIMIT: Duration = Duration::from_millis(2);
    let (first, one) = pair::<B::Platform, _>(&SLOTS[0])?;
    let (second, two) = pair::<B::Platform, _>(&SLOTS[1])?;
    expect!(second.set(2).is_ok(), "it takes no value");
    let mut futures = [one, two];
    let (done, not_done) = wait_in(&mut futures, ReturnWhen::AllCompleted, Some(LIMIT));
    expect!((done.len(), not_done.len()) == (1, 1), "another split");
    expect!(first.set(1).is_ok(), "the call was touched");
    let mut nothing: [Future<u32>; 0] = [];
    let (done, not_done) = wait_in(&mut nothing, ReturnWhen::AllCompleted, None);
    expect!(
        done.is_empty() && not_done.is_empty(),
        "something out of nothing"
    );
    Ok(())
}

fn must_not_block<B: Board>() -> Verdict {
    let pool = &B::pools().two;
    let (_promise, one) = pair::<B::Platform, _>(&SLOTS[0])?;
    let mut futures = [one, pool.spawn(|| 2).map_err(refused)?];
    for return_when in [ReturnWhen::AllCompleted, ReturnWhen::FirstCompleted] {
        let split = in_handler::<B, _>(|| {
            let (done, not_done) = wait_in(&mut futures, return_when, None);
            (done.len(), not_done.len())
        });
        expect!(split == (0, 2), "another split");
    }
    expect!(pool.run_until_idle() == 1, "the handler ran the call");
    Ok(())
}
