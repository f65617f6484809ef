//! R: blocking, polling and bounded waits for one outcome, and what comes out of them.

use std::{
    sync::{Arc, Barrier, mpsc},
    thread,
    time::Duration,
};

use concurrent_futures::{
    CancelledBy, Policy, ResultError, StdClock, TaskError, TaskState, ThreadPoolExecutor,
    core::platform::{Clock, Time},
    promise,
};
use concurrent_futures_tests::{Drops, Gate, bounded};

use crate::{
    held::Held,
    wakers::{Wakes, block_on, poll_once},
};

const SHORT: Duration = Duration::from_millis(5);

// contract: R1, R4
#[test]
fn every_blocked_reader_gets_the_one_value() {
    bounded(|| {
        let (promise, future) = promise();
        let future = Arc::new(future);
        let start = Arc::new(Barrier::new(5));
        let readers: Vec<_> = (0..4)
            .map(|n| {
                let (future, start) = (Arc::clone(&future), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    let value: &String = match n {
                        0 => future.result_ref().unwrap(),
                        1 => future.result_ref_timeout(Duration::MAX).unwrap().unwrap(),
                        2 => {
                            assert!(future.wait());
                            future.result_ref().unwrap()
                        }
                        _ => {
                            assert!(future.wait_timeout(Duration::MAX));
                            future.result_ref().unwrap()
                        }
                    };
                    (value.clone(), value.as_ptr().addr())
                })
            })
            .collect();
        start.wait();
        promise.set(String::from("shared")).unwrap();
        let seen: Vec<_> = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect();
        assert!(
            seen.iter()
                .all(|(value, at)| value == "shared" && *at == seen[0].1)
        );
        let future = Arc::into_inner(future).expect("the readers are gone");
        assert_eq!(future.result().unwrap(), "shared");
    });
}

// contract: R1
#[test]
fn polling_hands_an_unfinished_future_back() {
    bounded(|| {
        let (promise, future) = promise();
        let id = future.id();
        let future = match future.try_result() {
            Err(ResultError::Unfinished(future)) => future,
            other => panic!("{other:?}"),
        };
        assert_eq!((future.id(), future.state()), (id, TaskState::Pending));
        promise.set(3).unwrap();
        assert_eq!(future.try_result().unwrap(), 3);
    });
}

// contract: R1
#[test]
fn a_wait_that_times_out_leaves_the_call_untouched() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let gate = Gate::new();
        let (began, begun) = mpsc::channel();
        let mut running = pool
            .spawn({
                let gate = gate.clone();
                move || {
                    began.send(()).unwrap();
                    gate.pass();
                    1
                }
            })
            .unwrap();
        begun.recv().unwrap();
        let drops = Drops::new();
        let token = drops.token();
        let mut waiting = pool
            .spawn(move || {
                drop(token);
                2
            })
            .unwrap();
        for timeout in [Duration::ZERO, SHORT] {
            assert!(!waiting.wait_timeout(timeout));
            assert!(waiting.result_ref_timeout(timeout).is_none());
            running = running
                .result_timeout(timeout)
                .unwrap_err()
                .into_future()
                .unwrap();
            waiting = match waiting.result_timeout(timeout) {
                Err(ResultError::Unfinished(future)) => future,
                other => panic!("{other:?}"),
            };
        }
        assert_eq!(
            (running.state(), waiting.state(), drops.count()),
            (TaskState::Running, TaskState::Pending, 0)
        );
        gate.open();
        assert_eq!(
            (running.result().unwrap(), waiting.result().unwrap()),
            (1, 2)
        );
        assert_eq!(drops.count(), 1);
    });
}

// contract: R1
#[test]
fn a_deadline_is_a_point_in_time() {
    bounded(|| {
        let (promise, future) = promise();
        let soon = StdClock::now().unwrap().checked_add(SHORT).unwrap();
        let past = Time::from_epoch(Duration::ZERO);
        let future = future
            .result_deadline(past)
            .unwrap_err()
            .into_future()
            .unwrap();
        let future = future
            .result_deadline(soon)
            .unwrap_err()
            .into_future()
            .unwrap();
        assert!(
            StdClock::now().unwrap() >= soon,
            "it did not give up before"
        );
        let never = Time::from_epoch(Duration::MAX);
        let waiter = thread::spawn(move || future.result_deadline(never));
        promise.set(4).unwrap();
        assert_eq!(waiter.join().unwrap().unwrap(), 4);
    });
}

// contract: R1
#[test]
fn more_time_than_the_clock_counts_is_for_ever() {
    bounded(|| {
        let (promise, future) = promise();
        let waiter = thread::spawn(move || future.result_timeout(Duration::MAX));
        promise.set(4).unwrap();
        assert_eq!(waiter.join().unwrap().unwrap(), 4);
    });
}

