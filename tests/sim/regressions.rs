//! Faults of the scheduler that were found, by what went wrong, on every schedule within a bound.

use concurrent_futures::sim::{SimExecutor, Simulation, Walk};

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
