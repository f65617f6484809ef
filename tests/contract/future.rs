//! F: the states of a future and its two halves.

use std::{
    sync::{Arc, Barrier, mpsc},
    thread,
};

use concurrent_futures::{CancelledBy, Future, TaskError, TaskState, ThreadPoolExecutor, promise};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::held::Held;

/// What the four predicates and the state say, in one value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    state: TaskState,
    running: bool,
    done: bool,
    cancelled: bool,
    failed: bool,
}

/// Asks all of them.
pub(crate) fn look<T>(future: &Future<T>) -> Seen {
    Seen {
        state: future.state(),
        running: future.running(),
        done: future.done(),
        cancelled: future.cancelled(),
        failed: future.failed(),
    }
}

const PENDING: Seen = Seen {
    state: TaskState::Pending,
    running: false,
    done: false,
    cancelled: false,
    failed: false,
};
const RUNNING: Seen = Seen {
    state: TaskState::Running,
    running: true,
    ..PENDING
};
pub(crate) const FINISHED: Seen = Seen {
    state: TaskState::Finished,
    done: true,
    ..PENDING
};
pub(crate) const FAILED: Seen = Seen {
    failed: true,
    ..FINISHED
};
pub(crate) const CANCELLED: Seen = Seen {
    state: TaskState::Cancelled,
    done: true,
    cancelled: true,
    ..PENDING
};

// contract: F1, F3
#[test]
fn a_call_is_pending_then_running_then_finished() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let gate = Gate::new();
        let (began, begun) = mpsc::channel();
        let first = pool
            .spawn({
                let gate = gate.clone();
                move || {
                    began.send(()).unwrap();
                    gate.pass();
                    1
                }
            })
            .unwrap();
        let second = pool.spawn(|| 2).unwrap();
        begun.recv().unwrap();
        assert_eq!((look(&first), look(&second)), (RUNNING, PENDING));
        gate.open();
        assert!(second.wait());
        assert_eq!((look(&first), look(&second)), (FINISHED, FINISHED));
        assert_eq!((first.result().unwrap(), second.result().unwrap()), (1, 2));
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: F1, F3
#[test]
fn a_panic_and_a_promised_error_are_finished_too() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let panicked = pool.spawn(|| -> u8 { panic!("on purpose") }).unwrap();
        assert!(panicked.wait());
        assert_eq!(look(&panicked), FAILED);
        let (promise, promised) = promise::<u8>();
        promise.set_error(TaskError::Abandoned).unwrap();
        assert_eq!(look(&promised), FAILED);
        assert!(matches!(promised.result(), Err(TaskError::Abandoned)));
    });
}

// contract: F1, F3
#[test]
fn a_cancelled_call_is_done_before_any_worker_passes_it() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let held = Held::on(&pool);
        let cancelled = pool.spawn(|| 2).unwrap();
        assert!(cancelled.cancel());
        assert_eq!(look(&cancelled), CANCELLED);
        held.release();
        pool.shutdown(true, false).unwrap();
        threads.assert_none_left();
        assert_eq!(
            look(&cancelled),
            CANCELLED,
            "it stays so when its place in the queue is passed"
        );
    });
}

// contract: F1, F2, F3
#[test]
fn a_promise_goes_through_the_same_states() {
    bounded(|| {
        let (mut promise, future) = promise();
        assert_eq!(look(&future), PENDING);
        assert!(promise.start());
        assert!(promise.start(), "announcing it again changes nothing");
        assert_eq!(look(&future), RUNNING);
        assert!(!future.cancel());
        promise.set(5).unwrap();
        assert_eq!(look(&future), FINISHED);
        assert!(!future.cancel());
        assert_eq!(future.result().unwrap(), 5);
    });
}

