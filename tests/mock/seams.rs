//! A pool's queue worked by hand: take, start, finish, give back.

use concurrent_futures_core::{
    future::{CancelledBy, TaskError},
    platform::Point,
    queue::{Policy, Ring},
};

use crate::{
    platform::{Mock, MockPool, Pump, Small, work},
    world::{Event, World, note, notes, then, trace},
};
use concurrent_futures_core::executor::Handle;

fn noting(handle: &Handle<Mock<Small>>, what: &'static str) {
    handle.spawn(move || note(what)).map(drop).unwrap();
}

#[test]
fn a_call_is_pending_when_taken_running_when_started_and_done_when_finished() {
    let _world = World::new();
    let pump = Pump::new(Small::new());
    let call = pump.spawn(|| 1).unwrap();
    let taken = pump.take().unwrap();
    assert!(!call.running() && !call.done());
    assert_eq!(pump.stats().queued, 0);
    let started = taken.start().unwrap();
    assert!(call.running() && !call.cancel());
    started.finish();
    assert_eq!(call.result().unwrap(), 1);
    assert!(pump.take().is_none());
}

#[test]
fn calls_that_are_given_back_go_ahead_of_the_queue() {
    let _world = World::new();
    let pool = MockPool::new(1);
    for what in ["a", "b", "c"] {
        noting(&pool, what);
    }
    let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
    assert_eq!(pool.stats().queued, 1);
    // The last one taken first, so that they are in their old order again. Dropping is giving back.
    second.give_back();
    drop(first);
    assert_eq!(pool.stats().queued, 3);
    pool.run_out();
    assert_eq!(notes(), ["a", "b", "c"]);
}

#[test]
fn a_call_that_is_given_back_wakes_a_sleeping_worker() {
    let _world = World::new();
    let pool = MockPool::new(1);
    noting(&pool, "a");
    let handle = pool.handle();
    then(move || {
        // Pushing woke the worker; what it finds is what was taken and given back.
        noting(&handle, "b");
        let taken = handle.take().unwrap();
        note("taken");
        taken.give_back();
    });
    pool.run_out();
    assert_eq!(notes(), ["a", "taken", "b"]);
}

// contract: F5, X3
#[test]
fn a_call_that_is_given_back_when_the_workers_are_gone_is_cancelled() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = pool.spawn(|| unreachable!("nobody is left")).unwrap();
    let taken = pool.take().unwrap();
    pool.shutdown(false, false).unwrap();
    pool.run_out();
    assert_eq!(pool.stats().workers, 0);
    taken.give_back();
    assert!(matches!(
        call.result(),
        Err(TaskError::Cancelled(CancelledBy::Shutdown))
    ));
}

// contract: K1, K2
#[test]
fn a_taken_call_can_be_cancelled_and_is_passed() {
    let _world = World::new();
    let pump = Pump::new(Small::new());
    let call = pump.spawn(|| unreachable!("it was cancelled")).unwrap();
    let taken = pump.take().unwrap();
    assert!(call.cancel());
    assert!(taken.start().is_none());
    assert!(call.cancelled());
    assert_eq!(pump.stats().queued, 0);
}

// contract: F5
#[test]
fn a_started_call_that_is_dropped_fails() {
    let _world = World::new();
    let pump = Pump::new(Small::new());
    let call = pump.spawn(|| unreachable!("it was dropped")).unwrap();
    drop(pump.take().unwrap().start().unwrap());
    assert!(matches!(call.result(), Err(TaskError::Abandoned)));
}

#[test]
fn the_steps_of_a_call_come_in_order() {
    let _world = World::new();
    let pool = MockPool::with(1, Policy::Block, Ring::new(2).unwrap());
    let call = pool.spawn(|| note("run")).unwrap();
    let seen = std::sync::Arc::new(call);
    let waiting = std::sync::Arc::clone(&seen);
    let handle = pool.handle();
    then(move || work(&handle));
    // Somebody waits, so that publishing has somebody to wake.
    assert!(waiting.wait());
    let points: Vec<_> = trace()
        .into_iter()
        .filter(|event| {
            matches!(
                event,
                Event::Point(..) | Event::Note(_) | Event::Unparked(_)
            )
        })
        .collect();
    assert_eq!(
        points,
        [
            Event::Point(0, Point::Pushed),
            Event::Point(0, Point::AboutToWait),
            Event::Point(1, Point::Taken),
            Event::Note("run"),
            Event::Point(1, Point::Outcome),
            Event::Point(1, Point::Published),
            Event::Unparked(0),
        ]
    );
    pool.run_out();
}

#[test]
fn who_runs_a_call_by_hand_counts_as_a_worker_where_the_pool_has_none() {
    let _world = World::new();
    let pump = Pump::new(Small::new());
    let handle = pump.handle();
    let call = pump.spawn(move || handle.stats().workers).unwrap();
    pump.take().unwrap().start().unwrap().finish();
    assert_eq!((call.result().unwrap(), pump.stats().workers), (1, 0));

    let pool = MockPool::new(1);
    let handle = pool.handle();
    let call = pool.spawn(move || handle.stats().workers).unwrap();
    work(&pool);
    assert_eq!(call.result().unwrap(), 1, "the one that was asked for");
    pool.run_out();
}
