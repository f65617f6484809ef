//! Pools whose calls wait for each other, borrow, and go on while the pool goes away.

use std::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use concurrent_futures::{
    CancelledBy, Future, ReturnWhen, SubmitError, TaskError, ThreadPoolExecutor, ThreadPoolHandle,
    WaitSet, as_completed, wait,
};
use concurrent_futures_tests::{Drops, Threads, eventually};
use fastrand::Rng;

use crate::{dawdle, moment, rounds};

/// A number that nothing guards.
#[derive(Default)]
struct Plain(UnsafeCell<usize>);

// SAFETY: one call writes it, and it is read only after a shutdown has waited for that call.
unsafe impl Sync for Plain {}

// contract: X1, S2, X6
#[test]
fn what_is_accepted_ends_and_what_is_not_comes_back() {
    const EACH: usize = 40;
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let threads = Threads::new();
        let pool = threads.pool(rng.usize(1..4));
        let drops = Drops::new();
        let written: Arc<Vec<Plain>> = Arc::new((0..EACH * 2).map(|_| Plain::default()).collect());
        let accepted: Vec<_> = thread::scope(|s| {
            let submitters: Vec<_> = (0..2)
                .map(|submitter| {
                    let (mut rng, pool, drops) = (rng.fork(), &pool, &drops);
                    let written = &written;
                    s.spawn(move || {
                        let mut accepted = Vec::new();
                        for n in submitter * EACH..(submitter + 1) * EACH {
                            let (token, written) = (drops.token(), Arc::clone(written));
                            let submitted = pool.spawn(move || {
                                let _token = token;
                                // SAFETY: only the call `n` writes here, and whoever reads comes later.
                                unsafe { *written[n].0.get() = n + 1 };
                            });
                            match submitted {
                                Ok(future) => accepted.push((n, rng.bool().then_some(future))),
                                Err(SubmitError::ShutDown(back)) => drop(back.into_inner()),
                                Err(other) => panic!("{:?}", other.without_inner()),
                            }
                            dawdle(&mut rng);
                        }
                        accepted
                    })
                })
                .collect();
            for _ in 0..2 {
                let (mut rng, pool) = (rng.fork(), &pool);
                s.spawn(move || {
                    (0..rng.u8(..40)).for_each(|_| dawdle(&mut rng));
                    let (waits, cancels) = (rng.bool(), rng.bool());
                    let report = pool.shutdown(waits, cancels).unwrap();
                    assert!(!waits || report.still_running + report.still_queued == 0);
                });
            }
            submitters
                .into_iter()
                .flat_map(|submitter| submitter.join().unwrap())
                .collect()
        });
        pool.shutdown(true, false).unwrap();
        for (n, future) in accepted {
            // SAFETY: the shutdown has waited for all calls.
            let written = unsafe { *written[n].0.get() };
            match future.map(Future::result) {
                None => assert!(written == 0 || written == n + 1),
                Some(Ok(())) => assert_eq!(written, n + 1),
                Some(Err(TaskError::Cancelled(CancelledBy::Shutdown))) => assert_eq!(written, 0),
                Some(Err(other)) => panic!("{other:?}"),
            }
        }
        threads.assert_none_left();
        assert_eq!(drops.count(), EACH * 2);
    });
}

/// The leaves of a tree, each node of which waits for its branches in some way.
fn grow(pool: &ThreadPoolHandle, rng: &mut Rng, depth: u32) -> Vec<u32> {
    if depth == 0 {
        return vec![1];
    }
    let branches: Vec<_> = (0..rng.usize(1..4))
        .map(|_| {
            let (handle, mut rng) = (pool.clone(), rng.fork());
            pool.spawn(move || grow(&handle, &mut rng, depth - 1))
                .unwrap()
        })
        .collect();
    let mut leaves = Vec::new();
    match rng.u8(..4) {
        0 => {
            for future in as_completed(branches) {
                leaves.append(&mut future.result().unwrap());
            }
        }
        1 => {
            let mut set: WaitSet<_> = branches.into_iter().collect();
            while let Some(future) = set.next() {
                leaves.append(&mut future.result().unwrap());
            }
        }
        2 => {
            for future in wait(branches, ReturnWhen::AllCompleted, None).done {
                leaves.append(&mut future.result().unwrap());
            }
        }
        _ => {
            for future in branches.into_iter().rev() {
                leaves.append(&mut future.result().unwrap());
            }
        }
    }
    leaves
}

