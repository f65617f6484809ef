//! Settings of an executor, and moods of the platform, under which nothing goes wrong.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use concurrent_futures::{
    CancelledBy, Policy, SubmitError, TaskError,
    core::scheduler::Initializer,
    sim::{self, SimConfig, SimExecutor, Simulation},
};

use crate::help::{List, SECOND, hook, never_fails, walks};

// contract: D1, S3
#[test]
fn every_policy_with_a_queue_of_one() {
    for policy in [
        Policy::Block,
        Policy::BlockTimeout(SECOND),
        Policy::Reject,
        Policy::RunInCaller,
        Policy::DiscardOldest,
    ] {
        never_fails(move || {
            let pool = Arc::new(SimExecutor::with(SimConfig {
                max_workers: 1,
                capacity: 1,
                policy,
                ..SimConfig::default()
            }));
            let submit = move |pool: &SimExecutor| {
                for n in 0..2 {
                    match pool.spawn(move || n) {
                        Ok(call) => match call.result() {
                            Ok(value) => assert_eq!(value, n),
                            Err(TaskError::Cancelled(CancelledBy::Discarded)) => {
                                assert_eq!(policy, Policy::DiscardOldest);
                            }
                            Err(other) => panic!("{other}"),
                        },
                        Err(SubmitError::Full(call)) => {
                            assert_eq!(policy, Policy::Reject);
                            assert_eq!(call.into_inner()(), n);
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                }
            };
            let others = [0, 1].map(|_| {
                let pool = Arc::clone(&pool);
                sim::spawn(move || submit(&pool))
            });
            submit(&pool);
            for other in others {
                other.join();
            }
        });
    }
}

/// Fails the second time.
struct Once(AtomicUsize);

impl Initializer for Once {
    type Local = usize;

    fn init(&self) -> Result<usize, String> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(7),
            _ => Err("no more".into()),
        }
    }
}

// contract: D1, T4
#[test]
fn an_initializer_that_fails_breaks_the_executor_and_nothing_hangs() {
    never_fails(|| {
        let pool = SimExecutor::with(SimConfig {
            max_workers: 2,
            capacity: 4,
            policy: Policy::Block,
            initializer: Once(AtomicUsize::new(0)),
            error_hook: None,
        });
        for _ in 0..3 {
            match pool.spawn_with(|local| *local) {
                Ok(call) => match call.result() {
                    Ok(local) => assert_eq!(local, 7),
                    Err(TaskError::Broken(broken)) => assert!(broken.cause().contains("no more")),
                    Err(other) => panic!("{other}"),
                },
                Err(SubmitError::Broken(broken, _)) => assert!(broken.cause().contains("no more")),
                Err(other) => panic!("{other:?}"),
            }
        }
    });
}

// contract: D1, C4
#[test]
fn an_error_hook_is_told() {
    never_fails(|| {
        let told = List::new();
        let pool = SimExecutor::with(SimConfig {
            error_hook: Some(hook(told.clone())),
            ..SimConfig::default()
        });
        drop(pool.spawn(|| panic!("nobody looks")).unwrap());
        let call = pool.spawn(|| ()).unwrap();
        call.add_done_callback(|_| panic!("a bad callback"));
        call.result().unwrap();
        drop(pool);
        let mut told = told.take();
        told.sort();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("a bad callback") && told[1].contains("nobody looks"));
    });
}

// contract: D1, T8
#[test]
fn refused_starts_are_told_and_nothing_hangs() {
    let seen = Arc::new([const { AtomicUsize::new(0) }; 3]);
    let count = Arc::clone(&seen);
    let body = Arc::new(move || {
        let pool = SimExecutor::new(2);
        for n in 0..3 {
            let which = match pool.spawn(move || n) {
                Ok(call) => match call.result() {
                    Ok(value) => {
                        assert_eq!(value, n);
                        0
                    }
                    Err(TaskError::NoWorker) => 1,
                    Err(other) => panic!("{other}"),
                },
                Err(SubmitError::NoWorker(call)) => {
                    assert_eq!(call.into_inner()(), n);
                    2
                }
                Err(other) => panic!("{other:?}"),
            };
            count[which].fetch_add(1, Ordering::Relaxed);
        }
    });
    for simulation in walks() {
        let body = Arc::clone(&body);
        simulation.refused_starts(2).check(move || body());
    }
    assert!(seen[0].load(Ordering::Relaxed) > 0);
    assert!(seen[2].load(Ordering::Relaxed) > 0, "some were refused");
}

// contract: D1, R3
#[test]
fn spurious_wake_ups_and_racing_timeouts_harm_nobody() {
    for simulation in walks() {
        let simulation: Simulation = simulation.spurious_wake_ups(3).timeouts_race(true);
        simulation.check(|| {
            let pool = SimExecutor::with(SimConfig {
                max_workers: 2,
                capacity: 1,
                ..SimConfig::default()
            });
            let (promise, future) = sim::promise::<u8>();
            let waiting = pool.spawn(move || future.result().unwrap()).unwrap();
            let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
            let setter = sim::spawn(move || promise.set(3).unwrap());
            assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
            assert_eq!(waiting.result().unwrap(), 3);
            setter.join();
        });
    }
}
