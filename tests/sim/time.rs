//! Virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use concurrent_futures::{
    Policy, ReturnWhen, SubmitError, TaskError,
    sim::{self, SimConfig, SimExecutor, Simulation, What, Who},
    wait,
};

use crate::help::{SECOND, few, never_fails};

// contract: D1
#[test]
fn sleeping_for_a_year_costs_no_time() {
    let year = SECOND * 60 * 60 * 24 * 365;
    let from = Instant::now();
    few().check(move || {
        assert_eq!(sim::now(), Duration::ZERO);
        let other = sim::spawn(move || sim::sleep(year));
        sim::sleep(year * 2);
        assert_eq!(sim::now(), year * 2);
        other.join();
    });
    assert!(from.elapsed() < Duration::from_secs(10));
}

// contract: D1
#[test]
fn sleepers_wake_in_the_order_of_their_times() {
    never_fails(|| {
        let threads = [3, 1, 2].map(|n| {
            sim::spawn(move || {
                sim::sleep(SECOND * n);
                sim::now()
            })
        });
        assert_eq!(
            threads.map(sim::JoinHandle::join),
            [3, 1, 2].map(|n| SECOND * n)
        );
        assert_eq!(sim::now(), SECOND * 3);
    });
}

// contract: D1
#[test]
fn sleeping_for_no_time_or_for_ever_and_a_day() {
    few().check(|| {
        sim::sleep(Duration::ZERO);
        assert_eq!(sim::now(), Duration::ZERO);
        sim::sleep(Duration::MAX);
        assert_eq!(sim::now(), Duration::MAX);
        sim::sleep(SECOND);
    });
}

// contract: D1, R1
#[test]
fn a_timeout_comes_when_nobody_can_go_on_and_exactly_then() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise::<u8>();
        let future = future.result_timeout(SECOND).unwrap_err().into_future();
        assert_eq!(sim::now(), SECOND);
        let future = future.unwrap();
        let split = wait([&future], ReturnWhen::AllCompleted, Some(SECOND));
        assert_eq!(split.not_done.len(), 1);
        assert_eq!(sim::now(), SECOND * 2);
        let call = pool.spawn(move || promise.set(1).unwrap()).unwrap();
        assert_eq!(future.result_timeout(SECOND).unwrap(), 1);
        call.result().unwrap();
        assert_eq!(sim::now(), SECOND * 2, "there was no need to wait");
    });
}

// contract: D1, S3
#[test]
fn a_producer_gives_up_when_its_time_is_over() {
    never_fails(|| {
        let pool = SimExecutor::with(SimConfig {
            max_workers: 1,
            capacity: 1,
            policy: Policy::BlockTimeout(SECOND),
            ..SimConfig::default()
        });
        let (promise, future) = sim::promise::<()>();
        let busy = pool.spawn(move || future.result().unwrap()).unwrap();
        while !busy.running() {}
        let queued = pool.spawn(|| 1).unwrap();
        assert!(matches!(pool.spawn(|| 2), Err(SubmitError::Full(_))));
        assert_eq!(sim::now(), SECOND);
        promise.set(()).unwrap();
        assert_eq!(queued.result().unwrap(), 1);
    });
}

// contract: D1
#[test]
fn without_a_race_a_call_is_never_too_late() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| {
            for n in 0..20 {
                sim::note(n);
            }
        });
        call.unwrap()
            .result_timeout(Duration::from_nanos(1))
            .unwrap();
        assert_eq!(sim::now(), Duration::ZERO);
    });
}

// contract: D1
#[test]
fn with_a_race_a_call_may_be_too_late_or_not() {
    let [late, in_time] = [0, 1].map(|_| Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&late), Arc::clone(&in_time));
    Simulation::new()
        .seeds(0..200)
        .timeouts_race(true)
        .check(move || {
            let pool = SimExecutor::new(1);
            let call = pool.spawn(|| sim::note("runs")).unwrap();
            match call.result_timeout(SECOND) {
                Ok(()) => counts.1.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    assert!(sim::now() >= SECOND);
                    error.into_future().unwrap().result().unwrap();
                    counts.0.fetch_add(1, Ordering::Relaxed)
                }
            };
        });
    let counts = (
        late.load(Ordering::Relaxed),
        in_time.load(Ordering::Relaxed),
    );
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
}

// contract: D1
#[test]
fn the_clock_is_in_the_trace() {
    let trace = few()
        .trace(|| {
            sim::sleep(SECOND);
            sim::note("woken");
        })
        .unwrap();
    let advances: Vec<_> = trace
        .events()
        .iter()
        .filter(|event| event.who == Who::Clock)
        .map(|event| &event.what)
        .collect();
    assert_eq!(advances, [&What::Advances(SECOND)]);
    assert!(trace.to_string().contains("advances to 1s"), "{trace}");
}

// contract: D1, R1
#[test]
fn a_timeout_of_a_deadlock_ends_it() {
    // With a deadline somewhere, nobody waits for ever.
    never_fails(|| {
        let (one, first) = sim::promise::<u8>();
        let (two, second) = sim::promise::<u8>();
        let left = sim::spawn(move || {
            let seen = second.result_timeout(SECOND).is_ok();
            let _ = one.set(1);
            seen
        });
        let right = sim::spawn(move || {
            let seen = first.result();
            let _ = two.set(2);
            !matches!(seen, Err(TaskError::Abandoned))
        });
        assert!(!left.join());
        assert!(right.join());
    });
}
