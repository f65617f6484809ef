//! The windows in which a wake-up could get lost: somebody acts just there.

use concurrent_futures_core::{future::SubmitError, platform::Point};

use crate::{
    platform::{MockPool, close},
    world::{World, asked, at, run_worker, then},
};

const ON_THE_WAY_TO_SLEEP: [Point; 3] = [
    Point::SearchedInVain,
    Point::ListedAsleep,
    Point::AboutToPark,
];

#[test]
fn a_call_that_comes_while_the_worker_goes_to_sleep_is_run() {
    for point in ON_THE_WAY_TO_SLEEP {
        let _world = World::new();
        let pool = MockPool::new(2);
        let first = pool.spawn(|| 1).unwrap();
        let handle = pool.handle();
        at(point, move || {
            let second = handle.spawn(|| 2).unwrap();
            // It parks only once that one is run.
            then(move || assert_eq!(second.try_result().unwrap(), 2));
            let handle = handle.clone();
            then(move || close(&handle));
        });
        assert!(run_worker());
        assert_eq!(first.result().unwrap(), 1);
        assert_eq!(asked(), 1, "at {point:?} the worker was found, or found it");
    }
}

// contract: X1
#[test]
fn a_close_that_comes_while_the_worker_goes_to_sleep_ends_it() {
    for point in ON_THE_WAY_TO_SLEEP {
        let _world = World::new();
        let pool = MockPool::new(1);
        let call = pool.spawn(|| 1).unwrap();
        let handle = pool.handle();
        at(point, move || close(&handle));
        assert!(run_worker());
        assert_eq!((call.result().unwrap(), pool.stats().workers), (1, 0));
    }
}

#[test]
fn a_worker_that_sleeps_through_a_push_looks_at_the_queue_first() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let first = pool.spawn(|| 1).unwrap();
    // The whole life of the worker fits between the push of the second call and its submitter's look at the workers.
    pool.then_close();
    at(Point::Pushed, || assert!(run_worker()));
    let second = pool.spawn(|| 2).unwrap();
    assert_eq!((first.result().unwrap(), second.result().unwrap()), (1, 2));
}

// contract: S2
#[test]
fn a_call_that_is_pushed_into_a_pool_that_closes_comes_back() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let handle = pool.handle();
    at(Point::Pushed, move || close(&handle));
    let refused = pool.spawn(|| 1).unwrap_err();
    assert!(matches!(refused, SubmitError::ShutDown(_)));
    assert_eq!(refused.into_inner()(), 1);
    assert!(
        run_worker(),
        "it was asked for, and passes what was taken back"
    );
}

// contract: K1
#[test]
fn a_call_that_is_cancelled_between_queue_and_start_never_runs() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = std::sync::Arc::new(pool.spawn(|| unreachable!("it was cancelled")).unwrap());
    let canceller = std::sync::Arc::clone(&call);
    at(Point::Taken, move || assert!(canceller.cancel()));
    pool.run_out();
    assert!(call.cancelled());
    assert_eq!(pool.stats().queued, 0);
}
