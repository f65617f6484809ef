//! C4: who hears of a callback that panics, and what goes on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use concurrent_futures::{ErrorReport, ThreadPoolHandle};
use concurrent_futures_tests::{Drops, Threads, bounded};

use crate::{
    ending::{ENDS, Ending},
    held::Held,
};

/// Collects the messages of callback panics that a pool's hook hears of.
fn hearing(heard: &Arc<Mutex<Vec<String>>>) -> impl Fn(&ErrorReport<'_>) + Send + Sync + 'static {
    let heard = Arc::clone(heard);
    move |report| {
        if let ErrorReport::CallbackPanicked(panic) = report {
            heard.lock().unwrap().push(panic.message().to_owned());
        }
    }
}

// contract: C4, C5
#[test]
fn a_panicking_callback_is_reported_and_stops_nothing() {
    bounded(|| {
        for end in ENDS {
            let heard = Arc::default();
            let ending = Ending::of(end, |builder| builder.error_hook(hearing(&heard)));
            let drops = Drops::new();
            let later = Arc::new(AtomicUsize::new(0));
            for n in 0..3 {
                let (token, later) = (drops.token(), Arc::clone(&later));
                ending.future.add_done_callback(move |_| {
                    let _token = token;
                    if n != 2 {
                        panic!("callback {n}");
                    }
                    later.fetch_add(1, Ordering::SeqCst);
                });
            }
            ending.come();
            assert_eq!(
                *heard.lock().unwrap(),
                ["callback 0", "callback 1"],
                "{end:?}"
            );
            assert_eq!(
                (later.load(Ordering::SeqCst), drops.count()),
                (1, 3),
                "{end:?}"
            );
        }
    });
}

// contract: C4
#[test]
fn a_worker_outlives_panicking_callbacks() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let worker = pool
            .spawn(|| thread::current().id())
            .unwrap()
            .result()
            .unwrap();
        for _ in 0..10 {
            let held = Held::on(&pool);
            let future = pool.spawn(|| 1).unwrap();
            future.add_done_callback(|_| panic!("once more"));
            held.release();
            assert_eq!(future.result().unwrap(), 1);
            let again = pool.spawn(|| thread::current().id()).unwrap();
            assert_eq!(again.result().unwrap(), worker);
        }
        assert_eq!(pool.stats().workers, 1);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: C2, C4
#[test]
fn a_late_callback_that_panics_is_reported_too() {
    bounded(|| {
        let heard_after = ENDS.map(|end| {
            let heard = Arc::default();
            let future = Ending::of(end, |builder| builder.error_hook(hearing(&heard))).come();
            future.add_done_callback(|_| panic!("late"));
            let heard = heard.lock().unwrap().clone();
            (end, heard)
        });
        assert_eq!(
            heard_after,
            ENDS.map(|end| (end, vec![String::from("late")]))
        );
    });
}

// contract: C4
#[test]
fn an_error_hook_that_panics_or_submits_harms_nothing() {
    bounded(|| {
        let threads = Threads::new();
        let own: Arc<Mutex<Option<ThreadPoolHandle>>> = Arc::default();
        let calls = Arc::new(AtomicUsize::new(0));
        let pool = threads
            .builder()
            .max_workers(1)
            .error_hook({
                let (own, calls) = (Arc::clone(&own), Arc::clone(&calls));
                move |_| {
                    let pool = own.lock().unwrap().clone().unwrap();
                    drop(pool.spawn(|| ()).unwrap());
                    calls.fetch_add(1, Ordering::SeqCst);
                    panic!("the hook itself");
                }
            })
            .build()
            .unwrap();
        *own.lock().unwrap() = Some(pool.handle());
        let held = Held::on(&pool);
        let future = pool.spawn(|| 1).unwrap();
        let later = Arc::new(AtomicBool::new(false));
        future.add_done_callback(|_| panic!("a callback"));
        future.add_done_callback({
            let later = Arc::clone(&later);
            move |_| later.store(true, Ordering::SeqCst)
        });
        held.release();
        assert_eq!(future.result().unwrap(), 1);
        assert!(later.load(Ordering::SeqCst));
        pool.shutdown(true, false).unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        // A hook that holds a handle of its own pool keeps the pool.
        drop(own.lock().unwrap().take());
        threads.assert_none_left();
    });
}
