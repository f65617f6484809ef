//! W where nothing is allocated: `wait_in` sorts a slice in place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use concurrent_futures::{
    Future, ReturnWhen, StdPlatform, TaskState, core::executor::StaticPool, promise,
};
use concurrent_futures_core::future::{Slot, wait_in};
use concurrent_futures_tests::{Gate, Threads, bounded};

use crate::{
    held::Held,
    nested::{Order, on_the_only_worker},
    wakers::{Wakes, poll_once},
};

const MOMENT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);
const WAYS: [ReturnWhen; 3] = [
    ReturnWhen::FirstCompleted,
    ReturnWhen::FirstException,
    ReturnWhen::AllCompleted,
];

type Pump<const SLOTS: usize> = StaticPool<StdPlatform, SLOTS, 64>;

/// The places, in the slice as it was, of what is in it now.
fn places<T>(before: &[concurrent_futures::FutureId], futures: &[Future<T>]) -> Vec<usize> {
    let place = |future: &Future<T>| before.iter().position(|id| *id == future.id());
    futures
        .iter()
        .map(|future| place(future).unwrap())
        .collect()
}

// contract: W1
#[test]
fn what_is_done_comes_first_and_each_part_keeps_its_order() {
    for done in 0..1_usize << 6 {
        let (promises, mut futures): (Vec<_>, Vec<_>) = (0..6).map(|_| promise::<usize>()).unzip();
        let ids: Vec<_> = futures.iter().map(Future::id).collect();
        let mut kept = Vec::new();
        for (n, promise) in promises.into_iter().enumerate() {
            if done & (1 << n) != 0 {
                promise.set(n).unwrap();
            } else {
                kept.push(promise);
            }
        }
        let (ready, rest) = wait_in(&mut futures, ReturnWhen::AllCompleted, Some(Duration::ZERO));
        let (is_done, is_not): (Vec<_>, Vec<_>) = (0..6).partition(|n| done & (1 << n) != 0);
        assert_eq!((places(&ids, ready), places(&ids, rest)), (is_done, is_not));
    }
}

// contract: W1, W3
#[test]
fn an_empty_slice_is_done_at_once() {
    for when in WAYS {
        let (done, not_done) = wait_in::<Future<u8>>(&mut [], when, None);
        assert!(done.is_empty() && not_done.is_empty());
    }
}

// contract: W1
#[test]
fn futures_are_given_by_value_by_reference_or_shared() {
    static SLOT: Slot<u8> = Slot::new();
    static POOL: Pump<1> = Pump::new();
    bounded(|| {
        let (in_slot, first) = SLOT.promise::<StdPlatform>().unwrap();
        let (boxed, second) = promise();
        in_slot.set(1).unwrap();
        boxed.set(2).unwrap();
        let third = POOL.spawn(|| 3_u8).unwrap();
        let mut by_reference = [&first, &second, &third];
        let (done, _) = wait_in(&mut by_reference, ReturnWhen::AllCompleted, None);
        assert_eq!(done.len(), 3);
        let mut shared = [first, second, third].map(Arc::new);
        let (done, _) = wait_in(&mut shared, ReturnWhen::FirstCompleted, None);
        let sum: u8 = done
            .iter()
            .map(|future| *future.result_ref().unwrap())
            .sum();
        assert_eq!(sum, 6);
    });
}

// contract: W1, F6
#[test]
fn a_future_that_is_there_twice_stays_there_twice() {
    bounded(|| {
        let (promise, future) = promise();
        let (_open, other) = concurrent_futures::promise::<u8>();
        thread::scope(|threads| {
            let waiting = threads.spawn(|| {
                let mut slice = [&other, &future, &other, &future];
                let (done, not_done) = wait_in(&mut slice, ReturnWhen::FirstCompleted, None);
                let counts = (done.len(), not_done.len());
                assert!(done.iter().all(|done| done.id() == future.id()));
                counts
            });
            promise.set(1_u8).unwrap();
            assert_eq!(waiting.join().unwrap(), (2, 2));
        });
    });
}

// contract: W2
#[test]
fn waiting_for_the_first_gives_all_that_are_done_at_once() {
    bounded(|| {
        let (promises, mut futures): (Vec<_>, Vec<_>) = (0..4).map(|_| promise::<usize>()).unzip();
        let ids: Vec<_> = futures.iter().map(Future::id).collect();
        let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
        for n in [3, 1] {
            promises[n].take().unwrap().set(n).unwrap();
        }
        let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstCompleted, None);
        assert_eq!(
            (places(&ids, done), places(&ids, not_done)),
            (vec![1, 3], vec![0, 2])
        );
    });
}

