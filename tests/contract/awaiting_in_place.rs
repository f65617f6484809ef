//! R6 where nothing is allocated: the node of whoever awaits is in the slot.

use std::task::Poll;

use concurrent_futures::{CancelledBy, StdPlatform, TaskError};
use concurrent_futures_core::{executor::StaticPool, future::Slot};
use concurrent_futures_tests::bounded;

use crate::wakers::{Wakes, poll_once};

// contract: R6, D2
#[test]
fn awaiting_a_promise_in_a_slot_wakes_once_time_after_time() {
    static SLOT: Slot<String> = Slot::new();
    bounded(|| {
        let wakes = Wakes::new();
        for round in 1..=3 {
            let (promise, mut future) = SLOT.promise::<StdPlatform>().unwrap();
            assert!(poll_once(&mut future, &wakes).is_pending());
            promise.set(round.to_string()).unwrap();
            assert_eq!((wakes.count(), wakes.kept()), (round, 0));
            match poll_once(&mut future, &wakes) {
                Poll::Ready(Ok(text)) => assert_eq!(text, round.to_string()),
                other => panic!("{other:?}"),
            }
        }
    });
}

// contract: R6, D2
#[test]
fn awaiting_a_call_in_a_slot_gives_its_outcome() {
    static POOL: StaticPool<StdPlatform, 2, 40> = StaticPool::new();
    bounded(|| {
        let (first, second) = (Wakes::new(), Wakes::new());
        let mut future = POOL.spawn(|| 6).unwrap();
        assert!(poll_once(&mut future, &first).is_pending());
        assert!(poll_once(&mut future, &second).is_pending());
        assert_eq!(first.kept(), 0, "the waker that was replaced is dropped");
        assert!(POOL.run_one());
        assert_eq!((first.count(), second.count()), (0, 1));
        assert!(matches!(
            poll_once(&mut future, &second),
            Poll::Ready(Ok(6))
        ));
        drop(future);
        assert_eq!((second.kept(), POOL.free_slots()), (0, 2));
    });
}

// contract: R6, D2
#[test]
fn dropping_the_awaiting_side_of_a_slot_causes_no_stray_wake() {
    static POOL: StaticPool<StdPlatform, 1, 40> = StaticPool::new();
    static SLOT: Slot<u8> = Slot::new();
    bounded(|| {
        let wakes = Wakes::new();
        let mut call = POOL.spawn(|| 1).unwrap();
        let (promise, mut future) = SLOT.promise::<StdPlatform>().unwrap();
        assert!(poll_once(&mut call, &wakes).is_pending());
        assert!(poll_once(&mut future, &wakes).is_pending());
        drop((call, future));
        assert_eq!(wakes.kept(), 0, "the wakers go with the futures");
        assert!(POOL.run_one());
        promise.set(2).unwrap();
        assert_eq!(wakes.count(), 0);
        assert_eq!(POOL.free_slots(), 1);
        assert!(SLOT.promise::<StdPlatform>().is_ok());
    });
}

// contract: R6, R5, D2
#[test]
fn a_cancel_wakes_who_awaits_a_call_in_a_slot() {
    static POOL: StaticPool<StdPlatform, 1, 40> = StaticPool::new();
    bounded(|| {
        let wakes = Wakes::new();
        let mut future = POOL.spawn(|| 1).unwrap();
        assert!(poll_once(&mut future, &wakes).is_pending());
        assert!(future.cancel());
        assert_eq!((wakes.count(), wakes.kept()), (1, 0));
        assert!(matches!(
            poll_once(&mut future, &wakes),
            Poll::Ready(Err(TaskError::Cancelled(CancelledBy::Caller)))
        ));
        assert!(!POOL.run_one(), "it left the queue");
    });
}
