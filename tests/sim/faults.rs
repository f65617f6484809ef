//! Runs that do not end, end too early, or block where the simulator cannot see it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use concurrent_futures::{
    TaskError,
    core::sync::Essential,
    sim::{self, Failure, Fault, SimExecutor, Simulation, What, Who},
};

use crate::help::{List, failure, few};

// contract: D1
#[test]
fn a_run_that_goes_round_is_endless_and_says_who_waits_meanwhile() {
    let found = failure(few().max_steps(2_000), || {
        let (promise, future) = sim::promise::<u8>();
        let _round = [0, 1].map(|n| {
            sim::spawn(move || {
                loop {
                    sim::note(format_args!("round {n}"));
                }
            })
        });
        let _ = future.result();
        drop(promise);
    });
    let Fault::Endless(details) = found.fault() else {
        panic!("not called endless: {found}");
    };
    assert!(details.contains("main waits for call 1"), "{details}");
    assert!(details.contains("2000 steps"), "{details}");
}

// contract: D1
#[test]
fn patience_is_for_waits_without_a_deadline() {
    Simulation::new().seeds(0..5).patience(200).check(|| {
        let (promise, future) = sim::promise::<u8>();
        let thread = sim::spawn(move || {
            let unfinished = future.result_timeout(Duration::from_secs(1)).unwrap_err();
            unfinished.into_future().unwrap().cancel();
        });
        for n in 0..1_000 {
            sim::note(n);
        }
        thread.join();
        drop(promise);
    });
}

// contract: D1
#[test]
fn a_worker_that_sleeps_for_long_is_not_starved() {
    Simulation::new().seeds(0..5).patience(200).check(|| {
        let pool = SimExecutor::new(1);
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        for n in 0..1_000 {
            sim::note(n);
        }
        assert_eq!(pool.spawn(|| 2).unwrap().result().unwrap(), 2);
    });
}

// contract: D1
#[test]
fn a_run_with_more_steps_than_the_limit_is_endless() {
    let found = failure(few().max_steps(300), || {
        loop {
            sim::yield_now();
        }
    });
    let Fault::Endless(details) = found.fault() else {
        panic!("not called endless: {found}");
    };
    assert!(details.contains("300 steps"), "{details}");
    // One that ends just before is none.
    few().max_steps(300).check(|| {
        for _ in 0..250 {
            sim::yield_now();
        }
    });
}

// contract: D1
#[test]
fn polling_for_what_never_comes_is_endless() {
    let found = failure(few().max_steps(500), || {
        let (promise, future) = sim::promise::<()>();
        while !future.done() {}
        drop(promise);
    });
    assert!(matches!(found.fault(), Fault::Endless(_)), "{found}");
}

#[track_caller]
fn stuck(body: impl Fn() + Send + Sync + 'static) -> Failure {
    let from = Instant::now();
    let found = failure(
        Simulation::new()
            .seeds(0..20)
            .stuck_after(Duration::from_millis(300)),
        body,
    );
    assert!(from.elapsed() < Duration::from_secs(5));
    let Fault::Stuck(details) = found.fault() else {
        panic!("not called stuck: {found}");
    };
    assert!(details.contains("300ms"), "{details}");
    assert!(
        details.contains("it is the turn of "),
        "says who did what last: {details}"
    );
    found
}

// contract: D1
#[test]
fn a_call_that_locks_a_mutex_which_somebody_holds_across_a_step_is_stuck() {
    let found = stuck(|| {
        let shared = Arc::new(Mutex::new(0));
        let pool = SimExecutor::new(1);
        let call = pool
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    sim::note("the call is about to lock");
                    *shared.lock().unwrap() += 1;
                }
            })
            .unwrap();
        let held = shared.lock().unwrap();
        let _ = call.result();
        drop(held);
    });
    assert!(found.fault().details().contains("worker 0"), "{found}");
    assert!(
        found
            .trace()
            .notes()
            .any(|note| note == "the call is about to lock")
    );
}

// contract: D1
#[test]
fn waiting_on_a_channel_of_the_standard_library_is_stuck() {
    stuck(|| {
        let (tell, told) = mpsc::channel();
        let thread = sim::spawn(move || told.recv());
        sim::yield_now();
        tell.send(1).unwrap();
        thread.join().unwrap();
        // Whatever the order above: nobody can send this one.
        let (tell, told) = mpsc::channel::<()>();
        sim::note("main is about to receive");
        let _ = told.recv();
        drop(tell);
    });
}

// contract: D1
#[test]
fn waiting_for_a_promise_of_the_platform_of_threads_is_stuck() {
    stuck(|| {
        let (promise, future) = concurrent_futures::promise::<()>();
        sim::note("main is about to wait");
        let _ = future.result();
        drop(promise);
    });
}

// contract: D1
#[test]
fn computing_for_long_without_a_step_is_stuck() {
    stuck(|| {
        sim::note("main computes");
        std::thread::sleep(Duration::from_secs(2));
    });
}

// contract: D1
#[test]
fn a_promise_of_the_platform_of_threads_that_nobody_waits_for_is_fine() {
    few().check(|| {
        let pool = SimExecutor::new(1);
        let (promise, future) = concurrent_futures::promise::<u8>();
        pool.spawn(move || promise.set(1).unwrap())
            .unwrap()
            .result()
            .unwrap();
        assert_eq!(future.result().unwrap(), 1);
    });
}

