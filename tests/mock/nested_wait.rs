//! A worker that waits for calls of its own pool runs them.

use std::time::Duration;

use concurrent_futures_core::{
    executor::Handle,
    future::{Future, ResultError, ReturnWhen, WaitSet, as_completed, wait},
};

use crate::{
    platform::{Mock, MockPool, Small},
    world::{World, note, notes, now},
};

fn noting(handle: &Handle<Mock<Small>>, what: &'static str) -> Future<()> {
    handle.spawn(move || note(what)).unwrap()
}

/// Runs `body` as a call of a pool of one worker, with "other" queued before all that it submits, and gives the notes.
fn in_the_only_worker(
    body: impl FnOnce(&Handle<Mock<Small>>) + Send + 'static,
) -> Vec<&'static str> {
    let _world = World::new();
    let pool = MockPool::new(1);
    let handle = pool.handle();
    let outer = pool.spawn(move || body(&handle)).unwrap();
    let other = noting(&pool, "other");
    pool.run_out();
    outer.result().unwrap();
    other.result().unwrap();
    assert_eq!((pool.stats().queued, pool.stats().workers), (0, 0));
    notes()
}

// contract: T6
#[test]
fn the_awaited_call_is_run_and_no_other() {
    let notes = in_the_only_worker(|pool| {
        let (_first, second) = (noting(pool, "first"), noting(pool, "second"));
        second.result().unwrap();
        note("waited");
    });
    assert_eq!(notes, ["second", "waited", "other", "first"]);
}

// contract: T6
#[test]
fn waiting_for_all_runs_them_oldest_first() {
    let notes = in_the_only_worker(|pool| {
        let futures = ["a", "b", "c"].map(|what| noting(pool, what));
        let split = wait(&futures, ReturnWhen::AllCompleted, None);
        assert_eq!(split.not_done.len(), 0);
        note("waited");
    });
    assert_eq!(notes, ["a", "b", "c", "waited", "other"]);
}

// contract: T6
#[test]
fn waiting_for_the_first_runs_one() {
    let notes = in_the_only_worker(|pool| {
        let futures = ["a", "b"].map(|what| noting(pool, what));
        let split = wait(&futures, ReturnWhen::FirstCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (1, 1));
        note("waited");
    });
    assert_eq!(notes, ["a", "waited", "other", "b"]);
}

// contract: T6
#[test]
fn taking_them_as_they_are_completed_runs_one_at_a_time() {
    let notes = in_the_only_worker(|pool| {
        for done in as_completed(["a", "b"].map(|what| noting(pool, what))) {
            done.result().unwrap();
            note("got one");
        }
    });
    assert_eq!(notes, ["a", "got one", "b", "got one", "other"]);
}

// contract: T6
#[test]
fn a_map_in_a_call_is_run_by_its_worker() {
    let notes = in_the_only_worker(|pool| {
        let squares = pool.map(|n: u32| n * n, [1, 2]).unwrap();
        assert_eq!(squares.collect::<Result<Vec<_>, _>>().unwrap(), [1, 4]);
        note("mapped");
    });
    assert_eq!(notes, ["mapped", "other"]);
}

// contract: T6, T7
#[test]
fn the_end_of_a_scope_runs_its_calls() {
    let notes = in_the_only_worker(|pool| {
        let (mut left, mut right) = (0, 0);
        pool.scope(|s| {
            s.spawn(|| left = 1).map(drop).unwrap();
            s.spawn(|| right = 2).map(drop).unwrap();
        });
        assert_eq!((left, right), (1, 2));
        note("the scope is over");
    });
    assert_eq!(notes, ["the scope is over", "other"]);
}

// contract: T6
#[test]
fn a_wait_with_a_limit_runs_nothing() {
    let second = Duration::from_secs(1);
    let notes = in_the_only_worker(move |pool| {
        let inner = noting(pool, "inner");
        let Err(ResultError::Unfinished(inner)) = inner.result_timeout(second) else {
            unreachable!("nobody but this worker could have run it");
        };
        let mut set = WaitSet::new();
        set.insert(&inner);
        assert!(set.next_timeout(second).is_err());
        let split = wait([&inner], ReturnWhen::AllCompleted, Some(second));
        assert_eq!(split.done.len(), 0);
        assert_eq!(now(), 3 * second);
        note("waited");
    });
    assert_eq!(notes, ["waited", "other", "inner"]);
}
