//! Waits with a limit, by a clock that moves only when everybody waits.

use std::time::Duration;

use concurrent_futures_core::{
    executor::{MapError, MapOptions},
    future::{ResultError, ReturnWhen, TaskError, WaitSet, as_completed_timeout, promise, wait},
};

use crate::{
    platform::{MockPlatform, MockPool, work},
    world::{World, advance, now, then},
};

const SECOND: Duration = Duration::from_secs(1);

// contract: R1
#[test]
fn a_result_that_does_not_come_in_time_leaves_the_future_untouched() {
    let _world = World::new();
    let (promise, future) = promise::<MockPlatform, _>();
    let future = match future.result_timeout(3 * SECOND) {
        Err(ResultError::Unfinished(future)) => future,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(now(), 3 * SECOND);
    promise.set(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
}

// contract: R1
#[test]
fn a_result_that_comes_in_time_ends_the_wait_at_once() {
    let _world = World::new();
    let (promise, future) = promise::<MockPlatform, _>();
    then(move || {
        advance(SECOND);
        promise.set(1).unwrap();
    });
    assert_eq!(future.result_timeout(3 * SECOND).unwrap(), 1);
    assert_eq!(now(), SECOND);
}

// contract: R1
#[test]
fn a_wait_that_returns_early_without_reason_goes_on() {
    let _world = World::new();
    let (promise, future) = promise::<MockPlatform, _>();
    for _ in 0..3 {
        then(|| advance(SECOND));
    }
    then(move || promise.set(1).unwrap());
    assert_eq!(future.result_timeout(10 * SECOND).unwrap(), 1);
    assert_eq!(now(), 3 * SECOND);
}

// contract: R2
#[test]
fn what_is_done_answers_whatever_the_timeout() {
    let _world = World::new();
    let (promise, future) = promise::<MockPlatform, _>();
    promise.set(1).unwrap();
    assert!(future.wait_timeout(Duration::ZERO));
    assert_eq!(future.result_timeout(Duration::ZERO).unwrap(), 1);
    assert_eq!(now(), Duration::ZERO);
}

// contract: R1
#[test]
fn more_time_than_the_clock_can_count_is_for_ever() {
    let _world = World::new();
    advance(SECOND);
    let (promise, future) = promise::<MockPlatform, _>();
    then(move || promise.set(1).unwrap());
    assert_eq!(future.result_timeout(Duration::MAX).unwrap(), 1);
}

// contract: R5
#[test]
fn a_cancel_wakes_who_waits() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = std::sync::Arc::new(pool.spawn(|| 1).unwrap());
    let canceller = std::sync::Arc::clone(&call);
    then(move || assert!(canceller.cancel()));
    assert!(matches!(
        call.result_ref_timeout(3 * SECOND),
        Some(Err(TaskError::Cancelled(_)))
    ));
    assert_eq!(now(), Duration::ZERO);
    pool.run_out();
}

// contract: W3
#[test]
fn wait_with_a_timeout_gives_what_is_done_by_then() {
    let _world = World::new();
    let (promises, futures): (Vec<_>, Vec<_>) =
        (0..3).map(|_| promise::<MockPlatform, u32>()).unzip();
    let mut promises = promises.into_iter();
    let first = promises.next().unwrap();
    then(move || first.set(1).unwrap());
    let split = wait(&futures, ReturnWhen::AllCompleted, Some(2 * SECOND));
    assert_eq!((split.done.len(), split.not_done.len()), (1, 2));
    assert_eq!(now(), 2 * SECOND);
}

// contract: A2
#[test]
fn as_completed_yields_what_was_done_and_then_says_what_is_missing() {
    let _world = World::new();
    let (late, never) = (
        promise::<MockPlatform, u32>(),
        promise::<MockPlatform, u32>(),
    );
    let late_promise = late.0;
    then(move || {
        advance(SECOND);
        late_promise.set(1).unwrap();
    });
    let mut completed = as_completed_timeout([late.1, never.1], 2 * SECOND);
    assert_eq!(completed.next().unwrap().unwrap().result().unwrap(), 1);
    let timeout = completed.next().unwrap().unwrap_err();
    assert_eq!((timeout.pending, timeout.total), (1, 2));
    assert_eq!(now(), 2 * SECOND);
}

// contract: W4
#[test]
fn a_wait_set_keeps_its_futures_when_the_time_is_over() {
    let _world = World::new();
    let (promise, future) = promise::<MockPlatform, u32>();
    let mut set = WaitSet::new();
    set.insert(future);
    assert!(set.next_timeout(SECOND).is_err());
    assert_eq!((now(), set.len()), (SECOND, 1));
    then(move || promise.set(1).unwrap());
    assert_eq!(set.next().unwrap().result().unwrap(), 1);
    assert!(set.is_empty());
}

// contract: M4
#[test]
fn a_map_counts_from_its_call_and_ends_when_the_time_is_over() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let options = MapOptions::new().timeout(3 * SECOND);
    let mut map = pool.map_with(options, |n| n, [1, 2, 3]).unwrap();
    let handle = pool.handle();
    then(move || {
        work(&handle);
        advance(2 * SECOND);
    });
    assert_eq!(map.next().unwrap().unwrap(), 1);
    assert!(matches!(map.next(), Some(Err(MapError::TimedOut))));
    assert_eq!(now(), 3 * SECOND);
    assert!(map.next().is_none());
    assert_eq!(pool.stats().queued, 0, "the rest is cancelled");
    pool.run_out();
}

// contract: M4
#[test]
fn a_map_yields_what_is_ready_even_after_its_time() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let options = MapOptions::new().timeout(SECOND);
    let map = pool.map_with(options, |n| n * n, [1, 2, 3]).unwrap();
    for _ in 0..3 {
        work(&pool);
    }
    advance(2 * SECOND);
    assert_eq!(map.collect::<Result<Vec<_>, _>>().unwrap(), [1, 4, 9]);
    pool.run_out();
}
