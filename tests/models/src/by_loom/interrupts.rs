//! Calls that come from interrupt handlers: from threads that take no lock, start nobody and wait for nobody.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use concurrent_futures_core::{
    executor::{Handle, Pool},
    future::{SubmitError, promise},
    queue::{Inbox, Policy},
    scheduler::{Backend, Config, model::Sleepers},
    task::Task,
};
use loom::{sync::Notify, thread};

use super::platform::{Model, ModelLock, ModelSpawner};

/// The parts of a pool that handlers submit to.
pub struct InboxBackend;

// SAFETY: the pools have workers of their own.
unsafe impl Backend for InboxBackend {
    type Platform = Model;
    type Queue = Inbox<Task, ModelLock, 2>;
    type Spawner = ModelSpawner;
    type Initializer = ();
    type Cargo = ();
}

/// A pool of one worker, which was started.
fn pool(spawner: ModelSpawner) -> Pool<InboxBackend> {
    let pool = Pool::new(Config {
        max_workers: 1,
        policy: Policy::Reject,
        queue: Inbox::new(),
        spawner,
        initializer: (),
        error_hook: None,
    });
    assert_eq!(pool.start(), 1);
    pool
}

/// A handler's call, while the worker goes to sleep: it is run without anybody else's help.
pub fn idle() {
    let pool = pool(ModelSpawner::new());
    let (ran, future) = promise::<Model, ()>();
    let posted = pool.post_detached(move || assert!(ran.set(()).is_ok()));
    assert!(posted.is_ok());
    future.result().expect("it runs");
}

/// Two handlers at once, and one worker: both calls are run.
pub fn two() {
    one_worker(Workers::post);
}

/// A thread rouses the only sleeper while a handler wakes it: both calls are run.
pub fn against_submit() {
    one_worker(Workers::submit);
}

/// What is left of a pool without calls.
type Workers = Sleepers<Model, Value, 2>;

/// What it has for calls.
#[derive(Clone, Copy)]
enum Value {
    Nothing,
    /// Waits until the gate is open.
    Waits,
    Opens,
}

/// Two submit to a worker that goes to sleep, at least one of them from a handler.
fn one_worker(other: fn(&Workers, Value) -> bool) {
    let workers = Arc::new(Workers::new(1));
    let submitters = [Workers::post, other].map(|submit| {
        let workers = workers.clone();
        thread::spawn(move || assert!(submit(&workers, Value::Nothing)))
    });
    workers.work(2, |_| ());
    for submitter in submitters {
        submitter.join().expect("it does not panic");
    }
}

/// A call, from a thread or a handler, waits for the one that a handler submits next: whoever sleeps still is woken for it.
pub fn another(from_thread: bool) {
    let first = if from_thread {
        Workers::submit
    } else {
        Workers::post
    };
    let workers = Arc::new(Workers::new(2));
    let gate = Arc::new(Notify::new());
    let work = |workers: Arc<Workers>, gate: Arc<Notify>| {
        move || {
            workers.work(1, |value| match value {
                Value::Nothing => {}
                Value::Waits => gate.wait(),
                Value::Opens => gate.notify(),
            });
        }
    };
    let second = thread::spawn(work(workers.clone(), gate.clone()));
    let submitter = thread::spawn({
        let workers = workers.clone();
        move || {
            assert!(first(&workers, Value::Waits));
            assert!(workers.post(Value::Opens));
        }
    });
    work(workers.clone(), gate)();
    for thread in [second, submitter] {
        thread.join().expect("it does not panic");
    }
}

/// What became of a call.
#[derive(Default)]
struct Fate {
    ran: AtomicUsize,
    dropped: AtomicUsize,
}

/// What the call has captured.
struct Captured(Arc<Fate>);

impl Drop for Captured {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Relaxed);
    }
}

/// A handler's call while the pool is shut down: it comes back, runs before the shutdown returns or, with `cancel`, is cancelled.
pub fn against_shutdown(cancel: bool) {
    let pool = Arc::new(pool(ModelSpawner::new()));
    let fate = Arc::new(Fate::default());
    let handler = thread::spawn({
        let (handle, captured) = (pool.handle(), Captured(fate.clone()));
        move || match handle.post_detached(move || {
            captured.0.ran.fetch_add(1, Relaxed);
        }) {
            Ok(()) => {}
            // What comes back can be called, and counts as if it had been run.
            Err(SubmitError::ShutDown(call)) => call.into_inner()(),
            Err(other) => panic!("{other}"),
        }
    });
    let report = pool.shutdown(true, cancel).expect("this is no worker");
    assert_eq!(pool.stats().workers, 0);
    handler.join().expect("it does not panic");
    let ran = fate.ran.load(Relaxed);
    assert_eq!(ran + report.cancelled, 1, "a call was lost, or ran twice");
    assert!(cancel || report.cancelled == 0);
    assert_eq!(fate.dropped.load(Relaxed), 1, "the closure is left");
    assert_eq!(pool.stats().queued, 0);
}

/// The first of two queued calls is cancelled, and leaves the queue, while a worker takes one: each entry is passed once.
pub fn cancelled() {
    let pool = pool(ModelSpawner::holding());
    let fate = Arc::new(Fate::default());
    let spawn = || {
        let captured = Captured(fate.clone());
        pool.spawn_removable(move || {
            captured.0.ran.fetch_add(1, Relaxed);
        })
    };
    let [first, second] = [(), ()].map(|()| spawn().expect("there is room"));
    let run_one = |handle: &Handle<InboxBackend>| {
        let started = handle.take().and_then(|taken| taken.start());
        started.map(|started| started.finish()).is_some()
    };
    let worker = thread::spawn({
        let handle = pool.handle();
        move || run_one(&handle)
    });
    let cancelled = first.cancel();
    drop((first, second));
    let ran = worker.join().expect("it does not panic");
    // The worker may have taken what was cancelled then.
    let left = usize::from(run_one(&pool));
    let ran = usize::from(ran) + left;
    assert_eq!(ran, fate.ran.load(Relaxed));
    assert_eq!(
        ran + usize::from(cancelled),
        2,
        "a call was lost, or ran twice"
    );
    assert_eq!(fate.dropped.load(Relaxed), 2, "a closure is left");
    // All entries are gone, and nothing is held to be left of them.
    let late = [(), ()].map(|()| spawn().expect("there is room"));
    assert_eq!(pool.stats().queued, 2);
    while run_one(&pool) {}
    drop(late);
    pool.detach();
}