#[track_caller]
fn assert_panicked(found: &Failure, who: &str, message: &str) {
    let Fault::Panicked(details) = found.fault() else {
        panic!("not called a panic: {found}");
    };
    assert!(details.contains(who), "{details}");
    assert!(details.contains(message), "{details}");
    assert!(details.contains("faults.rs:"), "its place: {details}");
}

// contract: D1
#[test]
fn a_panic_of_the_body_is_a_fault_with_its_message_and_place() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 2, "bad sum");
    });
    assert_panicked(&found, "main", "bad sum");
    let said = |what: &What| matches!(what, What::Panics(message) if message.contains("bad sum"));
    let event = found.trace().events().iter().find(|e| said(&e.what));
    assert_eq!(event.unwrap().who, Who::Main);
    assert!(found.to_string().contains("bad sum"));
}

// contract: D1
#[test]
fn a_panic_of_a_spawned_thread_is_a_fault_even_if_nobody_joins_it() {
    let found = failure(few(), || {
        sim::spawn(|| ()).join();
        drop(sim::spawn(|| panic!("no luck in {}", "thread 1")));
    });
    assert_panicked(&found, "thread 1", "no luck in thread 1");
}

// contract: D1
#[test]
fn a_panic_with_something_that_is_not_text_is_a_fault_too() {
    let found = failure(few(), || std::panic::panic_any(7_u8));
    assert_panicked(&found, "main", "not text");
}

// contract: D1, R7
#[test]
fn a_panic_of_a_call_is_in_its_future_with_message_and_place() {
    few().check(|| {
        let pool = SimExecutor::new(2);
        let bad = pool.spawn(|| -> u8 { panic!("call {}", 1) }).unwrap();
        let good = pool.spawn(|| 2).unwrap();
        let Err(TaskError::Panicked(panic)) = bad.result() else {
            panic!("no panic in the future");
        };
        assert_eq!(panic.message(), "call 1");
        let place = panic.location().unwrap();
        assert!(place.contains("faults.rs:"), "{place}");
        assert_eq!(good.result().unwrap(), 2);
    });
}

// contract: D1, R7
#[test]
fn panics_of_two_calls_keep_their_own_places() {
    few().check(|| {
        let pool = SimExecutor::new(2);
        let calls = [
            pool.spawn(|| -> u8 { panic!("one") }).unwrap(),
            pool.spawn(|| -> u8 { panic!("two") }).unwrap(),
        ];
        let [one, two] = calls.map(|call| match call.result() {
            Err(TaskError::Panicked(panic)) => (
                panic.message().to_owned(),
                panic.location().unwrap().to_owned(),
            ),
            other => panic!("{other:?}"),
        });
        assert_eq!((&*one.0, &*two.0), ("one", "two"));
        assert_ne!(one.1, two.1);
    });
}

// contract: D1
#[test]
fn panics_that_the_body_catches_are_no_faults() {
    few().check(|| {
        let pool = SimExecutor::new(1);
        let caught = catch_unwind(|| panic!("caught"));
        assert!(caught.is_err());
        let scoped = catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|s| {
                let _call = s.spawn(|| sim::note("runs to its end")).unwrap();
                panic!("in a scope");
            })
        }));
        assert!(scoped.is_err());
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
    });
}

// contract: D1, T2
#[test]
fn a_worker_more_than_an_executor_may_have_is_found() {
    let found = failure(
        Simulation::new()
            .seeds(0..2_000)
            .without(Essential::WakerAccounting),
        || {
            let pool = Arc::new(SimExecutor::new(1));
            let others = [0, 1].map(|n| {
                let pool = Arc::clone(&pool);
                sim::spawn(move || pool.spawn(move || n).unwrap().result().unwrap())
            });
            assert_eq!(pool.spawn(|| 2).unwrap().result().unwrap(), 2);
            assert_eq!(others.map(sim::JoinHandle::join), [0, 1]);
        },
    );
    let Fault::TooManyWorkers(details) = found.fault() else {
        panic!("not called too many workers: {found}");
    };
    assert!(
        details.contains("worker number 2") && details.contains("at most 1"),
        "{details}"
    );
}

// contract: D1
#[test]
fn a_report_has_everything_to_have_the_run_again() {
    let found = failure(few(), || {
        let told = List::new();
        let pool = SimExecutor::new(1);
        let call = pool
            .spawn({
                let told = told.clone();
                move || told.push(1)
            })
            .unwrap();
        sim::note("in between");
        assert!(told.take().is_empty(), "the call was fast");
        call.result().unwrap();
    });
    let report = found.to_string();
    let mut lines = report.lines();
    assert!(lines.next().unwrap().starts_with("panicked: main: "));
    assert!(report.contains(&format!("found in run {}", found.runs())));
    assert!(report.contains(&format!("with seed {}", found.seed().unwrap())));
    assert!(report.contains(&format!("\"{}\"", found.schedule())));
    assert!(report.contains(&found.trace().to_string()));
    assert!(report.contains("notes: in between"));
}

// contract: D1
#[test]
fn two_threads_that_unwind_at_once_do_each_others_drops_no_harm() {
    few().check(|| {
        let pool = SimExecutor::new(2);
        let caught = [0, 1].map(|n| {
            let handle = pool.handle();
            sim::spawn(move || {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    handle.scope(|s| {
                        let _call = s.spawn(|| sim::note("a call")).unwrap();
                        sim::note("a body");
                        if true {
                            panic!("body {n}");
                        }
                    });
                }));
                *caught.unwrap_err().downcast::<String>().unwrap()
            })
        });
        assert_eq!(caught.map(sim::JoinHandle::join), ["body 0", "body 1"]);
    });
}