// contract: W2
#[test]
fn waiting_for_the_first_ends_with_whichever_that_is() {
    for first in 0..4 {
        bounded(move || {
            let (promises, mut futures): (Vec<_>, Vec<_>) =
                (0..4).map(|_| promise::<usize>()).unzip();
            let ids: Vec<_> = futures.iter().map(Future::id).collect();
            let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
            let waiting = thread::spawn(move || {
                let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstCompleted, None);
                (places(&ids, done), not_done.len())
            });
            promises[first].take().unwrap().set(first).unwrap();
            assert_eq!(waiting.join().unwrap(), (vec![first], 3));
        });
    }
}

// contract: W2, R8
#[test]
fn waiting_for_a_failure_goes_on_over_values_and_cancellations() {
    static POOL: Pump<4> = Pump::new();
    bounded(|| {
        let good = POOL.spawn_result(|| Ok::<_, &str>(1)).unwrap();
        let cancelled = POOL.spawn_result(|| Ok(2)).unwrap();
        let bad = POOL.spawn_result(|| Err("bad")).unwrap();
        let last = POOL.spawn_result(|| Ok(4)).unwrap();
        assert!(cancelled.cancel());
        let mut futures = [&good, &last, &cancelled, &bad];
        let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstException, None);
        let ids: Vec<_> = done.iter().map(|future| future.id()).collect();
        assert_eq!(ids, [good.id(), cancelled.id(), bad.id()]);
        assert_eq!((not_done.len(), not_done[0].id()), (1, last.id()));
        // Without one, all of them.
        let mut futures = [&good, &last, &cancelled];
        let (done, _) = wait_in(&mut futures, ReturnWhen::FirstException, None);
        assert_eq!(done.len(), 3);
    });
}

// contract: W2, R8
#[test]
fn a_failure_elsewhere_ends_a_wait_for_one() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let held = Held::on(&pool);
        let gate = Gate::new();
        let queued = || {
            let gate = gate.clone();
            pool.spawn(move || -> u8 {
                gate.pass();
                panic!("no luck")
            })
        };
        let (_open, never) = promise();
        let mut futures = [never, queued().unwrap()];
        thread::scope(|threads| {
            let waiting = threads.spawn(|| {
                let (done, not_done) = wait_in(&mut futures, ReturnWhen::FirstException, None);
                assert_eq!((done.len(), not_done.len()), (1, 1));
                done[0].failed()
            });
            gate.open();
            assert!(waiting.join().unwrap());
        });
        held.release();
    });
}

// contract: W2, K1
#[test]
fn a_cancellation_is_an_end() {
    static POOL: Pump<2> = Pump::new();
    let mut calls = [POOL.spawn(|| 1).unwrap(), POOL.spawn(|| 2).unwrap()];
    assert!(calls[1].cancel());
    let (done, not_done) = wait_in(&mut calls, ReturnWhen::FirstCompleted, None);
    assert_eq!((done.len(), not_done.len()), (1, 1));
    assert!(done[0].cancelled());
    assert_eq!(
        not_done[0].state(),
        TaskState::Pending,
        "nothing had to run"
    );
}

// contract: W3, R1
#[test]
fn a_timeout_is_no_error_and_gives_what_is_done() {
    bounded(|| {
        for when in WAYS {
            let (promise, future) = promise::<u8>();
            let (done_promise, done_future) = concurrent_futures::promise();
            let mut futures = [future, done_future];
            if when != ReturnWhen::FirstCompleted {
                done_promise.set(1).unwrap();
            }
            let (done, not_done) = wait_in(&mut futures, when, Some(MOMENT));
            let ready = usize::from(when != ReturnWhen::FirstCompleted);
            assert_eq!((done.len(), not_done.len()), (ready, 2 - ready));
            // Untouched: it can be waited for again.
            promise.set(2).unwrap();
            let (done, _) = wait_in(&mut futures, ReturnWhen::FirstException, Some(MOMENT));
            assert!(!done.is_empty());
        }
    });
}

