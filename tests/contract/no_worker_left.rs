//! X5 and X6: no worker is waited for that never was, and none is left.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use concurrent_futures_tests::{Drops, Threads, Token, bounded};

use crate::held::Held;

// contract: X5
#[test]
fn a_pool_without_calls_ends_without_having_begun() {
    bounded(|| {
        let threads = Threads::new();
        let started = Arc::new(AtomicUsize::new(0));
        for (waits, cancels) in [(true, true), (true, false), (false, true), (false, false)] {
            let count = Arc::clone(&started);
            let pool = threads
                .builder()
                .initializer(move || Ok::<_, String>(count.fetch_add(1, Ordering::SeqCst)))
                .build()
                .unwrap();
            let report = pool.shutdown(waits, cancels).unwrap();
            assert_eq!((report.ran, report.cancelled), (0, 0));
            assert_eq!((report.still_running, report.still_queued), (0, 0));
            assert_eq!(pool.stats().workers, 0);
            drop(pool);
        }
        assert_eq!(started.load(Ordering::SeqCst), 0);
        threads.assert_none_left();
    });
}

// contract: X5
#[test]
fn a_pool_whose_only_waiting_call_was_cancelled_ends() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let held = Held::on(&pool);
        let only = pool.spawn(|| ()).unwrap();
        assert!(only.cancel());
        assert_eq!(pool.stats().queued, 0);
        held.release();
        let report = pool.shutdown(true, false).unwrap();
        assert_eq!((report.still_running, report.still_queued), (0, 0));
        threads.assert_none_left();
        // The very first call, which the worker may take before it is cancelled.
        for _ in 0..200 {
            let pool = threads.pool(1);
            let first = pool.spawn(|| 1).unwrap();
            let cancelled = first.cancel();
            pool.shutdown(true, false).unwrap();
            assert_eq!(first.result().is_err(), cancelled);
        }
        threads.assert_none_left();
    });
}

// contract: X6
#[test]
fn no_thread_outlives_a_shutdown_that_waited() {
    bounded(|| {
        let threads = Threads::new();
        for round in 0..100 {
            let pool = threads.pool(4);
            for _ in 0..round % 10 {
                pool.spawn(|| ()).unwrap();
            }
            pool.shutdown(true, round % 3 == 0).unwrap();
            threads.assert_none_left();
        }
    });
}

// contract: X6
#[test]
fn a_worker_has_dropped_its_thread_local_values_when_a_shutdown_has_waited() {
    thread_local! {
        static LAST: RefCell<Option<Token>> = const { RefCell::new(None) };
    }
    bounded(|| {
        let threads = Threads::new();
        let drops = Drops::new();
        for round in 1..=100 {
            let pool = threads.pool(2);
            let held = (Held::on(&pool), Held::on(&pool));
            for gate in [held.0.gate(), held.1.gate()] {
                let token = drops.token();
                pool.spawn(move || LAST.set(Some(token))).unwrap();
                gate.open();
            }
            pool.shutdown(true, false).unwrap();
            assert_eq!(drops.count(), 2 * round);
        }
    });
}
