//! Outside of a simulation, and many of them at once.

use std::{
    panic::catch_unwind,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use concurrent_futures::{
    Future, Promise, ResultError, ShutdownError, SubmitError, TaskError,
    sim::{self, Fault, SimExecutor, Simulation, Walk},
};

use crate::help::{List, failure, few};

// contract: D1, T8
#[test]
fn an_executor_outside_of_a_simulation_refuses_every_call() {
    let pool = SimExecutor::new(2);
    for n in 0..3 {
        let Err(SubmitError::NoWorker(call)) = pool.spawn(move || n) else {
            panic!("not refused");
        };
        assert_eq!(call.into_inner()(), n);
    }
    assert_eq!((pool.stats().workers, pool.stats().queued), (0, 0));
    assert_eq!(
        pool.shutdown(true, true),
        Err(ShutdownError::WouldBlock),
        "nobody waits here"
    );
    assert!(matches!(pool.spawn(|| 1), Err(SubmitError::ShutDown(_))));
}

// contract: D1
#[test]
fn what_needs_a_simulation_says_so_outside_of_one() {
    let uses: [fn(); 5] = [
        || drop(sim::spawn(|| ())),
        || {
            let _ = sim::now();
        },
        || sim::note("nobody reads it"),
        || sim::yield_now(),
        || sim::sleep(Duration::from_secs(1)),
    ];
    for outside in uses {
        let payload = catch_unwind(outside).unwrap_err();
        let message = payload.downcast_ref::<&str>().unwrap();
        assert!(message.contains("not inside a simulation"), "{message}");
    }
}

// contract: D1
#[test]
fn nobody_waits_for_a_promise_outside_of_a_simulation() {
    let (promise, future) = sim::promise::<u8>();
    assert!(!future.wait());
    let Err(ResultError::Unfinished(future)) = future.result_timeout(Duration::from_secs(1)) else {
        panic!("it has no outcome");
    };
    let setter = thread::spawn(move || promise.set(1).unwrap());
    setter.join().unwrap();
    assert_eq!(future.result().unwrap(), 1);
    let (promise, future) = sim::promise::<u8>();
    drop(promise);
    assert!(matches!(future.result(), Err(TaskError::Abandoned)));
}

// contract: D1
#[test]
fn a_finished_future_that_is_carried_out_has_its_outcome() {
    let kept: List<Future<u8>> = List::new();
    let place = kept.clone();
    let found = failure(Simulation::new().walk(Walk::Random), move || {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| 1).unwrap();
        call.wait();
        place.push(call);
    });
    // It is a leak of the run, of course.
    assert!(matches!(found.fault(), Fault::Leaked(_)), "{found}");
    for call in kept.take() {
        assert!(call.done() && !call.cancel());
        let seen = List::new();
        let place = seen.clone();
        call.add_done_callback(move |done| place.push(*done.outcome().unwrap()));
        assert_eq!(seen.take(), [1]);
        assert_eq!(call.result().unwrap(), 1);
    }
}

// contract: D1
#[test]
fn an_unfinished_future_that_is_carried_out_can_be_finished() {
    let kept: List<(Promise<u8>, Future<u8>)> = List::new();
    let place = kept.clone();
    let found = failure(few(), move || place.push(sim::promise()));
    assert!(matches!(found.fault(), Fault::NeverFinished(_)), "{found}");
    for (n, (promise, future)) in kept.take().into_iter().enumerate() {
        assert!(!future.done());
        let Err(ResultError::Unfinished(future) | ResultError::WouldBlock(future)) =
            future.result_timeout(Duration::from_millis(1))
        else {
            panic!("it has no outcome");
        };
        if n % 2 == 0 {
            let setter = thread::spawn(move || promise.set(2).unwrap());
            setter.join().unwrap();
            assert_eq!(future.result().unwrap(), 2);
        } else {
            drop(promise);
            assert!(future.result().is_err());
        }
    }
}

