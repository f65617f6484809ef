//! What happens to a call that finds the queue full.

use std::time::Duration;

use concurrent_futures_core::{
    future::{CancelledBy, Future, SubmitError, TaskError},
    platform::Point,
    queue::Policy,
};

use crate::{
    platform::{MockPool, ROOM, close, work},
    world::{Event, World, asked, at, before_lock, now, run_worker, then, trace},
};

const SECOND: Duration = Duration::from_secs(1);

/// A pool whose queue is full and whose worker has not started yet.
fn full(policy: Policy) -> (MockPool, Vec<Future<usize>>) {
    let pool = MockPool::with_policy(policy);
    let calls = (0..ROOM).map(|n| pool.spawn(move || n).unwrap()).collect();
    assert_eq!((asked(), pool.stats().queued), (1, ROOM));
    (pool, calls)
}

// contract: S3
#[test]
fn who_blocks_goes_on_as_soon_as_there_is_room() {
    let _world = World::new();
    let (pool, mut calls) = full(Policy::Block);
    let handle = pool.handle();
    then(move || work(&handle));
    calls.push(pool.spawn(|| ROOM).unwrap());
    assert!(calls[0].done() && !calls[1].done());
    pool.run_out();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.result().unwrap(), n);
    }
}

// contract: S3
#[test]
fn room_that_is_made_while_a_producer_goes_to_sleep_is_seen() {
    for point in [Point::FoundFull, Point::ListedBlocked] {
        let _world = World::new();
        let (pool, _calls) = full(Policy::Block);
        let handle = pool.handle();
        at(point, move || work(&handle));
        let last = pool.spawn(|| ROOM).unwrap();
        pool.run_out();
        assert_eq!(last.result().unwrap(), ROOM);
    }
}

// contract: S3
#[test]
fn two_blocked_producers_each_get_the_room_that_one_call_leaves() {
    let _world = World::new();
    let (pool, _calls) = full(Policy::Block);
    let (inner, consumer) = (pool.handle(), pool.handle());
    // While the first producer is blocked, a second one comes; then two calls are taken.
    then(move || inner.spawn(|| 200).map(drop).unwrap());
    then(move || {
        work(&consumer);
        work(&consumer);
    });
    let first = pool.spawn(|| 100).unwrap();
    assert_eq!(pool.stats().queued, ROOM);
    pool.run_out();
    assert_eq!(first.result().unwrap(), 100);
}

// contract: S3
#[test]
fn who_blocks_for_a_while_gets_the_closure_back() {
    let _world = World::new();
    let (pool, _calls) = full(Policy::BlockTimeout(2 * SECOND));
    let refused = pool.spawn(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::Full(_)));
    assert_eq!((refused.into_inner()(), now()), (7, 2 * SECOND));
    pool.run_out();
}

// contract: S3
#[test]
fn who_blocks_for_a_while_goes_on_when_there_is_room_in_time() {
    let _world = World::new();
    let (pool, _calls) = full(Policy::BlockTimeout(2 * SECOND));
    let handle = pool.handle();
    then(move || work(&handle));
    let last = pool.spawn(|| 7).unwrap();
    assert_eq!(now(), Duration::ZERO);
    pool.run_out();
    assert_eq!(last.result().unwrap(), 7);
}

// contract: S3
#[test]
fn who_is_blocked_when_the_pool_closes_gets_the_closure_back() {
    for point in [None, Some(Point::FoundFull), Some(Point::ListedBlocked)] {
        let _world = World::new();
        let (pool, _calls) = full(Policy::Block);
        let handle = pool.handle();
        let closing = move || close(&handle);
        match point {
            None => then(closing),
            Some(point) => at(point, closing),
        }
        let refused = pool.spawn(|| 7).unwrap_err();
        assert!(matches!(refused, SubmitError::ShutDown(_)), "{point:?}");
        assert_eq!(refused.into_inner()(), 7);
        assert!(run_worker());
    }
}

// contract: S3
#[test]
fn a_pool_that_rejects_gives_the_closure_back_at_once() {
    let _world = World::new();
    let (pool, _calls) = full(Policy::Reject);
    let refused = pool.spawn(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::Full(_)));
    assert_eq!(refused.into_inner()(), 7);
    pool.run_out();
}

