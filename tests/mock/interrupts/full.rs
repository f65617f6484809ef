//! Interrupts that find all slots busy, or the pool shut down, and what else a handler may and may not do.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use concurrent_futures_core::future::{ResultError, SubmitError, TaskError};

use super::{
    Pool, accepted, assert_ran, assert_ran_once, at_every_step, book, call,
    chip::{self, calm},
    settle, submit,
};

// contract: D2, S2
#[test]
fn one_slot_goes_to_the_submission_or_to_a_handler_of_it() {
    static POOL: Pool<1> = Pool::new();
    at_every_step(
        |_| &POOL,
        |_| {
            let outcome = POOL.spawn(call(1));
            assert_eq!(usize::from(outcome.is_ok()) + accepted(), 1);
            assert_eq!(calm(|| (POOL.free_slots(), POOL.stats().queued)), (0, 1));
            assert_eq!(settle(&POOL), 1);
            match outcome {
                Ok(future) => {
                    assert_eq!(calm(|| future.result().unwrap()), 1);
                    assert_eq!(accepted(), 0);
                    assert_ran_once(&[1]);
                }
                Err(SubmitError::Full(back)) => {
                    drop(back);
                    assert_ran(&[], &[1]);
                }
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!(calm(|| POOL.free_slots()), 1);
        },
    );
}

// contract: D2, K2
#[test]
fn a_handler_finds_the_only_slot_busy_until_the_cancelled_future_is_gone() {
    static POOL: Pool<1> = Pool::new();
    at_every_step(
        |_| &POOL,
        |_| {
            let future = calm(|| POOL.spawn(call(1)).unwrap());
            assert!(future.cancel());
            assert_eq!(accepted(), 0);
            drop(future);
            assert_eq!(settle(&POOL), accepted());
            assert_ran(&[], &[1]);
            assert_eq!(calm(|| POOL.free_slots()), 1);
        },
    );
}

// contract: D2
#[test]
fn a_slot_that_comes_free_is_there_for_the_next_handler() {
    static POOL: Pool<1> = Pool::new();
    let handler = |number| chip::interrupt(|| submit(&POOL, number));
    let future = POOL.spawn(call(1)).unwrap();
    handler(2);
    assert!(future.cancel());
    handler(3);
    assert_eq!(book(|book| book.full.len()), 2);
    drop(future);
    handler(4);
    assert_eq!(book(|book| book.accepted.clone()), [4]);
    handler(5);
    assert!(POOL.run_one());
    handler(6);
    assert_eq!(book(|book| book.accepted.clone()), [4, 6]);
    POOL.run_until_idle();
    assert_ran(&[], &[1]);
}

// contract: D2, X1
#[test]
fn after_the_shutdown_a_handler_gets_its_call_back() {
    static POOL: Pool<2> = Pool::new();
    let future = POOL.spawn(call(1)).unwrap();
    POOL.shutdown(false, false).unwrap();
    chip::interrupt(|| submit(&POOL, 2));
    POOL.shutdown(true, false).unwrap();
    chip::interrupt(|| submit(&POOL, 3));
    assert_eq!(
        book(|book| (book.shut_down.len(), book.accepted.len())),
        (2, 0)
    );
    assert_eq!(future.result().unwrap(), 1);
    assert_ran_once(&[1]);
    assert_eq!(POOL.free_slots(), 2);
}

// contract: D2, S5
#[test]
fn a_call_of_a_handler_that_panics_is_caught_and_its_slot_is_free() {
    static POOL: Pool<1> = Pool::new();
    for _ in 0..3 {
        chip::interrupt(|| {
            let queued = POOL.interrupt_side().submit_detached(|| panic!("unheard"));
            assert!(queued.is_ok());
        });
        assert_eq!((POOL.run_until_idle(), POOL.free_slots()), (1, 1));
    }
}

// contract: D2, D3, R1
#[test]
fn who_must_not_block_is_told_so() {
    static POOL: Pool<2> = Pool::new();
    let future = Cell::new(Some(POOL.spawn(|| 7).unwrap()));
    chip::interrupt(|| {
        let back = match future.take().unwrap().result_timeout(Duration::MAX) {
            Err(ResultError::WouldBlock(back)) => back,
            other => panic!("{other:?}"),
        };
        assert!(!back.done(), "it was not run here");
        future.set(Some(back));
    });
    assert!(POOL.run_one());
    assert_eq!(future.take().unwrap().result().unwrap(), 7);
    let other = Cell::new(Some(POOL.spawn(|| 8).unwrap()));
    chip::interrupt(|| {
        let outcome = other.take().unwrap().result();
        assert!(matches!(outcome, Err(TaskError::WouldBlock)));
    });
    assert_eq!(POOL.run_until_idle(), 1);
    assert_eq!(POOL.free_slots(), 2);
}

// contract: D2
#[test]
fn an_interrupt_side_is_copied_and_shows_no_calls() {
    static POOL: Pool<2> = Pool::new();
    let side = POOL.interrupt_side();
    let copy = side;
    chip::interrupt(|| {
        assert!(side.submit_detached(|| ()).is_ok());
        assert!(copy.submit_detached(|| ()).is_ok());
        assert!(copy.submit_detached(|| ()).is_err());
    });
    assert!(format!("{side:?}").starts_with("InterruptSide"));
    assert_eq!(POOL.run_until_idle(), 2);
}

// contract: D2, D3
#[test]
fn a_pender_is_called_for_what_handlers_submit_too() {
    static PENDED: AtomicUsize = AtomicUsize::new(0);
    static POOL: Pool<2> = Pool::with_pender(|| {
        PENDED.fetch_add(1 + 10 * chip::handlers(), Ordering::SeqCst);
    });
    let _future = POOL.spawn(call(1)).unwrap();
    assert_eq!(PENDED.load(Ordering::SeqCst), 1);
    chip::interrupt(|| submit(&POOL, 2));
    assert_eq!(PENDED.load(Ordering::SeqCst), 12, "in the handler");
    chip::interrupt(|| submit(&POOL, 3));
    assert_eq!(PENDED.load(Ordering::SeqCst), 12, "the pool is full");
    POOL.run_until_idle();
    assert_ran_once(&[1]);
}
