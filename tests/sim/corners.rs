//! What the simulator promises, in corners that are easily forgotten.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use concurrent_futures::{
    core::sync::Essential,
    sim::{self, Fault, Hand, Schedule, SimExecutor, Simulation, Walk, Who},
};

use crate::help::{List, SECOND, block_on, failure, few};

/// What a run by hand panicked with.
fn by_hand_fails(body: impl FnOnce(&mut Hand) + Send + 'static) -> String {
    let simulation = Simulation::new().stuck_after(Duration::from_secs(5));
    let outcome = catch_unwind(AssertUnwindSafe(|| simulation.by_hand(body)));
    let payload = outcome.expect_err("it should have failed");
    *payload.downcast::<String>().expect("a report is text")
}

// contract: D1
#[test]
fn time_stands_still_while_somebody_who_looked_at_a_future_can_go_on() {
    // "Else time passes only when nobody can go on, so that a timeout comes only where there is nothing left to wait for."
    few().check(|| {
        let (promise, future) = sim::promise::<u8>();
        let thread = sim::spawn(move || future.result_timeout(SECOND).unwrap());
        sim::note("main looks once, and goes on");
        assert!(!sim::promise::<u8>().1.cancelled());
        promise.set(1).unwrap();
        assert_eq!(thread.join(), 1);
        assert_eq!(sim::now(), Duration::ZERO);
    });
}

// contract: D1
#[test]
fn a_call_that_nobody_starts_while_others_go_round_is_starved() {
    // "Somebody, or a call, has waited for longer than the bound while others went on."
    let found = failure(few().patience(400).max_steps(20_000), || {
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise::<()>();
        let _first = pool.spawn(move || while !future.done() {}).unwrap();
        let second = pool.spawn(|| ()).unwrap();
        while !second.done() {}
        drop(promise);
    });
    assert!(matches!(found.fault(), Fault::Starved(_)), "{found}");
}

// contract: D1
#[test]
fn a_lost_wake_up_is_found_while_somebody_polls() {
    // It sleeps although what it sleeps for is there; the report may come when patience is over, not after all steps.
    let found = failure(
        Simulation::new()
            .seeds(0..200)
            .patience(400)
            .max_steps(5_000)
            .without(Essential::SecondLook),
        || {
            let pool = SimExecutor::new(1);
            for _ in 0..2 {
                let call = pool.spawn(|| ()).unwrap();
                while !call.done() {}
            }
        },
    );
    assert!(
        matches!(found.fault(), Fault::LostWakeUp(_) | Fault::Starved(_)),
        "{found}"
    );
}

// contract: D1
#[test]
fn a_deadlock_after_a_wait_that_is_over_is_not_called_a_lost_wake_up() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| ()).unwrap();
        call.wait();
        // Nobody will ever wake this one, and nothing of what it waits for is there.
        block_on(core::future::pending::<()>());
        drop(call);
    });
    assert!(matches!(found.fault(), Fault::Deadlock(_)), "{found}");
}

// contract: D1, C1
#[test]
fn a_deadlock_of_a_callback_of_a_cancelled_call_is_not_called_a_lost_wake_up() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        let (hold, held) = sim::promise::<()>();
        let (promise, future) = sim::promise::<()>();
        let _first = pool.spawn(move || held.result()).unwrap();
        let call = pool.spawn(|| ()).unwrap();
        let place = List::new();
        place.push(future);
        call.add_done_callback(move |_| {
            let _ = place.take().remove(0).result();
        });
        let canceller = pool.handle();
        // The shutdown cancels it, and runs the callback, which waits for whoever waits for the callback.
        let thread = sim::spawn(move || canceller.shutdown(false, true));
        let _ = call.result();
        promise.set(()).unwrap();
        hold.set(()).unwrap();
        let _ = thread.join();
    });
    assert!(matches!(found.fault(), Fault::Deadlock(_)), "{found}");
}

// contract: D1
#[test]
fn a_failed_assertion_whose_unwinding_hangs_is_told() {
    let found = failure(few(), || {
        let (promise, future) = sim::promise::<u8>();
        let pool = SimExecutor::new(1);
        let _call = pool.spawn(move || future.result()).unwrap();
        assert_eq!(1, 2, "the assertion of the body");
        drop(promise);
    });
    assert!(
        found.to_string().contains("the assertion of the body"),
        "the report says nothing of the panic: {found}"
    );
}

// contract: D1
#[test]
fn a_panic_that_drops_something_that_polls_is_told() {
    struct Waits<T>(concurrent_futures::Future<T>);
    impl<T> Drop for Waits<T> {
        fn drop(&mut self) {
            while !self.0.done() {}
        }
    }
    let found = failure(few().stuck_after(Duration::from_secs(5)), || {
        let pool = SimExecutor::new(1);
        let _waits = Waits(pool.spawn(|| sim::note("a step")).unwrap());
        panic!("the panic of the body");
    });
    assert!(
        matches!(found.fault(), Fault::Panicked(text) if text.contains("the panic of the body")),
        "{found}"
    );
}

