//! S3: what happens to calls that find the queue full.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use concurrent_futures::{
    CancelledBy, Future, Policy, SubmitError, TaskError, TaskState, ThreadPoolExecutor,
};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::held::Held;

pub(crate) fn full_pool(threads: &Threads, capacity: usize, policy: Policy) -> ThreadPoolExecutor {
    threads
        .builder()
        .max_workers(1)
        .capacity(capacity)
        .policy(policy)
        .build()
        .unwrap()
}

fn is_discarded<T>(future: Future<T>) -> bool {
    matches!(
        future.result(),
        Err(TaskError::Cancelled(CancelledBy::Discarded))
    )
}

// contract: S3
#[test]
fn the_queue_holds_65536_calls_unless_told_otherwise() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        assert_eq!(pool.stats().capacity, 65_536);
        let held = Held::on(&pool);
        let futures: Vec<_> = (0..65_536)
            .map(|n| pool.try_spawn(move || n).unwrap())
            .collect();
        assert_eq!(pool.stats().queued, 65_536);
        assert!(matches!(pool.try_spawn(|| 0), Err(SubmitError::Full(_))));
        held.release();
        for (n, future) in futures.into_iter().enumerate() {
            assert_eq!(future.result().unwrap(), n);
        }
    });
}

// contract: S3, S4
#[test]
fn a_million_calls_wait_and_run_in_order() {
    const CALLS: usize = 1_000_000;
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, CALLS, Policy::Reject);
        let held = Held::on(&pool);
        let next = Arc::new(AtomicUsize::new(0));
        let futures: Vec<_> = (0..CALLS)
            .map(|n| {
                let next = Arc::clone(&next);
                pool.spawn(move || next.fetch_add(1, Ordering::Relaxed) == n)
                    .unwrap()
            })
            .collect();
        assert_eq!(pool.stats().queued, CALLS);
        assert!(matches!(pool.spawn(|| ()), Err(SubmitError::Full(_))));
        held.release();
        for future in futures {
            assert!(future.result().unwrap(), "out of order");
        }
    });
}

// contract: S3
#[test]
fn a_submitter_waits_for_room() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::Block);
        let held = Held::on(&pool);
        let first = pool.spawn(|| 1).unwrap();
        let returned = Arc::new(AtomicUsize::new(0));
        thread::scope(|s| {
            let submitter = s.spawn(|| {
                let second = pool.spawn(|| 2).unwrap();
                returned.fetch_add(1, Ordering::SeqCst);
                second
            });
            for _ in 0..1_000 {
                thread::yield_now();
                assert_eq!(returned.load(Ordering::SeqCst), 0, "there was no room");
            }
            held.release();
            assert_eq!(submitter.join().unwrap().result().unwrap(), 2);
        });
        assert_eq!(first.result().unwrap(), 1);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: S3
#[test]
fn a_blocked_submitter_gets_its_closure_back_at_the_deadline() {
    bounded(|| {
        let threads = Threads::new();
        let timeout = Duration::from_millis(5);
        let pool = full_pool(&threads, 1, Policy::BlockTimeout(timeout));
        let held = Held::on(&pool);
        let first = pool.spawn(|| 1).unwrap();
        let start = std::time::Instant::now();
        match pool.spawn(|| 2) {
            Err(SubmitError::Full(call)) => assert_eq!(call.into_inner()(), 2),
            other => panic!("{other:?}"),
        }
        assert!(start.elapsed() >= timeout);
        held.release();
        assert_eq!(first.result().unwrap(), 1);
        assert_eq!(pool.spawn(|| 3).unwrap().result().unwrap(), 3);
    });
}

// contract: S3
#[test]
fn a_timeout_beyond_the_clock_waits_for_room() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::BlockTimeout(Duration::MAX));
        let held = Held::on(&pool);
        let first = pool.spawn(|| 1).unwrap();
        thread::scope(|s| {
            let submitter = s.spawn(|| pool.spawn(|| 2).unwrap());
            held.release();
            assert_eq!(submitter.join().unwrap().result().unwrap(), 2);
        });
        assert_eq!(first.result().unwrap(), 1);
    });
}

// contract: S3
#[test]
fn blocked_submitters_get_their_closures_back_at_shutdown() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::Block);
        let held = Held::on(&pool);
        let first = pool.spawn(|| 1).unwrap();
        thread::scope(|s| {
            let submitters: Vec<_> = (0..4_usize)
                .map(|n| {
                    let pool = &pool;
                    s.spawn(move || match pool.spawn(move || n) {
                        Err(SubmitError::ShutDown(call)) => call.into_inner()(),
                        other => panic!("{other:?}"),
                    })
                })
                .collect();
            for _ in 0..100 {
                thread::yield_now();
            }
            pool.shutdown(false, false).unwrap();
            for (n, submitter) in submitters.into_iter().enumerate() {
                assert_eq!(submitter.join().unwrap(), n);
            }
        });
        held.release();
        assert_eq!(first.result().unwrap(), 1);
    });
}

