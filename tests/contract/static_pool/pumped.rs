//! D3: a pool without workers, whose calls are run by whoever waits, or asks.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    thread,
    time::Duration,
};

use concurrent_futures::{ResultError, ReturnWhen, TaskState, as_completed, promise, wait};
use concurrent_futures_tests::{Gate, bounded};

use super::{Order, Pump};
use crate::wakers::{Wakes, poll_once};

const MOMENT: Duration = Duration::from_millis(5);

// contract: D2, D3, S4
#[test]
fn one_is_run_at_a_time_in_order() {
    static POOL: Pump<3> = Pump::new();
    let order = Order::default();
    assert!(!POOL.run_one(), "there is none yet");
    let calls = [0, 1].map(|n| order.call(&POOL, n));
    assert!(POOL.run_one());
    assert_eq!(
        calls.each_ref().map(|call| call.state()),
        [TaskState::Finished, TaskState::Pending]
    );
    assert!(POOL.run_one());
    assert!(!POOL.run_one(), "there is none left");
    assert_eq!(order.ran(), [0, 1]);
}

// contract: D2, D3
#[test]
fn all_are_run_those_included_that_the_calls_submit() {
    static POOL: Pump<4> = Pump::new();
    assert_eq!(POOL.run_until_idle(), 0);
    let order = Order::default();
    let outer = POOL.spawn({
        let order = order.clone();
        move || order.call(&POOL, 2)
    });
    let _second = order.call(&POOL, 1);
    assert_eq!(POOL.run_until_idle(), 3);
    assert_eq!(order.ran(), [1, 2]);
    assert!(outer.unwrap().result().unwrap().done());
}

// contract: D2, D3
#[test]
fn calls_are_run_until_the_one_is_done() {
    static POOL: Pump<3> = Pump::new();
    let order = Order::default();
    let calls = [0, 1, 2].map(|n| order.call(&POOL, n));
    assert!(POOL.run_until(&calls[1]));
    assert_eq!(order.ran(), [0, 1]);
    assert!(POOL.run_until(&calls[0]), "it is done already");
    assert_eq!(order.ran(), [0, 1]);
    let (promise, elsewhere) = promise::<()>();
    assert!(!POOL.run_until(&elsewhere), "nobody here runs it");
    assert_eq!(order.ran(), [0, 1, 2]);
    drop(promise);
}

// contract: D3, T6, R1
#[test]
fn who_waits_runs_the_calls_in_order_and_no_more_than_needed() {
    static POOL: Pump<8> = Pump::new();
    bounded(|| {
        let order = Order::default();
        let [_a, b, c, d, e, f, g, _h] = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| order.call(&POOL, n));
        assert_eq!(b.result().unwrap(), 1);
        assert_eq!(order.ran(), [0, 1]);
        assert!(c.wait());
        assert_eq!(order.ran(), [0, 1, 2]);
        assert_eq!(*d.result_ref().unwrap(), 3);
        assert_eq!(order.ran(), [0, 1, 2, 3]);
        let split = wait([&f, &e], ReturnWhen::FirstCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (1, 1));
        assert_eq!(order.ran(), [0, 1, 2, 3, 4]);
        let split = wait([&f, &e], ReturnWhen::AllCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (2, 0));
        let ids: Vec<_> = as_completed([&g]).map(|done| done.id()).collect();
        assert_eq!(ids, [g.id()]);
        assert_eq!(order.ran(), [0, 1, 2, 3, 4, 5, 6]);
    });
}

// contract: D2, D3, R1
#[test]
fn who_waits_with_a_limit_runs_calls_until_the_time_is_over() {
    static POOL: Pump<2> = Pump::new();
    bounded(|| {
        let slow = POOL.spawn(|| thread::sleep(2 * MOMENT)).unwrap();
        let next = POOL.spawn(|| 7).unwrap();
        let Err(ResultError::Unfinished(next)) = next.result_timeout(MOMENT) else {
            panic!("the first call took longer than that");
        };
        assert_eq!(
            (slow.state(), next.state()),
            (TaskState::Finished, TaskState::Pending)
        );
        assert!(next.wait_timeout(Duration::from_secs(3600)));
        assert_eq!(next.result().unwrap(), 7);
    });
}

// contract: D2, D3, R1
#[test]
fn who_only_looks_runs_nothing() {
    static POOL: Pump<2> = Pump::new();
    let call = POOL.spawn(|| 7).unwrap();
    assert!(!call.done() && !call.running() && !call.cancelled());
    let Err(ResultError::Unfinished(call)) = call.try_result() else {
        panic!("somebody ran it");
    };
    assert_eq!((call.state(), POOL.stats().queued), (TaskState::Pending, 1));
    assert!(POOL.run_one());
    assert_eq!(call.try_result().unwrap(), 7);
}