// contract: T6
#[test]
fn calls_that_wait_for_calls_need_no_other_worker() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        // Full now and then: a worker runs then what it submits.
        let pool = ThreadPoolExecutor::builder()
            .max_workers(rng.usize(1..4))
            .capacity(rng.usize(1..16))
            .build()
            .unwrap();
        thread::scope(|s| {
            for _ in 0..2 {
                let (mut rng, handle) = (rng.fork(), pool.handle());
                s.spawn(move || {
                    let mut inside = rng.fork();
                    let same = handle.clone();
                    let tree = handle.spawn(move || grow(&same, &mut inside, 4)).unwrap();
                    assert!(!grow(&handle, &mut rng, 3).is_empty());
                    assert!(tree.result().unwrap().into_iter().all(|leaf| leaf == 1));
                });
            }
        });
    });
}

// contract: T7
#[test]
fn a_scope_ends_after_whatever_borrows() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let pool = ThreadPoolExecutor::new(rng.usize(1..4)).unwrap();
        thread::scope(|s| {
            for _ in 0..2 {
                let (mut rng, pool) = (rng.fork(), &pool);
                s.spawn(move || {
                    for _ in 0..10 {
                        borrow(pool, &mut rng, 2);
                    }
                });
            }
        });
    });
}

/// Calls that write to this frame, and callbacks that do.
fn borrow(pool: &ThreadPoolHandle, rng: &mut Rng, depth: u32) {
    let mut numbers = vec![0_u64; rng.usize(1..10)];
    let mut told = vec![0_u64; numbers.len()];
    let mut cancelled = Vec::new();
    pool.scope(|s| {
        for (number, told) in numbers.iter_mut().zip(&mut told) {
            let mut fork = rng.fork();
            let future = s
                .spawn(move || {
                    if depth > 0 && fork.u8(..4) == 0 {
                        borrow(pool, &mut fork, depth - 1);
                    }
                    dawdle(&mut fork);
                    *number += 1;
                    vec![*number]
                })
                .unwrap();
            future.add_done_callback(move |done| *told += 1 + u64::from(done.outcome().is_ok()));
            cancelled.push(rng.u8(..4) == 0 && future.cancel());
            match rng.u8(..3) {
                // The scope waits for it.
                0 => drop(future),
                1 => {
                    if let Ok(mut value) = future.result() {
                        value.push(0);
                        assert_eq!(value, [1, 0]);
                    }
                }
                _ => drop(future.result_timeout(moment(rng))),
            }
        }
    });
    for ((number, told), cancelled) in numbers.into_iter().zip(told).zip(cancelled) {
        let expected = if cancelled { (0, 1) } else { (1, 2) };
        assert_eq!((number, told), expected);
    }
}

// contract: X8, X2
#[test]
fn the_last_owner_goes_anywhere() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let threads = Threads::new();
        let pool = Arc::new(threads.pool(2));
        let (ran, drops) = (Arc::new(AtomicUsize::new(0)), Drops::new());
        let mut given = rng.usize(1..12);
        let mut accepted = given;
        let handle = pool.handle();
        for _ in 0..given {
            let (owner, mut fork) = (Arc::clone(&pool), rng.fork());
            let (ran, token) = (Arc::clone(&ran), drops.token());
            drop(handle.spawn(move || {
                let (_token, _owner) = (token, owner);
                dawdle(&mut fork);
                ran.fetch_add(1, Ordering::Relaxed);
            }));
        }
        dawdle(&mut rng);
        drop(pool);
        // The pool goes while this submits, or it is gone.
        for _ in 0..10 {
            let (ran, token) = (Arc::clone(&ran), drops.token());
            let submitted = handle.spawn(move || {
                drop(token);
                ran.fetch_add(1, Ordering::Relaxed);
            });
            accepted += usize::from(submitted.is_ok());
            given += 1;
        }
        // Nobody waits for a pool whose last owner went on its own worker.
        eventually("all calls ran", || ran.load(Ordering::Relaxed) == accepted);
        eventually("all calls are dropped", || drops.count() == given);
        threads.assert_none_left();
    });
}