// contract: S3
#[test]
fn a_blocked_submitter_gets_its_closure_back_when_the_pool_breaks() {
    bounded(|| {
        let threads = Threads::new();
        let gate = Gate::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .capacity(1)
            .initializer({
                let gate = gate.clone();
                move || {
                    gate.pass();
                    Err::<(), _>("late")
                }
            })
            .build()
            .unwrap();
        let first = pool.spawn(|| 1).unwrap();
        thread::scope(|s| {
            let submitter = s.spawn(|| match pool.spawn(|| 2) {
                Err(SubmitError::Broken(_, call)) => call.into_inner()(),
                other => panic!("{other:?}"),
            });
            for _ in 0..100 {
                thread::yield_now();
            }
            gate.open();
            assert_eq!(submitter.join().unwrap(), 2);
        });
        assert!(matches!(first.result(), Err(TaskError::Broken(_))));
    });
}

// contract: S3
#[test]
fn a_full_pool_runs_the_call_in_the_caller() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::RunInCaller);
        let held = Held::on(&pool);
        let queued = pool.spawn(|| thread::current().id()).unwrap();
        let here = pool.spawn(|| thread::current().id()).unwrap();
        assert_eq!(here.state(), TaskState::Finished);
        assert_eq!(here.result().unwrap(), thread::current().id());
        let failed = pool.spawn(|| panic!("in the caller")).unwrap();
        assert!(failed.failed());
        assert!(matches!(failed.result(), Err(TaskError::Panicked(_))));
        held.release();
        assert_ne!(queued.result().unwrap(), thread::current().id());
    });
}

// contract: S3
#[test]
fn a_full_pool_discards_the_oldest() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 2, Policy::DiscardOldest);
        let held = Held::on(&pool);
        let drops = Drops::new();
        let mut futures: Vec<_> = (0..5)
            .map(|n| {
                let token = drops.token();
                pool.spawn(move || {
                    let _token = token;
                    n
                })
                .unwrap()
            })
            .collect();
        assert_eq!(drops.count(), 3, "closures of discarded calls go at once");
        let kept = futures.split_off(3);
        for future in futures {
            assert!(future.cancelled());
            assert!(is_discarded(future));
        }
        held.release();
        let kept: Vec<_> = kept.into_iter().map(|f| f.result().unwrap()).collect();
        assert_eq!(kept, [3, 4]);
        drop(pool);
        assert_eq!(drops.count(), 5);
    });
}

// contract: S3
#[test]
fn discarding_takes_nothing_from_a_queue_of_cancelled_calls() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::DiscardOldest);
        let held = Held::on(&pool);
        let cancelled = pool.spawn(|| 1).unwrap();
        assert!(cancelled.cancel());
        thread::scope(|s| {
            // It may have to wait until the worker has passed the cancelled one.
            let submitter = s.spawn(|| pool.spawn(|| 2).unwrap());
            held.release();
            assert_eq!(submitter.join().unwrap().result().unwrap(), 2);
        });
        assert!(matches!(
            cancelled.result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ));
    });
}

// contract: S3
#[test]
fn trying_never_waits_whatever_the_policy() {
    let policies = [
        Policy::Block,
        Policy::BlockTimeout(Duration::MAX),
        Policy::Reject,
        Policy::RunInCaller,
        Policy::DiscardOldest,
    ];
    for policy in policies {
        bounded(move || {
            let threads = Threads::new();
            let pool = full_pool(&threads, 1, policy);
            let held = Held::on(&pool);
            let queued = pool.try_spawn(|| 1).unwrap();
            match pool.try_spawn(|| 2) {
                Err(SubmitError::Full(call)) => assert_eq!(call.into_inner()(), 2),
                other => panic!("{policy:?}: {other:?}"),
            }
            match pool.try_submit(|n: u8| n, 3) {
                Err(SubmitError::Full(call)) => assert_eq!(call.into_inner().1, 3),
                other => panic!("{policy:?}: {other:?}"),
            }
            held.release();
            assert_eq!(queued.result().unwrap(), 1, "{policy:?}");
        });
    }
}

// contract: S3
#[test]
fn the_only_worker_submits_to_its_own_full_pool_without_a_deadlock() {
    for policy in [
        Policy::Block,
        Policy::BlockTimeout(Duration::MAX),
        Policy::RunInCaller,
    ] {
        bounded(move || {
            let threads = Threads::new();
            let pool = full_pool(&threads, 1, policy);
            let handle = pool.handle();
            let outer = pool
                .spawn(move || {
                    let queued = handle.spawn(|| 1).unwrap();
                    let own = handle.spawn(|| thread::current().id()).unwrap();
                    assert!(own.done(), "{policy:?}: the worker runs it itself");
                    assert!(!queued.done(), "{policy:?}: and nothing else");
                    assert_eq!(own.result().unwrap(), thread::current().id());
                    queued
                })
                .unwrap();
            assert_eq!(outer.result().unwrap().result().unwrap(), 1);
            drop(pool);
            threads.assert_none_left();
        });
    }
}

// contract: S3
#[test]
fn the_only_worker_is_refused_or_discards_by_the_policies_that_never_wait() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::Reject);
        let handle = pool.handle();
        let outer = pool.spawn(move || {
            let queued = handle.spawn(|| 1).unwrap();
            assert!(matches!(handle.spawn(|| 2), Err(SubmitError::Full(_))));
            queued
        });
        assert_eq!(outer.unwrap().result().unwrap().result().unwrap(), 1);

        let pool = full_pool(&threads, 1, Policy::DiscardOldest);
        let handle = pool.handle();
        let outer = pool.spawn(move || (handle.spawn(|| 1).unwrap(), handle.spawn(|| 2).unwrap()));
        let (first, second) = outer.unwrap().result().unwrap();
        assert!(is_discarded(first));
        assert_eq!(second.result().unwrap(), 2);
    });
}
