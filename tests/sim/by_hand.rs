//! Runs that the body drives by hand.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use concurrent_futures::{
    Policy, SubmitError,
    core::platform::Point,
    sim::{self, Hand, SimConfig, SimExecutor, Simulation, Stands, What, Who},
};

use crate::help::{List, SECOND};

const WORKER: Who = Who::Worker(0);

fn by_hand<R: Send + 'static>(body: impl FnOnce(&mut Hand) -> R + Send + 'static) -> R {
    Simulation::new().by_hand(body)
}

/// What a run by hand panics with.
fn report(body: impl FnOnce(&mut Hand) + Send + 'static) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| by_hand(body))).unwrap_err();
    *payload.downcast::<String>().unwrap()
}

// contract: D1
#[test]
fn nobody_does_anything_until_the_body_lets_them() {
    by_hand(|hand| {
        let pool = SimExecutor::new(2);
        let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
        for n in 0..20 {
            sim::note(n);
            sim::yield_now();
        }
        assert!(calls.iter().all(|call| !call.done() && !call.running()));
        for who in hand.others() {
            assert_eq!(hand.stands(who), Stands::NotBegun);
        }
        hand.run_all();
        assert!(calls.iter().all(|call| call.done()));
    });
}

// contract: D1
#[test]
fn what_the_body_returns_comes_back() {
    assert_eq!(by_hand(|_| String::from("back")), "back");
}

// contract: D1
#[test]
fn a_worker_is_stepped_from_its_birth_to_its_sleep_and_its_end() {
    by_hand(|hand| {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| sim::note("runs")).unwrap();
        assert_eq!(hand.others(), [WORKER]);
        assert_eq!(hand.stands(WORKER), Stands::NotBegun);
        let mut steps = 0;
        while !call.done() {
            assert!(matches!(hand.step(WORKER), Stands::Ready(_)));
            steps += 1;
        }
        assert!(steps > 2, "{steps}");
        assert_eq!(hand.run(WORKER), Stands::Parked);
        assert_eq!(hand.step(WORKER), Stands::Parked, "it has nothing to do");
        pool.shutdown(false, false).unwrap();
        assert_eq!(hand.run(WORKER), Stands::Ended);
        assert_eq!(hand.step(WORKER), Stands::Ended);
        let steps = hand.trace();
        assert_eq!(steps.notes().collect::<Vec<_>>(), ["runs"]);
        let last = steps.events().iter().rfind(|event| event.who == WORKER);
        assert_eq!(last.unwrap().what, What::Ends);
    });
}

// contract: D1
#[test]
fn a_worker_is_run_to_every_point_on_its_way() {
    for point in [
        Point::Taken,
        Point::Outcome,
        Point::SearchedInVain,
        Point::ListedAsleep,
        Point::AboutToPark,
    ] {
        by_hand(move |hand| {
            let pool = SimExecutor::new(1);
            let call = pool.spawn(|| 1).unwrap();
            assert!(hand.run_to(WORKER, point), "{point:?}");
            assert_eq!(hand.stands(WORKER), Stands::Ready(Some(point)));
            assert_eq!(call.result().unwrap(), 1);
        });
    }
}

// contract: D1
#[test]
fn a_worker_is_run_to_the_point_where_an_outcome_is_published_and_nobody_was_told() {
    by_hand(|hand| {
        let pool = SimExecutor::new(1);
        let call = Arc::new(pool.spawn(|| 1).unwrap());
        let waiter = sim::spawn({
            let call = Arc::clone(&call);
            move || *call.result_ref().unwrap()
        });
        assert_eq!(hand.run(waiter.who()), Stands::Parked);
        assert!(hand.run_to(WORKER, Point::Published));
        assert!(call.done());
        assert_eq!(hand.stands(waiter.who()), Stands::Parked);
        assert_eq!(waiter.join(), 1);
    });
}

// contract: D1, S3
#[test]
fn threads_are_run_to_the_points_of_submitting_and_waiting() {
    for point in [
        Point::Pushed,
        Point::FoundFull,
        Point::ListedBlocked,
        Point::AboutToWait,
    ] {
        by_hand(move |hand| {
            let pool = Arc::new(SimExecutor::with(SimConfig {
                max_workers: 1,
                capacity: 1,
                policy: Policy::Block,
                ..SimConfig::default()
            }));
            if matches!(point, Point::FoundFull | Point::ListedBlocked) {
                drop(pool.spawn(|| ()).unwrap());
            }
            let thread = sim::spawn({
                let pool = Arc::clone(&pool);
                move || pool.spawn(|| 1).unwrap().result().unwrap()
            });
            assert!(hand.run_to(thread.who(), point), "{point:?}");
            assert_eq!(hand.stands(thread.who()), Stands::Ready(Some(point)));
            assert_eq!(thread.join(), 1);
        });
    }
}

