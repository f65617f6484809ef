//! Interrupts at every step of the end of a pool without workers.

use concurrent_futures_core::future::{CancelledBy, TaskError};

use super::{
    Pool, accepted, assert_ran, assert_ran_once, at_every_step, book, call, chip::calm,
    pumped::assert_is_new, settle,
};

/// Pools for scenarios that shut theirs down.
macro_rules! pools {
    ($name:ident) => {
        static $name: [Pool<4>; super::RUNS] = [const { Pool::new() }; super::RUNS];
    };
}

// contract: D2, X1
#[test]
fn a_shutdown_that_runs_what_waits_is_interrupted() {
    pools!(POOLS);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            let future = pool.spawn(call(1)).unwrap();
            let report = pool.shutdown(true, false).unwrap();
            assert_eq!((report.still_running, report.still_queued), (0, 0));
            assert_eq!(settle(pool), 0, "all that it took was run");
            assert_eq!(calm(|| future.result().unwrap()), 1);
            assert_eq!(report.cancelled, 0);
            assert_ran_once(&[1]);
            assert_is_new(pool);
        },
    );
}

// contract: D2, X1, X3
#[test]
fn a_shutdown_that_cancels_what_waits_is_interrupted() {
    pools!(POOLS);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            let future = pool.spawn(call(1)).unwrap();
            let report = pool.shutdown(true, true).unwrap();
            assert_eq!((report.still_running, report.still_queued), (0, 0));
            assert_eq!(report.ran, 0);
            let accepted = book(|book| book.accepted.clone());
            assert_eq!(report.cancelled, 1 + accepted.len());
            assert_eq!(settle(pool), 0);
            assert!(matches!(
                calm(|| future.result()),
                Err(TaskError::Cancelled(CancelledBy::Shutdown))
            ));
            assert_ran(&[], &[vec![1], accepted].concat());
            assert_is_new(pool);
        },
    );
}

// contract: D2, X1
#[test]
fn a_shutdown_that_does_not_wait_is_interrupted() {
    pools!(POOLS);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            let future = pool.spawn(call(1)).unwrap();
            let report = pool.shutdown(false, false).unwrap();
            assert_eq!(report.still_queued, 1 + accepted());
            assert_eq!(settle(pool), report.still_queued);
            assert_eq!(calm(|| future.result().unwrap()), 1);
            assert_ran_once(&[1]);
        },
    );
}
