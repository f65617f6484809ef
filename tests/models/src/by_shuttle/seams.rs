//! Calls that are taken by hand, and given back, started, or dropped.

use std::sync::Arc;

use concurrent_futures_core::{
    executor::{Handle, PumpExecutor},
    future::{CancelledBy, TaskError},
    queue::Ring,
    scheduler::Backend,
    task::Task,
};
use shuttle::thread;

use super::{
    platform::{Model, any_of, perhaps, pool},
    shutdown::{FORMS, recorded},
};

/// Takes a call, if there is one, and does something with it.
fn handle_one<B: Backend<Initializer = ()>>(handle: &Handle<B>, may_abandon: bool) {
    let Some(taken) = handle.take() else { return };
    match any_of(4) {
        0 => taken.give_back(),
        1 => {
            if let Some(started) = taken.start()
                && !(may_abandon && perhaps())
            {
                started.finish();
            }
        }
        2 => {
            thread::yield_now();
            taken.give_back();
        }
        // Dropped, it goes back.
        _ => drop(taken),
    }
}

/// Two hands in a pool that is being shut down: every future comes to an end, and one that it may come to.
// contract: F5 X1 X3 R3
pub fn against_shutdown() {
    let (pool, record) = recorded(1, 4);
    let futures = [1, 2].map(|n| pool.spawn(move || n).expect("it is open"));
    let hands = [(), ()].map(|()| {
        let handle = pool.handle();
        thread::spawn(move || handle_one(&handle, true))
    });
    let (_, wait, cancel) = FORMS[any_of(4)];
    pool.shutdown(wait, cancel).expect("this is no worker");
    for (n, future) in (1..).zip(futures) {
        match future.result() {
            Ok(value) => assert_eq!(value, n),
            // Also without being asked to: what is given back to a pool whose workers have left has nobody to run it.
            Err(TaskError::Cancelled(CancelledBy::Shutdown) | TaskError::Abandoned) => {}
            Err(other) => panic!("{other}"),
        }
    }
    for hand in hands {
        hand.join().expect("it does not panic");
    }
    drop(pool);
    assert_eq!(record.alive(), 0);
}

/// A call of the only worker waits for another one, which hands take and give back meanwhile.
// contract: T6
pub fn against_nested() {
    let pool = pool(1);
    let handle = pool.handle();
    let outer = pool.spawn(move || {
        let inner = handle.spawn(|| 7).expect("it is open");
        inner.result().expect("it runs")
    });
    let hands = [(), ()].map(|()| {
        let handle = pool.handle();
        thread::spawn(move || handle_one(&handle, false))
    });
    assert_eq!(outer.expect("there is room").result().expect("it runs"), 7);
    for hand in hands {
        hand.join().expect("it does not panic");
    }
}

/// A pool without workers: two who wait run its calls, while a hand takes one and gives it back.
// contract: D3 T6
pub fn against_pumping() {
    let pool: PumpExecutor<Model, Ring<Task>> = PumpExecutor::new(Ring::new(4).expect("small"));
    let pool = Arc::new(pool);
    let hand = thread::spawn({
        let handle = pool.handle();
        move || handle_one(&handle, false)
    });
    let other = thread::spawn({
        let pool = pool.clone();
        move || {
            let future = pool.spawn(|| 1).expect("it is open");
            assert_eq!(future.result().expect("somebody runs it"), 1);
        }
    });
    let futures = [2, 3].map(|n| pool.spawn(move || n).expect("it is open"));
    for (n, future) in (2..).zip(futures) {
        assert_eq!(future.result().expect("somebody runs it"), n);
    }
    other.join().expect("it does not panic");
    hand.join().expect("it does not panic");
}
