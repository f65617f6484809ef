//! S: submitting calls. What a full queue does is in `full_queue`.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use concurrent_futures::{
    ErrorReport, InlineExecutor, Policy, PumpExecutor, Ring, SubmitError, TaskError,
};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded, eventually};

use crate::{full_queue::full_pool, held::Held};

// contract: S1
#[test]
fn one_line_of_code_submits_to_every_executor() {
    use concurrent_futures::Executor;

    fn power<E: Executor>(executor: &E) -> u64 {
        fn raise((base, exponent): (u64, u32)) -> u64 {
            base.pow(exponent)
        }
        let future = executor.submit(raise, (3, 4)).unwrap();
        future.result().unwrap()
    }
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        assert_eq!(power(&pool), 81);
        assert_eq!(power(&pool.handle()), 81);
        assert_eq!(power(&InlineExecutor::new()), 81);
        let pump: PumpExecutor = PumpExecutor::new(Ring::new(4).unwrap());
        assert_eq!(power(&pump), 81);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: S1
#[test]
fn threads_take_closures_with_what_they_captured() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let word = String::from("so");
        let joined = pool.submit(move |times| word.repeat(times), 3).unwrap();
        let boxed: Box<dyn FnOnce() -> u8 + Send> = Box::new(|| 7);
        let spawned = pool.spawn(boxed).unwrap();
        assert_eq!(joined.result().unwrap(), "sososo");
        assert_eq!(spawned.result().unwrap(), 7);
    });
}

// contract: S2
#[test]
fn a_pool_that_was_shut_down_gives_the_call_back_though_it_is_full_too() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::Reject);
        let held = Held::on(&pool);
        let queued = pool.spawn(|| 1).unwrap();
        assert!(matches!(pool.spawn(|| 2), Err(SubmitError::Full(_))));
        pool.shutdown(false, false).unwrap();

        match pool.spawn(|| 3) {
            Err(SubmitError::ShutDown(call)) => assert_eq!(call.into_inner()(), 3),
            other => panic!("{other:?}"),
        }
        match pool.submit(|n: u8| n + 1, 4) {
            Err(SubmitError::ShutDown(call)) => {
                let (function, argument) = call.into_inner();
                assert_eq!(function(argument), 5);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            pool.try_spawn(|| 6),
            Err(SubmitError::ShutDown(_))
        ));
        held.release();
        assert_eq!(queued.result().unwrap(), 1);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: S2
#[test]
fn a_broken_pool_says_so_though_it_was_shut_down_too() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .capacity(1)
            .policy(Policy::Reject)
            .initializer(|| Err::<(), _>("no licence"))
            .build()
            .unwrap();
        let first = pool.spawn(|| ());
        if let Ok(future) = first {
            assert!(matches!(future.result(), Err(TaskError::Broken(_))));
        }
        pool.shutdown(true, false).unwrap();
        match pool.spawn(|| 3) {
            Err(SubmitError::Broken(broken, call)) => {
                assert!(broken.cause().contains("no licence"), "{broken}");
                assert_eq!(call.into_inner()(), 3);
            }
            other => panic!("{other:?}"),
        }
    });
}

// contract: S2
#[test]
fn a_refused_call_is_not_dropped_before_its_error_is() {
    bounded(|| {
        let threads = Threads::new();
        let pool = full_pool(&threads, 1, Policy::Reject);
        let held = Held::on(&pool);
        let queued = pool.spawn(|| ()).unwrap();
        let drops = Drops::new();
        let token = drops.token();
        let refused = pool.spawn(move || drop(token));
        assert!(matches!(refused, Err(SubmitError::Full(_))));
        assert_eq!(drops.count(), 0);
        drop(refused);
        assert_eq!(drops.count(), 1);
        held.release();
        queued.result().unwrap();
    });
}

// contract: S4
#[test]
fn calls_start_in_the_order_of_their_submission() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let handle = pool.handle();
        let (tell, told) = mpsc::channel();
        let held = Held::on(&pool);
        let own = {
            let tell = tell.clone();
            pool.spawn(move || {
                for n in 0..50 {
                    let tell = tell.clone();
                    handle
                        .spawn(move || tell.send(("own", n)).unwrap())
                        .unwrap();
                }
            })
            .unwrap()
        };
        for n in 0..50 {
            let tell = tell.clone();
            pool.spawn(move || tell.send(("outside", n)).unwrap())
                .unwrap();
        }
        drop(tell);
        held.release();
        own.result().unwrap();
        let order: Vec<_> = told.iter().collect();
        for kind in ["own", "outside"] {
            let started: Vec<_> = order.iter().filter(|o| o.0 == kind).map(|o| o.1).collect();
            assert_eq!(started, (0..50).collect::<Vec<_>>(), "{kind}");
        }
    });
}

