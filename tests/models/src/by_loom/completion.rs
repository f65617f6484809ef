//! The state word and the two steps of completion, with whoever may come between.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use concurrent_futures_core::{
    future::{self, CancelledBy, Future, Promise, TaskError, WaitSet},
    queue::Policy,
};
use loom::thread;

use super::platform::{Model, ModelSpawner, pool};

fn promise<T: Send + 'static>() -> (Promise<T>, Future<T>) {
    future::promise::<Model, T>()
}

/// A queued call is either run or cancelled, and its closure is dropped once.
pub fn cancel_against_start() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let pool = pool(1, 2, Policy::Block, ModelSpawner::holding());
    let counted = Counted(drops.clone());
    let future = pool
        .spawn(move || {
            let _counted = counted;
            7
        })
        .expect("there is room");
    let handle = pool.handle();
    let runner = thread::spawn(move || {
        if let Some(started) = handle.take().and_then(|taken| taken.start()) {
            started.finish();
            true
        } else {
            false
        }
    });
    let cancelled = future.cancel();
    let ran = runner.join().expect("it does not panic");
    assert_ne!(cancelled, ran, "a call is run or cancelled");
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    match future.result() {
        Ok(value) => assert!(ran && value == 7),
        Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(cancelled),
        Err(other) => panic!("{other}"),
    }
    pool.detach();
}

/// One who waits, and frees the call, against completion.
pub fn against_waiter() {
    let (promise, future) = promise();
    let producer = thread::spawn(move || promise.set(Box::new(7)).map_err(drop));
    assert_eq!(*future.result().expect("it was set"), 7);
    producer
        .join()
        .expect("it does not panic")
        .expect("nobody cancelled");
}

/// A future that is dropped against completion: the outcome is dropped once.
pub fn against_drop() {
    let (promise, future) = promise();
    let outcome = Arc::new(());
    let held = Arc::downgrade(&outcome);
    let producer = thread::spawn(move || promise.set(outcome).map_err(drop));
    drop(future);
    let _ = producer.join().expect("it does not panic");
    assert_eq!(held.strong_count(), 0, "the outcome is left");
}

/// A callback looks at the outcome; whoever takes it waits for that.
pub fn callback_then_taker() {
    let (promise, future) = promise();
    let called = Arc::new(AtomicBool::new(false));
    future.add_done_callback({
        let called = called.clone();
        move |done: &future::Done<'_, Box<u32>>| {
            assert_eq!(**done.outcome().expect("it was set"), 7);
            thread::yield_now();
            called.store(true, Ordering::Relaxed);
        }
    });
    let producer = thread::spawn(move || promise.set(Box::new(7)).map_err(drop));
    assert_eq!(*future.result().expect("it was set"), 7);
    assert!(
        called.load(Ordering::Relaxed),
        "the outcome was taken before its callback ran"
    );
    let _ = producer.join().expect("it does not panic");
}

/// A set is told once, or leaves nothing behind.
pub fn wait_set() {
    let (promise, future) = promise();
    let producer = thread::spawn(move || promise.set(7).map_err(drop));
    {
        let mut early = WaitSet::new();
        early.insert(&future);
        // Dropped at any moment, it is not told any more.
        let _ = early.try_next();
    }
    {
        let mut set = WaitSet::new();
        set.insert(&future);
        assert!(set.next().is_some());
        assert!(set.next().is_none());
    }
    let _ = producer.join().expect("it does not panic");
    assert_eq!(future.result().expect("it was set"), 7);
}
