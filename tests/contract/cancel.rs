//! K: what cancelling does to a call, and to what it captured.

use std::{
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use concurrent_futures::{
    CancelledBy, ErrorReport, PumpExecutor, Ring, SubmitError, TaskError, TaskState,
    ThreadPoolExecutor,
};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::held::Held;

// contract: K1
#[test]
fn a_cancelled_call_never_runs() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let held = [Held::on(&pool), Held::on(&pool)];
        let ran = Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let ran = Arc::clone(&ran);
                pool.spawn(move || ran.fetch_add(1, Ordering::SeqCst))
                    .unwrap()
            })
            .collect();
        for call in calls.iter().step_by(2) {
            assert!(call.cancel());
            assert!(call.cancel(), "still never");
        }
        for held in held {
            held.release();
        }
        pool.shutdown(true, false).unwrap();
        threads.assert_none_left();
        assert_eq!(ran.load(Ordering::SeqCst), 10);
        for (n, call) in calls.iter().enumerate() {
            assert_eq!((call.cancelled(), call.cancel()), (n % 2 == 0, n % 2 == 0));
        }
    });
}

// contract: K1
#[test]
fn what_runs_or_is_over_is_not_cancelled() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let gate = Gate::new();
        let (began, begun) = mpsc::channel();
        let call = pool
            .spawn({
                let gate = gate.clone();
                move || {
                    began.send(()).unwrap();
                    gate.pass();
                    1
                }
            })
            .unwrap();
        begun.recv().unwrap();
        assert!(!call.cancel());
        assert_eq!(call.state(), TaskState::Running);
        gate.open();
        assert!(call.wait());
        assert!(!call.cancel());
        assert_eq!(call.result().unwrap(), 1);
        let panicked = pool.spawn(|| panic!("over")).unwrap();
        assert!(panicked.wait() && !panicked.cancel() && !panicked.cancelled());
    });
}

// contract: K1
#[test]
fn a_call_that_a_shutdown_cancelled_will_never_run_either() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let call = pool.spawn(|| ()).unwrap();
        pool.shutdown(false, true).unwrap();
        assert!(call.cancel());
        assert!(matches!(
            call.result(),
            Err(TaskError::Cancelled(CancelledBy::Shutdown))
        ));
        held.release();
    });
}

// contract: K1
#[test]
fn a_cancel_that_races_with_a_worker_tells_the_truth() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        for _ in 0..500 {
            let ran = Arc::new(AtomicUsize::new(0));
            let start = Arc::new(Barrier::new(2));
            let canceller = {
                let start = Arc::clone(&start);
                pool.spawn(move || start.wait().is_leader()).unwrap()
            };
            start.wait();
            let call = {
                let ran = Arc::clone(&ran);
                pool.spawn(move || ran.fetch_add(1, Ordering::SeqCst))
                    .unwrap()
            };
            let cancelled = call.cancel();
            canceller.result().unwrap();
            match call.result() {
                Ok(_) => assert!(!cancelled),
                Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(cancelled),
                other => panic!("{other:?}"),
            }
            assert_eq!(ran.load(Ordering::SeqCst), usize::from(!cancelled));
        }
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: K1, K2
#[test]
fn of_many_cancellers_one_drops_and_tells_and_all_hear_the_same() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        for _ in 0..50 {
            let (drops, told) = (Drops::new(), Arc::new(AtomicUsize::new(0)));
            let token = drops.token();
            let call = pool.spawn(move || drop(token)).unwrap();
            call.add_done_callback({
                let told = Arc::clone(&told);
                move |_| {
                    told.fetch_add(1, Ordering::SeqCst);
                }
            });
            let start = Barrier::new(4);
            thread::scope(|s| {
                for _ in 0..4 {
                    s.spawn(|| {
                        start.wait();
                        assert!(call.cancel());
                    });
                }
            });
            assert_eq!((drops.count(), told.load(Ordering::SeqCst)), (1, 1));
        }
        held.release();
    });
}

/// Tells in which thread it is dropped.
struct Where(mpsc::Sender<thread::ThreadId>);

impl Drop for Where {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

// contract: K2
#[test]
fn the_canceller_drops_the_call_and_what_it_captured_at_once() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let (tell, told) = mpsc::channel();
        let (captured, argument) = (Where(tell.clone()), Where(tell));
        let call = pool
            .submit(move |argument| drop((argument, captured)), argument)
            .unwrap();
        assert!(told.try_recv().is_err());
        let canceller = thread::spawn(move || {
            assert!(call.cancel());
            (thread::current().id(), call)
        });
        let (canceller, call) = canceller.join().unwrap();
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [canceller; 2]);
        drop(call);
        held.release();
        drop(pool);
        assert!(told.try_recv().is_err(), "nothing is dropped twice");
    });
}

// contract: K2
#[test]
fn a_cancelled_call_keeps_its_place_and_is_not_counted_as_queued() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .capacity(2)
            .build()
            .unwrap();
        let held = Held::on(&pool);
        let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
        assert_eq!(pool.stats().queued, 2);
        assert!(calls[0].cancel());
        assert_eq!(pool.stats().queued, 1);
        assert!(calls[1].cancel());
        assert_eq!(pool.stats().queued, 0);
        assert!(
            matches!(pool.try_spawn(|| 3), Err(SubmitError::Full(_))),
            "no worker has passed them"
        );
        held.release();
        // Waits for room, which the worker makes by passing them.
        assert_eq!(pool.spawn(|| 4).unwrap().result().unwrap(), 4);
        drop(pool);
        threads.assert_none_left();

        let pump: PumpExecutor = PumpExecutor::new(Ring::new(1).unwrap());
        assert!(pump.spawn(|| 1).unwrap().cancel());
        assert_eq!(pump.stats().queued, 0);
        assert!(matches!(pump.try_spawn(|| 2), Err(SubmitError::Full(_))));
        pump.run_until_idle();
        assert_eq!(pump.spawn(|| 3).unwrap().result().unwrap(), 3);
    });
}

/// Panics when it is dropped.
pub(crate) struct Bomb(pub(crate) &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

// contract: K1, K2
#[test]
fn a_cancelled_closure_that_panics_when_dropped_is_cancelled_all_the_same() {
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
        let drops = Drops::new();
        let (bomb, token) = (Bomb("by the caller"), drops.token());
        let call = pool.spawn(move || drop((bomb, token))).unwrap();
        let (tell, told) = mpsc::channel();
        call.add_done_callback(move |done| tell.send(done.state()).unwrap());
        assert!(call.cancel());
        assert_eq!(told.recv().unwrap(), TaskState::Cancelled);
        assert_eq!(drops.count(), 1);
        assert!(matches!(
            call.result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ));
        let bomb = Bomb("by the shutdown");
        let call = pool.spawn(move || drop(bomb)).unwrap();
        assert_eq!(pool.shutdown(false, true).unwrap().cancelled, 1);
        assert!(call.cancelled());
        held.release();
        drop(pool);
        threads.assert_none_left();
        assert_eq!(
            *reports.lock().unwrap(),
            ["by the caller", "by the shutdown"]
        );
    });
}