// contract: R8
#[test]
fn who_only_tries_gets_the_closure_back_at_once_whatever_the_policy() {
    let _world = World::new();
    let (pool, _calls) = full(Policy::Block);
    let refused = pool.try_spawn(|| 8).unwrap_err();
    assert!(matches!(refused, SubmitError::Full(_)));
    assert_eq!(refused.into_inner()(), 8);
    pool.run_out();
}

// contract: S3
#[test]
fn the_caller_runs_what_finds_no_room() {
    let _world = World::new();
    let (pool, calls) = full(Policy::RunInCaller);
    let here = pool.spawn(|| 7).unwrap();
    assert!(here.done() && !calls[0].done());
    assert_eq!(here.result().unwrap(), 7);
    pool.run_out();
}

// contract: S3
#[test]
fn the_oldest_live_call_makes_room_for_the_newest() {
    let _world = World::new();
    let (pool, calls) = full(Policy::DiscardOldest);
    let newest = pool.spawn(|| 7).unwrap();
    assert!(calls[0].cancelled() && !calls[1].cancelled());
    pool.run_out();
    let mut calls = calls.into_iter();
    assert!(matches!(
        calls.next().unwrap().result(),
        Err(TaskError::Cancelled(CancelledBy::Discarded))
    ));
    assert_eq!(calls.next().unwrap().result().unwrap(), 1);
    assert_eq!(newest.result().unwrap(), 7);
}

// contract: S3, K2
#[test]
fn a_cancelled_call_takes_room_and_is_what_is_discarded_first() {
    let _world = World::new();
    let (pool, calls) = full(Policy::DiscardOldest);
    assert!(calls[0].cancel());
    assert_eq!(pool.stats().queued, ROOM - 1);
    let newest = pool.spawn(|| 7).unwrap();
    assert!(
        !calls[1].cancelled(),
        "passing the cancelled one was room enough"
    );
    pool.run_out();
    assert_eq!(newest.result().unwrap(), 7);
}

// contract: S3
#[test]
fn a_worker_that_finds_its_own_queue_full_runs_the_call_itself() {
    let _world = World::new();
    let pool = MockPool::with_policy(Policy::Block);
    let handle = pool.handle();
    let outer = pool.spawn(move || {
        let inner: Vec<_> = (0..=ROOM)
            .map(|n| handle.spawn(move || n).unwrap())
            .collect();
        let done: Vec<_> = inner.iter().map(Future::done).collect();
        done
    });
    pool.run_out();
    assert_eq!(
        outer.unwrap().result().unwrap(),
        [false, false, false, false, true]
    );
}

// contract: S3
#[test]
fn closing_wakes_all_who_are_blocked() {
    let _world = World::new();
    let (pool, calls) = full(Policy::Block);
    let (handle, closing) = (pool.handle(), pool.handle());
    then(move || {
        then(move || close(&closing));
        assert!(matches!(handle.spawn(|| 8), Err(SubmitError::ShutDown(_))));
    });
    assert!(matches!(pool.spawn(|| 7), Err(SubmitError::ShutDown(_))));
    let woken = |event: &Event| matches!(event, Event::Unparked(_));
    let woken: Vec<_> = trace().into_iter().filter(woken).collect();
    assert_eq!(woken, [Event::Unparked(0), Event::Unparked(1)]);
    assert!(run_worker());
    assert!(calls.iter().all(Future::done));
}

// contract: S3, T4
#[test]
fn a_caller_without_a_workers_value_does_not_run_what_borrows_it() {
    let _world = World::new();
    let (pool, calls) = full(Policy::RunInCaller);
    let handle = pool.handle();
    then(move || work(&handle));
    let last = pool.spawn_with(|&()| 7).unwrap();
    assert!(calls[0].done() && !last.done(), "it waited for room");
    pool.run_out();
    assert_eq!(last.result().unwrap(), 7);
}

// contract: S2, S3
#[test]
fn who_finds_the_queue_full_of_a_pool_that_closes_just_then_is_told_of_that() {
    let _world = World::new();
    let (pool, _calls) = full(Policy::Reject);
    let handle = pool.handle();
    // The first lock is that of the push.
    before_lock(1, move || close(&handle));
    let refused = pool.spawn(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::ShutDown(_)), "{refused:?}");
    assert_eq!(refused.into_inner()(), 7);
    assert!(run_worker());
}
