//! One call and those who cancel it, listen to it, await it or leave it.

use std::{
    pin::pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use concurrent_futures::{
    CancelledBy, ErrorReport, Future, TaskError, ThreadPoolExecutor, promise,
};
use concurrent_futures_tests::{Drops, eventually};
use fastrand::Rng;

use crate::{ON_PURPOSE, dawdle, rounds, shuffled};

// contract: K1, K2
#[test]
fn a_call_is_run_or_cancelled() {
    const CALLS: usize = 48;
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let drops = Drops::new();
        // Two workers that wait and two threads that cancel begin together.
        let start = Arc::new(Barrier::new(4));
        let held: Vec<_> = (0..2)
            .map(|_| {
                let start = Arc::clone(&start);
                pool.spawn(move || start.wait().is_leader()).unwrap()
            })
            .collect();
        let futures: Vec<Future<Vec<usize>>> = (0..CALLS)
            .map(|n| {
                let (token, captured) = (drops.token(), vec![n; 4]);
                pool.spawn(move || {
                    drop(token);
                    captured
                })
                .unwrap()
            })
            .collect();
        let cancelled: Vec<_> = (0..CALLS).map(|_| AtomicBool::new(false)).collect();
        thread::scope(|s| {
            for _ in 0..2 {
                let mut rng = rng.fork();
                let (start, futures, cancelled) = (&start, &futures, &cancelled);
                s.spawn(move || {
                    let order = shuffled(&mut rng, CALLS);
                    start.wait();
                    for n in order.into_iter().take(CALLS * 2 / 3) {
                        if futures[n].cancel() {
                            cancelled[n].store(true, Ordering::Relaxed);
                        }
                        dawdle(&mut rng);
                    }
                });
            }
        });
        for (n, future) in futures.into_iter().enumerate() {
            let was_cancelled = cancelled[n].load(Ordering::Relaxed);
            match future.result() {
                Ok(mut value) => {
                    value.push(n);
                    assert_eq!((value, was_cancelled), (vec![n; 5], false));
                }
                Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(was_cancelled),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(drops.count(), CALLS);
        assert!(held.into_iter().all(|held| held.result().is_ok()));
    });
}

// contract: C1, C2
#[test]
fn callbacks_come_before_whoever_takes_the_outcome() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let setter = ThreadPoolExecutor::new(1).unwrap();
        for _ in 0..40 {
            let (promise, future) = promise::<Vec<u8>>();
            let (called, seen) = (Arc::new(AtomicUsize::new(0)), Drops::new());
            let mut registered = 0;
            let mut register = |future: &Future<Vec<u8>>| {
                let (called, token) = (Arc::clone(&called), seen.token());
                registered += 1;
                future.add_done_callback(move |done| {
                    let _token = token;
                    if let Ok(value) = done.outcome() {
                        assert_eq!(value, &[1, 2]);
                    }
                    // Relaxed: it is the library that orders this with the look below.
                    called.fetch_add(1, Ordering::Relaxed);
                });
            };
            (0..rng.u8(..3)).for_each(|_| register(&future));
            let mut fork = rng.fork();
            let set = setter
                .spawn(move || {
                    dawdle(&mut fork);
                    match fork.u8(..6) {
                        0 => drop(promise),
                        1 => promise.set_error(TaskError::Consumed).unwrap_or(()),
                        // Cancelled, maybe.
                        _ => promise.set(vec![1, 2]).unwrap_or(()),
                    }
                })
                .unwrap();
            dawdle(&mut rng);
            (0..rng.u8(..3)).for_each(|_| register(&future));
            if rng.u8(..6) == 0 {
                future.cancel();
            }
            if rng.u8(..4) == 0 {
                drop(future);
                set.result().unwrap();
            } else if let Ok(mut value) = future.result() {
                value.push(3);
                assert_eq!(value, [1, 2, 3]);
            }
            assert_eq!(called.load(Ordering::Relaxed), registered);
            eventually("callbacks are dropped", || seen.count() == registered);
        }
    });
}

struct Unpark(Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::Release);
        self.0.unpark();
    }
}

// contract: R6
#[test]
fn whoever_awaits_is_woken() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let pool = ThreadPoolExecutor::new(2).unwrap();
        for n in 0..60 {
            let mut fork = rng.fork();
            let mut future = pin!(
                pool.spawn(move || {
                    dawdle(&mut fork);
                    vec![n]
                })
                .unwrap()
            );
            // Wakers of a moment, then one that counts.
            let mut left = rng.u8(..4);
            let mut leaves = rng.u8(..6) == 0;
            loop {
                let here = Arc::new(Unpark(thread::current(), AtomicBool::new(false)));
                let waker = Waker::from(Arc::clone(&here));
                match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(value) => {
                        let mut value = value.unwrap();
                        value.push(0);
                        assert_eq!(value, [n, 0]);
                        break;
                    }
                    Poll::Pending if left > 0 => left -= 1,
                    Poll::Pending if std::mem::take(&mut leaves) => break,
                    Poll::Pending => {
                        while !here.1.load(Ordering::Acquire) {
                            thread::park();
                        }
                    }
                }
            }
        }
    });
}

// contract: S5, S7
#[test]
fn a_failure_is_taken_or_reported() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let reports = Arc::new(AtomicUsize::new(0));
        let pool = ThreadPoolExecutor::builder()
            .max_workers(2)
            .error_hook({
                let reports = Arc::clone(&reports);
                move |report| {
                    assert!(matches!(report, ErrorReport::Unread(Some(_))), "{report:?}");
                    reports.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build()
            .unwrap();
        let mut unread = 0;
        for _ in 0..30 {
            let mut fork = rng.fork();
            let future = pool
                .spawn(move || -> u8 {
                    dawdle(&mut fork);
                    panic!("{ON_PURPOSE}");
                })
                .unwrap();
            dawdle(&mut rng);
            if rng.bool() {
                unread += 1;
                drop(future);
            } else {
                assert!(matches!(future.result(), Err(TaskError::Panicked(_))));
            }
        }
        drop(pool);
        assert_eq!(reports.load(Ordering::Relaxed), unread);
    });
}