// contract: D1
#[test]
fn the_failure_of_a_replay_has_no_seed() {
    let replay = Simulation::new().walk(Walk::Replay(Schedule::default()));
    let explored = replay.explore(|| panic!("always")).unwrap_err();
    assert_eq!(explored.seed(), None);
    let traced = replay.trace(|| panic!("always")).unwrap_err();
    assert_eq!(traced.seed(), None, "the walk had no seeds");
}

// contract: D1
#[test]
fn an_exhaustive_search_takes_no_more_runs_than_it_may() {
    let search = Simulation::new().walk(Walk::Exhaustive { interruptions: 1 });
    let body = || {
        let pool = SimExecutor::new(1);
        pool.spawn(|| ()).unwrap().result().unwrap();
    };
    for most in [1, 2, 0] {
        let explored = search.clone().max_runs(most).check(body);
        assert!(explored.runs() <= most.max(1), "{explored} of {most}");
        assert!(!explored.is_complete());
    }
}

// contract: D1
#[test]
fn a_body_runs_as_often_as_is_told() {
    for walk in [
        Walk::Random,
        Walk::Mixed,
        Walk::Priorities { depth: 2 },
        Walk::Exhaustive { interruptions: 1 },
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let explored = few().walk(walk.clone()).check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            sim::spawn(|| ()).join();
        });
        assert_eq!(
            count.load(Ordering::Relaxed),
            explored.runs(),
            "by {walk:?}"
        );
    }
}

// contract: D1
#[test]
fn by_hand_a_body_that_waits_lets_two_who_poll_for_each_other_go_on() {
    // "Nobody else does anything until the body lets them, or waits: then all others run."
    Simulation::new().max_steps(5_000).by_hand(|_| {
        let (one, first) = sim::promise::<()>();
        let (two, second) = sim::promise::<()>();
        let a = sim::spawn(move || {
            one.set(()).unwrap();
            while !second.done() {}
        });
        let b = sim::spawn(move || {
            while !first.done() {}
            two.set(()).unwrap();
        });
        a.join();
        b.join();
    });
}

// contract: D1
#[test]
fn by_hand_the_body_itself_cannot_be_run() {
    for what in ["step", "run", "run_to"] {
        let report = by_hand_fails(move |hand| {
            let _ = match what {
                "step" => hand.step(Who::Main),
                "run_to" => {
                    hand.run_to(Who::Main, concurrent_futures::core::platform::Point::Taken);
                    hand.stands(Who::Main)
                }
                _ => hand.run(Who::Main),
            };
        });
        assert!(report.starts_with("panicked: main: "), "{what}: {report}");
    }
}

// contract: D1
#[test]
fn a_report_of_a_run_that_goes_round_can_be_read() {
    let found = failure(few().max_steps(5_000), || {
        loop {
            sim::yield_now();
        }
    });
    let length = found.to_string().len();
    assert!(length < 10_000, "{length} bytes for one thing 5000 times");
}

// contract: D1, R7
#[test]
fn a_panic_that_goes_on_has_no_place_of_another_panic() {
    let found = failure(few(), || {
        drop(catch_unwind(|| panic!("caught before")));
        resume_unwind(Box::new("goes on"));
    });
    let details = found.fault().details();
    assert!(details.contains("goes on"), "{details}");
    assert!(
        !details.contains("found.rs"),
        "the place is that of the panic that was caught before: {details}"
    );
}

// contract: D1, R7
#[test]
fn panics_whose_unwinding_overlaps_keep_their_places() {
    few().check(|| {
        let pool = SimExecutor::new(2);
        let (promise, future) = sim::promise::<()>();
        let slow = pool.spawn(move || {
            struct Waits(Option<concurrent_futures::Future<()>>);
            impl Drop for Waits {
                fn drop(&mut self) {
                    let _ = self.0.take().map(concurrent_futures::Future::result);
                }
            }
            let _waits = Waits(Some(future));
            panic!("slow");
        });
        let slow = slow.unwrap();
        let fast = pool.spawn(|| panic!("fast")).unwrap();
        let place = |call: concurrent_futures::Future<()>, message: &str| match call.result() {
            Err(concurrent_futures::TaskError::Panicked(panic)) => {
                assert_eq!(panic.message(), message);
                panic.location().map(str::to_owned)
            }
            other => panic!("{other:?}"),
        };
        let fast = place(fast, "fast");
        promise.set(()).unwrap();
        let slow = place(slow, "slow");
        assert!(fast.is_some() && slow.is_some(), "{fast:?}, {slow:?}");
        assert_ne!(fast, slow);
    });
}

// contract: D1
#[test]
fn a_failure_that_is_unwrapped_shows_its_report() {
    let found = failure(few(), || panic!("always"));
    let shown = format!("{found:?}");
    assert!(shown.contains("found in run 1"), "{shown}");
}
