//! T6: which calls a waiting worker runs, and which it does not.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use concurrent_futures::{
    MapError, MapOptions, PumpExecutor, ResultError, ReturnWhen, Ring, TaskState, WaitSet,
    as_completed, as_completed_timeout, wait,
};
use concurrent_futures_tests::{Gate, Threads, bounded};

use crate::{
    held::Held,
    nested::{Order, on_the_only_worker},
};

const MOMENT: Duration = Duration::from_millis(2);

// contract: T6
#[test]
fn a_result_runs_only_what_it_waits_for() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let mut calls = order.calls(&pool, 5);
        assert_eq!(calls.remove(3).result().unwrap(), 3);
        assert_eq!(order.ran(), [3]);
        assert!(calls.iter().all(|f| f.state() == TaskState::Pending));
        assert!(calls[0].wait());
        assert_eq!(*calls[2].result_ref().unwrap(), 2);
        assert_eq!(order.ran(), [3, 0, 2]);
    });
}

// contract: T6
#[test]
fn waiting_for_all_runs_all_of_them_and_no_other() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let calls = order.calls(&pool, 6);
        let split = wait(&calls[1..4], ReturnWhen::AllCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (3, 0));
        assert_eq!(order.ran(), [1, 2, 3]);
        assert!(!calls[0].done() && !calls[4].done() && !calls[5].done());
    });
}

// contract: T6
#[test]
fn waiting_for_all_runs_them_in_the_order_in_which_they_were_given() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let calls = order.calls(&pool, 4);
        wait(calls.iter().rev(), ReturnWhen::AllCompleted, None);
        assert_eq!(
            order.ran(),
            [3, 2, 1, 0],
            "as they were given, which is the other way round here"
        );
    });
}

// contract: T6, W2
#[test]
fn waiting_for_the_first_runs_one() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let calls = order.calls(&pool, 4);
        let split = wait(&calls, ReturnWhen::FirstCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (1, 3));
        assert_eq!(order.ran(), [0]);
        // One is done already: nothing has to run.
        wait(&calls, ReturnWhen::FirstCompleted, None);
        assert_eq!(order.ran(), [0]);
    });
}

// contract: T6, W2
#[test]
fn waiting_for_a_failure_runs_no_more_than_up_to_it() {
    on_the_only_worker(|pool| {
        let ran = Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = (0..4)
            .map(|n| {
                let ran = Arc::clone(&ran);
                let call = move || {
                    ran.fetch_add(1, Ordering::SeqCst);
                    if n == 1 { Err("bad") } else { Ok(n) }
                };
                pool.spawn_result(call).unwrap()
            })
            .collect();
        let split = wait(&calls, ReturnWhen::FirstException, None);
        assert_eq!((split.done.len(), split.not_done.len()), (2, 2));
        assert_eq!(ran.load(Ordering::SeqCst), 2);
        assert!(calls[1].failed());
    });
}

// contract: T6
#[test]
fn a_wait_set_runs_one_per_next() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let calls = order.calls(&pool, 4);
        let mut set = WaitSet::new();
        for call in &calls[..3] {
            set.insert(call);
        }
        for (n, call) in calls[..3].iter().enumerate() {
            assert_eq!(set.next().unwrap().id(), call.id());
            assert_eq!(order.ran().len(), n + 1);
        }
        assert!(set.next().is_none());
        // One that was added after the others had been handed back.
        set.insert(&calls[3]);
        assert_eq!(set.next().unwrap().id(), calls[3].id());
        let fresh = order.calls(&pool, 3);
        let mut completed = as_completed(&fresh);
        completed.next().unwrap();
        assert_eq!(order.ran(), [0, 1, 2, 3, 0]);
    });
}

// contract: T6
#[test]
fn a_map_runs_what_its_next_waits_for() {
    on_the_only_worker(|pool| {
        let ran = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ran);
        let function = move |n: usize| {
            count.fetch_add(1, Ordering::SeqCst);
            n
        };
        let mut map = pool.map(function, 0..5).unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 0);
        for n in 0..3 {
            assert_eq!(map.next().unwrap().unwrap(), n);
            assert_eq!(ran.load(Ordering::SeqCst), n + 1);
        }
        drop(map);
        assert_eq!(ran.load(Ordering::SeqCst), 3);
    });
}

