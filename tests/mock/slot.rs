//! A promise and its future in a `static`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use concurrent_futures_core::future::{
    CancelledBy, InvalidState, ResultError, Slot, SlotBusy, TaskError,
};

use crate::{
    platform::MockPlatform,
    world::{World, must_not_block, then},
};

// contract: D2
#[test]
fn a_slot_is_busy_until_both_ends_are_gone() {
    static SLOT: Slot<u32> = Slot::new();
    let _world = World::new();
    for round in 0..3 {
        let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
        assert_eq!(SLOT.promise::<MockPlatform>().unwrap_err(), SlotBusy);
        promise.set(round).unwrap();
        assert!(
            SLOT.promise::<MockPlatform>().is_err(),
            "its future is there"
        );
        assert_eq!(future.result().unwrap(), round);
    }
}

#[test]
fn a_promise_may_outlive_its_future() {
    static SLOT: Slot<u32> = Slot::new();
    let _world = World::new();
    let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    drop(future);
    assert!(SLOT.promise::<MockPlatform>().is_err());
    promise.set(1).unwrap();
    assert!(SLOT.promise::<MockPlatform>().is_ok());
}

#[test]
fn who_waits_is_woken_by_the_promise() {
    static SLOT: Slot<&str> = Slot::new();
    let _world = World::new();
    let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    then(move || promise.set("ready").unwrap());
    assert_eq!(future.result().unwrap(), "ready");
}

// contract: F5
#[test]
fn a_promise_dropped_without_an_outcome_fails_the_future() {
    static SLOT: Slot<u32> = Slot::new();
    let _world = World::new();
    let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    then(move || drop(promise));
    assert!(matches!(future.result(), Err(TaskError::Abandoned)));
}

// contract: F2
#[test]
fn a_value_for_a_cancelled_future_comes_back() {
    static SLOT: Slot<u32> = Slot::new();
    let _world = World::new();
    let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    assert!(future.cancel());
    assert_eq!(promise.set(7).map_err(InvalidState::into_inner), Err(7));
    assert!(matches!(
        future.result(),
        Err(TaskError::Cancelled(CancelledBy::Caller))
    ));
}

// contract: K1
#[test]
fn a_started_promise_cannot_be_cancelled() {
    static SLOT: Slot<u32> = Slot::new();
    let _world = World::new();
    let (mut promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    assert!(promise.start());
    assert!(future.running() && !future.cancel());
    promise.set_error(TaskError::NoWorker).unwrap();
    assert!(future.failed());
    assert!(matches!(future.result(), Err(TaskError::NoWorker)));
}

#[test]
fn an_outcome_that_nobody_takes_is_dropped_once() {
    static SLOT: Slot<Arc<AtomicUsize>> = Slot::new();
    let _world = World::new();
    let value = Arc::new(AtomicUsize::new(0));
    let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    promise.set(Arc::clone(&value)).unwrap();
    future.result_ref().unwrap().fetch_add(1, Ordering::Relaxed);
    drop(future);
    assert_eq!(
        (Arc::strong_count(&value), value.load(Ordering::Relaxed)),
        (1, 1)
    );

    let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    drop(future);
    promise.set(Arc::clone(&value)).unwrap();
    assert_eq!(Arc::strong_count(&value), 1, "its future was gone before");
}

// contract: D3
#[test]
fn where_waiting_is_not_allowed_the_future_comes_back() {
    static SLOT: Slot<u32> = Slot::new();
    let _world = World::new();
    let (promise, future) = SLOT.promise::<MockPlatform>().unwrap();
    must_not_block(true);
    let waited = future.result_timeout(std::time::Duration::from_secs(1));
    let Err(ResultError::WouldBlock(future)) = waited else {
        unreachable!("{waited:?}");
    };
    assert!(!future.wait());
    promise.set(1).unwrap();
    assert_eq!(future.result().unwrap(), 1, "what is there may be taken");
}
