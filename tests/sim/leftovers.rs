//! What is left when all is over.

use std::mem::forget;

use concurrent_futures::{
    core::{executor::PumpExecutor, queue::Ring},
    sim::{self, Failure, Fault, SimExecutor, SimPlatform},
};

use crate::help::{List, failure, few};

#[track_caller]
fn assert_never_finished(found: &Failure, word: &str) {
    let Fault::NeverFinished(details) = found.fault() else {
        panic!("not called never finished: {found}");
    };
    assert!(details.contains(word), "{details}");
}

#[track_caller]
fn assert_leaked(found: &Failure, word: &str) {
    let Fault::Leaked(details) = found.fault() else {
        panic!("not called leaked: {found}");
    };
    assert!(details.contains(word), "{details}");
}

// contract: D1, F5
#[test]
fn a_forgotten_promise_whose_future_is_kept_elsewhere_is_never_finished() {
    let kept = List::new();
    let found = failure(few(), move || {
        let (promise, future) = sim::promise::<u8>();
        forget(promise);
        kept.push(future);
    });
    assert_never_finished(&found, "call 1, made by main");
}

// contract: D1, F5
#[test]
fn a_forgotten_promise_whose_future_is_dropped_is_never_finished() {
    let found = failure(few(), || {
        sim::spawn(|| forget(sim::promise::<u8>().0)).join();
    });
    assert_never_finished(&found, "made by thread 0");
}

// contract: D1
#[test]
fn a_call_in_the_queue_of_a_forgotten_pump_is_never_finished() {
    let found = failure(few(), || {
        let pump = PumpExecutor::<SimPlatform, _>::new(Ring::new(4).unwrap());
        let call = pump.spawn(|| 1).unwrap();
        forget((pump, call));
    });
    assert_never_finished(&found, "call 1, made by main");
}

// contract: D1
#[test]
fn a_call_that_was_started_by_hand_and_forgotten_is_never_finished() {
    let found = failure(few(), || {
        let pump = PumpExecutor::<SimPlatform, _>::new(Ring::new(4).unwrap());
        let call = pump.spawn(|| 1).unwrap();
        forget(pump.take().unwrap().start().unwrap());
        assert!(call.running());
        drop(call);
    });
    assert_never_finished(&found, "call 1, made by main");
}

// contract: D1
#[test]
fn a_future_that_was_forgotten_with_its_outcome_is_a_leaked_call() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        forget(pool.spawn(|| String::from("outcome")).unwrap());
    });
    assert_leaked(&found, "call 1, made by main, is over");
}

// contract: D1
#[test]
fn a_future_of_a_cancelled_call_that_was_forgotten_is_a_leaked_call() {
    let found = failure(few(), || {
        let pump = PumpExecutor::<SimPlatform, _>::new(Ring::new(4).unwrap());
        let call = pump.spawn(|| 1).unwrap();
        assert!(call.cancel());
        forget(call);
    });
    assert_leaked(&found, "call 1, made by main, is over");
}

// contract: D1
#[test]
fn how_many_calls_are_leaked_is_said() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(2);
        forget([0, 1, 2].map(|n| pool.spawn(move || n).unwrap()));
    });
    assert_leaked(&found, "2 more");
}

// contract: D1
#[test]
fn an_executor_with_workers_that_is_never_dropped_is_a_leak() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        pool.spawn(|| ()).unwrap().result().unwrap();
        forget(pool);
    });
    assert_leaked(&found, "worker 0 sleeps");
}

// contract: D1
#[test]
fn of_two_executors_the_one_that_is_never_dropped_is_told() {
    let found = failure(few(), || {
        let (dropped, kept) = (SimExecutor::new(1), SimExecutor::new(1));
        dropped.spawn(|| ()).unwrap().result().unwrap();
        kept.spawn(|| ()).unwrap().result().unwrap();
        forget(kept);
    });
    assert_leaked(&found, "worker 1 sleeps");
    assert!(!found.fault().details().contains("worker 0"), "{found}");
}

// contract: D1
#[test]
fn an_executor_that_was_shut_down_and_then_forgotten_is_none() {
    few().check(|| {
        let pool = SimExecutor::new(2);
        pool.spawn(|| ()).unwrap().result().unwrap();
        pool.shutdown(true, false).unwrap();
        forget(pool);
        let pool = SimExecutor::new(2);
        let call = pool.spawn(|| ()).unwrap();
        pool.shutdown(false, false).unwrap();
        call.result().unwrap();
        forget(pool);
    });
}

// contract: D1
#[test]
fn threads_that_nobody_joins_are_waited_for() {
    few().check(|| {
        let (promise, future) = sim::promise::<u8>();
        drop(sim::spawn(move || {
            sim::sleep(crate::help::SECOND);
            promise.set(3).unwrap();
        }));
        drop(sim::spawn(move || assert_eq!(future.result().unwrap(), 3)));
    });
}

// contract: D1, K4
#[test]
fn dropping_futures_and_promises_everywhere_leaves_nothing() {
    few().check(|| {
        let pool = SimExecutor::new(2);
        drop(pool.spawn(|| String::from("nobody takes it")).unwrap());
        drop(sim::promise::<String>());
        let (promise, future) = sim::promise::<String>();
        drop(future);
        // Nobody is there to have it; whether that is an error is not this test's business.
        let _ = promise.set(String::from("late"));
        let guard = pool.spawn(|| vec![1]).unwrap().cancel_on_drop();
        drop(guard);
    });
}
