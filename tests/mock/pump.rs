//! A pool of zero workers: whoever waits, or asks, runs the calls.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use concurrent_futures_core::{
    executor::{Handle, PumpBackend},
    future::{Future, ResultError, ReturnWhen, TaskError, WaitSet, as_completed, promise, wait},
};

use crate::{
    platform::{MockPlatform, Pump, ROOM, Small, assert_no_lock_is_held},
    world::{Event, World, advance, must_not_block, note, notes, now, then, trace},
};

type PumpHandle = Handle<PumpBackend<MockPlatform, Small>>;

const SECOND: Duration = Duration::from_secs(1);

fn noting(handle: &PumpHandle, what: &'static str) -> Future<()> {
    handle.spawn(move || note(what)).unwrap()
}

fn pump() -> Pump {
    Pump::new(Small::new())
}

// contract: D3
#[test]
fn one_is_run_at_a_time_in_order() {
    let _world = World::new();
    let pump = pump();
    let futures = ["a", "b"].map(|what| noting(&pump, what));
    assert!(pump.run_one());
    assert_eq!((futures[0].done(), futures[1].done()), (true, false));
    assert!(pump.run_one());
    assert!(!pump.run_one(), "there is none left");
    assert_eq!(notes(), ["a", "b"]);
    assert_eq!(pump.stats().workers, 0);
}

// contract: D3
#[test]
fn all_are_run_those_included_that_the_calls_submit() {
    let _world = World::new();
    let pump = pump();
    let handle = pump.handle();
    let outer = pump.spawn(move || noting(&handle, "inner")).unwrap();
    noting(&pump, "second");
    assert_eq!(pump.run_until_idle(), 3);
    assert_eq!(notes(), ["second", "inner"]);
    assert!(outer.result().unwrap().done());
}

// contract: D3
#[test]
fn calls_are_run_until_the_one_is_done() {
    let _world = World::new();
    let pump = pump();
    let futures = ["a", "b", "c"].map(|what| noting(&pump, what));
    assert!(pump.run_until(&futures[1]));
    assert_eq!(notes(), ["a", "b"]);
    let (promise, future) =
        concurrent_futures_core::future::promise::<crate::platform::MockPlatform, ()>();
    assert!(!pump.run_until(&future), "nobody here runs it");
    assert_eq!(notes(), ["a", "b", "c"]);
    drop(promise);
}

// contract: D3, T6
#[test]
fn who_waits_runs_the_calls_in_order_and_no_more_than_needed() {
    let _world = World::new();
    let pump = pump();
    let [_a, b, c, d] = ["a", "b", "c", "d"].map(|what| noting(&pump, what));
    b.result().unwrap();
    assert_eq!(notes(), ["a", "b"]);
    let split = wait([&d, &c], ReturnWhen::FirstCompleted, None);
    assert_eq!(split.done.len(), 1);
    assert_eq!(notes(), ["a", "b", "c"]);
    for done in as_completed([d]) {
        done.result().unwrap();
    }
    assert!(!trace().iter().any(|event| matches!(event, Event::Parks(_))));
}

// contract: D3, R1
#[test]
fn who_waits_with_a_limit_runs_calls_until_the_time_is_over() {
    let _world = World::new();
    let pump = pump();
    let slow = pump.spawn(move || advance(2 * SECOND)).unwrap();
    let next = noting(&pump, "next");
    let Err(ResultError::Unfinished(next)) = next.result_timeout(SECOND) else {
        unreachable!("the first call took longer than that");
    };
    assert!(slow.done() && notes().is_empty());
    next.result_timeout(SECOND).unwrap();
}

// contract: D3, T6
#[test]
fn a_call_that_waits_for_another_runs_just_that_one() {
    let _world = World::new();
    let pump = pump();
    let handle = pump.handle();
    let outer = pump.spawn(move || {
        let (_first, second) = (noting(&handle, "first"), noting(&handle, "second"));
        second.result().unwrap();
        note("waited");
    });
    noting(&pump, "other");
    outer.unwrap().result().unwrap();
    assert_eq!(notes(), ["second", "waited"]);
    assert_eq!(
        pump.run_until_idle(),
        3,
        "one of them is the place of what was run"
    );
    assert_eq!(notes(), ["second", "waited", "other", "first"]);
}

// contract: D3, T6
#[test]
fn a_call_that_takes_others_as_they_are_completed_runs_just_those() {
    let _world = World::new();
    let pump = pump();
    let handle = pump.handle();
    let outer = pump.spawn(move || {
        for done in as_completed(["a", "b"].map(|what| noting(&handle, what))) {
            done.result().unwrap();
        }
    });
    noting(&pump, "other");
    outer.unwrap().result().unwrap();
    assert_eq!(notes(), ["a", "b"]);
}