// contract: T6, T7
#[test]
fn the_end_of_a_scope_runs_its_calls_and_no_other() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let others = order.calls(&pool, 2);
        let ran = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..3 {
                s.spawn(|| ran.fetch_add(1, Ordering::SeqCst)).unwrap();
            }
            assert_eq!(ran.load(Ordering::SeqCst), 0);
        });
        assert_eq!(ran.load(Ordering::SeqCst), 3);
        assert!(others.iter().all(|f| f.state() == TaskState::Pending));
        assert!(order.ran().is_empty());
    });
}

// contract: T6, R1
#[test]
fn timed_waits_run_nothing() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let mut calls = order.calls(&pool, 2);
        let Err(ResultError::Unfinished(call)) = calls.remove(0).result_timeout(MOMENT) else {
            panic!("it ran");
        };
        calls.push(call);
        assert!(!calls[0].wait_timeout(MOMENT));
        assert!(calls[0].result_ref_timeout(MOMENT).is_none());
        for when in [
            ReturnWhen::AllCompleted,
            ReturnWhen::FirstCompleted,
            ReturnWhen::FirstException,
        ] {
            let split = wait(&calls, when, Some(MOMENT));
            assert_eq!((split.done.len(), split.not_done.len()), (0, 2));
        }
        assert!(
            as_completed_timeout(&calls, MOMENT)
                .next()
                .unwrap()
                .is_err()
        );
        let mut set = WaitSet::new();
        set.insert(&calls[0]);
        assert!(set.next_timeout(MOMENT).is_err());
        let options = MapOptions::new().timeout(MOMENT);
        let mut map = pool.map_with(options, |n: u8| n, [1]).unwrap();
        assert!(matches!(map.next(), Some(Err(MapError::TimedOut))));
        let mut map = pool.map_unordered(options, |n: u8| n, [1]).unwrap();
        assert!(matches!(map.next(), Some(Err(MapError::TimedOut))));
        assert!(calls.iter().all(|f| f.state() == TaskState::Pending));
        assert!(order.ran().is_empty());
        // The same set, without a limit.
        assert!(set.next().is_some());
        assert_eq!(order.ran(), [1]);
    });
}

// contract: T6
#[test]
fn threads_of_nobody_and_of_other_pools_run_nothing() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, other) = (threads.pool(1), threads.pool(1));
        let id = || thread::current().id();
        let worker = pool.spawn(id).unwrap().result().unwrap();
        let held = Held::on(&pool);
        let (mine, theirs) = (pool.spawn(id).unwrap(), pool.spawn(id).unwrap());
        let waiting = Gate::new();
        let elsewhere = other.spawn({
            let waiting = waiting.clone();
            move || {
                waiting.open();
                theirs.result().unwrap()
            }
        });
        waiting.pass();
        assert_eq!(mine.state(), TaskState::Pending);
        thread::scope(|s| {
            let outside = s.spawn(|| mine.result().unwrap());
            held.release();
            assert_eq!(outside.join().unwrap(), worker);
        });
        assert_eq!(elsewhere.unwrap().result().unwrap(), worker);
    });
}

// contract: T6, D3
#[test]
fn whoever_waits_on_a_pool_of_no_workers_runs_its_calls_in_order() {
    bounded(|| {
        let pump: PumpExecutor = PumpExecutor::new(Ring::new(8).unwrap());
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls: Vec<_> = (0..4)
            .map(|n| {
                let order = Arc::clone(&order);
                pump.spawn(move || {
                    order.lock().unwrap().push(n);
                    thread::current().id()
                })
                .unwrap()
            })
            .collect();
        let last = calls.pop().unwrap();
        assert_eq!(calls.remove(2).result().unwrap(), thread::current().id());
        assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
        assert_eq!(last.state(), TaskState::Pending);
    });
}