// contract: D2, D3, R6
#[test]
fn who_awaits_is_woken_by_whoever_runs_the_call() {
    static POOL: Pump<2> = Pump::new();
    let mut call = POOL.spawn(|| 7).unwrap();
    let wakes = Wakes::new();
    assert!(poll_once(&mut call, &wakes).is_pending());
    assert_eq!(wakes.count(), 0);
    assert!(POOL.run_one());
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(outcome) = poll_once(&mut call, &wakes) else {
        panic!("it ran");
    };
    assert_eq!(outcome.unwrap(), 7);
    drop(call);
    assert_eq!((POOL.free_slots(), wakes.kept()), (2, 0));
}

// contract: D2, D3
#[test]
fn who_waits_for_a_call_that_runs_elsewhere_is_woken() {
    static POOL: Pump<2> = Pump::new();
    bounded(|| {
        let (started, gate) = (Gate::new(), Gate::new());
        let held = POOL.spawn({
            let (started, gate) = (started.clone(), gate.clone());
            move || {
                started.open();
                gate.pass();
                7
            }
        });
        let held = held.unwrap();
        thread::scope(|threads| {
            let pump = threads.spawn(|| POOL.run_one());
            started.pass();
            assert!(held.running());
            assert!(!POOL.run_one(), "it is not waiting any more");
            let waiting = threads.spawn(|| *held.result_ref().unwrap());
            gate.open();
            assert_eq!(waiting.join().unwrap(), 7);
            assert!(pump.join().unwrap());
        });
    });
}

// contract: D2, D3
#[test]
fn several_threads_run_one_pool_and_each_call_runs_once() {
    static POOL: Pump<16> = Pump::new();
    static RAN: AtomicUsize = AtomicUsize::new(0);
    bounded(|| {
        for _ in 0..100 {
            let calls = [(); 16].map(|()| {
                let call = || RAN.fetch_add(1, Ordering::SeqCst);
                POOL.spawn(call).unwrap()
            });
            let ran: usize = thread::scope(|threads| {
                let pumps = [(); 4].map(|()| threads.spawn(|| POOL.run_until_idle()));
                pumps.map(|pump| pump.join().unwrap()).iter().sum()
            });
            assert_eq!(ran, 16);
            assert!(calls.iter().all(|call| call.done()));
        }
        assert_eq!(RAN.load(Ordering::SeqCst), 1_600);
        assert_eq!(POOL.free_slots(), 16);
    });
}

// contract: D2, D3
#[test]
fn a_pender_hears_of_each_call_that_is_accepted_and_of_no_other() {
    static PENDED: AtomicUsize = AtomicUsize::new(0);
    static POOL: Pump<2> = Pump::with_pender(|| {
        PENDED.fetch_add(1, Ordering::SeqCst);
    });
    let pended = || PENDED.load(Ordering::SeqCst);
    let first = POOL.spawn(|| 0).unwrap();
    assert_eq!(pended(), 1);
    let second = POOL.submit(|n: i32| n, 1).unwrap();
    assert_eq!(pended(), 2);
    assert!(POOL.spawn(|| 2).is_err());
    assert_eq!(pended(), 2, "the pool is full");
    second.cancel();
    drop(second);
    let third = POOL.spawn_result(|| Err::<(), _>(())).unwrap();
    assert_eq!(pended(), 3);
    POOL.run_until_idle();
    first.result().unwrap();
    drop(third);
    assert_eq!(pended(), 3, "running is no submission");
    POOL.shutdown(true, false).unwrap();
    assert!(POOL.spawn(|| 4).is_err());
    assert_eq!(pended(), 3, "the pool is shut down");
}

// contract: D2, D3
#[test]
fn a_pender_may_look_at_the_pool() {
    static QUEUED: AtomicUsize = AtomicUsize::new(0);
    static POOL: Pump<2> = Pump::with_pender(|| {
        QUEUED.store(POOL.stats().queued, Ordering::SeqCst);
    });
    let _calls = [POOL.spawn(|| ()).unwrap(), POOL.spawn(|| ()).unwrap()];
    assert_eq!(QUEUED.load(Ordering::SeqCst), 2, "what it is told of waits");
}

// contract: D2, D3
#[test]
fn a_pool_says_how_it_is() {
    static POOL: Pump<3> = Pump::new();
    let seen = || {
        let stats = POOL.stats();
        (stats.queued, stats.workers, stats.idle, stats.max_workers)
    };
    assert_eq!((seen(), POOL.stats().capacity), ((0, 0, 0, 0), 3));
    let _calls = [POOL.spawn(|| ()).unwrap(), POOL.spawn(|| ()).unwrap()];
    assert_eq!((seen(), POOL.free_slots()), ((2, 0, 0, 0), 1));
    POOL.run_one();
    assert_eq!((seen(), POOL.free_slots()), ((1, 0, 0, 0), 1));
    assert!(format!("{POOL:?}").starts_with("StaticPool"));
}
