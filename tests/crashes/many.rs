//! Many pools, and many threads on one.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{Future, ProcessPoolHandle, ResultError, TaskError};

use crate::{
    common::{Folder, alone, pool, worker_of},
    sys::Counters,
};

// contract: X2, X6
#[test]
fn a_thousand_pools_are_made_used_once_and_dropped() {
    alone(|| {
        for n in 0..1_000_u32 {
            let pool = pool(1);
            let call = pool.submit(|n: u32| n + 1, n).unwrap();
            assert_eq!(call.result().unwrap(), n + 1);
        }
    });
}

// contract: X2, X6
#[test]
fn pools_that_are_dropped_while_calls_run_finish_them() {
    alone(|| {
        for round in 0..30 {
            let pool = pool(2);
            if round % 2 == 0 {
                worker_of(&pool);
            }
            let slow: fn(u32) -> u32 = |n| {
                thread::sleep(Duration::from_millis(3));
                n
            };
            let calls: Vec<_> = (0..8).map(|n| pool.submit(slow, n).unwrap()).collect();
            if round % 3 == 0 {
                calls[0].wait();
            }
            drop(pool);
            for (n, call) in (0..).zip(calls) {
                assert!(call.done());
                assert_eq!(call.result().unwrap(), n);
            }
        }
    });
}

const MOST_CALLS: usize = 400_000;

/// Counts its run in a file that all processes share.
fn count((path, n): (String, usize)) -> usize {
    let counters = Counters::open(path, MOST_CALLS);
    counters.all()[n].fetch_add(1, Ordering::SeqCst);
    n
}

#[derive(Default)]
struct Seen {
    cancelled: Vec<usize>,
    values: Vec<usize>,
}

impl Seen {
    fn outcome(&mut self, n: usize, cancelled: bool, outcome: Result<usize, TaskError>) {
        match outcome {
            Ok(value) => {
                assert_eq!(value, n);
                assert!(!cancelled, "{n} has a value and was cancelled");
                self.values.push(n);
            }
            Err(TaskError::Cancelled(_)) => {
                assert!(cancelled, "{n} was cancelled by nobody");
                self.cancelled.push(n);
            }
            Err(other) => panic!("{n}: {other:?}"),
        }
    }
}

/// One thread's calls: submitted, cancelled, waited for and dropped at random.
fn hammer(pool: &ProcessPoolHandle, path: &str, next: &AtomicUsize, seed: u64) -> Seen {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut held: Vec<(usize, bool, Future<usize>)> = Vec::new();
    let mut seen = Seen::default();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        if held.is_empty() || (held.len() < 200 && random.u8(..) < 120) {
            let n = next.fetch_add(1, Ordering::Relaxed);
            assert!(n < MOST_CALLS);
            let future = pool.submit(count, (path.to_owned(), n)).unwrap();
            held.push((n, false, future));
            continue;
        }
        let at = random.usize(..held.len());
        if random.bool() {
            let (_, cancelled, future) = &mut held[at];
            // The second time it says what it likes.
            *cancelled = future.cancel() || *cancelled;
            continue;
        }
        let (n, cancelled, future) = held.swap_remove(at);
        let patience = Duration::from_micros(random.u64(..500));
        match future.result_timeout(patience) {
            Ok(value) => seen.outcome(n, cancelled, Ok(value)),
            Err(ResultError::Task(error)) => seen.outcome(n, cancelled, Err(error)),
            Err(other) => held.push((n, cancelled, other.into_future().unwrap())),
        }
    }
    for (n, cancelled, future) in held {
        seen.outcome(n, cancelled, future.result());
    }
    seen
}

// contract: K1, P5
#[test]
fn what_eight_threads_cancel_never_ran_and_the_rest_ran_once() {
    alone(|| {
        let folder = Folder::new();
        let path = folder.text("counters");
        let counters = Counters::open(&path, MOST_CALLS);
        let (pool, next) = (pool(2), AtomicUsize::new(0));
        let seen = thread::scope(|s| {
            let threads = [11, 12, 13, 14, 15, 16, 17, 18].map(|seed| {
                let (pool, path, next) = (&pool, &path, &next);
                s.spawn(move || hammer(pool, path, next, seed))
            });
            threads.map(|thread| thread.join().unwrap())
        });
        pool.shutdown(true, false).unwrap();
        let ran = |n: usize| counters.all()[n].load(Ordering::SeqCst);
        let (mut values, mut cancelled) = (0, 0);
        for seen in seen {
            values += seen.values.len();
            cancelled += seen.cancelled.len();
            for n in seen.values {
                assert_eq!(ran(n), 1, "{n} has a value");
            }
            for n in seen.cancelled {
                assert_eq!(ran(n), 0, "{n} was cancelled");
            }
        }
        println!("{values} values, {cancelled} cancelled");
        assert_eq!(values + cancelled, next.into_inner());
        assert!(values > 100 && cancelled > 100);
    });
}

// contract: K1, P5
#[test]
fn calls_that_are_cancelled_in_bursts_are_cancelled_or_have_a_value() {
    alone(|| {
        let (pool, start) = (pool(2), Instant::now());
        let bursts = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            while start.elapsed() < Duration::from_secs(3) {
                let submit = |n: u32| pool.submit(|n: u32| n, n).unwrap();
                let calls: Vec<_> = (0..100).map(submit).collect();
                let cancel = |call: &Future<u32>| random.bool() && call.cancel();
                let cancelled: Vec<_> = calls.iter().map(cancel).collect();
                for ((n, call), cancelled) in (0..).zip(calls).zip(cancelled) {
                    match call.result() {
                        Ok(value) => assert_eq!((value, cancelled), (n, false)),
                        Err(TaskError::Cancelled(_)) => assert!(cancelled),
                        Err(other) => panic!("cancelled: {cancelled}, outcome: {other:?}"),
                    }
                }
            }
        };
        thread::scope(|s| {
            s.spawn(|| bursts(21));
            bursts(22);
        });
    });
}
