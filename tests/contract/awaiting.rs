//! R6: awaiting, blocking in between, and going away while awaiting.

use std::{
    sync::{Arc, Barrier, Mutex, mpsc},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use concurrent_futures::{
    CancelledBy, ErrorReport, ResultError, TaskError, TaskState, ThreadPoolExecutor, promise,
};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::wakers::{Happens, Wakes, block_on, calling, poll_once};

// contract: R6
#[test]
fn awaiting_wakes_once_and_gives_the_outcome() {
    bounded(|| {
        let (promise, mut future) = promise();
        let wakes = Wakes::new();
        assert!(poll_once(&mut future, &wakes).is_pending());
        assert_eq!(wakes.count(), 0);
        promise.set(6).unwrap();
        assert_eq!(wakes.count(), 1);
        assert!(matches!(poll_once(&mut future, &wakes), Poll::Ready(Ok(6))));
        drop(future);
        assert_eq!((wakes.count(), wakes.kept()), (1, 0));

        let pool = ThreadPoolExecutor::new(1).unwrap();
        assert_eq!(block_on(pool.spawn(|| 7).unwrap()).unwrap(), 7);
        let panicked = block_on(pool.spawn(|| -> u8 { panic!("awaited") }).unwrap());
        assert!(matches!(panicked, Err(TaskError::Panicked(_))));
        let done = pool.spawn(|| 8).unwrap();
        assert!(done.wait());
        assert_eq!(block_on(done).unwrap(), 8);
    });
}

// contract: R6
#[test]
fn only_the_latest_waker_has_to_be_woken() {
    bounded(|| {
        let (promise, mut future) = promise();
        let (first, second) = (Wakes::new(), Wakes::new());
        assert!(poll_once(&mut future, &first).is_pending());
        assert!(poll_once(&mut future, &second).is_pending());
        assert_eq!(first.kept(), 0, "the waker that was replaced is dropped");
        promise.set(6).unwrap();
        assert_eq!(second.count(), 1);
        assert!(matches!(
            poll_once(&mut future, &second),
            Poll::Ready(Ok(6))
        ));
    });
}

// contract: R6
#[test]
fn awaiting_and_blocking_can_follow_each_other() {
    bounded(|| {
        let (promise, future) = promise();
        // Block, await, block with a limit, await again, block to the end.
        let mut future = future
            .result_timeout(Duration::from_millis(5))
            .unwrap_err()
            .into_future()
            .unwrap();
        let wakes = Wakes::new();
        assert!(poll_once(&mut future, &wakes).is_pending());
        let mut future = future
            .result_timeout(Duration::from_millis(5))
            .unwrap_err()
            .into_future()
            .unwrap();
        assert!(!future.wait_timeout(Duration::from_millis(5)));
        assert!(poll_once(&mut future, &wakes).is_pending());
        let blocked = thread::spawn(move || future.result());
        promise.set(String::from("both")).unwrap();
        assert_eq!(blocked.join().unwrap().unwrap(), "both");
        assert_eq!(wakes.kept(), 0, "no waker is left behind");

        let (other_promise, future) = self::promise();
        let mut future = future.try_result().unwrap_err().into_future().unwrap();
        let awaiting = thread::spawn(move || block_on(async { (&mut future).await }));
        other_promise.set(1).unwrap();
        assert_eq!(awaiting.join().unwrap().unwrap(), 1);
    });
}

// contract: R6
#[test]
fn dropping_the_awaiting_side_causes_no_stray_wake() {
    bounded(|| {
        let (promise_a, mut future) = promise();
        let wakes = Wakes::new();
        assert!(poll_once(&mut future, &wakes).is_pending());
        drop(future);
        assert_eq!(wakes.kept(), 0, "the waker goes with the future");
        promise_a.set(1).unwrap();
        assert_eq!(wakes.count(), 0);

        let pool = ThreadPoolExecutor::new(1).unwrap();
        let gate = Gate::new();
        let mut future = pool
            .spawn({
                let gate = gate.clone();
                move || gate.pass()
            })
            .unwrap();
        assert!(poll_once(&mut future, &wakes).is_pending());
        drop(future);
        gate.open();
        pool.shutdown(true, false).unwrap();
        assert_eq!((wakes.count(), wakes.kept()), (0, 0));
    });
}

// contract: R6
#[test]
fn an_awaiting_side_that_goes_while_the_call_ends_leaves_no_waker() {
    bounded(|| {
        for _ in 0..300 {
            let (promise, mut future) = promise();
            let wakes = Wakes::new();
            assert!(poll_once(&mut future, &wakes).is_pending());
            let start = Barrier::new(2);
            let drops = Drops::new();
            thread::scope(|s| {
                s.spawn(|| {
                    start.wait();
                    assert!(promise.set(drops.token()).is_ok());
                });
                start.wait();
                drop(future);
            });
            assert!(wakes.count() <= 1);
            assert_eq!((wakes.kept(), drops.count()), (0, 1));
        }
    });
}

// contract: R6
#[test]
fn an_outcome_that_was_awaited_is_consumed() {
    bounded(|| {
        let consumed = || {
            let (promise, mut future) = promise();
            promise.set(1).unwrap();
            assert_eq!(block_on(&mut future).unwrap(), 1);
            assert_eq!((future.done(), future.state()), (true, TaskState::Finished));
            future
        };
        let mut polled = consumed();
        let wakes = Wakes::new();
        for _ in 0..2 {
            assert!(matches!(
                poll_once(&mut polled, &wakes),
                Poll::Ready(Err(TaskError::Consumed))
            ));
        }
        assert!(matches!(consumed().result(), Err(TaskError::Consumed)));
        assert!(matches!(consumed().result_ref(), Err(TaskError::Consumed)));
        assert!(matches!(
            consumed().try_result(),
            Err(ResultError::Task(TaskError::Consumed))
        ));
        // A cancelled call has nothing to take: it stays cancelled.
        let (_promise, mut cancelled) = promise::<u8>();
        assert!(cancelled.cancel());
        for _ in 0..2 {
            assert!(matches!(
                block_on(&mut cancelled),
                Err(TaskError::Cancelled(CancelledBy::Caller))
            ));
        }
    });
}

// contract: R6
#[test]
fn a_waker_that_panics_harms_nobody_else() {
    bounded(|| {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .error_hook({
                let reports = Arc::clone(&reports);
                move |report| {
                    if let ErrorReport::WakerPanicked(panic) = report {
                        reports.lock().unwrap().push(panic.message().to_owned());
                    }
                }
            })
            .build()
            .unwrap();
        let gate = Gate::new();
        let mut future = pool
            .spawn({
                let gate = gate.clone();
                move || {
                    gate.pass();
                    5
                }
            })
            .unwrap();
        let waker = calling(|happens| assert_ne!(happens, Happens::Wake, "bad waker"));
        assert!(
            std::pin::pin!(&mut future)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        let (tell, told) = mpsc::channel();
        future.add_done_callback(move |done| tell.send(*done.outcome().unwrap()).unwrap());
        let future = Arc::new(future);
        let reader = thread::spawn({
            let future = Arc::clone(&future);
            move || *future.result_ref().unwrap()
        });
        gate.open();
        assert_eq!((reader.join().unwrap(), told.recv().unwrap()), (5, 5));
        assert_eq!(
            pool.spawn(|| 6).unwrap().result().unwrap(),
            6,
            "the worker lives on"
        );
        drop(pool);
        threads.assert_none_left();
        let reports = reports.lock().unwrap();
        assert!(
            reports.len() == 1 && reports[0].contains("bad waker"),
            "{reports:?}"
        );
    });
}
