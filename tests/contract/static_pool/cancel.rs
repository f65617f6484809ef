//! K: a cancelled call of a static pool leaves at once.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

use concurrent_futures::{CancelledBy, TaskError, TaskState};
use concurrent_futures_tests::{Drops, bounded};

use super::{
    Order, Pump, held,
    spawner::{Hands, Staffed},
};
use crate::wakers::{Wakes, poll_once};

/// Tells where it is dropped.
struct Where(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for Where {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(thread::current().id());
    }
}

// contract: D2, K2
#[test]
fn the_closure_is_dropped_at_once_by_who_cancels() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<2> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, busy) = held(&POOL);
        let dropped = Arc::new(Mutex::new(Vec::new()));
        let captured = Where(Arc::clone(&dropped));
        let call = POOL.spawn(move || drop(captured)).unwrap();
        let canceller = thread::scope(|threads| {
            let cancel = threads.spawn(|| {
                assert!(call.cancel());
                assert_eq!(dropped.lock().unwrap().len(), 1, "before it returns");
                thread::current().id()
            });
            cancel.join().unwrap()
        });
        assert_eq!(*dropped.lock().unwrap(), [canceller]);
        gate.open();
        busy.result().unwrap();
        assert!(matches!(
            call.result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ));
        POOL.shutdown(true, false).unwrap();
        assert_eq!(dropped.lock().unwrap().len(), 1);
    });
}

// contract: D2, K1, K2
#[test]
fn the_entry_leaves_the_queue_and_the_slot_is_free_once_the_future_is() {
    static POOL: Pump<3> = Pump::new();
    for middle in 0..3 {
        let order = Order::default();
        let mut calls: Vec<_> = (0..3).map(|n| order.call(&POOL, n)).collect();
        assert!(calls[middle].cancel());
        assert!(calls[middle].cancel(), "still never");
        assert_eq!(calls[middle].state(), TaskState::Cancelled);
        assert_eq!((POOL.stats().queued, POOL.free_slots()), (2, 0));
        drop(calls.remove(middle));
        assert_eq!((POOL.stats().queued, POOL.free_slots()), (2, 1));
        calls.push(order.call(&POOL, 3));
        assert_eq!((POOL.stats().queued, POOL.free_slots()), (3, 0));
        assert_eq!(POOL.run_until_idle(), 3);
        let mut expected = vec![0, 1, 2, 3];
        expected.remove(middle);
        assert_eq!(order.ran(), expected);
    }
}

// contract: D2, K2
#[test]
fn all_are_cancelled_and_the_pool_is_as_new() {
    static POOL: Pump<4> = Pump::new();
    let drops = Drops::new();
    for round in 1..=20 {
        let calls = [(); 4].map(|()| {
            let token = drops.token();
            POOL.spawn(move || drop(token)).unwrap()
        });
        assert!(calls.iter().all(|call| call.cancel()));
        assert_eq!(drops.count(), 4 * round);
        assert_eq!((POOL.stats().queued, POOL.free_slots()), (0, 0));
        assert_eq!(POOL.run_until_idle(), 0, "there is nothing to run");
        drop(calls);
        assert_eq!(POOL.free_slots(), 4);
    }
}

// contract: D2, K1
#[test]
fn a_call_that_is_cancelled_over_and_over_is_cheap_to_have_in_the_middle() {
    static POOL: Pump<3> = Pump::new();
    let order = Order::default();
    let (_first, last) = (order.call(&POOL, 0), order.call(&POOL, 1));
    for _ in 0..1_000 {
        let call = order.call(&POOL, 2);
        assert!(call.cancel());
    }
    assert_eq!(POOL.stats().queued, 2);
    assert_eq!(last.result().unwrap(), 1);
    assert_eq!(order.ran(), [0, 1]);
}

// contract: D2, K1, R5
#[test]
fn cancelling_wakes_whoever_waits() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<3> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, busy) = held(&POOL);
        let call = POOL.spawn(|| ()).unwrap();
        thread::scope(|threads| {
            let waiting = threads.spawn(|| call.wait());
            assert!(call.cancel());
            waiting.join().unwrap();
        });
        let wakes = Wakes::new();
        let mut call = POOL.spawn(|| ()).unwrap();
        assert!(poll_once(&mut call, &wakes).is_pending());
        assert!(call.cancel());
        assert_eq!(wakes.count(), 1);
        assert!(poll_once(&mut call, &wakes).is_ready());
        gate.open();
        busy.result().unwrap();
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, K1
#[test]
fn a_call_cancels_those_that_wait_behind_it() {
    static POOL: Pump<4> = Pump::new();
    let order = Order::default();
    let (give, given) = std::sync::mpsc::channel::<Vec<concurrent_futures::Future<usize>>>();
    let first = POOL.spawn(move || {
        let others = given.recv().unwrap();
        others[..2].iter().filter(|call| call.cancel()).count()
    });
    give.send((1..4).map(|n| order.call(&POOL, n)).collect())
        .unwrap();
    assert_eq!(POOL.run_until_idle(), 2);
    assert_eq!(first.unwrap().result().unwrap(), 2);
    assert_eq!((order.ran(), POOL.free_slots()), (vec![3], 4));
}

// contract: D2, K2
#[test]
fn what_a_cancelled_closure_drops_may_submit_and_cancel() {
    static POOL: Pump<3> = Pump::new();
    static SUBMITTED: AtomicUsize = AtomicUsize::new(0);
    struct Submits(Option<concurrent_futures::Future<()>>);
    impl Drop for Submits {
        fn drop(&mut self) {
            if let Some(other) = self.0.take() {
                assert!(other.cancel());
            }
            let call = POOL.spawn(|| {
                SUBMITTED.fetch_add(1, Ordering::SeqCst);
            });
            assert!(call.is_ok(), "a slot is free");
        }
    }
    let other = POOL.spawn(|| panic!("it was cancelled")).unwrap();
    let captured = Submits(Some(other));
    let call = POOL.spawn(move || drop(captured)).unwrap();
    assert!(call.cancel());
    assert_eq!(POOL.stats().queued, 1);
    assert_eq!(POOL.run_until_idle(), 1);
    assert_eq!(SUBMITTED.load(Ordering::SeqCst), 1);
    drop(call);
    assert_eq!(POOL.free_slots(), 3);
}

// contract: D2, K1
#[test]
fn a_race_for_a_call_is_won_by_the_canceller_or_by_who_runs_it() {
    static POOL: Pump<2> = Pump::new();
    static RAN: AtomicUsize = AtomicUsize::new(0);
    bounded(|| {
        let drops = Drops::new();
        let barrier = std::sync::Barrier::new(2);
        for round in 1..=2_000 {
            let before = RAN.load(Ordering::SeqCst);
            let token = drops.token();
            let call = POOL.spawn(move || {
                RAN.fetch_add(1, Ordering::SeqCst);
                drop(token);
            });
            let call = call.unwrap();
            let (cancelled, ran) = thread::scope(|threads| {
                let pump = threads.spawn(|| {
                    barrier.wait();
                    POOL.run_one()
                });
                barrier.wait();
                (call.cancel(), pump.join().unwrap())
            });
            let runs = RAN.load(Ordering::SeqCst) - before;
            assert_eq!(runs, usize::from(!cancelled));
            // It may have been cancelled after it was taken.
            assert!(ran || cancelled);
            assert_eq!((drops.count(), POOL.stats().queued), (round, 0));
            drop(call);
            assert_eq!(POOL.free_slots(), 2);
        }
    });
}