// contract: D1
#[test]
fn a_future_for_which_somebody_waited_in_a_failed_run_can_be_finished_outside() {
    let kept: List<Promise<u8>> = List::new();
    let place = kept.clone();
    let found = failure(few(), move || {
        let (promise, future) = sim::promise::<u8>();
        place.push(promise);
        let pool = SimExecutor::new(1);
        let call = pool.spawn(move || future.result()).unwrap();
        drop(call.result());
    });
    assert!(matches!(found.fault(), Fault::Deadlock(_)), "{found}");
    for promise in kept.take() {
        promise.set(1).unwrap();
    }
}

// contract: D1
#[test]
fn a_call_whose_run_failed_before_it_began_is_cancelled_outside() {
    let kept: List<Future<u8>> = List::new();
    let place = kept.clone();
    let found = failure(few(), move || {
        let pool = SimExecutor::new(1);
        place.push(pool.spawn(|| 1).unwrap());
        core::mem::forget(pool);
        panic!("at once");
    });
    assert!(matches!(found.fault(), Fault::Panicked(_)), "{found}");
    for call in kept.take() {
        assert!(call.cancel() || call.done());
        drop(call);
    }
}

// contract: D1
#[test]
fn simulations_in_many_threads_do_not_disturb_each_other() {
    let runs = |seed: u64| {
        let simulation = Simulation::new().seeds(seed..seed + 30);
        let explored = simulation.check(move || {
            let pool = SimExecutor::new(2);
            let calls = [seed, seed + 1].map(|n| pool.spawn(move || n).unwrap());
            assert_eq!(calls.map(|call| call.result().unwrap()), [seed, seed + 1]);
            sim::sleep(Duration::from_secs(seed));
            assert_eq!(sim::now(), Duration::from_secs(seed));
        });
        let found = failure(simulation, move || panic!("seed {seed}"));
        assert!(found.fault().details().contains(&format!("seed {seed}")));
        explored
    };
    let alone: Vec<_> = (0..6).map(runs).collect();
    let together: Vec<_> = (0..6)
        .map(|seed| thread::spawn(move || runs(seed)))
        .collect();
    let together: Vec<_> = together.into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(alone, together);
}

// contract: D1
#[test]
fn a_simulation_inside_of_a_test_thread_leaves_that_thread_as_it_was() {
    few().check(|| drop(SimExecutor::new(1)));
    assert!(catch_unwind(|| sim::note("outside again")).is_err());
    let (promise, future) = concurrent_futures::promise::<u8>();
    promise.set(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
}

// contract: D1
#[test]
fn panics_inside_are_not_printed_and_those_outside_are() {
    const INSIDE: &str = "SIMULATION_TEST_PRINTS";
    if std::env::var_os(INSIDE).is_none() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("outside::panics_inside_are_not_printed_and_those_outside_are")
            .env(INSIDE, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(!printed.contains("quiet panic"), "{printed}");
        assert!(printed.contains("loud panic before"), "{printed}");
        assert!(printed.contains("loud panic meanwhile"), "{printed}");
        assert!(printed.contains("loud panic after"), "{printed}");
        return;
    }
    let hooked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hooked);
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        count.fetch_add(1, Ordering::Relaxed);
        others(info);
    }));
    let loud = |when: &'static str| thread::spawn(move || panic!("loud panic {when}")).join();
    loud("before").unwrap_err();
    few().check(move || {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| panic!("quiet panic of a call")).unwrap();
        drop(call.result());
    });
    let found = failure(few(), || panic!("quiet panic of a body"));
    assert!(found.to_string().contains("quiet panic of a body"));
    let meanwhile = thread::spawn(move || loud("meanwhile").unwrap_err());
    let found = failure(few(), || {
        drop(sim::spawn(|| panic!("quiet panic of a thread")))
    });
    assert!(found.to_string().contains("quiet panic of a thread"));
    meanwhile.join().unwrap();
    loud("after").unwrap_err();
    assert_eq!(hooked.load(Ordering::Relaxed), 3, "the program's own hook");
}
