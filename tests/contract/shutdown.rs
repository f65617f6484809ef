//! X1 to X3: the end of a pool.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{
    CancelledBy, Future, ReturnWhen, SubmitError, TaskError, TaskState, ThreadPoolExecutor,
    as_completed, wait,
};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded, eventually};

use crate::held::Held;

fn is_cancelled_by_shutdown<T>(future: Future<T>) -> bool {
    matches!(
        future.result(),
        Err(TaskError::Cancelled(CancelledBy::Shutdown))
    )
}

/// One call that runs and three that wait.
pub(crate) fn busy_pool(threads: &Threads) -> (ThreadPoolExecutor, Held, Vec<Future<usize>>) {
    let pool = threads.pool(1);
    let held = Held::on(&pool);
    let queued = (0..3).map(|n| pool.spawn(move || n).unwrap()).collect();
    (pool, held, queued)
}

// contract: X1
#[test]
fn waiting_for_what_was_submitted() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let report = thread::scope(|s| {
            let shutdown = s.spawn(|| pool.shutdown(true, false).unwrap());
            // Closed from here, whoever comes first.
            pool.shutdown(false, false).unwrap();
            for _ in 0..1_000 {
                thread::yield_now();
                assert!(!shutdown.is_finished(), "a call runs");
            }
            assert!(queued.iter().all(|f| f.state() == TaskState::Pending));
            held.release();
            shutdown.join().unwrap()
        });
        threads.assert_none_left();
        assert!(queued.iter().all(|f| f.state() == TaskState::Finished));
        assert_eq!((report.ran, report.cancelled), (4, 0));
        assert_eq!((report.still_running, report.still_queued), (0, 0));
        assert_eq!((pool.stats().workers, pool.stats().queued), (0, 0));
    });
}

// contract: X1, X3
#[test]
fn waiting_for_what_runs_and_cancelling_the_rest() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let report = thread::scope(|s| {
            let shutdown = s.spawn(|| pool.shutdown(true, true).unwrap());
            // They are cancelled while the other one runs.
            wait(&queued, ReturnWhen::AllCompleted, None);
            held.release();
            shutdown.join().unwrap()
        });
        threads.assert_none_left();
        assert_eq!((report.ran, report.cancelled), (1, 3));
        assert_eq!((report.still_running, report.still_queued), (0, 0));
        assert!(queued.into_iter().all(is_cancelled_by_shutdown));
    });
}

// contract: X1, X7
#[test]
fn not_waiting_returns_while_calls_run_and_wait() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let report = pool.shutdown(false, false).unwrap();
        assert_eq!((report.ran, report.cancelled), (0, 0));
        assert_eq!((report.still_running, report.still_queued), (1, 3));
        assert!(matches!(pool.spawn(|| ()), Err(SubmitError::ShutDown(_))));
        held.release();
        for (n, future) in queued.into_iter().enumerate() {
            assert_eq!(future.result().unwrap(), n);
        }
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: X1, X3
#[test]
fn not_waiting_and_cancelling_returns_while_a_call_runs() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let report = pool.shutdown(false, true).unwrap();
        assert_eq!((report.ran, report.cancelled), (0, 3));
        assert_eq!((report.still_running, report.still_queued), (1, 0));
        assert!(queued.into_iter().all(is_cancelled_by_shutdown));
        held.release();
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: X1
#[test]
fn a_shutdown_is_idempotent_and_can_cancel_later() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        for _ in 0..3 {
            assert_eq!(pool.shutdown(false, false).unwrap().still_queued, 3);
        }
        assert_eq!(pool.shutdown(false, true).unwrap().cancelled, 3);
        assert!(queued.into_iter().all(is_cancelled_by_shutdown));
        held.release();
        for _ in 0..3 {
            let report = pool.shutdown(true, true).unwrap();
            assert_eq!((report.ran, report.cancelled), (1, 3));
            assert_eq!((report.still_running, report.still_queued), (0, 0));
        }
        threads.assert_none_left();
    });
}

// contract: X1
#[test]
fn a_shutdown_with_a_timeout_reports_what_is_left() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let start = Instant::now();
        let report = pool
            .shutdown_timeout(Duration::from_millis(5), false)
            .unwrap();
        assert!(start.elapsed() >= Duration::from_millis(5));
        assert_eq!((report.ran, report.cancelled), (0, 0));
        assert_eq!((report.still_running, report.still_queued), (1, 3));
        let report = pool.shutdown_timeout(Duration::ZERO, true).unwrap();
        assert_eq!((report.ran, report.cancelled), (0, 3));
        assert_eq!((report.still_running, report.still_queued), (1, 0));
        held.release();
        let report = pool.shutdown_timeout(Duration::MAX, true).unwrap();
        assert_eq!(
            (report.ran, report.cancelled, report.still_running),
            (1, 3, 0)
        );
        threads.assert_none_left();
        assert!(queued.into_iter().all(is_cancelled_by_shutdown));
    });
}

