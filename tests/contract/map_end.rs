//! M4 to M9: how a map ends.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use concurrent_futures::{CancelledBy, MapError, MapOptions, SubmitError, TaskError, promise};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::held::Held;

fn timeout(milliseconds: u64) -> MapOptions {
    MapOptions::new().timeout(Duration::from_millis(milliseconds))
}

// contract: M4
#[test]
fn a_map_times_out_and_cancels_what_has_not_started() {
    bounded(|| {
        let threads = Threads::new();
        for unordered in [false, true] {
            let pool = threads.pool(1);
            let held = Held::on(&pool);
            let drops = Drops::new();
            let input: Vec<_> = (0..4).map(|_| drops.token()).collect();
            let start = Instant::now();
            let mut map: Box<dyn Iterator<Item = Result<(), _>>> = if unordered {
                Box::new(pool.map_unordered(timeout(5), drop, input).unwrap())
            } else {
                Box::new(pool.map_with(timeout(5), drop, input).unwrap())
            };
            assert!(matches!(map.next(), Some(Err(MapError::TimedOut))));
            assert!(start.elapsed() >= Duration::from_millis(5));
            assert!(map.next().is_none());
            assert_eq!(drops.count(), 4);
            assert_eq!(pool.stats().queued, 0);
            held.release();
        }
    });
}

// contract: M4
#[test]
fn results_that_are_ready_come_after_the_deadline_too() {
    bounded(|| {
        let threads = Threads::new();
        for options in [timeout(0), timeout(1)] {
            let pool = threads.pool(2);
            let ordered = pool.map_with(options, |n: u8| n, 0..4).unwrap();
            let unordered = pool.map_unordered(options, |n: u8| n, 0..4).unwrap();
            pool.shutdown(true, false).unwrap();
            let (_never, future) = promise::<()>();
            assert!(!future.wait_timeout(Duration::from_millis(2)));
            assert_eq!(
                ordered.collect::<Result<Vec<_>, _>>().unwrap(),
                [0, 1, 2, 3]
            );
            assert_eq!(unordered.collect::<Result<Vec<_>, _>>().unwrap().len(), 4);
        }
    });
}

// contract: M4
#[test]
fn a_timeout_beyond_the_clock_is_none() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let options = MapOptions::new().timeout(Duration::MAX);
        let ordered = pool.map_with(options, |n: u8| n, 0..9).unwrap();
        assert_eq!(ordered.map(Result::unwrap).sum::<u8>(), 36);
        let unordered = pool.map_unordered(options, |n: u8| n, 0..9).unwrap();
        assert_eq!(unordered.map(Result::unwrap).sum::<u8>(), 36);
    });
}

// contract: M5
#[test]
fn a_map_dropped_before_its_first_result_cancels_what_has_not_started() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        for options in [MapOptions::new(), MapOptions::new().buffer_size(5)] {
            let held = Held::on(&pool);
            let drops = Drops::new();
            let input = || (0..5).map(|_| drops.token()).collect::<Vec<_>>();
            drop(pool.map_with(options, drop, input()).unwrap());
            assert_eq!(drops.count(), 5);
            drop(pool.map_unordered(options, drop, input()).unwrap());
            assert_eq!(drops.count(), 10);
            assert_eq!(pool.stats().queued, 0);
            held.release();
        }
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: M5
#[test]
fn a_map_dropped_half_way_cancels_what_has_not_started() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let (ran, drops) = (Arc::new(AtomicUsize::new(0)), Drops::new());
        let (reached, gate) = (Gate::new(), Gate::new());
        let input: Vec<_> = (0..5).map(|n| (n, drops.token())).collect();
        let map = pool.map(
            {
                let (ran, reached, gate) = (Arc::clone(&ran), reached.clone(), gate.clone());
                move |(n, _token)| {
                    ran.fetch_add(1, Ordering::SeqCst);
                    if n == 1 {
                        reached.open();
                        gate.pass();
                    }
                }
            },
            input,
        );
        let mut map = map.unwrap();
        map.next().unwrap().unwrap();
        reached.pass();
        drop(map);
        assert_eq!(drops.count(), 4);
        gate.open();
        drop(pool);
        assert_eq!((ran.load(Ordering::SeqCst), drops.count()), (2, 5));
    });
}

// contract: M6
#[test]
fn a_map_keeps_nothing_of_what_it_yielded() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let drops = Drops::new();
        let results = |n: usize| (0..n).map(|_| drops.token()).collect::<Vec<_>>();
        let mut map = pool.map(|token| token, results(5)).unwrap();
        for yielded in 1..=5 {
            drop(map.next().unwrap().unwrap());
            assert_eq!(drops.count(), yielded);
        }
        let options = MapOptions::new().buffer_size(2);
        let mut unordered = pool
            .map_unordered(options, |token| token, results(5))
            .unwrap();
        for yielded in 6..=10 {
            drop(unordered.next().unwrap().unwrap());
            assert_eq!(drops.count(), yielded);
        }
    });
}

