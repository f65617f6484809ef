//! A run depends on its schedule, and on nothing else.

use std::{panic::catch_unwind, sync::Arc, thread};

use concurrent_futures::{
    CancelledBy, Policy, TaskError, as_completed,
    core::sync::Essential,
    sim::{self, Failure, Fault, Schedule, SimConfig, SimExecutor, Simulation, Walk},
};

use crate::help::{SECOND, failure, few};

fn mixed_use() {
    let pool = Arc::new(SimExecutor::with(SimConfig {
        capacity: 2,
        ..SimConfig::default()
    }));
    let other = sim::spawn({
        let pool = Arc::clone(&pool);
        move || pool.spawn(|| 1).unwrap().result().unwrap()
    });
    let calls = [10, 20, 30].map(|n| pool.spawn(move || n).unwrap());
    let sum: i32 = as_completed(calls).map(|call| call.result().unwrap()).sum();
    assert_eq!(sum + other.join(), 61);
}

fn time_and_cancels() {
    let pool = SimExecutor::with(SimConfig {
        max_workers: 1,
        capacity: 1,
        policy: Policy::DiscardOldest,
        ..SimConfig::default()
    });
    let calls = [1, 2, 3].map(|n| pool.spawn(move || n).unwrap());
    for call in calls {
        match call.result_timeout(SECOND) {
            Ok(_) => {}
            Err(concurrent_futures::ResultError::Task(TaskError::Cancelled(by))) => {
                assert_eq!(by, CancelledBy::Discarded);
            }
            // It is late where timeouts race.
            Err(other) => drop(other.into_future().unwrap()),
        }
    }
    sim::sleep(SECOND);
}

fn polls() {
    let pool = SimExecutor::new(2);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    for call in &calls {
        while !call.done() {}
    }
    while pool.stats().idle < pool.stats().workers {}
}

fn racy() {
    let pool = SimExecutor::new(1);
    let call = pool.spawn(|| ()).unwrap();
    sim::note("main looks");
    assert!(!call.done(), "the call was faster");
    call.result().unwrap();
}

const BODIES: [fn(); 3] = [mixed_use, time_and_cancels, polls];

fn random_walks() -> [Walk; 4] {
    [
        Walk::Mixed,
        Walk::Random,
        Walk::Priorities { depth: 1 },
        Walk::Priorities { depth: 5 },
    ]
}

fn trace(walk: &Walk, seed: u64, body: fn()) -> String {
    let simulation = Simulation::new()
        .walk(walk.clone())
        .seeds(seed..seed + 1)
        .timeouts_race(true)
        .spurious_wake_ups(2);
    simulation.trace(body).unwrap().to_string()
}

fn all_traces() -> Vec<String> {
    let mut traces = Vec::new();
    for walk in random_walks() {
        for seed in [0, 1, 7, u64::MAX - 1] {
            traces.extend(BODIES.map(|body| trace(&walk, seed, body)));
        }
    }
    traces
}

// contract: D1
#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let once = all_traces();
    // In another order, with failures and other simulations in between.
    for (n, walk) in random_walks().iter().enumerate().rev() {
        for (m, seed) in [0, 1, 7, u64::MAX - 1].into_iter().enumerate().rev() {
            let _ = few().explore(racy).unwrap_err();
            for (k, body) in BODIES.into_iter().enumerate().rev() {
                assert_eq!(trace(walk, seed, body), once[(n * 4 + m) * 3 + k]);
            }
        }
    }
}

// contract: D1
#[test]
fn the_same_seed_gives_the_same_trace_in_threads_at_the_same_time() {
    let here = all_traces();
    let there: Vec<_> = (0..3).map(|_| thread::spawn(all_traces)).collect();
    for thread in there {
        assert_eq!(thread.join().unwrap(), here);
    }
}

// contract: D1
#[test]
fn other_seeds_give_other_traces() {
    for walk in random_walks() {
        let mut traces: Vec<_> = (0..20).map(|seed| trace(&walk, seed, mixed_use)).collect();
        traces.sort();
        traces.dedup();
        assert!(traces.len() > 2, "{} traces by {walk:?}", traces.len());
    }
}

// contract: D1
#[test]
fn exploring_the_same_gives_the_same_numbers() {
    for walk in random_walks() {
        let explore = || few().walk(walk.clone()).check(mixed_use);
        let explored = explore();
        assert_eq!(explored, explore());
        assert_eq!(explored.runs(), 40);
        assert!(explored.distinct() <= 40 && explored.distinct() > 1);
        assert!(explored.longest() <= explored.steps());
        assert!(!explored.is_complete());
        let text = explored.to_string();
        assert!(text.contains("40 runs"), "{text}");
    }
}

