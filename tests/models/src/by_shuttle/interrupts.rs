//! Static pools with workers, and interrupt handlers: threads that submit as those do.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use concurrent_futures_core::{
    executor::StaticPool,
    future::{CancelledBy, SubmitError, TaskError, promise},
};
use shuttle::thread;

use super::{
    platform::{Model, ModelSpawner, Record, any_of, perhaps},
    shutdown::FORMS,
};

const SLOTS: usize = 3;

type Fixed = StaticPool<Model, SLOTS, 64, ModelSpawner>;

/// A pool that is never dropped, as in a `static`, its workers started, and what its spawner did.
fn fixed(workers: usize) -> (&'static Fixed, Arc<Record>) {
    let spawner = ModelSpawner::new();
    let record = spawner.record.clone();
    let pool: &Fixed = Box::leak(Box::new(Fixed::with_workers(workers, spawner)));
    assert_eq!(pool.start(), workers);
    (pool, record)
}

/// Everybody who submits is gone: ends the pool, if it has not ended, and passes what was taken back from its queue; then all slots are free.
fn check_free(pool: &'static Fixed) {
    pool.shutdown(true, true).expect("this is no worker");
    assert_eq!(pool.free_slots(), SLOTS, "a slot is busy");
    assert_eq!(pool.stats().queued, 0);
}

/// Two handlers, a call that waits for another call and then for the first handler's, and one that may be cancelled: whatever was taken in
/// is run.
// contract: D2 K2
pub fn submit() {
    let (pool, _) = fixed(2);
    let handlers = [(), ()].map(|()| {
        let (open, gate) = promise::<Model, ()>();
        let handler = thread::spawn(move || {
            let mut open = Some(open);
            let call = move || assert!(open.take().expect("once").set(()).is_ok());
            let mut posted = pool.interrupt_side().submit_detached(call);
            while let Err(SubmitError::Full(call)) = posted {
                thread::yield_now();
                posted = pool.interrupt_side().submit_detached(call.into_inner());
            }
            assert!(posted.is_ok(), "it is open");
        });
        (handler, gate)
    });
    let [(first, gate), (second, ran)] = handlers;
    let cancelled = pool.spawn(|| 7);
    let waits = pool.spawn(move || {
        if let Ok(nested) = pool.spawn(|| 3) {
            assert_eq!(nested.result().expect("it is claimed, or runs"), 3);
        }
        gate.wait()
    });
    if let Ok(future) = cancelled {
        if perhaps() && future.cancel() {
            let cancelled = future.result();
            assert!(matches!(
                cancelled,
                Err(TaskError::Cancelled(CancelledBy::Caller))
            ));
        } else {
            assert_eq!(future.result().expect("it runs"), 7);
        }
    }
    if let Ok(future) = waits {
        assert!(future.result().expect("it runs"));
    }
    ran.result().expect("it runs");
    for handler in [first, second] {
        handler.join().expect("it does not panic");
    }
    check_free(pool);
}

/// Two handlers, while the pool is shut down in some form: a call comes back, runs, or is cancelled if that may be.
// contract: D2 X1 X3
pub fn against_shutdown() {
    let (pool, record) = fixed(any_of(2) + 1);
    let (_, wait, cancel) = FORMS[any_of(4)];
    let (ran, dropped) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let handlers = [(), ()].map(|()| {
        let (ran, captured) = (ran.clone(), Captured(dropped.clone()));
        thread::spawn(move || {
            let call = move || {
                let _captured = captured;
                ran.fetch_add(1, Relaxed);
            };
            match pool.interrupt_side().submit_detached(call) {
                Ok(()) => true,
                Err(SubmitError::ShutDown(_)) => false,
                Err(other) => panic!("{other}"),
            }
        })
    });
    pool.shutdown(wait, cancel).expect("this is no worker");
    assert!(!wait || record.alive() == 0, "a worker is left");
    let taken = handlers.map(|handler| handler.join().expect("it does not panic"));
    let taken = taken.into_iter().filter(|taken| *taken).count();
    let report = pool.shutdown(true, false).expect("this is no worker");
    assert_eq!(
        ran.load(Relaxed) + report.cancelled,
        taken,
        "a call was lost, or ran twice"
    );
    assert!(cancel || report.cancelled == 0);
    assert_eq!(dropped.load(Relaxed), 2, "a closure is left");
    check_free(pool);
}

struct Captured(Arc<AtomicUsize>);

impl Drop for Captured {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}
