//! Pools that end while others submit.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use concurrent_futures_core::{
    executor::{Handle, Pool},
    future::{CancelledBy, SubmitError, TaskError},
    scheduler::ShutdownError,
};
use shuttle::thread;

use super::platform::{ModelBackend, Record, any_of, config, perhaps};

type Shared = Arc<Pool<ModelBackend>>;

/// The four forms: waiting for the workers or not, cancelling what waits or not.
pub const FORMS: [(&str, bool, bool); 4] = [
    ("shutdown-wait", true, false),
    ("shutdown-wait-cancel", true, true),
    ("shutdown-leave", false, false),
    ("shutdown-leave-cancel", false, true),
];

/// A pool and what its spawner did.
pub fn recorded(max_workers: usize, capacity: usize) -> (Shared, Arc<Record>) {
    let config = config(max_workers, capacity);
    let record = config.spawner.record.clone();
    (Arc::new(Pool::new(config)), record)
}

/// Waits until the workers of a pool that nobody joins are gone.
pub fn gone(record: &Record) {
    while record.alive() > 0 {
        thread::yield_now();
    }
}

/// Submits two calls: each is refused and comes back, runs, or is cancelled if that may be.
fn submit_two(handle: &Handle<ModelBackend>, may_cancel: bool) {
    let ran = Arc::new(AtomicUsize::new(0));
    let submitted = [1, 2].map(|n| {
        let ran = ran.clone();
        handle.spawn(move || {
            ran.fetch_add(1, Relaxed);
            n
        })
    });
    let mut expected = 0;
    for (n, submitted) in (1..).zip(submitted) {
        match submitted.map(|future| future.result()) {
            Ok(Ok(value)) => assert_eq!(value, n),
            Ok(Err(TaskError::Cancelled(CancelledBy::Shutdown))) if may_cancel => continue,
            Ok(Err(other)) => panic!("{other}"),
            Err(SubmitError::ShutDown(call)) => assert_eq!(call.into_inner()(), n),
            Err(other) => panic!("{other}"),
        }
        expected += 1;
    }
    assert_eq!(
        ran.load(Relaxed),
        expected,
        "what was cancelled ran, or what came back did"
    );
}

/// One form of shutdown, while two threads submit.
// contract: X1 X3 X6 X7 S2
pub fn against_submit(wait: bool, cancel: bool) {
    let (pool, record) = recorded(2, 4);
    let submitters = [(), ()].map(|()| {
        let handle = pool.handle();
        thread::spawn(move || submit_two(&handle, cancel))
    });
    pool.shutdown(wait, cancel).expect("this is no worker");
    if wait {
        assert_eq!(
            (pool.stats().workers, record.alive()),
            (0, 0),
            "a worker is left"
        );
    }
    let late = pool.spawn(|| 7);
    assert!(matches!(late, Err(SubmitError::ShutDown(_))), "{late:?}");
    for submitter in submitters {
        submitter.join().expect("it does not panic");
    }
    drop(pool);
    assert_eq!(record.alive(), 0, "the drop of the pool joins");
}

/// Two shutdowns at once, of any forms, while somebody submits.
// contract: X1 X3 X6
pub fn two_at_once() {
    let (pool, record) = recorded(2, 4);
    let (_, _, first_cancels) = FORMS[any_of(4)];
    let (_, waits, cancels) = FORMS[any_of(4)];
    let may_cancel = cancels || first_cancels;
    let submitter = thread::spawn({
        let handle = pool.handle();
        move || submit_two(&handle, may_cancel)
    });
    let other = thread::spawn({
        let (pool, record) = (pool.handle(), record.clone());
        move || {
            pool.shutdown(true, first_cancels)
                .expect("this is no worker");
            assert_eq!(record.alive(), 0, "a worker is left");
        }
    });
    pool.shutdown(waits, cancels).expect("this is no worker");
    if waits {
        assert_eq!(record.alive(), 0, "a worker is left");
    }
    other.join().expect("it does not panic");
    submitter.join().expect("it does not panic");
}

/// A call and a callback close their own pool, and are told that they cannot wait for it.
// contract: X4 C3 S6
pub fn from_worker() {
    let (pool, record) = recorded(2, 4);
    let close = |handle: &Handle<ModelBackend>| {
        let closed = handle.shutdown(true, false);
        assert_eq!(closed, Err(ShutdownError::FromWorker));
        assert!(matches!(handle.spawn(|| ()), Err(SubmitError::ShutDown(_))));
    };
    let handle = pool.handle();
    let future = pool.spawn(move || close(&handle)).expect("it is open");
    let second = pool.spawn(|| 7);
    if perhaps() {
        let handle = pool.handle();
        future.add_done_callback(move |_| {
            let _ = handle.shutdown(false, false);
        });
    }
    future.result().expect("it runs");
    match second {
        Ok(future) => assert_eq!(future.result().expect("what was taken in is run"), 7),
        Err(SubmitError::ShutDown(_)) => {}
        Err(other) => panic!("{other}"),
    }
    drop(pool);
    assert_eq!(record.alive(), 0);
}

/// The last owner of a pool goes on its own worker, or beside it.
// contract: X8 X2
pub fn last_owner() {
    let (pool, record) = recorded(2, 4);
    let handle = pool.handle();
    let first = handle.spawn({
        let pool = pool.clone();
        move || drop(pool)
    });
    let second = handle.spawn(|| 7).expect("an owner is left");
    drop(pool);
    first.expect("an owner is left").result().expect("it runs");
    assert_eq!(second.result().expect("it runs"), 7);
    drop(handle);
    gone(&record);
}
