//! What the mock itself promises: the same test gives the same trace, and a wait that nobody ends is reported.

use std::panic::{AssertUnwindSafe, catch_unwind};

use concurrent_futures_core::future::{ReturnWhen, promise, wait};

use crate::{
    platform::{MockPlatform, MockPool},
    world::{Event, World, note, run_worker, then, trace},
};

fn a_bit_of_everything() -> Vec<Event> {
    let _world = World::new();
    let pool = MockPool::new(2);
    let futures: Vec<_> = (0..3)
        .map(|n| {
            let handle = pool.handle();
            let outer = pool.spawn(move || {
                run_worker();
                handle.spawn(move || n).unwrap().result().unwrap()
            });
            outer.unwrap()
        })
        .collect();
    futures[1].add_done_callback(|_| note("the second is done"));
    futures[2].cancel();
    then(|| assert!(run_worker()));
    pool.then_close();
    let split = wait(futures, ReturnWhen::AllCompleted, None);
    assert_eq!((split.done.len(), split.not_done.len()), (3, 0));
    drop(pool);
    trace()
}

// contract: D1
#[test]
fn the_same_test_gives_the_same_trace() {
    let first = a_bit_of_everything();
    assert!(first.contains(&Event::Note("the second is done")));
    assert_eq!(first.last(), Some(&Event::Joined));
    assert_eq!(first, a_bit_of_everything());
}

fn message(deed: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(deed)).expect_err("nobody ends this wait");
    *payload.downcast::<String>().expect("a formatted message")
}

// contract: D1
#[test]
fn a_wait_that_nobody_ends_is_reported_with_the_trace() {
    let _world = World::new();
    let (_promise, future) = promise::<MockPlatform, ()>();
    let report = message(|| drop(future.result()));
    assert!(report.starts_with("deadlock: context 0"), "{report}");
    assert!(report.contains("AboutToWait"), "{report}");
}

// contract: D1
#[test]
fn a_worker_that_nobody_wakes_is_reported_with_the_trace() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = pool.spawn(|| 1).unwrap();
    let report = message(|| assert!(run_worker()));
    assert!(report.starts_with("deadlock: context 1"), "{report}");
    assert!(report.contains("ListedAsleep"), "{report}");
    assert_eq!(call.result().unwrap(), 1);
    // That worker's life was cut short, so the pool would wait for it for ever.
    pool.detach();
}
