//! Whole pools: sleeping and waking, growing, blocked producers, shutdown.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use concurrent_futures_core::{
    executor::{Handle, Pool},
    future::{SubmitError, TaskError, promise},
    platform::Time,
    queue::{Deque, Policy},
    scheduler::model::BlockingQueue,
};
use loom::thread;

use super::platform::{Model, ModelBackend, ModelLock, ModelSpawner, pool};

/// Calls one after the other: no wake-up of the one worker is lost.
pub fn idle() {
    let pool = pool(1, 2, Policy::Block, ModelSpawner::new());
    for n in 0..2 {
        let future = pool.spawn(move || n).expect("there is room");
        assert_eq!(future.result().expect("it runs"), n);
    }
}

/// A call that waits for the next one: a second worker must come.
pub fn chain() {
    let pool = pool(2, 2, Policy::Block, ModelSpawner::new());
    let (open, gate) = promise::<Model, ()>();
    let first = pool.spawn(move || gate.wait()).expect("there is room");
    let second = pool
        .spawn(move || open.set(()).is_ok())
        .expect("there is room");
    assert!(first.result().expect("it runs"));
    assert!(second.result().expect("it runs"));
}

/// Two that submit at once to a pool of one worker: one worker is started.
pub fn growth() {
    let spawner = ModelSpawner::holding();
    let started = Arc::clone(&spawner.started);
    let pool = Arc::new(pool(1, 2, Policy::Block, spawner));
    let other = thread::spawn({
        let handle = pool.handle();
        move || handle.spawn(|| ()).is_ok()
    });
    assert!(pool.spawn(|| ()).is_ok());
    assert!(other.join().expect("it does not panic"));
    assert_eq!(
        started.load(Ordering::Relaxed),
        1,
        "more workers than allowed, or none"
    );
    assert_eq!(run_all(&pool), 2);
    leave(pool);
}

/// The platform refuses the first worker while another submitter relies on it: nobody waits for ever.
pub fn growth_refused() {
    let pool = Arc::new(pool(1, 2, Policy::Block, ModelSpawner::refusing(1)));
    let submit = |handle: Handle<ModelBackend>, n: u32| match handle.spawn(move || n) {
        Ok(future) => match future.result() {
            Ok(value) => assert_eq!(value, n),
            Err(TaskError::NoWorker) => {}
            Err(other) => panic!("{other}"),
        },
        Err(SubmitError::NoWorker(_)) => {}
        Err(other) => panic!("{other}"),
    };
    let other = thread::spawn({
        let handle = pool.handle();
        move || submit(handle, 1)
    });
    submit(pool.handle(), 2);
    other.join().expect("it does not panic");
}

/// A producer that finds the queue full gets in, once the call that fills it was taken.
pub fn blocked_producer() {
    let pool = Arc::new(pool(1, 1, Policy::Block, ModelSpawner::holding()));
    assert!(pool.spawn(|| ()).is_ok());
    let consumer = thread::spawn({
        let handle = pool.handle();
        move || run_one(&handle)
    });
    assert!(pool.spawn(|| ()).is_ok());
    assert!(consumer.join().expect("it does not panic"));
    assert_eq!(run_all(&pool), 1);
    leave(pool);
}

/// Two blocked producers and room for one: if the one that is woken has no more time, the other gets it.
pub fn blocked_producers_timeout() {
    let queue: Arc<BlockingQueue<Model, Deque<u8, ModelLock, 1>>> =
        Arc::new(BlockingQueue::new(Deque::new()));
    assert!(queue.push(0, None));
    let impatient = thread::spawn({
        let queue = Arc::clone(&queue);
        // On this platform every deadline is over.
        move || queue.push(1, Some(Time::from_epoch(Duration::ZERO)))
    });
    let patient = thread::spawn({
        let queue = Arc::clone(&queue);
        move || queue.push(2, None)
    });
    assert_eq!(queue.pop(), Some(0));
    if impatient.join().expect("it does not panic") {
        queue.pop();
    }
    assert!(patient.join().expect("it does not panic"));
}

/// Takes a call by hand and runs it.
fn run_one(handle: &Handle<ModelBackend>) -> bool {
    handle
        .take()
        .and_then(|taken| taken.start())
        .map(|started| started.finish())
        .is_some()
}

/// Takes whatever there is; says how many calls ran.
fn run_all(handle: &Handle<ModelBackend>) -> usize {
    let mut ran = 0;
    while let Some(taken) = handle.take() {
        if let Some(started) = taken.start() {
            started.finish();
            ran += 1;
        }
    }
    ran
}

/// Leaves a pool whose workers never come: there is nobody to wait for.
fn leave(pool: Arc<Pool<ModelBackend>>) {
    if let Ok(pool) = Arc::try_unwrap(pool) {
        pool.detach();
    }
}

/// A submit and a shutdown at once: the call is refused, or it runs before the shutdown returns.
pub fn submit_against_shutdown() {
    let pool = Arc::new(pool(1, 2, Policy::Block, ModelSpawner::new()));
    let other = thread::spawn({
        let handle = pool.handle();
        move || match handle.spawn(|| 7) {
            Ok(future) => assert_eq!(future.result().expect("what was taken in is run"), 7),
            Err(SubmitError::ShutDown(call)) => assert_eq!(call.into_inner()(), 7),
            Err(other) => panic!("{other}"),
        }
    });
    pool.shutdown(true, false).expect("this is no worker");
    assert_eq!(pool.stats().workers, 0);
    other.join().expect("it does not panic");
}
