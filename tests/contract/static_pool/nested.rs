//! T6: calls of a static pool that wait for others of it.

use std::thread;

use concurrent_futures::{ReturnWhen, as_completed, wait};
use concurrent_futures_tests::{Gate, bounded};

use super::{
    Order, Pump, held,
    spawner::{Hands, Staffed},
};

// contract: D2, T6
#[test]
fn a_worker_runs_what_it_waits_for_and_nothing_else() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<6> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let order = Order::default();
        let outer = POOL.spawn({
            let order = order.clone();
            move || {
                let [a, b, c, d] = [0, 1, 2, 3].map(|n| order.call(&POOL, n));
                assert_eq!(c.result().unwrap(), 2);
                assert_eq!(order.ran(), [2]);
                assert_eq!(POOL.stats().queued, 3);
                let split = wait([&d, &a], ReturnWhen::AllCompleted, None);
                assert_eq!(split.done.len(), 2);
                assert_eq!(order.ran(), [2, 3, 0]);
                b
            }
        });
        let last = outer.unwrap().result().unwrap();
        assert_eq!(last.result().unwrap(), 1);
        assert_eq!(order.ran(), [2, 3, 0, 1]);
        POOL.shutdown(true, false).unwrap();
        assert_eq!(POOL.free_slots(), 6);
    });
}

// contract: D2, D3, T6
#[test]
fn a_call_of_a_pumped_pool_runs_what_it_waits_for_and_nothing_else() {
    static POOL: Pump<4> = Pump::new();
    bounded(|| {
        let order = Order::default();
        let outer = POOL.spawn({
            let order = order.clone();
            move || {
                let [_a, b] = [0, 1].map(|n| order.call(&POOL, n));
                for done in as_completed([&b]) {
                    done.wait();
                }
            }
        });
        let _other = order.call(&POOL, 2);
        outer.unwrap().result().unwrap();
        assert_eq!(order.ran(), [1]);
        assert_eq!(POOL.run_until_idle(), 2, "what ran is not waiting");
        assert_eq!(order.ran(), [1, 2, 0]);
    });
}

// contract: D2, T6
#[test]
fn the_slot_of_a_call_that_was_waited_for_is_free_at_once() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<3> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let outer = POOL.spawn(|| {
            let first = POOL.spawn(|| 0).unwrap();
            for n in 0..1_000 {
                let call = POOL.spawn(move || n).unwrap();
                assert_eq!(call.result().unwrap(), n);
                assert_eq!((POOL.free_slots(), POOL.stats().queued), (1, 1));
            }
            first.result().unwrap()
        });
        assert_eq!(outer.unwrap().result().unwrap(), 0);
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, T6
#[test]
fn results_nest_as_deep_as_there_are_slots() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<9> = Staffed::with_workers(1, &HANDS);
    fn count(depth: usize) -> usize {
        match POOL.submit(count, depth + 1) {
            Ok(inner) => inner.result().unwrap(),
            Err(_) => depth,
        }
    }
    bounded(|| {
        for _ in 0..100 {
            let outer = POOL.submit(count, 1).unwrap();
            assert_eq!(outer.result().unwrap(), 9);
        }
        POOL.shutdown(true, false).unwrap();
        assert_eq!(POOL.free_slots(), 9);
    });
}

// contract: D2, T6
#[test]
fn trees_of_calls_end_with_few_workers_and_few_slots() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<12> = Staffed::with_workers(2, &HANDS);
    fn leaves(depth: usize) -> usize {
        if depth == 0 {
            return 1;
        }
        // Where all slots are busy the caller does it itself.
        let children = [(); 2].map(|()| POOL.submit(leaves, depth - 1));
        children
            .into_iter()
            .map(|child| match child {
                Ok(child) => child.result().unwrap(),
                Err(refused) => {
                    let (function, depth) = refused.into_inner();
                    function(depth)
                }
            })
            .sum()
    }
    bounded(|| {
        for _ in 0..20 {
            assert_eq!(POOL.submit(leaves, 8).unwrap().result().unwrap(), 256);
            assert_eq!(POOL.stats().queued, 0);
        }
        POOL.shutdown(true, false).unwrap();
        assert_eq!(POOL.free_slots(), 12);
    });
}

// contract: D2, T6
#[test]
fn a_call_that_somebody_else_has_started_is_waited_for() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(2, &HANDS);
    bounded(|| {
        let (gate, running) = held(&POOL);
        let waits = Gate::new();
        let outer = POOL.spawn({
            let waits = waits.clone();
            move || {
                waits.open();
                running.result().unwrap();
                thread::current().id()
            }
        });
        waits.pass();
        let outer = outer.unwrap();
        assert!(outer.running());
        gate.open();
        assert_ne!(outer.result().unwrap(), thread::current().id());
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, T6
#[test]
fn threads_of_nobody_run_nothing_of_a_pool_with_workers() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<3> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running) = held(&POOL);
        let call = POOL.spawn(|| thread::current().id()).unwrap();
        thread::scope(|threads| {
            let waiting = threads.spawn(|| {
                let on = *call.result_ref().unwrap();
                on != thread::current().id()
            });
            gate.open();
            assert!(waiting.join().unwrap());
        });
        running.result().unwrap();
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, T6
#[test]
fn calls_of_two_pools_wait_for_each_other() {
    static HANDS: Hands = Hands::new();
    static STAFFED: Staffed<4> = Staffed::with_workers(1, &HANDS);
    static PUMPED: Pump<4> = Pump::new();
    bounded(|| {
        for n in 0..200 {
            // Whoever waits runs the calls of the pumped one, and a worker of another pool is somebody who waits.
            let outer = STAFFED.spawn(move || {
                let inner = PUMPED.spawn(move || n + 1).unwrap();
                inner.result().unwrap() + 1
            });
            assert_eq!(outer.unwrap().result().unwrap(), n + 2);
            let outer = PUMPED.spawn(move || {
                let inner = STAFFED.spawn(move || n + 1).unwrap();
                inner.result().unwrap() + 1
            });
            assert_eq!(outer.unwrap().result().unwrap(), n + 2);
        }
        STAFFED.shutdown(true, false).unwrap();
        assert_eq!((STAFFED.free_slots(), PUMPED.free_slots()), (4, 4));
    });
}
