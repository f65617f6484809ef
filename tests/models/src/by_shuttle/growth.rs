//! Workers: how many there are, when they come, and what happens if they cannot.

use std::sync::Arc;

use concurrent_futures_core::{
    executor::Pool,
    future::{SubmitError, TaskError, promise},
    queue::{Policy, Ring},
    scheduler::{Config, Initializer},
};
use shuttle::thread;

use super::{
    platform::{Model, ModelBackend, ModelSpawner, config, perhaps, pool},
    shutdown::recorded,
};

/// Calls one after the other: no wake-up is lost, and nothing is touched that the waiter has freed.
// contract: T2 R1
pub fn one_after_another() {
    let pool = pool(2);
    for n in 0..3 {
        let future = pool.spawn(move || n).expect("there is room");
        assert_eq!(future.result().expect("it runs"), n);
    }
}

/// Calls one after the other, on a pool that may have two workers: one is started.
// contract: T2
pub fn one_is_enough() {
    let (pool, record) = recorded(2, 4);
    let future = pool.spawn(|| 7).expect("there is room");
    assert_eq!(future.result().expect("it runs"), 7);
    assert_eq!(record.most(), 1, "the first worker was idle");
}

/// Calls that wait for the next one: as many workers must come.
// contract: T2
pub fn chain() {
    let pool = pool(3);
    let (open_first, first) = promise::<Model, ()>();
    let (open_second, second) = promise::<Model, ()>();
    let awaits_first = pool.spawn(move || first.wait());
    let awaits_second = pool.spawn(move || second.wait() && open_first.set(()).is_ok());
    let opens = pool.spawn(move || open_second.set(()).is_ok());
    for call in [awaits_first.ok(), awaits_second.ok(), opens.ok()] {
        assert!(call.expect("there is room").result().expect("it runs"));
    }
}

/// Three who submit at once: there are never more workers than allowed, and all calls run.
// contract: T2
pub fn most_workers() {
    for most in [1, 2] {
        let (pool, record) = recorded(most, 4);
        let submitters = [1, 2, 3].map(|n| {
            let handle = pool.handle();
            thread::spawn(move || {
                let future = handle.spawn(move || n).expect("there is room");
                assert_eq!(future.result().expect("it runs"), n);
            })
        });
        for submitter in submitters {
            submitter.join().expect("it does not panic");
        }
        assert!(record.most() <= most, "more workers than allowed");
    }
}

/// Some starts are refused: every call runs, or is said to have no worker.
// contract: T8 S2
pub fn refused() {
    let pool = Pool::new(Config {
        spawner: ModelSpawner::refusing(2),
        ..config(2, 4)
    });
    let submitters = [1, 2, 3].map(|n| {
        let handle = pool.handle();
        thread::spawn(move || match handle.spawn(move || n) {
            Ok(future) => match future.result() {
                Ok(value) => assert_eq!(value, n),
                Err(TaskError::NoWorker) => {}
                Err(other) => panic!("{other}"),
            },
            Err(SubmitError::NoWorker(call)) => assert_eq!(call.into_inner()(), n),
            Err(other) => panic!("{other}"),
        })
    });
    for submitter in submitters {
        submitter.join().expect("it does not panic");
    }
}

/// What a worker does first: it may fail.
struct MayFail;

impl Initializer for MayFail {
    type Local = u32;

    fn init(&self) -> Result<u32, String> {
        thread::yield_now();
        if perhaps() {
            Ok(7)
        } else {
            Err("no luck".into())
        }
    }
}

/// Initializers that fail break the pool: what was queued fails, what runs is finished, what comes later is refused.
// contract: T4 E2
pub fn initializer_fails() {
    let pool: Pool<ModelBackend<MayFail>> = Pool::new(Config {
        max_workers: 2,
        policy: Policy::Block,
        queue: Ring::new(4).expect("a small ring"),
        spawner: ModelSpawner::new(),
        initializer: MayFail,
        error_hook: None,
    });
    let pool = Arc::new(pool);
    let submitters = [1, 2, 3].map(|n| {
        let pool = pool.clone();
        thread::spawn(move || {
            let broken = match pool.spawn_with(move |local| *local + n) {
                Ok(future) => match future.result() {
                    Ok(value) => {
                        assert_eq!(value, 7 + n);
                        false
                    }
                    Err(TaskError::Broken(_)) => true,
                    Err(other) => panic!("{other}"),
                },
                Err(SubmitError::Broken(..)) => true,
                Err(other) => panic!("{other}"),
            };
            if broken {
                assert!(matches!(pool.spawn(|| ()), Err(SubmitError::Broken(..))));
            }
        })
    });
    for submitter in submitters {
        submitter.join().expect("it does not panic");
    }
}
