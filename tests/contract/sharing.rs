//! R4: who may have a future and its outcome, and that the outcome is dropped once.

use std::{cell::Cell, sync::Arc, thread};

use concurrent_futures::{
    CancelOnDrop, Future, Promise, ResultError, TaskError, ThreadPoolExecutor,
};
use concurrent_futures_tests::{Drops, Threads, bounded};

use crate::{held::Held, wakers::block_on};

// contract: R4
#[test]
fn a_future_is_send_and_sync_where_its_value_is_send() {
    fn both<T: Send + Sync>() {}
    both::<Future<Cell<u8>>>();
    both::<Future<Box<dyn FnOnce() + Send>>>();
    both::<Promise<Cell<u8>>>();
    both::<CancelOnDrop<Cell<u8>>>();
    both::<ResultError<Cell<u8>>>();
    both::<TaskError>();
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let future = Arc::new(pool.spawn(|| Cell::new(8)).unwrap());
        let waiter = thread::spawn({
            let future = Arc::clone(&future);
            move || future.wait()
        });
        assert!(waiter.join().unwrap());
        assert_eq!(Arc::into_inner(future).unwrap().result().unwrap().get(), 8);
    });
}

// contract: R4
#[test]
fn an_outcome_is_dropped_exactly_once_taken_or_not() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let drops = Drops::new();
        let make = || {
            let drops = drops.clone();
            pool.spawn(move || drops.token()).unwrap()
        };
        let taken = make().result().unwrap();
        assert_eq!(drops.count(), 0);
        drop(taken);
        assert_eq!(drops.count(), 1);

        let mut awaited = make();
        drop(block_on(&mut awaited).unwrap());
        drop(awaited);
        assert_eq!(drops.count(), 2);

        let unread = make();
        assert!(unread.wait());
        assert_eq!(drops.count(), 2);
        drop(unread);
        assert_eq!(drops.count(), 3);

        // The future goes before the call starts.
        let held = Held::on(&pool);
        drop(make());
        held.release();
        pool.shutdown(true, false).unwrap();
        assert_eq!(drops.count(), 4);
        threads.assert_none_left();
    });
}
