//! Faults of the scheduler that were found, by what went wrong, on every schedule within a bound.

use std::sync::Arc;

use concurrent_futures::{
    SubmitError,
    core::scheduler::Initializer,
    sim::{self, SimConfig, SimExecutor, Simulation, Stands, Walk, Who},
};

fn all(interruptions: usize) -> Simulation {
    Simulation::new().walk(Walk::Exhaustive { interruptions })
}

// contract: T2
#[test]
fn a_worker_that_finds_the_call_on_its_way_to_sleep_is_not_helped_by_another() {
    let explored = all(3).check(|| {
        let pool = SimExecutor::new(2);
        for n in 0..2 {
            assert_eq!(pool.spawn(move || n).unwrap().result().unwrap(), n);
        }
        assert_eq!(
            pool.stats().workers,
            1,
            "one call at a time needs one worker"
        );
    });
    assert!(explored.is_complete());
}

/// Whoever was refused a worker told those who wait for the workers to be gone that there is none, and went on telling them for as long
/// as there was one again: each that it woke found that one, and waited anew in the list that it emptied.
// contract: X1, T8
#[test]
fn a_refused_submitter_does_not_wake_who_waits_for_the_workers_again_and_again() {
    let simulation = Simulation::new()
        .walk(Walk::Priorities { depth: 3 })
        .seeds(0..10_000)
        .refused_starts(1)
        .max_steps(1_500);
    simulation.check(|| {
        let pool = Arc::new(SimExecutor::new(1));
        let submitters = [0, 1].map(|_| {
            let handle = pool.handle();
            sim::spawn(move || drop(handle.spawn(|| ())))
        });
        pool.shutdown(true, false).unwrap();
        for submitter in submitters {
            submitter.join();
        }
    });
}

/// A queue that the rest of a call fills which was taken back, because the pool broke, is not said to be full.
// contract: S2
#[test]
fn a_broken_pool_that_is_full_of_what_was_taken_back_says_that_it_broke() {
    struct Fails;
    impl Initializer for Fails {
        type Local = ();

        fn init(&self) -> Result<(), String> {
            Err("on purpose".into())
        }
    }
    Simulation::new().by_hand(|hand| {
        let config = SimConfig {
            max_workers: 1,
            capacity: 1,
            ..SimConfig::default()
        };
        let pool = Arc::new(SimExecutor::with(config.initializer(Fails)));
        let submitter = |waits: bool| {
            let pool = Arc::clone(&pool);
            let call: fn() = || ();
            let submit = move || {
                if waits {
                    pool.spawn(call)
                } else {
                    pool.try_spawn(call)
                }
            };
            sim::spawn(move || match submit() {
                Err(SubmitError::Broken(..)) => "broken",
                Err(SubmitError::Full(_)) => "full",
                Ok(_) | Err(_) => "something else",
            })
        };
        let (impatient, patient) = (submitter(false), submitter(true));
        // Both find the pool open.
        hand.step(impatient.who());
        hand.step(patient.who());
        hand.step(impatient.who());
        assert_eq!(hand.run(Who::Worker(0)), Stands::Ended, "it broke the pool");
        hand.run(patient.who());
        hand.run(impatient.who());
        assert_eq!((patient.join(), impatient.join()), ("broken", "broken"));
    });
}
