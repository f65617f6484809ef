//! When workers are started, and what happens if they are not.

use concurrent_futures_core::future::{SubmitError, TaskError};

use crate::{
    platform::MockPool,
    world::{
        Answer, Event, World, answer, asked, drop_worker, note, notes, run_worker, then, trace,
    },
};

// contract: T2
#[test]
fn nothing_is_started_before_the_first_call_and_one_worker_for_several() {
    let _world = World::new();
    let pool = MockPool::new(3);
    assert_eq!((asked(), pool.stats().workers), (0, 0));
    let calls = [1, 2, 3].map(|n| pool.spawn(move || n).unwrap());
    assert_eq!(
        asked(),
        1,
        "a worker that was asked for is idle until it has a call"
    );
    assert_eq!((pool.stats().workers, pool.stats().queued), (1, 3));
    pool.run_out();
    assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2, 3]);
}

// contract: T2
#[test]
fn a_busy_worker_is_followed_by_the_next_and_never_beyond_the_maximum() {
    let _world = World::new();
    let pool = MockPool::new(3);
    let calls = [(); 4].map(|()| {
        pool.spawn(|| {
            let seen = asked();
            // While this call takes its time, whoever was asked for starts.
            run_worker();
            seen
        })
        .unwrap()
    });
    assert_eq!(asked(), 1);
    pool.run_out();
    let seen = calls.map(|call| call.result().unwrap());
    assert_eq!(seen, [2, 3, 3, 3], "each asks for the next, up to three");
    assert_eq!((asked(), pool.stats().workers), (3, 0));
}

// contract: T2
#[test]
fn no_worker_is_started_for_a_call_that_a_free_one_will_find() {
    let _world = World::new();
    let pool = MockPool::new(8);
    let mut futures = vec![pool.spawn(|| 0).unwrap()];
    for n in 1..100 {
        let handle = pool.handle();
        // Each time the worker sleeps, everything was run, and the next call wakes it.
        then(move || handle.spawn(move || n).map(drop).unwrap());
    }
    pool.run_out();
    assert_eq!(asked(), 1);
    assert_eq!(futures.remove(0).result().unwrap(), 0);
    let parks = trace()
        .into_iter()
        .filter(|event| matches!(event, Event::Parks(_)));
    assert_eq!(parks.count(), 100);
}

// contract: T8
#[test]
fn a_refused_first_worker_is_an_error_with_the_closure() {
    let _world = World::new();
    answer([Answer::Refuse]);
    let pool = MockPool::new(2);
    let refused = pool.spawn(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::NoWorker(_)));
    assert_eq!(refused.into_inner()(), 7);
    assert_eq!((pool.stats().workers, pool.stats().queued), (0, 0));

    let call = pool.spawn(|| 8).unwrap();
    pool.then_close();
    assert!(run_worker(), "the platform was asked again");
    assert_eq!(call.result().unwrap(), 8);
}

// contract: T8
#[test]
fn a_refused_later_worker_makes_the_pool_smaller() {
    let _world = World::new();
    answer([Answer::Keep, Answer::Refuse]);
    let pool = MockPool::new(2);
    let calls = [1, 2, 3].map(|n| {
        let handle = pool.handle();
        pool.spawn(move || (n, handle.stats().workers)).unwrap()
    });
    pool.run_out();
    assert_eq!(
        calls.map(|call| call.result().unwrap()),
        [(1, 1), (2, 1), (3, 1)]
    );
    assert!(!run_worker());
}

// contract: T8
#[test]
fn a_worker_that_submits_and_gets_no_second_one_runs_it_itself() {
    let _world = World::new();
    answer([Answer::Keep, Answer::Refuse]);
    let pool = MockPool::new(2);
    let handle = pool.handle();
    let outer = pool.spawn(move || {
        note("outer");
        handle.spawn(|| note("inner")).unwrap()
    });
    pool.run_out();
    outer.unwrap().result().unwrap().result().unwrap();
    assert_eq!(notes(), ["outer", "inner"]);
}

#[test]
fn a_worker_that_starts_late_runs_what_waited() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    assert!(calls.iter().all(|call| !call.done()));
    assert_eq!(
        (asked(), pool.stats().idle),
        (1, 1),
        "it counts as looking for work"
    );
    pool.run_out();
    assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
}

// contract: T8, F5
#[test]
fn calls_whose_only_worker_never_lived_fail() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    drop_worker();
    for call in calls {
        assert!(call.failed());
        assert!(matches!(call.result(), Err(TaskError::NoWorker)));
    }
    assert_eq!((pool.stats().workers, pool.stats().queued), (0, 0));

    let call = pool.spawn(|| 3).unwrap();
    pool.run_out();
    assert_eq!(call.result().unwrap(), 3);
}

// contract: T8
#[test]
fn a_second_worker_that_never_lived_leaves_its_calls_to_the_first() {
    let _world = World::new();
    let pool = MockPool::new(2);
    let first = pool.spawn(drop_worker).unwrap();
    let second = pool.spawn(|| 2).unwrap();
    pool.run_out();
    first.result().unwrap();
    assert_eq!(second.result().unwrap(), 2);
    assert_eq!(asked(), 2);
}

// contract: T8
#[test]
fn a_worker_that_is_lost_while_it_is_asked_for_is_asked_for_again() {
    let _world = World::new();
    answer([Answer::Lose, Answer::Keep]);
    let pool = MockPool::new(2);
    let call = pool.spawn(|| 1).unwrap();
    pool.run_out();
    assert_eq!(call.result().unwrap(), 1);
}

// contract: T8, F5
#[test]
fn a_call_whose_workers_are_all_lost_while_asked_for_fails() {
    let _world = World::new();
    answer([Answer::Lose, Answer::Lose]);
    let pool = MockPool::new(2);
    let call = pool.spawn(|| 1).unwrap();
    assert!(matches!(call.result(), Err(TaskError::NoWorker)));
}

// contract: T8
#[test]
fn a_call_whose_worker_was_lost_comes_back_if_no_other_can_be_had() {
    let _world = World::new();
    answer([Answer::Lose, Answer::Refuse]);
    let pool = MockPool::new(2);
    let refused = pool.spawn(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::NoWorker(_)));
    assert_eq!((refused.into_inner()(), asked()), (7, 2));
    assert_eq!((pool.stats().workers, pool.stats().queued), (0, 0));
}
