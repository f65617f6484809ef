//! K4: dropping a future cancels nothing, unless a guard says so.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use concurrent_futures::{ErrorReport, TaskState, ThreadPoolExecutor, promise};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::{cancel::Bomb, held::Held};

// contract: K4
#[test]
fn dropping_a_future_cancels_nothing() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let held = Held::on(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let ran = Arc::clone(&ran);
            drop(
                pool.spawn(move || ran.fetch_add(1, Ordering::SeqCst))
                    .unwrap(),
            );
        }
        held.release();
        pool.shutdown(true, false).unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 10);
        threads.assert_none_left();

        let (mut promise, future) = promise();
        drop(future);
        assert!(promise.start());
        assert!(promise.set(1).is_ok());
    });
}

// contract: K4
#[test]
fn an_unwanted_outcome_that_panics_when_dropped_stops_nobody() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let held = Held::on(&pool);
        // Dropped by the worker, and by whoever drops the future.
        drop(pool.spawn(|| Bomb("nobody wants it")).unwrap());
        let unread = pool.spawn(|| Bomb("nobody looks")).unwrap();
        held.release();
        assert!(unread.wait());
        drop(unread);
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        assert_eq!(pool.stats().workers, 1);
        drop(pool);
        threads.assert_none_left();
    });
}

// As `ErrorReport::DropPanicked` and `ThreadPoolBuilder::error_hook` document it.
#[test]
fn the_hook_hears_of_a_panic_in_the_drop_of_an_outcome() {
    bounded(|| {
        let threads = Threads::new();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let pool = threads
            .builder()
            .max_workers(1)
            .error_hook({
                let reports = Arc::clone(&reports);
                move |report| {
                    if let ErrorReport::DropPanicked(panic) = report {
                        reports.lock().unwrap().push(panic.message().to_owned());
                    }
                }
            })
            .build()
            .unwrap();
        let held = Held::on(&pool);
        drop(pool.spawn(|| Bomb("by the worker")).unwrap());
        let unread = pool.spawn(|| Bomb("by the caller")).unwrap();
        held.release();
        assert!(unread.wait());
        drop(unread);
        drop(pool);
        threads.assert_none_left();
        assert_eq!(*reports.lock().unwrap(), ["by the worker", "by the caller"]);
    });
}

// contract: K4
#[test]
fn a_guard_cancels_when_it_is_dropped() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let drops = Drops::new();
        let token = drops.token();
        let guard = pool.spawn(move || drop(token)).unwrap().cancel_on_drop();
        assert_eq!((guard.state(), guard.done()), (TaskState::Pending, false));
        let (tell, told) = mpsc::channel();
        guard.add_done_callback(move |done| tell.send(done.state()).unwrap());
        drop(guard);
        assert_eq!(told.try_recv().unwrap(), TaskState::Cancelled);
        assert_eq!((drops.count(), pool.stats().queued), (1, 0));

        let kept = pool.spawn(|| 2).unwrap().cancel_on_drop().into_inner();
        assert!(!kept.cancelled());
        held.release();
        assert_eq!(kept.result().unwrap(), 2);
    });
}

// contract: K1, K4
#[test]
fn a_guard_does_not_interrupt_what_runs() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let (gate, drops) = (Gate::new(), Drops::new());
        let (began, begun) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let token = drops.token();
        let guard = pool
            .spawn({
                let gate = gate.clone();
                move || {
                    began.send(()).unwrap();
                    gate.pass();
                    tell.send(()).unwrap();
                    token
                }
            })
            .unwrap()
            .cancel_on_drop();
        begun.recv().unwrap();
        drop(guard);
        assert_eq!(drops.count(), 0);
        gate.open();
        told.recv().unwrap();
        drop(pool);
        assert_eq!(drops.count(), 1, "its outcome is dropped by the worker");
    });
}