// contract: M8
#[test]
fn a_panic_of_the_input_cancels_what_was_submitted_and_goes_on() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let held = Held::on(&pool);
        let drops = Drops::new();
        let bad_input = || {
            let drops = drops.clone();
            (0..5).map(move |n| {
                assert!(n < 3, "bad input");
                drops.token()
            })
        };
        let message = |unwound: Box<dyn std::any::Any + Send>| *unwound.downcast::<&str>().unwrap();
        let ordered = catch_unwind(AssertUnwindSafe(|| pool.map(drop, bad_input()).map(drop)));
        assert_eq!(message(ordered.unwrap_err()), "bad input");
        assert_eq!(drops.count(), 3);
        let unordered = catch_unwind(AssertUnwindSafe(|| {
            pool.map_unordered(MapOptions::new(), drop, bad_input())
                .map(drop)
        }));
        assert_eq!(message(unordered.unwrap_err()), "bad input");
        assert_eq!((drops.count(), pool.stats().queued), (6, 0));
        held.release();
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
    });
}

/// The only worker is in item 1, item 2 waits, and the fourth item panics while its place is to be filled.
fn late_panic_of_the_input(unordered: bool) {
    bounded(move || {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let drops = Drops::new();
        let (reached, gate) = (Gate::new(), Gate::new());
        let input = {
            let drops = drops.clone();
            (0..).map(move |n| {
                assert!(n < 3, "bad input");
                (n, drops.token())
            })
        };
        let function = {
            let (reached, gate) = (reached.clone(), gate.clone());
            move |(n, _token)| {
                if n == 1 {
                    reached.open();
                    gate.pass();
                }
            }
        };
        let options = MapOptions::new().buffer_size(3);
        let mut map: Box<dyn Iterator<Item = Result<(), _>>> = if unordered {
            Box::new(pool.map_unordered(options, function, input).unwrap())
        } else {
            Box::new(pool.map_with(options, function, input).unwrap())
        };
        map.next().unwrap().unwrap();
        reached.pass();
        assert_eq!(drops.count(), 1);
        let unwound = catch_unwind(AssertUnwindSafe(|| map.next().map(drop)));
        assert_eq!(
            *unwound.unwrap_err().downcast::<&str>().unwrap(),
            "bad input"
        );
        let dropped = drops.count();
        gate.open();
        assert_eq!(
            dropped, 2,
            "what has not started is cancelled, though the map is still there"
        );
    });
}

// contract: M8
#[test]
fn a_panic_of_the_input_in_next_cancels_what_was_submitted() {
    late_panic_of_the_input(false);
}

// contract: M8
#[test]
fn a_panic_of_the_input_in_an_unordered_next_cancels_what_was_submitted() {
    late_panic_of_the_input(true);
}

// contract: M9
#[test]
fn a_map_over_a_closed_pool_is_an_error() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        pool.shutdown(true, false).unwrap();
        let drops = Drops::new();
        let input = || [drops.token(), drops.token()];
        assert!(matches!(
            pool.map(drop, input()),
            Err(SubmitError::ShutDown(_))
        ));
        let options = MapOptions::new().buffer_size(1);
        assert!(matches!(
            pool.map_with(options, drop, input()),
            Err(SubmitError::ShutDown(_))
        ));
        assert!(matches!(
            pool.map_unordered(options, drop, input()),
            Err(SubmitError::ShutDown(_))
        ));
        assert_eq!(drops.count(), 6);
    });
}

// contract: M9
#[test]
fn finished_results_come_though_the_pool_was_closed_meanwhile() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let options = MapOptions::new().buffer_size(3);
        let mut ordered = pool.map_with(options, |n: u8| n, 0..).unwrap();
        let unordered = pool.map_unordered(options, |n: u8| n, 0..).unwrap();
        pool.shutdown(true, false).unwrap();
        for n in 0..3 {
            assert_eq!(ordered.next().unwrap().unwrap(), n);
        }
        assert!(matches!(
            ordered.next(),
            Some(Err(MapError::Refused(SubmitError::ShutDown(_))))
        ));
        assert!(ordered.next().is_none());

        let mut kinds = HashMap::new();
        for item in unordered {
            let kind = match item {
                Ok(_) => "value",
                Err(MapError::Refused(SubmitError::ShutDown(_))) => "refused",
                Err(_) => "else",
            };
            *kinds.entry(kind).or_insert(0) += 1;
        }
        assert_eq!(kinds, HashMap::from([("value", 3), ("refused", 1)]));
    });
}

// contract: M9, X3
#[test]
fn a_map_ends_with_the_first_call_that_a_shutdown_cancelled() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let (reached, gate) = (Gate::new(), Gate::new());
        let function = {
            let (reached, gate) = (reached.clone(), gate.clone());
            move |n: u8| {
                if n == 1 {
                    reached.open();
                    gate.pass();
                }
                n
            }
        };
        let mut map = pool.map(function, 0..9).unwrap();
        reached.pass();
        pool.shutdown(false, true).unwrap();
        gate.open();
        assert_eq!(map.next().unwrap().unwrap(), 0);
        assert_eq!(map.next().unwrap().unwrap(), 1);
        assert!(matches!(
            map.next(),
            Some(Err(MapError::Task(TaskError::Cancelled(
                CancelledBy::Shutdown
            ))))
        ));
        assert!(map.next().is_none());
    });
}
