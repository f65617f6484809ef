//! Nobody is woken, and no worker asked for, where there is nothing to do for them.

use std::time::Duration;

use concurrent_futures_core::{future::SubmitError, platform::Point, queue::Policy};

use crate::{
    platform::{MockPool, ROOM, close, work},
    world::{
        Event, World, advance, asked, at, before_lock, drop_worker, note, notes, run_worker, then,
        trace,
    },
};

fn wakes() -> usize {
    let wakes = |event: &Event| matches!(event, Event::Unparked(_));
    trace().iter().filter(|&event| wakes(event)).count()
}

// contract: T2
#[test]
fn no_worker_is_asked_for_a_call_that_somebody_took_already() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let handle = pool.handle();
    at(Point::Pushed, move || {
        work(&handle);
        drop_worker();
    });
    let call = pool.spawn(|| 1).unwrap();
    assert_eq!((call.result().unwrap(), asked()), (1, 1));
    assert_eq!((pool.stats().workers, pool.stats().idle), (0, 0));
}

#[test]
fn nobody_is_woken_for_a_call_that_somebody_took_already() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let first = pool.spawn(|| note("first")).unwrap();
    let handle = pool.handle();
    then(move || {
        let taker = handle.clone();
        at(Point::Pushed, move || work(&taker));
        handle.spawn(|| note("second")).map(drop).unwrap();
        assert_eq!((wakes(), handle.stats().idle), (0, 1), "it sleeps on");
        close(&handle);
    });
    assert!(run_worker());
    assert!(first.done());
    assert_eq!((notes(), wakes()), (vec!["first", "second"], 1));
}

#[test]
fn the_last_who_looks_for_work_and_finds_the_only_call_wakes_nobody() {
    let _world = World::new();
    let pool = MockPool::new(2);
    // Two, so that the worker which takes the first has another one asked for.
    let calls = [(); 2].map(|()| pool.spawn(|| ()).unwrap());
    let handle = pool.handle();
    then(move || {
        assert_eq!(
            (asked(), handle.stats().workers, handle.stats().idle),
            (2, 2, 2)
        );
        handle.spawn(|| note("run")).map(drop).unwrap();
        let closing = handle.clone();
        then(move || {
            assert_eq!((notes(), wakes()), (vec!["run"], 0));
            close(&closing);
        });
        assert!(run_worker());
    });
    assert!(run_worker());
    assert!(calls.iter().all(|call| call.done()));
}

// contract: T2
#[test]
fn no_worker_is_asked_for_a_call_that_is_taken_while_one_is_looked_for() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let handle = pool.handle();
    let outer = pool.spawn(move || {
        let taker = handle.clone();
        // Locks are taken for the push, and to look for a sleeper.
        before_lock(2, move || work(&taker));
        handle.spawn(|| note("inner")).map(drop).unwrap();
        (asked(), notes())
    });
    pool.run_out();
    assert_eq!(outer.unwrap().result().unwrap(), (1, vec!["inner"]));
}

// contract: T2
#[test]
fn the_first_worker_is_asked_for_once_by_two_who_submit_at_once() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let handle = pool.handle();
    // The first submitter saw no worker; before it counts one, the second does.
    before_lock(1, move || {
        handle.spawn(|| note("second")).map(drop).unwrap()
    });
    let first = pool.spawn(|| note("first")).unwrap();
    assert_eq!((asked(), pool.stats().workers), (1, 1));
    pool.run_out();
    first.result().unwrap();
    assert_eq!(notes(), ["second", "first"]);
}

// contract: T8
#[test]
fn a_pool_that_may_have_no_workers_takes_no_calls() {
    let _world = World::new();
    let pool = MockPool::new(0);
    let refused = pool.spawn(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::NoWorker(_)));
    assert_eq!((refused.into_inner()(), asked()), (7, 0));
    assert_eq!(pool.stats().queued, 0);
}

// contract: T8
#[test]
fn a_worker_that_never_lived_wakes_nobody_when_nothing_waits() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let handle = pool.handle();
    // While the first worker is busy a second one is asked for; when that turns out not to live, the first has run all.
    pool.spawn(move || handle.spawn(|| ()).map(drop).unwrap())
        .map(drop)
        .unwrap();
    let handle = pool.handle();
    then(move || {
        drop_worker();
        assert_eq!((wakes(), handle.stats().idle), (0, 1));
        close(&handle);
    });
    assert!(run_worker());
    assert_eq!((asked(), wakes()), (2, 1));
}

// contract: T8
#[test]
fn a_worker_that_never_lived_has_a_sleeping_one_woken_for_what_waits() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let handle = pool.handle();
    pool.spawn(move || handle.spawn(|| ()).map(drop).unwrap())
        .map(drop)
        .unwrap();
    let handle = pool.handle();
    then(move || {
        // The second worker counts as looking for work: nobody else is woken for this.
        handle.spawn(|| note("run")).map(drop).unwrap();
        assert_eq!(wakes(), 0);
        drop_worker();
        assert_eq!((wakes(), notes().len()), (1, 0));
        let handle = handle.clone();
        then(move || close(&handle));
    });
    assert!(run_worker());
    assert_eq!((notes(), asked()), (vec!["run"], 2));
}

// contract: X1
#[test]
fn who_waits_for_a_shutdown_is_woken_by_the_last_worker_only() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let handle = pool.handle();
    let first = pool.spawn(move || {
        // Another worker was asked for, for the second call: it begins, and ends before this one.
        assert!(run_worker());
        assert_eq!((handle.stats().workers, wakes()), (1, 0));
        note("the other ended");
    });
    let second = pool.spawn(|| note("second")).unwrap();
    then(|| assert!(run_worker()));
    pool.shutdown(true, false).unwrap();
    assert_eq!((notes(), wakes()), (vec!["second", "the other ended"], 1));
    first.unwrap().result().unwrap();
    second.result().unwrap();
}

// contract: S3
#[test]
fn a_blocked_submitter_that_leaves_unwoken_wakes_no_other() {
    let _world = World::new();
    let second = Duration::from_secs(1);
    let pool = MockPool::with_policy(Policy::BlockTimeout(2 * second));
    let calls: Vec<_> = (0..ROOM).map(|n| pool.spawn(move || n).unwrap()).collect();
    let (late, consumer) = (pool.handle(), pool.handle());
    // While the first submitter is blocked a second one comes; the first one's time is over, and then there is room.
    then(move || {
        then(move || advance(2 * second));
        assert!(late.spawn(|| ()).is_err());
        assert_eq!(wakes(), 0, "it left by itself");
        note("late");
    });
    assert!(pool.spawn(|| ()).is_err(), "its time was over, too");
    assert_eq!((notes(), wakes()), (vec!["late"], 0));
    work(&consumer);
    assert_eq!(wakes(), 0, "nobody waits any more");
    pool.run_out();
    assert!(calls.iter().all(|call| call.done()));
}

// contract: S2
#[test]
fn who_takes_a_call_back_runs_no_others() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let first = pool.spawn(|| note("first")).unwrap();
    let handle = pool.handle();
    at(Point::Pushed, move || close(&handle));
    let refused = pool.spawn(|| note("refused")).unwrap_err();
    assert!(matches!(refused, SubmitError::ShutDown(_)));
    assert!(!first.done() && notes().is_empty(), "that is the worker's");
    assert!(run_worker());
    assert_eq!(notes(), ["first"]);
}
