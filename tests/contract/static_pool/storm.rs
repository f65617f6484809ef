//! D2: many threads on a pool of few slots, for a while.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{
    Future, StdPlatform, SubmitError, TaskError,
    core::{executor::StaticPool, platform::Spawner},
};
use concurrent_futures_tests::bounded;

use super::{
    BYTES, Pump,
    spawner::{Hands, Staffed},
};

/// For how long.
const WHILE: Duration = Duration::from_millis(700);
const THREADS: u64 = 4;

/// What became of the calls of one storm, and of what they captured.
#[derive(Default)]
struct Tally {
    accepted: AtomicUsize,
    refused: AtomicUsize,
    cancelled: AtomicUsize,
    ran: AtomicUsize,
    /// Captures and values that were made and not dropped.
    live: AtomicUsize,
}

impl Tally {
    fn add(count: &AtomicUsize) {
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counted in its tally while it lives.
struct Live(Arc<Tally>);

impl Live {
    fn new(tally: &Arc<Tally>) -> Self {
        Tally::add(&tally.live);
        Self(Arc::clone(tally))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

type Value = (u64, Live);

/// Whether `future` gave what it was to give, and not that it was cancelled.
fn ran(outcome: Result<Value, TaskError>, n: u64) -> bool {
    match outcome {
        Ok((value, _live)) => {
            assert_eq!(value, n);
            true
        }
        Err(TaskError::Panicked(_)) => {
            assert_eq!(n % 16, 0);
            true
        }
        Err(TaskError::Cancelled(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// What one thread does with a future that it has just been given.
fn use_up(
    future: Future<Value>,
    n: u64,
    choice: u8,
    tally: &Tally,
    kept: &mut Vec<(u64, Future<Value>)>,
) {
    match choice {
        0 | 1 => assert!(ran(future.result(), n)),
        2 => drop(future),
        3 | 4 => {
            if future.cancel() {
                Tally::add(&tally.cancelled);
                assert!(!ran(future.result(), n));
            } else {
                assert!(ran(future.result(), n));
            }
        }
        5 => match future.try_result() {
            Ok(value) => assert!(ran(Ok(value), n)),
            Err(error) => match error.into_future() {
                Some(future) => kept.push((n, future)),
                None => assert_eq!(n % 16, 0),
            },
        },
        6 => {
            future.wait_timeout(Duration::from_micros(20));
            kept.push((n, future));
        }
        _ => kept.push((n, future)),
    }
    // A few are kept for a while, so that slots come free in any order.
    if kept.len() > 1 {
        let (n, future) = kept.swap_remove(usize::from(choice) % 2);
        if choice.is_multiple_of(2) && future.cancel() {
            Tally::add(&tally.cancelled);
        } else {
            assert!(ran(future.result(), n));
        }
    }
}

/// Submits, waits and cancels on several threads at once; `help` is what a thread does when the pool is full.
fn storm<const SLOTS: usize, S: Spawner>(
    pool: &'static StaticPool<StdPlatform, SLOTS, BYTES, S>,
    help: fn(),
) {
    let tally = Arc::new(Tally::default());
    let end = Instant::now() + WHILE;
    thread::scope(|threads| {
        for thread in 0..THREADS {
            let tally = &tally;
            threads.spawn(move || {
                let mut random = fastrand::Rng::with_seed(thread);
                let mut kept = Vec::new();
                let mut n = 0;
                while Instant::now() < end {
                    n += 1;
                    let live = Live::new(tally);
                    let call = move || {
                        Tally::add(&live.0.ran);
                        if n % 16 == 0 {
                            // Without a word: there are thousands of them.
                            panic::resume_unwind(Box::new("one that fails"));
                        }
                        (n, live)
                    };
                    match pool.spawn(call) {
                        Ok(future) => {
                            Tally::add(&tally.accepted);
                            use_up(future, n, random.u8(..9), tally, &mut kept);
                        }
                        Err(SubmitError::Full(_)) => {
                            Tally::add(&tally.refused);
                            kept.pop();
                            help();
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    let report = pool.shutdown(true, false).unwrap();
    assert_eq!((report.still_running, report.still_queued), (0, 0));
    let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    let (accepted, ran) = (count(&tally.accepted), count(&tally.ran));
    assert_eq!(accepted, ran + count(&tally.cancelled));
    assert!(ran > 0 && count(&tally.cancelled) > 0 && count(&tally.refused) > 0);
    assert_eq!(count(&tally.live), 0);
    assert_eq!((pool.free_slots(), pool.stats().queued), (SLOTS, 0));
}

// contract: D3, F1, K1
#[test]
fn a_pumped_pool_loses_nothing() {
    static POOL: Pump<3> = Pump::new();
    bounded(|| {
        storm(&POOL, || {
            POOL.run_one();
        });
    });
}

// contract: D2, F1, K1
#[test]
fn a_pool_with_a_worker_loses_nothing() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<2> = Staffed::with_workers(1, &HANDS);
    bounded(|| storm(&POOL, thread::yield_now));
}

// contract: D2, F1, K1
#[test]
fn a_pool_with_several_workers_loses_nothing() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<5> = Staffed::with_workers(3, &HANDS);
    bounded(|| storm(&POOL, thread::yield_now));
}
