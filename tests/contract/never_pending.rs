//! F5: whatever goes away, no future is left pending.

use std::{cell::Cell, convert::Infallible, thread};

use concurrent_futures::{
    CancelledBy, Future, Policy, PumpExecutor, Ring, SubmitError, TaskError, ThreadPoolExecutor,
    promise,
};
use concurrent_futures_tests::{Gate, Threads, bounded, eventually};

use crate::{
    future::{CANCELLED, FAILED, FINISHED, look},
    held::Held,
};

// contract: F5
#[test]
fn a_promise_dropped_without_an_outcome_fails_its_future() {
    bounded(|| {
        let (promise_a, a) = promise::<Cell<u8>>();
        drop(promise_a);
        assert_eq!(look(&a), FAILED);
        assert!(matches!(a.result(), Err(TaskError::Abandoned)));

        let (mut promise_b, b) = promise::<u8>();
        assert!(promise_b.start());
        drop(promise_b);
        assert!(matches!(b.result_ref(), Err(TaskError::Abandoned)));

        let (promise_c, c) = promise::<u8>();
        let producer = thread::spawn(move || {
            let _promise = promise_c;
            panic!("before the outcome");
        });
        assert!(matches!(c.result(), Err(TaskError::Abandoned)));
        assert!(producer.join().is_err());

        let (promise_d, d) = promise::<u8>();
        assert!(d.cancel());
        drop(promise_d);
        assert_eq!(look(&d), CANCELLED, "a cancelled one stays cancelled");
    });
}

// contract: F5
#[test]
fn a_promise_inside_a_discarded_closure_fails_its_future() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let (inner, future) = promise::<u8>();
        let call = pool.spawn(move || inner.set(1).is_ok()).unwrap();
        assert!(call.cancel());
        assert!(future.try_result().unwrap_err().into_future().is_none());
        held.release();

        pool.shutdown(true, false).unwrap();
        let (inner, future) = promise::<u8>();
        let refused = pool.spawn(move || inner.set(1).is_ok()).unwrap_err();
        assert!(matches!(refused, SubmitError::ShutDown(_)));
        assert!(!future.done(), "the error has the closure");
        drop(refused);
        assert!(matches!(future.result(), Err(TaskError::Abandoned)));
    });
}

// contract: F5
#[test]
fn no_end_of_a_pool_leaves_a_future_pending() {
    bounded(|| {
        // Dropped, with calls waiting.
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let futures: Vec<_> = (0..50).map(|n| pool.spawn(move || n).unwrap()).collect();
        drop(pool);
        for (n, future) in futures.into_iter().enumerate() {
            assert_eq!(look(&future), FINISHED);
            assert_eq!(future.result().unwrap(), n);
        }

        // Broken by its initializer, whatever the call was doing.
        let threads = Threads::new();
        let gate = Gate::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .initializer({
                let gate = gate.clone();
                move || -> Result<Infallible, &str> {
                    gate.pass();
                    Err("out of order")
                }
            })
            .build()
            .unwrap();
        let futures: Vec<_> = (0..5).map(|n| pool.spawn(move || n).unwrap()).collect();
        assert!(futures[3].cancel());
        gate.open();
        for (n, future) in futures.into_iter().enumerate() {
            match (n, future.result()) {
                (3, Err(TaskError::Cancelled(CancelledBy::Caller))) => {}
                (_, Err(TaskError::Broken(broken))) if n != 3 => {
                    assert!(broken.cause().contains("out of order"));
                }
                (_, other) => panic!("{n}: {other:?}"),
            }
        }
        drop(pool);
        threads.assert_none_left();

        // Without workers, and nobody to run what waits but the drop.
        let pump: PumpExecutor = PumpExecutor::new(Ring::new(8).unwrap());
        let waits = pump.spawn(|| 7).unwrap();
        drop(pump);
        assert_eq!(waits.result().unwrap(), 7);
    });
}

// contract: F5
#[test]
fn detached_and_discarding_pools_leave_no_future_pending() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .capacity(2)
            .policy(Policy::DiscardOldest)
            .build()
            .unwrap();
        let held = Held::on(&pool);
        let waiting: Vec<_> = (1..=4).map(|n| pool.spawn(move || n).unwrap()).collect();
        pool.detach();
        held.release();
        let outcomes: Vec<_> = waiting.into_iter().map(Future::result).collect();
        assert!(
            matches!(
                outcomes[..],
                [
                    Err(TaskError::Cancelled(CancelledBy::Discarded)),
                    Err(TaskError::Cancelled(CancelledBy::Discarded)),
                    Ok(3),
                    Ok(4)
                ]
            ),
            "{outcomes:?}"
        );
        eventually("a detached pool's threads end", || threads.alive() == 0);
    });
}