// contract: D1
#[test]
fn threads_are_run_to_the_points_of_looking_and_closing() {
    by_hand(|hand| {
        let pool = Arc::new(SimExecutor::new(1));
        let call = Arc::new(pool.spawn(|| 1).unwrap());
        let thread = sim::spawn({
            let (pool, call) = (Arc::clone(&pool), Arc::clone(&call));
            move || {
                let seen = call.done();
                pool.shutdown(true, false).unwrap();
                seen
            }
        });
        assert!(hand.run_to(thread.who(), Point::Looked));
        assert!(hand.run_to(thread.who(), Point::Closed));
        assert!(matches!(pool.spawn(|| 2), Err(SubmitError::ShutDown(_))));
        assert!(
            !hand.run_to(thread.who(), Point::Taken),
            "it does not come there"
        );
        assert_eq!(hand.stands(thread.who()), Stands::Parked);
        assert!(!thread.join(), "it looked before the worker began");
        assert!(call.done());
    });
}

// contract: D1
#[test]
fn a_body_that_waits_lets_the_others_run_and_time_pass() {
    by_hand(|hand| {
        let pool = SimExecutor::new(2);
        let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
        assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
        let (promise, future) = sim::promise::<u8>();
        let sleeper = sim::spawn(move || {
            sim::sleep(SECOND);
            promise.set(3).unwrap();
        });
        assert_eq!(future.result().unwrap(), 3);
        assert_eq!(sim::now(), SECOND);
        sim::sleep(SECOND);
        assert_eq!(sim::now(), SECOND * 2);
        assert_eq!(hand.stands(sleeper.who()), Stands::Ended);
        sleeper.join();
    });
}

// contract: D1
#[test]
fn whoever_is_left_runs_on_when_the_body_is_over() {
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    by_hand(move |_| {
        let pool = SimExecutor::new(1);
        let count = Arc::clone(&counted);
        drop(
            pool.spawn(move || count.fetch_add(1, Ordering::Relaxed))
                .unwrap(),
        );
        drop(sim::spawn(move || counted.fetch_add(1, Ordering::Relaxed)));
        pool.detach();
    });
    assert_eq!(ran.load(Ordering::Relaxed), 2);
}

// contract: D1
#[test]
fn names_of_nobody_panic_with_a_clear_message() {
    type Use = (&'static str, fn(&mut Hand, Who));
    let uses: List<Use> = List::new();
    uses.push(("step", |hand, who| {
        let _ = hand.step(who);
    }));
    uses.push(("run", |hand, who| {
        let _ = hand.run(who);
    }));
    uses.push(("run_to", |hand, who| {
        hand.run_to(who, Point::Taken);
    }));
    uses.push(("stands", |hand, who| {
        let _ = hand.stands(who);
    }));
    uses.push(("lose", |hand, who| {
        hand.lose(who);
    }));
    uses.push(("wake", |hand, who| {
        hand.wake(who);
    }));
    for (name, call) in uses.take() {
        for (who, text) in [
            (Who::Worker(0), "worker 0 was not started"),
            (Who::Thread(3), "thread 3 was not started"),
            (Who::Clock, "clock was not started"),
        ] {
            let report = report(move |hand| call(hand, who));
            assert!(report.contains(text), "{name}: {report}");
            assert!(report.starts_with("panicked: main: "), "{name}: {report}");
        }
    }
}

// contract: D1
#[test]
fn what_is_wrong_is_found_by_hand_too() {
    let deadlock = report(|_| {
        let (promise, future) = sim::promise::<u8>();
        let _ = future.result();
        drop(promise);
    });
    assert!(
        deadlock.starts_with("deadlock: main waits for call 1"),
        "{deadlock}"
    );
    let leaked = report(|_| {
        let pool = SimExecutor::new(1);
        core::mem::forget(pool.spawn(|| 1).unwrap());
    });
    assert!(leaked.starts_with("leaked: call 1"), "{leaked}");
    let panicked = report(|hand| {
        let thread = sim::spawn(|| panic!("no luck"));
        let _ = hand.run(thread.who());
    });
    assert!(
        panicked.starts_with("panicked: thread 0: no luck"),
        "{panicked}"
    );
}

// contract: D1
#[test]
fn the_same_script_gives_the_same_trace() {
    let script = || {
        by_hand(|hand| {
            let pool = SimExecutor::new(2);
            let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
            hand.run_to(Who::Worker(0), Point::Taken);
            hand.advance(SECOND);
            hand.run_all();
            drop(calls);
            drop(pool);
            hand.trace().to_string()
        })
    };
    let once = script();
    assert!(once.contains("advances to 1s"), "{once}");
    assert_eq!(script(), once);
}