/// Runs `body` as a call of a pump, with "other" queued behind it, and gives the notes.
fn in_a_pumped_call(body: impl FnOnce(&PumpHandle) + Send + 'static) -> Vec<&'static str> {
    let pump = pump();
    let handle = pump.handle();
    let outer = pump.spawn(move || body(&handle)).unwrap();
    noting(&pump, "other");
    outer.result().unwrap();
    notes()
}

// contract: T6
#[test]
fn a_call_that_waits_with_a_limit_runs_nothing() {
    let _world = World::new();
    let notes = in_a_pumped_call(|pump| {
        assert!(!noting(pump, "inner").wait_timeout(SECOND));
    });
    assert_eq!((notes, now()), (vec![], SECOND));
}

// contract: T6
#[test]
fn a_call_that_waits_for_a_set_with_a_limit_runs_nothing() {
    let _world = World::new();
    let notes = in_a_pumped_call(|pump| {
        let mut set = WaitSet::new();
        set.insert(noting(pump, "inner"));
        assert!(set.next_timeout(SECOND).is_err());
    });
    assert_eq!((notes, now()), (vec![], SECOND));
}

// contract: T6
#[test]
fn a_call_that_waits_for_a_set_runs_no_call_that_is_not_in_it() {
    let _world = World::new();
    let notes = in_a_pumped_call(|pump| {
        let (promise, future) = promise::<MockPlatform, ()>();
        let inner = noting(pump, "inner");
        // Running, by hand: nobody can claim it, and what is left in the queue is not awaited.
        let other = pump.take().unwrap();
        let inner_runs = pump.take().unwrap().start().unwrap();
        other.give_back();
        let mut set = WaitSet::new();
        set.insert(&inner);
        set.insert(&future);
        then(move || promise.set(()).unwrap());
        assert_eq!(set.next().unwrap().id(), future.id());
        inner_runs.finish();
    });
    assert_eq!(notes, ["inner"]);
}

// contract: D3, S3
#[test]
fn a_full_queue_is_pumped() {
    let _world = World::new();
    let pump = pump();
    let mut futures: Vec<_> = (0..ROOM).map(|n| pump.spawn(move || n).unwrap()).collect();
    futures.push(pump.spawn(|| ROOM).unwrap());
    assert!(futures[0].done() && !futures[1].done());
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n);
    }
}

// contract: D3
#[test]
fn a_map_is_run_by_who_takes_its_results() {
    let _world = World::new();
    let pump = pump();
    // More than there is room for: the submitting loop runs the first.
    let squares = pump.map(|n: usize| n * n, 0..2 * ROOM).unwrap();
    let expected: Vec<_> = (0..2 * ROOM).map(|n| n * n).collect();
    assert_eq!(squares.collect::<Result<Vec<_>, _>>().unwrap(), expected);
}

// contract: D3
#[test]
fn a_scope_is_run_by_who_ends_it() {
    let _world = World::new();
    let pump = pump();
    let mut sum = 0;
    pump.scope(|s| s.spawn(|| sum += 1).map(drop).unwrap());
    assert_eq!(sum, 1);
}

// contract: D3
#[test]
fn where_waiting_is_not_allowed_the_future_comes_back() {
    let _world = World::new();
    let pump = pump();
    let call = pump.spawn(|| 1).unwrap();
    must_not_block(true);
    let waited = call.result_timeout(SECOND);
    let Err(ResultError::WouldBlock(call)) = waited else {
        unreachable!("{waited:?}");
    };
    let split = wait([&call], ReturnWhen::AllCompleted, None);
    assert_eq!(split.not_done.len(), 1);
    assert!(!call.done(), "nothing was run");
    assert!(matches!(
        pump.spawn(|| 2).unwrap().result(),
        Err(TaskError::WouldBlock)
    ));
    assert!(pump.run_one(), "who asks to run a call may");
    assert_eq!(call.result().unwrap(), 1);
    must_not_block(false);
}

// contract: X2, D3
#[test]
fn dropping_it_runs_what_waits() {
    let _world = World::new();
    let pump = pump();
    let call = pump.spawn(|| 1).unwrap();
    drop(pump);
    assert_eq!(call.result().unwrap(), 1);
}

// contract: C1, D3
#[test]
fn callbacks_run_after_the_outcome_is_seen_and_before_it_is_taken() {
    let _world = World::new();
    let pump = pump();
    let call = pump.spawn(|| 7).unwrap();
    for what in ["first", "second"] {
        call.add_done_callback(move |done| {
            assert_no_lock_is_held();
            assert_eq!(*done.outcome().unwrap(), 7);
            note(what);
        });
    }
    assert_eq!(call.result().unwrap(), 7);
    assert_eq!(notes(), ["first", "second"]);
}

// contract: C1
#[test]
fn in_a_callback_the_outcome_is_there_to_look_at_and_not_yet_to_take() {
    let _world = World::new();
    let pump = pump();
    let call = pump.spawn(|| 7).unwrap();
    let shared = Arc::new(Mutex::new(None));
    let taker = Arc::clone(&shared);
    call.add_done_callback(move |_| {
        let call: Future<i32> = taker.lock().unwrap().take().unwrap();
        assert_eq!(call.result_ref().unwrap(), &7);
        let early = call.try_result();
        *taker.lock().unwrap() = early.unwrap_err().into_future();
        note("looked");
    });
    *shared.lock().unwrap() = Some(call);
    assert!(pump.run_one());
    assert_eq!(notes(), ["looked"]);
    let call = shared.lock().unwrap().take().unwrap();
    assert_eq!(call.result().unwrap(), 7);
}

/// Callers that run calls of a pool without workers are counted in a few bits, which they must not leave.
// contract: D3
#[test]
fn a_pool_that_is_pumped_inside_of_its_own_calls_stays_open() {
    fn deeper(pump: &'static Pump, depth: usize) {
        if depth > 0 {
            drop(pump.spawn(move || deeper(pump, depth - 1)).unwrap());
            pump.run_one();
        }
    }
    // More than can be counted on 32 bits.
    let nested = || {
        let pump: &'static Pump = Box::leak(Box::new(pump()));
        deeper(pump, 1_200);
        assert!(pump.spawn(|| ()).is_ok(), "it is open");
        assert_eq!(pump.run_until_idle(), 1);
        assert_eq!(pump.stats().workers, 0);
    };
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    thread.spawn(nested).unwrap().join().unwrap();
}