// contract: W4
#[test]
fn a_wait_leaves_nothing_registered() {
    bounded(|| {
        let (promise, future) = promise::<u8>();
        let (_open, other) = concurrent_futures::promise::<u8>();
        let mut futures = [future, other];
        for when in WAYS {
            wait_in(&mut futures, when, Some(MOMENT));
        }
        // Nodes were on the stack of the waits: completing must not come back to them.
        let wakes = Wakes::new();
        assert!(poll_once(&mut futures[0], &wakes).is_pending());
        promise.set(1).unwrap();
        assert_eq!(wakes.count(), 1);
        assert!(poll_once(&mut futures[0], &wakes).is_ready());
    });
}

// contract: W1, R1
#[test]
fn futures_of_several_executors_wait_together() {
    static POOL: Pump<4> = Pump::new();
    static SLOT: Slot<usize> = Slot::new();
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        for round in 0..200 {
            let (in_slot, slot) = SLOT.promise::<StdPlatform>().unwrap();
            let (boxed, future) = promise();
            let mut futures = [
                pool.spawn(move || round).unwrap(),
                slot,
                POOL.spawn(move || round).unwrap(),
                future,
            ];
            let setting = thread::spawn(move || {
                in_slot.set(round).unwrap();
                boxed.set(round).unwrap();
            });
            let when = WAYS[round % 3];
            let (done, not_done) = wait_in(&mut futures, when, None);
            assert!(!done.is_empty());
            assert!(not_done.is_empty() || when == ReturnWhen::FirstCompleted);
            let (done, _) = wait_in(&mut futures, ReturnWhen::AllCompleted, None);
            assert!(
                done.iter()
                    .all(|future| *future.result_ref().unwrap() == round)
            );
            setting.join().unwrap();
        }
    });
}

// contract: W1, T6
#[test]
fn a_worker_runs_what_it_waits_for_in_the_order_of_the_slice() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let mut calls = order.calls(&pool, 5);
        calls.swap(1, 3);
        let (done, _) = wait_in(&mut calls[1..4], ReturnWhen::FirstCompleted, None);
        assert_eq!(done.len(), 1);
        assert_eq!(order.ran(), [3]);
        wait_in(&mut calls[1..4], ReturnWhen::AllCompleted, Some(MOMENT));
        assert_eq!(order.ran(), [3], "timed waits run nothing");
        wait_in(&mut calls[1..4], ReturnWhen::AllCompleted, None);
        assert_eq!(order.ran(), [3, 2, 1]);
    });
}

// contract: W1, D3
#[test]
fn whoever_waits_on_a_pumped_pool_runs_its_calls_in_their_order_and_no_more_than_needed() {
    static POOL: Pump<4> = Pump::new();
    bounded(|| {
        static RAN: [AtomicBool; 4] = [const { AtomicBool::new(false) }; 4];
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| {
            POOL.spawn(move || RAN[n].store(true, Ordering::SeqCst))
                .unwrap()
        });
        let ran = || RAN.each_ref().map(|ran| ran.load(Ordering::SeqCst));
        let mut slice = [&c, &b];
        let (done, not_done) = wait_in(&mut slice, ReturnWhen::FirstCompleted, None);
        assert_eq!((done[0].id(), not_done[0].id()), (b.id(), c.id()));
        assert_eq!(ran(), [true, true, false, false]);
        wait_in(&mut [&c, &a], ReturnWhen::AllCompleted, None);
        assert_eq!(ran(), [true, true, true, false]);
        let mut slice = [&d];
        let (done, _) = wait_in(&mut slice, ReturnWhen::AllCompleted, Some(LONG));
        assert_eq!(done.len(), 1, "within the time it runs them, too");
    });
}

// contract: W1, W2
#[test]
fn many_threads_wait_for_the_same_futures() {
    bounded(|| {
        for _ in 0..50 {
            let (promises, futures): (Vec<_>, Vec<_>) = (0..5).map(|_| promise::<u8>()).unzip();
            thread::scope(|threads| {
                for when in WAYS {
                    let futures = &futures;
                    threads.spawn(move || {
                        let mut slice: Vec<_> = futures.iter().rev().collect();
                        let (done, not_done) = wait_in(&mut slice, when, None);
                        assert!(!done.is_empty());
                        assert!(not_done.is_empty() || when == ReturnWhen::FirstCompleted);
                    });
                }
                for promise in promises {
                    promise.set(1).unwrap();
                    thread::yield_now();
                }
            });
        }
    });
}