// contract: X1
#[test]
fn a_report_counts_calls_that_a_worker_ran_for_itself() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .capacity(1)
            .build()
            .unwrap();
        let (started, gate) = (Gate::new(), Gate::new());
        let outer = pool.spawn({
            let (handle, started, gate) = (pool.handle(), started.clone(), gate.clone());
            move || {
                let queued = handle.spawn(|| 1).unwrap();
                // The queue is full: the worker runs this one itself.
                let own = handle.spawn(move || {
                    started.open();
                    gate.pass();
                    2
                });
                own.unwrap().result().unwrap() + queued.result().unwrap()
            }
        });
        started.pass();
        assert_eq!(pool.shutdown(false, false).unwrap().ran, 0);
        gate.open();
        assert_eq!(outer.unwrap().result().unwrap(), 3);
        assert_eq!(pool.shutdown(true, false).unwrap().ran, 3);
    });
}

// contract: X1
#[test]
fn idle_workers_are_not_reported_as_running() {
    bounded(|| {
        let threads = Threads::new();
        for _ in 0..100 {
            let pool = threads.pool(2);
            let held = (Held::on(&pool), Held::on(&pool));
            held.0.release();
            eventually("one is idle", || pool.stats().idle == 1);
            let report = pool.shutdown(false, false).unwrap();
            assert_eq!(report.still_running, 1);
            let report = pool.shutdown_timeout(Duration::ZERO, false).unwrap();
            assert_eq!(report.still_running, 1);
            held.1.release();
        }
    });
}

// contract: X1
#[test]
fn many_threads_shut_down_at_once() {
    bounded(|| {
        let threads = Threads::new();
        for round in 0..50 {
            let pool = threads.pool(2);
            let drops = Drops::new();
            let futures: Vec<_> = (0..100)
                .map(|n| {
                    let token = drops.token();
                    pool.spawn(move || {
                        let _token = token;
                        n
                    })
                    .unwrap()
                })
                .collect();
            thread::scope(|s| {
                for n in 0..6 {
                    let pool = &pool;
                    s.spawn(move || {
                        let (waits, cancels) = (n % 2 == 0, (n + round) % 3 == 0);
                        pool.shutdown(waits, cancels).unwrap();
                        if waits {
                            assert_eq!(pool.stats().workers, 0);
                        }
                    });
                }
            });
            threads.assert_none_left();
            assert_eq!(drops.count(), 100);
            for (n, future) in futures.into_iter().enumerate() {
                match future.result() {
                    Ok(value) => assert_eq!(value, n),
                    Err(TaskError::Cancelled(CancelledBy::Shutdown)) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    });
}

// contract: X2, X6
#[test]
fn dropping_a_pool_runs_what_was_submitted_and_joins() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let handle = pool.handle();
        let gate = held.gate();
        thread::scope(|s| {
            s.spawn(|| drop(pool));
            eventually("it is closed", || handle.try_spawn(|| ()).is_err());
            assert!(queued.iter().all(|f| !f.done()));
            gate.open();
        });
        threads.assert_none_left();
        for (n, future) in queued.into_iter().enumerate() {
            assert_eq!(future.try_result().unwrap(), n);
        }
        assert!(matches!(handle.spawn(|| ()), Err(SubmitError::ShutDown(_))));
    });
}

// contract: X3
#[test]
fn everybody_who_waits_sees_what_a_shutdown_cancels() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let mut queued = queued.into_iter();
        let taken = queued.next().unwrap();
        let rest: Vec<_> = queued.collect();
        let (called, calls) = mpsc::channel();
        rest[0].add_done_callback(move |done| called.send(done.state()).unwrap());
        let about_to_wait = AtomicUsize::new(0);
        let arrive = || about_to_wait.fetch_add(1, Ordering::SeqCst);
        thread::scope(|s| {
            let by_value = s.spawn(|| {
                arrive();
                is_cancelled_by_shutdown(taken)
            });
            let by_reference = s.spawn(|| {
                arrive();
                rest[0].result_ref().is_err()
            });
            let all = s.spawn(|| {
                arrive();
                wait(&rest, ReturnWhen::AllCompleted, None).done.len()
            });
            let one_by_one = s.spawn(|| {
                arrive();
                as_completed(&rest).filter(|f| f.cancelled()).count()
            });
            eventually("all wait", || about_to_wait.load(Ordering::SeqCst) == 4);
            pool.shutdown(false, true).unwrap();
            assert!(by_value.join().unwrap());
            assert!(by_reference.join().unwrap());
            assert_eq!(all.join().unwrap(), 2);
            assert_eq!(one_by_one.join().unwrap(), 2);
        });
        assert_eq!(calls.iter().collect::<Vec<_>>(), [TaskState::Cancelled]);
        held.release();
    });
}
