//! What costs nothing as long as nobody waits.

use concurrent_futures_core::queue::{Policy, Ring};

use crate::{
    platform::{MockPool, work},
    world::{World, before_lock, was_not_reached},
};

#[test]
fn a_call_that_nobody_waits_for_is_submitted_run_and_taken_without_a_lock() {
    let _world = World::new();
    let pool = MockPool::with(1, Policy::Block, Ring::new(4).unwrap());
    let first = pool.spawn(|| 1).unwrap();
    // The worker that was asked for counts as looking for work, so nobody has to be found for the second call.
    before_lock(1, || unreachable!("nobody waits, cancels or fails"));
    let second = pool.spawn(|| 2).unwrap();
    work(&pool);
    work(&pool);
    assert_eq!((first.result().unwrap(), second.result().unwrap()), (1, 2));
    assert!(was_not_reached());
    pool.run_out();
}
