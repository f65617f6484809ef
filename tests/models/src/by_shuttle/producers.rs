//! Submitters that find the queue full.

use concurrent_futures_core::{
    executor::{Handle, Pool},
    future::{CancelledBy, SubmitError, TaskError, promise},
    queue::Policy,
    scheduler::Config,
};
use shuttle::thread;

use super::{
    platform::{Model, ModelBackend, SHORT, any_of, config, perhaps},
    shutdown::recorded,
};

/// A pool of one worker with room for one call.
fn narrow(policy: Policy) -> Pool<ModelBackend> {
    Pool::new(Config {
        policy,
        ..config(1, 1)
    })
}

/// Three who submit to a queue with room for one: all get in.
// contract: S3
pub fn blocked() {
    let pool = narrow(Policy::Block);
    let submitters = [1, 2, 3].map(|n| {
        let handle = pool.handle();
        thread::spawn(move || {
            let future = handle.spawn(move || n).expect("it waits for room");
            assert_eq!(future.result().expect("it runs"), n);
        })
    });
    for submitter in submitters {
        submitter.join().expect("it does not panic");
    }
}

/// Some wait for room for a short time, a scope for as long as it takes: it gets in, whoever else leaves.
// contract: S3 T7
pub fn patient_and_impatient() {
    let pool = narrow(Policy::BlockTimeout(SHORT));
    let impatient = [1, 2].map(|n| {
        let handle = pool.handle();
        thread::spawn(move || match handle.spawn(move || n) {
            Ok(future) => assert_eq!(future.result().expect("it runs"), n),
            Err(SubmitError::Full(call)) => assert_eq!(call.into_inner()(), n),
            Err(other) => panic!("{other}"),
        })
    });
    let patient = |handle: &Handle<ModelBackend>| {
        handle.scope(|scope| {
            let future = scope.spawn(|| 3).expect("it waits for room");
            assert_eq!(future.result().expect("it runs"), 3);
        });
    };
    let other = thread::spawn({
        let handle = pool.handle();
        move || patient(&handle)
    });
    patient(&pool);
    other.join().expect("it does not panic");
    for submitter in impatient {
        submitter.join().expect("it does not panic");
    }
}

/// Blocked producers leave with their calls when the pool closes: also if no worker makes room for them, because the only one
/// waits for what comes after they have left.
// contract: S3 S2 X1
pub fn against_shutdown() {
    let (pool, record) = recorded(1, 1);
    let (open, gate) = promise::<Model, ()>();
    let first = pool.spawn(move || gate.wait()).expect("it is open");
    let busy = perhaps();
    let open = if busy {
        Some(open)
    } else {
        assert!(open.set(()).is_ok());
        None
    };
    let cancel = perhaps();
    let submitters = [1, 2, 3].map(|n| {
        let handle = pool.handle();
        thread::spawn(move || match handle.spawn(move || n) {
            Ok(future) => Some((n, future)),
            Err(SubmitError::ShutDown(call)) => {
                assert_eq!(call.into_inner()(), n);
                None
            }
            Err(other) => panic!("{other}"),
        })
    });
    let closing = pool.shutdown(!busy, cancel);
    closing.expect("this is no worker");
    let may_cancel = |error| matches!(error, TaskError::Cancelled(CancelledBy::Shutdown) if cancel);
    let submitted = submitters.map(|submitter| submitter.join().expect("it does not panic"));
    if let Some(open) = open {
        // Cancelled with the rest, a call that waits for it did not start.
        assert!(open.set(()).is_ok());
    }
    match first.result() {
        Ok(opened) => assert!(opened),
        Err(error) => assert!(may_cancel(error)),
    }
    for (n, future) in submitted.into_iter().flatten() {
        match future.result() {
            Ok(value) => assert_eq!(value, n),
            Err(error) => assert!(may_cancel(error)),
        }
    }
    drop(pool);
    assert_eq!(record.alive(), 0, "a worker is left");
}

/// The policies that do not wait for room.
// contract: S3 R3
pub fn policies() {
    let policy = [Policy::Reject, Policy::RunInCaller, Policy::DiscardOldest][any_of(3)];
    let pool = narrow(policy);
    let submitters = [1, 2, 3].map(|n| {
        let handle = pool.handle();
        thread::spawn(move || match handle.spawn(move || n) {
            Ok(future) => match future.result() {
                Ok(value) => assert_eq!(value, n),
                Err(TaskError::Cancelled(CancelledBy::Discarded)) => {
                    assert_eq!(policy, Policy::DiscardOldest);
                }
                Err(other) => panic!("{other}"),
            },
            Err(SubmitError::Full(call)) => {
                assert_eq!(policy, Policy::Reject);
                assert_eq!(call.into_inner()(), n);
            }
            Err(other) => panic!("{other}"),
        })
    });
    for submitter in submitters {
        submitter.join().expect("it does not panic");
    }
}
