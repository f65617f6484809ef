//! Full queues: those who wait for room, and those who make it.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use concurrent_futures::{
    CancelledBy, Policy, PumpExecutor, Ring, SubmitError, TaskError, ThreadPoolExecutor,
};
use concurrent_futures_tests::Drops;
use fastrand::Rng;

use crate::{dawdle, moment, rounds};

// contract: S3, S4
#[test]
fn a_blocked_producer_gets_in_or_gets_its_call_back() {
    const PRODUCERS: usize = 3;
    const EACH: usize = 30;
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let workers = rng.usize(1..3);
        let timed = rng.bool();
        let policy = if timed {
            Policy::BlockTimeout(moment(&mut rng))
        } else {
            Policy::Block
        };
        let closes = rng.u8(..3) == 0;
        let pool = ThreadPoolExecutor::builder()
            .max_workers(workers)
            .capacity(rng.usize(1..4))
            .policy(policy)
            .build()
            .unwrap();
        let (started, drops) = (Arc::new(Mutex::new(Vec::new())), Drops::new());
        thread::scope(|s| {
            for producer in 0..PRODUCERS {
                let (mut rng, pool, drops) = (rng.fork(), &pool, &drops);
                let started = &started;
                s.spawn(move || {
                    let mut futures = Vec::new();
                    for n in 0..EACH {
                        let (mut fork, token) = (rng.fork(), drops.token());
                        let (started, captured) = (Arc::clone(started), vec![n]);
                        let submitted = pool.spawn(move || {
                            drop(token);
                            started.lock().unwrap().push((producer, n));
                            dawdle(&mut fork);
                            captured
                        });
                        match submitted {
                            Ok(future) => futures.push((n, future)),
                            Err(SubmitError::Full(back)) if timed => drop(back.into_inner()),
                            Err(SubmitError::ShutDown(back)) if closes => drop(back.into_inner()),
                            Err(other) => panic!("{:?}", other.without_inner()),
                        }
                        // One that is cancelled leaves room only once it is passed.
                        if rng.u8(..8) == 0
                            && let Some((_, future)) = futures.last()
                        {
                            future.cancel();
                        }
                    }
                    for (n, future) in futures {
                        match future.result() {
                            Ok(mut value) => {
                                value.push(n);
                                assert_eq!(value, [n, n]);
                            }
                            Err(TaskError::Cancelled(CancelledBy::Caller)) => {}
                            Err(TaskError::Cancelled(CancelledBy::Shutdown)) if closes => {}
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                });
            }
            if closes {
                (0..rng.u8(..60)).for_each(|_| dawdle(&mut rng));
                pool.shutdown(rng.bool(), rng.bool()).unwrap();
            }
        });
        drop(pool);
        assert_eq!(drops.count(), PRODUCERS * EACH);
        let started = started.lock().unwrap();
        for producer in 0..PRODUCERS {
            let of_one = started.iter().filter(|(by, _)| *by == producer);
            assert!(workers > 1 || of_one.is_sorted(), "{started:?}");
        }
    });
}

// contract: D3
#[test]
fn many_threads_pump_one_pool() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let pump: PumpExecutor = PumpExecutor::new(Ring::new(rng.usize(1..6)).unwrap());
        let drops = Drops::new();
        const EACH: usize = 40;
        thread::scope(|s| {
            for _ in 0..3 {
                let (mut rng, pump, drops) = (rng.fork(), &pump, &drops);
                s.spawn(move || {
                    let mut futures = Vec::new();
                    for n in 0..EACH {
                        let (token, captured) = (drops.token(), vec![n]);
                        let call = move || {
                            drop(token);
                            captured
                        };
                        futures.push((n, pump.spawn(call).unwrap()));
                        match rng.u8(..4) {
                            0 => drop(pump.run_one()),
                            1 => drop(futures.swap_remove(rng.usize(..futures.len()))),
                            2 => {
                                let (n, future) = futures.swap_remove(rng.usize(..futures.len()));
                                let mut value = future.result().unwrap();
                                value.push(n);
                                assert_eq!(value, [n, n]);
                            }
                            _ => {}
                        }
                    }
                    for (n, future) in futures {
                        pump.run_until(&future);
                        assert_eq!(future.result().unwrap(), [n]);
                    }
                });
            }
        });
        pump.run_until_idle();
        assert_eq!(drops.count(), 3 * EACH);
    });
}
