//! Waits that nobody can end, and sleepers that nobody woke.

use std::sync::Arc;

use concurrent_futures::{
    Policy, ReturnWhen,
    core::sync::Essential,
    sim::{self, Failure, Fault, SimConfig, SimExecutor, Simulation},
    wait,
};

use crate::help::{List, failure, few};

#[track_caller]
fn assert_deadlock(failure: &Failure, words: &[&str]) {
    let Fault::Deadlock(details) = failure.fault() else {
        panic!("not called a deadlock: {failure}");
    };
    for word in words {
        assert!(details.contains(word), "{word:?} is missing in: {details}");
    }
    assert_eq!(failure.fault().name(), "deadlock");
    assert_eq!(failure.fault().details(), details);
}

// contract: D1
#[test]
fn two_calls_that_wait_for_each_others_promise_are_a_deadlock() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(2);
        let (one, first) = sim::promise::<u8>();
        let (two, second) = sim::promise::<u8>();
        let left = pool
            .spawn(move || {
                let seen = second.result();
                one.set(1).unwrap();
                seen.unwrap()
            })
            .unwrap();
        let right = pool
            .spawn(move || {
                let seen = first.result();
                two.set(2).unwrap();
                seen.unwrap()
            })
            .unwrap();
        let _ = (left.result(), right.result());
    });
    assert_deadlock(
        &found,
        &[
            "worker 0 waits for call",
            "worker 1 waits for call",
            "main waits for call 3, which worker",
        ],
    );
}

// contract: D1
#[test]
fn main_that_waits_for_a_promise_that_somebody_keeps_is_a_deadlock() {
    let found = failure(few(), || {
        let (promise, future) = sim::promise::<u8>();
        let _ = future.result();
        drop(promise);
    });
    assert_deadlock(
        &found,
        &["main waits for call 1, a promise that nobody has kept"],
    );
}

// contract: D1
#[test]
fn a_promise_in_the_hands_of_a_thread_that_waits_for_main_is_a_deadlock() {
    let found = failure(few(), || {
        let (promise, future) = sim::promise::<u8>();
        let (other_promise, other) = sim::promise::<u8>();
        let thread = sim::spawn(move || {
            let _ = other.result();
            promise.set(1).unwrap();
        });
        let _ = future.result();
        other_promise.set(1).unwrap();
        thread.join();
    });
    assert_deadlock(
        &found,
        &["main waits for call 1", "thread 0 waits for call 2"],
    );
}

// contract: D1, T6
#[test]
fn a_cycle_of_nested_waits_is_a_deadlock() {
    // A waits for B, B for C, and C for A.
    let found = failure(few(), || {
        let pool = SimExecutor::new(3);
        let place = List::new();
        let ring = place.clone();
        let (go, may_go) = sim::promise::<()>();
        let c = pool
            .spawn(move || {
                may_go.result().unwrap();
                let a: concurrent_futures::Future<u8> = ring.take().remove(0);
                a.result().unwrap()
            })
            .unwrap();
        let b = pool.spawn(move || c.result().unwrap()).unwrap();
        let a = pool.spawn(move || b.result().unwrap()).unwrap();
        place.push(a);
        go.set(()).unwrap();
    });
    assert_deadlock(&found, &["waits for call", "runs"]);
}

// contract: D1, C1
#[test]
fn a_callback_that_waits_for_the_taker_of_its_own_future_is_a_deadlock() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise::<()>();
        let (start, started) = sim::promise::<()>();
        let call = pool.spawn(move || started.result().unwrap()).unwrap();
        let later = List::new();
        later.push(future);
        call.add_done_callback(move |_| later.take().remove(0).result().unwrap());
        start.set(()).unwrap();
        call.result().unwrap();
        promise.set(()).unwrap();
    });
    assert_deadlock(&found, &["main waits for call", "worker 0 waits for call"]);
}

// contract: D1, X2
#[test]
fn a_shutdown_that_waits_for_a_call_that_waits_for_it_is_a_deadlock() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise::<()>();
        let _call = pool.spawn(move || future.result()).unwrap();
        let _ = pool.shutdown(true, false);
        promise.set(()).unwrap();
    });
    assert_deadlock(
        &found,
        &["main waits for workers to end", "worker 0 waits for call 1"],
    );
}

// contract: D1, S3
#[test]
fn a_producer_that_waits_for_room_while_its_worker_waits_for_it_is_a_deadlock() {
    let found = failure(few(), || {
        let pool = SimExecutor::with(SimConfig {
            max_workers: 1,
            capacity: 1,
            policy: Policy::Block,
            ..SimConfig::default()
        });
        let (promise, future) = sim::promise::<()>();
        let _first = pool.spawn(move || future.result()).unwrap();
        let _others = [pool.spawn(|| ()).unwrap(), pool.spawn(|| ()).unwrap()];
        promise.set(()).unwrap();
    });
    assert_deadlock(
        &found,
        &["main waits for room in a full queue", "worker 0 waits"],
    );
}

