//! How a pool ends.

use std::time::Duration;

use concurrent_futures_core::{
    future::{CancelledBy, SubmitError, TaskError},
    scheduler::ShutdownError,
};

use crate::{
    platform::{MockPool, close},
    world::{Answer, Event, World, answer, asked, drop_worker, now, run_worker, then, trace},
};

// contract: X5
#[test]
fn a_shutdown_before_any_call_starts_nothing_and_waits_for_nobody() {
    let _world = World::new();
    let pool = MockPool::new(4);
    let report = pool.shutdown(true, false).unwrap();
    assert_eq!((report.ran, report.cancelled), (0, 0));
    assert_eq!((report.still_running, report.still_queued), (0, 0));
    assert_eq!(asked(), 0);
    assert!(!trace().iter().any(|event| matches!(event, Event::Parks(_))));
}

// contract: S2, X1
#[test]
fn after_a_shutdown_calls_come_back_and_nobody_is_asked_for() {
    let _world = World::new();
    let pool = MockPool::new(1);
    for cancel_futures in [false, true] {
        pool.shutdown(true, cancel_futures).unwrap();
        let refused = pool.spawn(|| 5).unwrap_err();
        assert!(matches!(refused, SubmitError::ShutDown(_)));
        assert_eq!(refused.into_inner()(), 5);
    }
    assert_eq!(asked(), 0);
}

// contract: X1
#[test]
fn a_shutdown_waits_for_a_worker_that_starts_late_and_for_its_calls() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    then(|| assert!(run_worker()));
    let report = pool.shutdown(true, false).unwrap();
    assert_eq!((report.ran, report.still_queued), (2, 0));
    assert_eq!(trace().last(), Some(&Event::Joined));
    assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
}

// contract: X3
#[test]
fn a_shutdown_that_cancels_leaves_a_late_worker_nothing() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    then(|| assert!(run_worker()));
    let report = pool.shutdown(true, true).unwrap();
    assert_eq!((report.ran, report.cancelled), (0, 2));
    for call in calls {
        assert!(matches!(
            call.result(),
            Err(TaskError::Cancelled(CancelledBy::Shutdown))
        ));
    }
}

// contract: X1
#[test]
fn a_shutdown_ends_when_its_last_worker_turns_out_not_to_live() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = pool.spawn(|| 1).unwrap();
    then(drop_worker);
    let report = pool.shutdown(true, false).unwrap();
    assert_eq!((report.ran, report.still_queued), (0, 0));
    assert!(matches!(call.result(), Err(TaskError::NoWorker)));
}

// contract: X1
#[test]
fn a_shutdown_with_a_timeout_reports_what_is_left() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    let second = Duration::from_secs(1);
    let report = pool.shutdown_timeout(second, false).unwrap();
    assert_eq!(
        (report.ran, report.cancelled, report.still_queued),
        (0, 0, 2)
    );
    assert_eq!(now(), second);
    assert!(
        !trace().contains(&Event::Joined),
        "there is a worker to come"
    );

    assert!(run_worker());
    assert_eq!(pool.shutdown(true, false).unwrap().ran, 2);
    assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
}

// contract: X4
#[test]
fn a_worker_that_shuts_its_pool_down_is_told_that_it_cannot_wait() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let handle = pool.handle();
    let call = pool
        .spawn(move || (handle.shutdown(true, false), handle.spawn(|| ()).is_err()))
        .unwrap();
    assert!(run_worker(), "the pool is closed, so the worker ends");
    let (waited, refused) = call.result().unwrap();
    assert_eq!(waited.unwrap_err(), ShutdownError::FromWorker);
    assert!(refused);
}

// contract: X4
#[test]
fn a_callback_that_shuts_the_pool_down_is_told_that_it_cannot_wait() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = pool.spawn(|| ()).unwrap();
    let handle = pool.handle();
    call.add_done_callback(move |_| {
        assert_eq!(handle.shutdown(true, false), Err(ShutdownError::FromWorker));
    });
    assert!(run_worker());
    call.result().unwrap();
}

// contract: X8
#[test]
fn the_last_owner_may_be_dropped_by_a_call_of_the_pool() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let handle = pool.handle();
    let call = handle.spawn(move || drop(pool)).unwrap();
    assert!(run_worker());
    call.result().unwrap();
    assert!(!trace().contains(&Event::Joined));
}

// contract: X2
#[test]
fn dropping_a_pool_runs_what_waits() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = pool.spawn(|| 1).unwrap();
    then(|| assert!(run_worker()));
    drop(pool);
    assert_eq!(call.result().unwrap(), 1);
}

// contract: X2
#[test]
fn dropping_a_pool_whose_second_worker_is_refused_hangs_on_nobody() {
    let _world = World::new();
    answer([Answer::Keep, Answer::Refuse]);
    let pool = MockPool::new(2);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    let handle = pool.handle();
    then(move || {
        close(&handle);
        assert!(run_worker());
    });
    drop(pool);
    assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
}

// contract: X1
#[test]
fn a_report_counts_the_calls_that_run_and_no_workers_that_look_for_some() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let handle = pool.handle();
    let call = pool.spawn(move || handle.shutdown(false, false).unwrap());
    let before = pool.stats();
    assert_eq!((before.workers, before.idle, before.queued), (1, 1, 1));
    let report = pool.shutdown_timeout(Duration::ZERO, false).unwrap();
    assert_eq!((report.still_running, report.still_queued), (0, 1));
    assert!(run_worker());
    let report = call.unwrap().result().unwrap();
    assert_eq!((report.still_running, report.still_queued), (1, 0));
    assert_eq!(pool.shutdown(true, false).unwrap().still_running, 0);
}
