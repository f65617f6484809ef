//! Interrupts at every step of what is done with a pool without workers.

use std::time::Duration;

use concurrent_futures_core::future::{ReturnWhen, wait_in};

use super::{
    Pool, accepted, assert_ran, assert_ran_once, at_every_step, book, call, chip::calm, settle,
};

/// A pool of four slots that is used again in each run.
macro_rules! pool {
    ($name:ident) => {
        static $name: Pool<4> = Pool::new();
    };
}

/// Fails unless nobody has anything of the pool.
#[track_caller]
pub(super) fn assert_is_new(pool: &'static Pool<4>) {
    assert_eq!(calm(|| (pool.free_slots(), pool.stats().queued)), (4, 0));
}

// contract: D2, S1
#[test]
fn a_submission_is_interrupted() {
    pool!(POOL);
    let deepest = at_every_step(
        |_| &POOL,
        |_| {
            let future = POOL.spawn(call(1)).unwrap();
            let all = 1 + accepted();
            assert_eq!(calm(|| POOL.stats().queued), all);
            assert_eq!(settle(&POOL), all);
            assert_eq!(calm(|| future.result().unwrap()), 1);
            assert_ran_once(&[1]);
            assert_is_new(&POOL);
        },
    );
    assert_eq!(deepest, 3, "handlers were interrupted, too");
}

// contract: D2, S4
#[test]
fn calls_start_in_the_order_in_which_the_submissions_returned() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let first = POOL.spawn(call(1)).unwrap();
            let between = book(|book| book.accepted.clone());
            let second = POOL.spawn(call(2));
            settle(&POOL);
            book(|book| {
                let place = |n| book.ran.iter().position(|ran| *ran == n);
                if second.is_ok() {
                    assert!(place(1) < place(2));
                    // What had been submitted before the second began.
                    assert!(between.iter().all(|n| place(*n) < place(2)));
                }
            });
            calm(|| drop(first));
            match second {
                Ok(future) => {
                    calm(|| drop(future));
                    assert_ran_once(&[1, 2]);
                }
                Err(refused) => {
                    assert_eq!(accepted(), 3, "all slots are busy");
                    drop(refused);
                    assert_ran(&[1], &[2]);
                }
            }
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, K1, K2
#[test]
fn a_cancellation_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let (first, second) = calm(|| (POOL.spawn(call(1)), POOL.spawn(call(2))));
            let (first, second) = (first.unwrap(), second.unwrap());
            assert!(first.cancel());
            assert!(book(|book| book.dropped.contains(&1)), "at once");
            assert_eq!(calm(|| POOL.stats().queued), 1 + accepted());
            drop(first);
            assert_eq!(settle(&POOL), 1 + accepted());
            assert_eq!(calm(|| second.result().unwrap()), 2);
            assert_ran(&[2], &[1]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, K2, S4
#[test]
fn cancellations_in_all_orders_are_interrupted() {
    pool!(POOL);
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        // The last one stays.
        for cancelled in [2, 3] {
            at_every_step(
                |_| &POOL,
                |_| {
                    let calls = calm(|| [1, 2, 3].map(|n| POOL.spawn(call(n)).unwrap()));
                    for n in &order[..cancelled] {
                        assert!(calls[*n].cancel());
                    }
                    assert_eq!(calm(|| POOL.stats().queued), 3 - cancelled + accepted());
                    drop(calls);
                    assert_eq!(settle(&POOL), 3 - cancelled + accepted());
                    let [gone, kept] = [&order[..cancelled], &order[cancelled..]]
                        .map(|those| those.iter().map(|n| n + 1).collect::<Vec<_>>());
                    let first = book(|book| book.ran.first().copied());
                    assert!(kept.is_empty() || first == kept.first().copied());
                    assert_ran(&kept, &gone);
                    assert_is_new(&POOL);
                },
            );
        }
    }
}