// contract: F2
#[test]
fn an_outcome_after_a_cancel_comes_back_and_the_first_one_stays() {
    bounded(|| {
        let drops = Drops::new();
        let (promise_of_value, future) = promise();
        assert!(future.cancel());
        let late = promise_of_value.set(drops.token()).unwrap_err();
        assert_eq!(drops.count(), 0, "the value is in the error");
        drop(late.into_inner());
        assert_eq!(drops.count(), 1);
        assert!(matches!(
            future.result().map(drop),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ));

        let (mut promise_of_error, future) = promise::<u8>();
        assert!(future.cancel());
        assert!(!promise_of_error.start());
        let late = promise_of_error
            .set_error(TaskError::Abandoned)
            .unwrap_err();
        assert!(matches!(late.into_inner(), TaskError::Abandoned));
        assert_eq!(look(&future), CANCELLED);
    });
}

// contract: F1, F2, K1
#[test]
fn of_a_set_and_a_cancel_at_once_exactly_one_wins() {
    bounded(|| {
        for _ in 0..300 {
            let (promise, future) = promise();
            let start = Barrier::new(2);
            let (set, cancelled) = thread::scope(|s| {
                let set = s.spawn(|| {
                    start.wait();
                    promise.set(1).is_ok()
                });
                start.wait();
                let cancelled = future.cancel();
                (set.join().unwrap(), cancelled)
            });
            assert_ne!(set, cancelled);
            assert_eq!(future.cancelled(), cancelled);
            match future.result() {
                Ok(1) => assert!(set),
                Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(cancelled),
                other => panic!("{other:?}"),
            }
        }
    });
}

/// Has no `Debug`.
struct Secret(#[expect(dead_code, reason = "must not be printed")] u32);

// contract: F4
#[test]
fn debug_shows_the_state_and_not_the_value() {
    bounded(|| {
        let (mut promise_a, a) = promise();
        let (_promise_b, b) = promise::<Secret>();
        assert!(format!("{a:?}").contains("pending"));
        assert!(promise_a.start());
        assert!(format!("{a:?}").contains("running"));
        promise_a.set(Secret(424_242)).unwrap();
        let shown = format!("{a:?}");
        assert!(
            shown.contains("finished") && !shown.contains("424242"),
            "{shown}"
        );
        assert!(b.cancel());
        assert!(format!("{b:?}").contains("cancelled"));
        // A failure is finished, and its message is part of the outcome.
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let failed = pool.spawn(|| panic!("not to be printed")).unwrap();
        assert!(failed.wait());
        let shown = format!("{failed:?}");
        assert!(
            shown.contains("finished") && !shown.contains("printed"),
            "{shown}"
        );
    });
}

// contract: F4
#[test]
fn debug_of_a_running_call_does_not_wait_for_it() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let gate = Gate::new();
        let (began, begun) = mpsc::channel();
        let call = pool
            .spawn({
                let gate = gate.clone();
                move || {
                    began.send(()).unwrap();
                    gate.pass();
                }
            })
            .unwrap();
        begun.recv().unwrap();
        assert!(format!("{call:?} {pool:?}").contains("running"));
        gate.open();
        call.result().unwrap();
    });
}

// contract: F6
#[test]
fn futures_that_exist_together_have_different_identities() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let futures: Vec<_> = (0..100)
            .map(|n| Arc::new(pool.spawn(move || n).unwrap()))
            .collect();
        let ids: std::collections::HashSet<_> = futures.iter().map(|future| future.id()).collect();
        assert_eq!(ids.len(), 100);
        let (tell, told) = mpsc::channel();
        for future in &futures {
            assert_eq!(Arc::clone(future).id(), future.id());
            let tell = tell.clone();
            future.add_done_callback(move |done| tell.send(done.id()).unwrap());
        }
        drop(tell);
        pool.shutdown(true, false).unwrap();
        assert_eq!(told.iter().collect::<std::collections::HashSet<_>>(), ids);
        for future in &futures {
            assert!(
                ids.contains(&future.id()),
                "done or not, it is the same one"
            );
        }
    });
}