// contract: R2
#[test]
fn what_is_done_answers_whatever_the_timeout() {
    bounded(|| {
        let done = || {
            let (promise, future) = promise();
            promise.set(9).unwrap();
            future
        };
        for timeout in [Duration::ZERO, SHORT, Duration::MAX] {
            assert_eq!(done().result_timeout(timeout).unwrap(), 9);
            assert!(done().wait_timeout(timeout));
            assert_eq!(*done().result_ref_timeout(timeout).unwrap().unwrap(), 9);
        }
        assert_eq!(done().try_result().unwrap(), 9);
        assert_eq!(
            done()
                .result_deadline(Time::from_epoch(Duration::ZERO))
                .unwrap(),
            9
        );

        let (broken_promise, failed) = promise::<u8>();
        drop(broken_promise);
        assert!(matches!(
            failed.result_timeout(Duration::ZERO),
            Err(ResultError::Task(TaskError::Abandoned))
        ));
        let (_promise, cancelled) = promise::<u8>();
        assert!(cancelled.cancel());
        assert!(matches!(
            cancelled.result_ref_timeout(Duration::ZERO),
            Some(Err(TaskError::Cancelled(CancelledBy::Caller)))
        ));
        assert!(matches!(
            cancelled.result_deadline(Time::from_epoch(Duration::ZERO)),
            Err(ResultError::Task(TaskError::Cancelled(CancelledBy::Caller)))
        ));
    });
}

// contract: R3
#[test]
fn a_cancelled_outcome_says_who_did_it() {
    bounded(|| {
        let pool = ThreadPoolExecutor::builder()
            .max_workers(1)
            .capacity(3)
            .policy(Policy::DiscardOldest)
            .build()
            .unwrap();
        let held = Held::on(&pool);
        let [discarded, by_caller, by_shutdown, _new] =
            [1, 2, 3, 4].map(|n| pool.spawn(move || n).unwrap());
        assert!(by_caller.cancel());
        pool.shutdown(false, true).unwrap();
        held.release();
        for (future, who) in [
            (discarded, CancelledBy::Discarded),
            (by_caller, CancelledBy::Caller),
            (by_shutdown, CancelledBy::Shutdown),
        ] {
            match future.result_ref() {
                Err(TaskError::Cancelled(by)) => assert_eq!(*by, who),
                other => panic!("{other:?}"),
            }
            match future.result() {
                Err(TaskError::Cancelled(by)) => assert_eq!(by, who),
                other => panic!("{other:?}"),
            }
        }
    });
}

// contract: R3
#[test]
fn a_timeout_an_error_of_the_task_and_a_panic_are_different_things() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        // The task's own error looks like the library's, and still is a value.
        let own = pool.spawn(|| Err::<u8, _>(TaskError::Abandoned)).unwrap();
        assert!(matches!(
            own.result_timeout(Duration::MAX),
            Ok(Err(TaskError::Abandoned))
        ));
        let panicked = pool
            .spawn(|| -> Result<u8, TaskError> { panic!("x") })
            .unwrap();
        assert!(matches!(
            panicked.result_timeout(Duration::MAX),
            Err(ResultError::Task(TaskError::Panicked(_)))
        ));
        let (_promise, never) = promise::<Result<u8, TaskError>>();
        assert!(matches!(
            never.result_timeout(Duration::ZERO),
            Err(ResultError::Unfinished(_))
        ));
    });
}

// contract: R5
#[test]
fn a_cancel_wakes_everybody_who_waits() {
    bounded(|| {
        for _ in 0..20 {
            let (_promise, mut future) = promise::<u8>();
            let wakes = Wakes::new();
            assert!(poll_once(&mut future, &wakes).is_pending());
            let future = Arc::new(future);
            let start = Arc::new(Barrier::new(4));
            let waiters: Vec<_> = (0..3)
                .map(|n| {
                    let (future, start) = (Arc::clone(&future), Arc::clone(&start));
                    thread::spawn(move || {
                        start.wait();
                        match n {
                            0 => matches!(
                                future.result_ref(),
                                Err(TaskError::Cancelled(CancelledBy::Caller))
                            ),
                            1 => future.wait(),
                            _ => future.wait_timeout(Duration::MAX),
                        }
                    })
                })
                .collect();
            start.wait();
            assert!(future.cancel());
            assert_eq!(wakes.count(), 1);
            for waiter in waiters {
                assert!(waiter.join().unwrap());
            }
        }
    });
}

// contract: R3, R5
#[test]
fn a_shutdown_that_cancels_wakes_who_waits_by_value() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let waiters: Vec<_> = (0..3)
            .map(|n| {
                let future = pool.spawn(|| ()).unwrap();
                thread::spawn(move || match n {
                    0 => future.result(),
                    1 => match future.result_timeout(Duration::MAX) {
                        Err(ResultError::Task(error)) => Err(error),
                        other => panic!("{other:?}"),
                    },
                    _ => block_on(future),
                })
            })
            .collect();
        pool.shutdown(false, true).unwrap();
        for waiter in waiters {
            let outcome = waiter.join().unwrap();
            assert!(
                matches!(outcome, Err(TaskError::Cancelled(CancelledBy::Shutdown))),
                "{outcome:?}"
            );
        }
        held.release();
    });
}

// contract: R1, R2
#[test]
fn timed_waits_that_give_up_while_the_call_ends_lose_nothing() {
    bounded(|| {
        for _ in 0..100 {
            let (promise, mut future) = promise();
            let producer = thread::spawn(move || promise.set(7).is_ok());
            let value = loop {
                match future.result_timeout(Duration::from_micros(1)) {
                    Ok(value) => break value,
                    Err(error) => future = error.into_future().expect("only the time was over"),
                }
            };
            assert_eq!(value, 7);
            assert!(producer.join().unwrap());
        }
    });
}