// contract: D2, D3
#[test]
fn running_one_call_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let future = calm(|| POOL.spawn(call(1)).unwrap());
            assert!(POOL.run_one());
            assert_eq!(
                book(|book| book.ran.clone()),
                [1],
                "the oldest, and no other"
            );
            assert!(calm(|| future.done()));
            assert_eq!(settle(&POOL), accepted());
            assert_eq!(calm(|| future.result().unwrap()), 1);
            assert_ran_once(&[1]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, D3
#[test]
fn looking_for_a_call_where_there_is_none_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let ran = usize::from(POOL.run_one());
            assert_eq!(book(|book| book.ran.len()), ran);
            assert_eq!(ran + settle(&POOL), accepted());
            assert_ran_once(&[]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, D3
#[test]
fn running_all_calls_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let futures = calm(|| [1, 2].map(|n| POOL.spawn(call(n)).unwrap()));
            let ran = POOL.run_until_idle();
            assert!(ran >= 2 && futures.iter().all(|future| future.done()));
            drop(futures);
            assert_eq!(ran + settle(&POOL), 2 + accepted());
            assert_ran_once(&[1, 2]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, D3
#[test]
fn running_calls_until_one_is_done_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let futures = calm(|| [1, 2, 3].map(|n| POOL.spawn(call(n)).unwrap()));
            assert!(POOL.run_until(&futures[1]));
            assert_eq!(book(|book| book.ran.clone()), [1, 2]);
            drop(futures);
            assert_eq!(settle(&POOL), 1 + accepted());
            assert_ran_once(&[1, 2, 3]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, D3, R1
#[test]
fn waiting_for_a_result_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let future = POOL.spawn(call(1)).unwrap();
            assert_eq!(future.result().unwrap(), 1);
            settle(&POOL);
            assert_ran_once(&[1]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, D3, R1
#[test]
fn a_wait_with_a_limit_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let future = calm(|| POOL.spawn(call(1)).unwrap());
            let outcome = future.result_timeout(Duration::from_secs(1));
            assert_eq!(outcome.unwrap(), 1);
            settle(&POOL);
            assert_ran_once(&[1]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, D3, W2
#[test]
fn waiting_for_a_slice_is_interrupted() {
    pool!(POOL);
    for when in [
        ReturnWhen::FirstCompleted,
        ReturnWhen::FirstException,
        ReturnWhen::AllCompleted,
    ] {
        at_every_step(
            |_| &POOL,
            |_| {
                let mut futures = calm(|| [1, 2].map(|n| POOL.spawn(call(n)).unwrap()));
                let (done, not_done) = wait_in(&mut futures, when, None);
                let all = when != ReturnWhen::FirstCompleted;
                assert_eq!(
                    (done.len(), not_done.len()),
                    if all { (2, 0) } else { (1, 1) }
                );
                assert!(done.iter().all(|future| future.done()));
                assert!(not_done.iter().all(|future| !future.done()));
                drop(futures);
                settle(&POOL);
                assert_ran_once(&[1, 2]);
                assert_is_new(&POOL);
            },
        );
    }
}

// contract: D2, D3, T6
#[test]
fn waiting_inside_a_call_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let outer = POOL.spawn(|| match POOL.spawn(call(1)) {
                Ok(inner) => inner.result().unwrap(),
                Err(refused) => refused.into_inner()(),
            });
            assert_eq!(outer.unwrap().result().unwrap(), 1);
            settle(&POOL);
            assert_ran_once(&[1]);
            assert_is_new(&POOL);
        },
    );
}

// contract: D2, F5
#[test]
fn dropping_futures_is_interrupted() {
    pool!(POOL);
    at_every_step(
        |_| &POOL,
        |_| {
            let [waits, ran, cancelled] = calm(|| {
                let ran = POOL.spawn(call(1)).unwrap();
                POOL.run_one();
                let [waits, cancelled] = [2, 3].map(|n| POOL.spawn(call(n)).unwrap());
                cancelled.cancel();
                [waits, ran, cancelled]
            });
            drop(ran);
            drop(cancelled);
            drop(waits);
            assert_eq!(settle(&POOL), 1 + accepted());
            assert_ran(&[1, 2], &[3]);
            assert_is_new(&POOL);
        },
    );
}