// contract: S5
#[test]
fn every_panic_ends_up_in_its_future_and_the_worker_lives_on() {
    bounded(|| {
        let threads = Threads::new();
        let started = Arc::new(AtomicUsize::new(0));
        let pool = threads
            .builder()
            .max_workers(1)
            .initializer({
                let started = Arc::clone(&started);
                move || Ok::<_, String>(started.fetch_add(1, Ordering::SeqCst))
            })
            .build()
            .unwrap();
        for n in 0..100_usize {
            let text = pool.spawn(move || panic!("number {n}")).unwrap();
            match text.result() {
                Err(TaskError::Panicked(panic)) => {
                    assert_eq!(panic.message(), format!("number {n}"))
                }
                other => panic!("{other:?}"),
            }
            let any = pool.spawn(move || std::panic::panic_any(n)).unwrap();
            match any.result() {
                Err(TaskError::Panicked(panic)) => {
                    assert_eq!(*panic.into_payload().downcast::<usize>().unwrap(), n);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        drop(pool);
        assert_eq!(started.load(Ordering::SeqCst), 1, "no worker was replaced");
        threads.assert_none_left();
    });
}

// contract: S6
#[test]
fn a_worker_submits_while_the_pool_is_open_and_is_refused_after() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let (ready, closed) = (Gate::new(), Gate::new());
        let handle = pool.handle();
        let task = pool.spawn({
            let (ready, closed) = (ready.clone(), closed.clone());
            move || {
                let child = handle.spawn(|| 1).unwrap();
                ready.open();
                closed.pass();
                let refused = match handle.spawn(|| 2) {
                    Err(SubmitError::ShutDown(call)) => call.into_inner()(),
                    other => panic!("{other:?}"),
                };
                (child, refused)
            }
        });
        ready.pass();
        pool.shutdown(false, false).unwrap();
        closed.open();
        let (child, refused) = task.unwrap().result().unwrap();
        assert_eq!((child.result().unwrap(), refused), (1, 2));
    });
}

// contract: S7
#[test]
fn failures_that_nobody_saw_reach_the_error_hook() {
    bounded(|| {
        let threads = Threads::new();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let pool = threads
            .builder()
            .max_workers(1)
            .error_hook({
                let reports = Arc::clone(&reports);
                move |report| {
                    reports.lock().unwrap().push(match report {
                        ErrorReport::Unread(Some(TaskError::Panicked(panic))) => {
                            panic.message().to_owned()
                        }
                        ErrorReport::Unread(None) => "an error".to_owned(),
                        other => format!("{other:?}"),
                    });
                }
            })
            .build()
            .unwrap();
        let seen = || reports.lock().unwrap().clone();

        // Dropped before it fails, and after.
        let held = Held::on(&pool);
        drop(pool.spawn(|| panic!("before")).unwrap());
        held.release();
        eventually("the first report", || seen() == ["before"]);
        let late = pool.spawn(|| panic!("after")).unwrap();
        late.wait();
        assert_eq!(seen().len(), 1, "it may still be read");
        drop(late);
        assert_eq!(seen(), ["before", "after"]);
        let err = pool.spawn_result(|| Err::<(), _>("own error")).unwrap();
        err.wait();
        drop(err);
        assert_eq!(seen(), ["before", "after", "an error"]);

        // What was read, was cancelled, or is a value like any other, is no news.
        assert!(pool.spawn(|| panic!("taken")).unwrap().result().is_err());
        let lent = pool.spawn(|| panic!("lent")).unwrap();
        assert!(lent.result_ref().is_err());
        drop(lent);
        let plain = pool.spawn(|| Err::<(), _>("plain")).unwrap();
        plain.wait();
        drop(plain);
        let held = Held::on(&pool);
        let cancelled = pool.spawn(|| ()).unwrap();
        assert!(cancelled.cancel());
        drop(cancelled);
        held.release();
        drop(pool);
        assert_eq!(seen(), ["before", "after", "an error"]);
    });
}