// contract: D1
#[test]
fn a_deadlock_that_needs_the_right_interruption_is_found_and_another_order_is_not_one() {
    fn body() {
        let (promise, future) = sim::promise::<()>();
        let place = List::new();
        place.push(promise);
        let thread = sim::spawn({
            let place = place.clone();
            move || {
                sim::note("thread looks for the promise");
                for promise in place.take() {
                    promise.set(()).unwrap();
                }
            }
        });
        sim::note("main looks for the promise");
        let kept = place.take();
        // Whoever came later has nothing to set.
        future.result().unwrap();
        drop(kept);
        thread.join();
    }
    let found = failure(few(), body);
    assert_deadlock(
        &found,
        &["main waits for call 1, a promise that nobody has kept"],
    );
    let fine = (0..40).filter(|seed| few().seeds(*seed..*seed + 1).explore(body).is_ok());
    assert!(fine.count() > 0);
}

fn lost(simulation: Simulation, step: Essential, body: fn()) -> usize {
    let mut found = 0;
    for seed in 0..60 {
        let simulation = simulation.clone().seeds(seed..seed + 1).without(step);
        if let Err(failure) = simulation.explore(body) {
            assert!(
                matches!(failure.fault(), Fault::LostWakeUp(_)),
                "not called a lost wake-up: {failure}"
            );
            assert!(failure.to_string().contains(&format!("{step:?}")));
            found += 1;
        }
    }
    found
}

// contract: D1
#[test]
fn a_worker_that_sleeps_beside_its_call_has_lost_a_wake_up() {
    let body = || {
        let pool = SimExecutor::new(1);
        for n in 0..3 {
            assert_eq!(pool.spawn(move || n).unwrap().result().unwrap(), n);
        }
    };
    assert!(lost(Simulation::new(), Essential::SecondLook, body) > 0);
    few().check(body);
}

// contract: D1, S3
#[test]
fn a_producer_that_waits_beside_room_has_lost_a_wake_up() {
    let body = || {
        let pool = SimExecutor::with(SimConfig {
            max_workers: 1,
            capacity: 1,
            ..SimConfig::default()
        });
        let calls = [0, 1, 2, 3].map(|n| pool.spawn(move || n).unwrap());
        assert_eq!(calls.map(|call| call.result().unwrap()), [0, 1, 2, 3]);
    };
    assert!(lost(Simulation::new(), Essential::ProducerSecondLook, body) > 0);
    few().check(body);
}

// contract: D1, T8
#[test]
fn a_call_whose_worker_was_refused_and_that_nobody_looks_for_has_lost_a_wake_up() {
    let body = || {
        let pool = Arc::new(SimExecutor::new(1));
        let other = sim::spawn({
            let pool = Arc::clone(&pool);
            move || {
                if let Ok(call) = pool.spawn(|| 1) {
                    let _ = call.result();
                }
            }
        });
        if let Ok(call) = pool.spawn(|| 2) {
            let _ = call.result();
        }
        other.join();
    };
    let simulation = Simulation::new().refused_starts(1);
    assert!(lost(simulation.clone(), Essential::GrowthLooksAgain, body) > 0);
    simulation.seeds(0..200).check(body);
}

// contract: D1
#[test]
fn a_wait_for_several_of_which_one_never_comes_is_not_called_a_lost_wake_up() {
    for when in [ReturnWhen::AllCompleted, ReturnWhen::FirstException] {
        let found = failure(few(), move || {
            let pool = SimExecutor::new(2);
            let (promise, never) = sim::promise::<u8>();
            let calls = [pool.spawn(|| 1).unwrap(), never, pool.spawn(|| 2).unwrap()];
            drop(wait(&calls, when, None));
            drop(promise);
        });
        assert!(matches!(found.fault(), Fault::Deadlock(_)), "{found}");
    }
}

// contract: D1, T8
#[test]
fn a_deadlock_beside_a_call_that_was_taken_back_is_not_called_a_lost_wake_up() {
    let body = || {
        let pool = Arc::new(SimExecutor::new(1));
        let other = sim::spawn({
            let pool = Arc::clone(&pool);
            move || drop(pool.spawn(|| ()))
        });
        drop(pool.spawn(|| ()));
        other.join();
        if pool.stats().workers == 0 {
            let (promise, future) = sim::promise::<()>();
            let _ = future.result();
            drop(promise);
        }
    };
    for seed in 0..150 {
        let simulation = few().seeds(seed..seed + 1).refused_starts(2);
        if let Err(found) = simulation.explore(body) {
            assert!(matches!(found.fault(), Fault::Deadlock(_)), "{found}");
        }
    }
}
