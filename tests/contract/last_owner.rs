//! X4 and X8: pools that end on their own workers, and handles that keep nothing open.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use concurrent_futures::{ShutdownError, SubmitError, ThreadPoolExecutor};
use concurrent_futures_tests::{Gate, Threads, bounded, eventually};

use crate::held::Held;

// contract: X4
#[test]
fn a_worker_that_waits_for_its_own_pool_gets_an_error_and_the_pool_is_closed() {
    bounded(|| {
        let threads = Threads::new();
        for way in 0..3 {
            let pool = threads.pool(2);
            let handle = pool.handle();
            let task = pool.spawn(move || {
                let left = handle.spawn(|| 1).unwrap();
                let error = match way {
                    0 => handle.shutdown(true, false),
                    1 => handle.shutdown_timeout(Duration::MAX, false),
                    _ => handle.shutdown_timeout(Duration::ZERO, false),
                };
                assert_eq!(error, Err(ShutdownError::FromWorker));
                assert!(matches!(handle.spawn(|| 2), Err(SubmitError::ShutDown(_))));
                assert!(handle.shutdown(false, false).is_ok());
                left
            });
            assert_eq!(task.unwrap().result().unwrap().result().unwrap(), 1);
            assert!(matches!(pool.spawn(|| 3), Err(SubmitError::ShutDown(_))));
            drop(pool);
            threads.assert_none_left();
        }
    });
}

// contract: X4
#[test]
fn a_callback_on_a_worker_that_waits_for_the_pool_gets_an_error() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let (tell, told) = mpsc::channel();
        let held = Held::on(&pool);
        let future = pool.spawn(|| 1).unwrap();
        let handle = pool.handle();
        future.add_done_callback(move |_| tell.send(handle.shutdown(true, true)).unwrap());
        held.release();
        assert_eq!(told.recv().unwrap(), Err(ShutdownError::FromWorker));
        assert_eq!(future.result().unwrap(), 1);
        assert!(matches!(pool.spawn(|| 3), Err(SubmitError::ShutDown(_))));
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: X8
#[test]
fn the_last_owner_may_go_on_the_pools_own_worker() {
    bounded(|| {
        let threads = Threads::new();
        let pool = Arc::new(threads.pool(1));
        let handle = pool.handle();
        let gate = Gate::new();
        let last = pool.spawn({
            let (pool, gate) = (Arc::clone(&pool), gate.clone());
            move || {
                gate.pass();
                let pool = Arc::into_inner(pool).expect("the last owner");
                drop(pool);
                thread::current().id()
            }
        });
        let queued = pool.spawn(|| thread::current().id()).unwrap();
        drop(pool);
        gate.open();
        let worker = last.unwrap().result().unwrap();
        assert!(matches!(handle.spawn(|| ()), Err(SubmitError::ShutDown(_))));
        assert_eq!(
            queued.result().unwrap(),
            worker,
            "what was submitted is run"
        );
        eventually("the worker is gone", || threads.alive() == 0);
    });
}

// contract: X8
#[test]
fn the_last_owner_may_go_with_a_closure_or_an_outcome_or_a_callback() {
    bounded(|| {
        let threads = Threads::new();
        for way in 0..3 {
            let pool = Arc::new(threads.pool(1));
            let handle = pool.handle();
            let held = Held::on(&pool);
            let owner = Arc::clone(&pool);
            match way {
                0 => drop(pool.spawn(move || drop(owner)).unwrap()),
                1 => drop(pool.spawn(move || owner).unwrap()),
                _ => {
                    let future = pool.spawn(|| ()).unwrap();
                    future.add_done_callback(move |_| drop(owner));
                }
            }
            drop(pool);
            held.release();
            eventually("the worker is gone", || threads.alive() == 0);
            assert!(
                matches!(handle.spawn(|| ()), Err(SubmitError::ShutDown(_))),
                "{way}"
            );
        }
    });
}

// contract: X4, X8
#[test]
fn the_last_owner_may_go_with_a_thread_local_value_of_the_worker() {
    thread_local! {
        static OWNER: RefCell<Option<Arc<ThreadPoolExecutor>>> = const { RefCell::new(None) };
    }
    bounded(|| {
        let threads = Threads::new();
        for _ in 0..20 {
            let pool = Arc::new(threads.pool(1));
            let owner = Arc::clone(&pool);
            let kept = pool.spawn(move || OWNER.set(Some(owner)));
            kept.unwrap().result().unwrap();
            let handle = pool.handle();
            drop(pool);
            assert_eq!(
                handle.spawn(|| 1).unwrap().result().unwrap(),
                1,
                "it still has an owner"
            );
            handle.shutdown(true, false).unwrap();
            threads.assert_none_left();
        }
    });
}

// contract: X8
#[test]
fn a_handle_submits_and_keeps_nothing_open() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let results = Arc::new(Mutex::new(Vec::new()));
        let components: Vec<_> = (0..4)
            .map(|n| {
                let (handle, results) = (pool.handle(), Arc::clone(&results));
                thread::spawn(move || {
                    let result = handle.spawn(move || n).unwrap().result().unwrap();
                    results.lock().unwrap().push(result);
                    handle.clone()
                })
            })
            .collect();
        let handles: Vec<_> = components.into_iter().map(|c| c.join().unwrap()).collect();
        let mut results = results.lock().unwrap().clone();
        results.sort_unstable();
        assert_eq!(results, [0, 1, 2, 3]);
        drop(pool);
        threads.assert_none_left();
        for handle in handles {
            match handle.spawn(|| 7) {
                Err(SubmitError::ShutDown(call)) => assert_eq!(call.into_inner()(), 7),
                other => panic!("{other:?}"),
            }
            assert!(handle.shutdown(true, false).is_ok());
        }
    });
}
