//! One call, and everybody who may have to do with it.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
};

use concurrent_futures_core::{
    executor::Pool,
    future::{self, CancelledBy, Future, ResultError, TaskError},
};
use shuttle::thread;

use super::platform::{
    Model, SHORT, WakeThread, any_of, config, counting_hook, perhaps, pool, user_panic,
};
use crate::counts::{Answer, Counts, Value};

/// Awaits on this thread.
pub fn block_on<T>(future: &mut Future<T>) -> Result<T, TaskError> {
    let waker = Waker::from(Arc::new(WakeThread(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut *future).poll(&mut context) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => thread::park(),
        }
    }
}

/// Whoever is the last to have the future ends with it, in one of the ways that there are.
fn end(future: Arc<Future<Value>>, counts: &Counts, callbacks: usize) -> Option<Answer> {
    let mut future = Arc::into_inner(future)?;
    let outcome = match any_of(5) {
        0 => future.result(),
        1 => match future.result_timeout(SHORT) {
            Ok(value) => Ok(value),
            Err(ResultError::Task(error)) => Err(error),
            Err(unfinished) => unfinished.into_future()?.result(),
        },
        2 => block_on(&mut future),
        3 => {
            // Its waker stays behind, and goes with the future.
            let mut context = Context::from_waker(Waker::noop());
            let Poll::Ready(outcome) = Pin::new(&mut future).poll(&mut context) else {
                return None;
            };
            outcome
        }
        _ => return None,
    };
    counts.check_taken(callbacks);
    Some(Answer::of(outcome.as_ref()))
}

/// A worker, a canceller, two who wait by reference, one of them not for long, two who add callbacks, and whoever is last.
// contract: F1 F3 C1 C2 K1 K2 K4 R1 R3 R5 R6
pub fn one_call() {
    const CALLBACKS: usize = 2;
    let pool = pool(1);
    let counts = Arc::new(Counts::default());
    let future = pool.spawn(Counts::call(&counts)).expect("there is room");
    let future = Arc::new(future);
    let party = |act: fn(&Future<Value>, &Arc<Counts>) -> (bool, Option<Answer>)| {
        let (future, counts) = (future.clone(), counts.clone());
        thread::spawn(move || {
            let (cancelled, answer) = act(&future, &counts);
            (cancelled, answer, end(future, &counts, CALLBACKS))
        })
    };
    let threads = [
        party(|future, _| (perhaps() && future.cancel(), None)),
        party(|future, _| (false, Some(Answer::of(future.result_ref())))),
        party(|future, _| (false, future.result_ref_timeout(SHORT).map(Answer::of))),
        party(add_callback),
        party(add_callback),
    ];
    drop(future);
    let found = threads.map(|thread| thread.join().expect("it does not panic"));
    drop(pool);
    let cancelled = found.iter().any(|(cancelled, ..)| *cancelled);
    assert_eq!(
        counts.ran(),
        usize::from(!cancelled),
        "a call is run or cancelled"
    );
    let right = if cancelled {
        Answer::Cancelled(CancelledBy::Caller)
    } else {
        Answer::Value
    };
    let answers = found.iter().flat_map(|(_, early, last)| [early, last]);
    for answer in answers.flatten() {
        assert_eq!(*answer, right);
    }
    counts.check(1, CALLBACKS);
}

fn add_callback(future: &Future<Value>, counts: &Arc<Counts>) -> (bool, Option<Answer>) {
    let counts = counts.clone();
    future.add_done_callback(move |done| {
        assert!(done.state() != future::TaskState::Pending);
        let _ = Answer::of(done.outcome());
        counts.called();
    });
    (false, None)
}

/// A promise that is set, set to an error, or dropped, against a canceller and one who waits.
// contract: F2 F5 R1 R5 K1
pub fn promise() {
    let (mut promise, future) = future::promise::<Model, Box<u32>>();
    let producer = thread::spawn(move || match any_of(4) {
        0 => promise.set(Box::new(7)).is_ok(),
        1 => promise.start() && promise.set(Box::new(7)).is_ok(),
        2 => promise.set_error(TaskError::NoWorker).is_ok(),
        _ => {
            drop(promise);
            false
        }
    });
    let future = Arc::new(future);
    let canceller = thread::spawn({
        let future = future.clone();
        move || perhaps() && future.cancel()
    });
    let looked = match future.result_ref() {
        Ok(value) => Some(**value),
        Err(_) => None,
    };
    let cancelled = canceller.join().expect("it does not panic");
    let was_set = producer.join().expect("it does not panic");
    assert!(!(cancelled && was_set), "set and cancelled");
    let future = Arc::into_inner(future).expect("the others are gone");
    match future.result() {
        Ok(value) => assert!(was_set && *value == 7 && looked == Some(7)),
        Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(cancelled),
        Err(TaskError::NoWorker) => assert!(was_set),
        Err(TaskError::Abandoned) => assert!(!was_set && !cancelled),
        Err(other) => panic!("{other}"),
    }
}

/// Failures that nobody read and callbacks that panic are reported once each, whoever comes first.
// contract: S5 S7 C4
pub fn error_hook() {
    let (hook, reports) = counting_hook();
    let pool = Pool::new(concurrent_futures_core::scheduler::Config {
        error_hook: Some(hook),
        ..config(1, 4)
    });
    let counts = Arc::new(Counts::default());
    let future = Arc::new(
        pool.spawn(|| -> u32 { user_panic() })
            .expect("there is room"),
    );
    let adder = thread::spawn({
        let (future, counts) = (future.clone(), counts.clone());
        move || {
            future.add_done_callback(|_| user_panic());
            future.add_done_callback(move |_| counts.called());
        }
    });
    let looks = perhaps();
    if looks {
        assert!(matches!(future.result_ref(), Err(TaskError::Panicked(_))));
    }
    drop(future);
    // The worker that ran into it runs the next one.
    let next = pool.spawn(|| 7).expect("there is room");
    assert_eq!(next.result().expect("it runs"), 7);
    adder.join().expect("it does not panic");
    drop(pool);
    assert_eq!(counts.callbacks(), 1, "the callback after one that panics");
    let unread = usize::from(!looks);
    assert_eq!(
        reports.load(Relaxed),
        1 + unread,
        "a panicking callback, and what nobody read"
    );
}
