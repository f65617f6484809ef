//! Programs whose schedules are explored.

use std::{sync::Arc, time::Duration};

use concurrent_futures::{
    Backend, CancelledBy, Handle, Policy, ReturnWhen, SubmitError, TaskError, TaskState, WaitSet,
    sim::{self, JoinHandle, SimConfig, SimExecutor, Simulation},
    wait,
};

/// One of them.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    simulation: fn(Simulation) -> Simulation,
    pub(crate) body: fn(),
}

impl Scenario {
    pub(crate) fn simulation(&self) -> Simulation {
        (self.simulation)(Simulation::new())
    }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "clients",
        simulation: |simulation| simulation.spurious_wake_ups(2),
        body: clients,
    },
    Scenario {
        name: "refused-starts",
        simulation: |simulation| simulation.refused_starts(2),
        body: refused_starts,
    },
    Scenario {
        name: "impatient-producers",
        simulation: |simulation| simulation.timeouts_race(true),
        body: impatient_producers,
    },
];

fn executor(max_workers: usize, capacity: usize, policy: Policy) -> SimExecutor {
    SimExecutor::with(SimConfig {
        max_workers,
        capacity,
        policy,
        ..SimConfig::default()
    })
}

fn join<const N: usize>(others: [JoinHandle<()>; N]) {
    for other in others {
        other.join();
    }
}

/// Several callers of a pool of two workers with room for two calls: a call that waits for a later one, one that waits for one of its own,
/// a cancel, callbacks, sets of futures, and a shutdown while others submit.
fn clients() {
    let pool = Arc::new(executor(2, 2, Policy::Block));
    let (open, gate) = sim::promise();
    let waits = pool
        .spawn(move || gate.result().is_ok())
        .expect("the pool is open");
    let opens = pool
        .spawn(move || open.set(()).is_ok())
        .expect("the pool is open");

    let others = [0; 3].map(|_| {
        let handle = pool.handle();
        sim::spawn(move || cancels_one_of_two(&handle))
    });
    assert!(opens.result().expect("it runs"));
    assert!(waits.result().expect("it runs"));

    let handle = pool.handle();
    let nested = pool.spawn(move || match handle.spawn(|| 20) {
        Ok(inner) => inner.result().expect("it is claimed, or runs") + 1,
        Err(SubmitError::ShutDown(_)) => 21,
        Err(other) => panic!("{other}"),
    });
    let calls = [
        nested.expect("the pool is open"),
        pool.spawn(|| 21).expect("the pool is open"),
    ];
    let split = wait(&calls, ReturnWhen::FirstCompleted, None);
    assert!(!split.done.is_empty());
    pool.shutdown(true, false).expect("this is no worker");
    assert_eq!(calls.map(|call| call.result().expect("it ran")), [21, 21]);
    join(others);
}

/// Two calls, one of which is cancelled if it can be, collected by a set; or fewer, if the pool is closed by then.
fn cancels_one_of_two<B: Backend<Cargo = ()>>(handle: &Handle<B>) {
    let (Ok(a), Ok(b)) = (handle.spawn(|| 1), handle.spawn(|| 2)) else {
        return;
    };
    a.add_done_callback(|done| {
        if done.state() != TaskState::Finished {
            sim::fail("a callback came before the end of its call");
        }
    });
    let cancelled = b.cancel();
    let mut set = WaitSet::from_iter([a, b]);
    let mut ended = 0;
    while let Some(future) = set.next() {
        ended += 1;
        match future.result() {
            Ok(value) => assert!(value == 1 || (value == 2 && !cancelled)),
            Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(cancelled),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(ended, 2);
}

/// Two callers of a pool of one worker, which the platform refuses up to twice: both get an answer.
fn refused_starts() {
    fn submit(pool: &SimExecutor, n: u32) {
        for _ in 0..2 {
            match pool.spawn(move || n) {
                Ok(future) => match future.result() {
                    Ok(value) => assert_eq!(value, n),
                    Err(TaskError::NoWorker) => {}
                    Err(other) => panic!("{other}"),
                },
                Err(SubmitError::NoWorker(call)) => assert_eq!(call.into_inner()(), n),
                Err(other) => panic!("{other}"),
            }
        }
    }
    let pool = Arc::new(SimExecutor::new(1));
    let others = [2, 3, 4, 5].map(|n| {
        let pool = Arc::clone(&pool);
        sim::spawn(move || submit(&pool, n))
    });
    submit(&pool, 1);
    join(others);
}

/// Producers of a queue with room for one, some of which give up after a while: whoever does not gets in.
fn impatient_producers() {
    const A_WHILE: Duration = Duration::from_millis(1);
    let pool = Arc::new(executor(1, 1, Policy::BlockTimeout(A_WHILE)));
    let others = [1, 2, 3, 4].map(|n| {
        let pool = Arc::clone(&pool);
        sim::spawn(move || match pool.spawn(move || n) {
            Ok(future) => assert_eq!(future.result().expect("it runs"), n),
            Err(SubmitError::Full(call)) => assert_eq!(call.into_inner()(), n),
            Err(other) => panic!("{other}"),
        })
    });
    // It waits for room whatever the policy.
    let squares = pool
        .map(|n: u32| n * n, [1, 2, 3])
        .expect("the pool is open");
    let squares: Result<Vec<_>, _> = squares.collect();
    assert_eq!(squares.expect("they run"), [1, 4, 9]);
    join(others);
}

/// Two workers, three calls, the last of which is cancelled, and a shutdown.
pub(crate) fn small_case() {
    const CALLS: usize = 3;
    let pool = SimExecutor::new(2);
    let futures: Vec<_> = (1..=CALLS)
        .map(|n| pool.spawn(move || n).expect("the pool is open"))
        .collect();
    let cancelled = futures[CALLS - 1].cancel();
    pool.shutdown(true, false).expect("this is no worker");
    for (n, future) in (1..).zip(futures) {
        assert!(future.done());
        match future.result() {
            Ok(value) => assert!(value == n && !(cancelled && n == CALLS)),
            Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(cancelled && n == CALLS),
            Err(other) => panic!("{other}"),
        }
    }
}