// contract: D1
#[test]
fn one_seed_of_many_gives_the_trace_that_it_gives_alone() {
    let found = failure(Simulation::new().walk(Walk::Random), racy);
    let seed = found.seed().unwrap();
    let alone = failure(
        Simulation::new().walk(Walk::Random).seeds(seed..seed + 1),
        racy,
    );
    assert_eq!(alone.runs(), 1);
    assert_same(&alone, &found);
    assert_eq!(found.runs() as u64, seed + 1);
}

#[track_caller]
fn assert_same(one: &Failure, other: &Failure) {
    assert_eq!(one.fault(), other.fault());
    assert_eq!(one.schedule(), other.schedule());
    assert_eq!(one.trace(), other.trace());
    assert_eq!(one.trace().to_string(), other.trace().to_string());
}

/// Bodies that fail, each with the simulation that finds it.
fn failing() -> Vec<(Simulation, fn())> {
    let deadlock = || {
        let (promise, future) = sim::promise::<u8>();
        let other = sim::spawn(|| sim::note("a bystander"));
        let _ = future.result();
        drop((promise, other));
    };
    let lost = || {
        let pool = SimExecutor::new(1);
        for n in 0..3 {
            pool.spawn(move || n).unwrap().result().unwrap();
        }
    };
    let raced = || {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| 1).unwrap();
        assert_eq!(call.result_timeout(SECOND).unwrap(), 1);
    };
    let refused = || {
        let pool = SimExecutor::new(1);
        for n in 0..3 {
            pool.spawn(move || n).unwrap().result().unwrap();
        }
    };
    let endless = || {
        let other = sim::spawn(|| sim::note("a bystander"));
        loop {
            if other.who() == sim::Who::Main {
                break;
            }
            sim::yield_now();
        }
    };
    let new = Simulation::new;
    vec![
        (new(), racy as fn()),
        (new().walk(Walk::Random), racy),
        (new().walk(Walk::Exhaustive { interruptions: 1 }), racy),
        (new(), deadlock),
        (new().without(Essential::SecondLook), lost),
        (new().timeouts_race(true), raced),
        (new().refused_starts(1), refused),
        (new().spurious_wake_ups(2).timeouts_race(true), raced),
        (new().max_steps(200), endless),
    ]
}

// contract: D1
#[test]
fn a_replay_of_a_printed_schedule_is_the_same_run() {
    for (n, (simulation, body)) in failing().into_iter().enumerate() {
        let found = failure(simulation.clone(), body);
        let schedule: Schedule = found.schedule().to_string().parse().unwrap();
        assert_eq!(&schedule, found.schedule());
        let again = failure(simulation.walk(Walk::Replay(schedule)), body);
        assert_eq!(again.fault(), found.fault(), "of body {n}");
        assert_eq!(again.trace(), found.trace(), "of body {n}");
        assert_eq!(again.trace().to_string(), found.trace().to_string());
        assert_eq!(again.runs(), 1);
        assert_eq!(again.seed(), None);
    }
}

// contract: D1
#[test]
fn finding_the_same_again_gives_the_same_report() {
    for (simulation, body) in failing() {
        let report = || failure(simulation.clone(), body).to_string();
        assert_eq!(report(), report());
    }
}

// contract: D1
#[test]
fn a_shortened_failure_shows_the_same_and_is_not_longer() {
    let mut shortened = 0;
    for seed in 0..20 {
        let simulation = Simulation::new().walk(Walk::Random).seeds(seed..seed + 1);
        let Err(found) = simulation.explore(racy) else {
            continue;
        };
        assert!(
            matches!(found.fault(), Fault::Panicked(text) if text.contains("the call was faster")),
            "{found}"
        );
        let report = found.to_string();
        let Some(rest) = report.split("shortened from ").nth(1) else {
            continue;
        };
        let numbers: Vec<usize> = rest
            .split_whitespace()
            .take(4)
            .filter_map(|word| word.parse().ok())
            .collect();
        assert_eq!(numbers[1], found.trace().switches());
        assert!(numbers[0] > numbers[1], "{report}");
        shortened += 1;
    }
    assert!(shortened > 0);
}

// contract: D1
#[test]
fn check_panics_with_the_report_that_explore_gives() {
    let found = failure(few(), racy).to_string();
    let payload = catch_unwind(|| few().check(racy)).unwrap_err();
    assert_eq!(*payload.downcast::<String>().unwrap(), found);
}

// contract: D1
#[test]
fn the_default_schedule_lets_whoever_runs_go_on() {
    let replay = Simulation::new().walk(Walk::Replay(Schedule::default()));
    let trace = replay
        .trace(|| {
            let threads = [0, 1].map(|n| sim::spawn(move || sim::note(n)));
            sim::note("main");
            for thread in threads {
                thread.join();
            }
        })
        .unwrap();
    assert_eq!(trace.notes().collect::<Vec<_>>(), ["main", "0", "1"]);
}
