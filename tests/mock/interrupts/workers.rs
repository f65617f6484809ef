//! Interrupts at every step of the life of a worker, and of who waits for it.

use std::time::Duration;

use concurrent_futures_core::future::ResultError;

use super::{
    Pool, RUNS, assert_ran_once, at_every_step, book, call,
    chip::{self, Tray, calm, lose_worker, run_worker, when_parked},
    submit,
};

type Staffed = Pool<4, Tray>;

/// Pools for scenarios that shut theirs down.
macro_rules! pools {
    ($name:ident, $workers:expr) => {
        static $name: [Staffed; RUNS] = [const { Staffed::with_workers($workers, Tray) }; RUNS];
    };
}

/// What others do when a worker sleeps: nothing may wait then. They close the pool.
fn close_when_all_sleep(pool: &'static Staffed) {
    when_parked(move || {
        let queued = calm(|| pool.stats().queued);
        assert_eq!(queued, 0, "a worker sleeps, and a call waits");
        pool.shutdown(false, false).unwrap();
    });
}

#[track_caller]
fn assert_has_ended(pool: &'static Staffed) {
    let (free, stats) = calm(|| (pool.free_slots(), pool.stats()));
    assert_eq!((free, stats.workers, stats.queued), (4, 0, 0));
}

// contract: D2
#[test]
fn the_life_of_a_worker_is_interrupted() {
    pools!(POOLS, 1);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            let future = pool.spawn(call(1)).unwrap();
            close_when_all_sleep(pool);
            run_worker();
            assert_eq!(future.result().unwrap(), 1);
            assert_ran_once(&[1]);
            assert_has_ended(pool);
        },
    );
}

// contract: D2
#[test]
fn a_worker_that_has_never_run_a_call_is_interrupted() {
    pools!(POOLS, 1);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            assert_eq!(pool.start(), 1);
            close_when_all_sleep(pool);
            run_worker();
            assert_ran_once(&[]);
            assert_has_ended(pool);
        },
    );
}

// contract: D2
#[test]
fn a_worker_that_sleeps_is_woken() {
    pools!(POOLS, 1);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            assert_eq!(pool.start(), 1);
            // Asleep, then a call from a handler, then one from a thread, then the end.
            when_parked(move || chip::interrupt(|| submit(pool, 50)));
            when_parked(move || {
                assert!(book(|book| book.ran.contains(&50)));
                drop(pool.spawn(call(1)));
            });
            close_when_all_sleep(pool);
            run_worker();
            assert_ran_once(&[1]);
            assert_has_ended(pool);
        },
    );
}

// contract: D2
#[test]
fn of_several_workers_that_sleep_enough_are_woken() {
    pools!(POOLS, 2);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            assert_eq!(pool.start(), 2);
            // One sleeps while the other lives, until both do.
            when_parked(run_worker);
            when_parked(move || chip::interrupt(|| submit(pool, 50)));
            for _ in 0..6 {
                close_when_all_sleep(pool);
            }
            run_worker();
            while chip::entries() > 0 {
                run_worker();
            }
            chip::forget_parks();
            assert_ran_once(&[]);
            assert_has_ended(pool);
        },
    );
}

// contract: D2, R1
#[test]
fn a_thread_that_waits_for_a_worker_is_interrupted() {
    pools!(POOLS, 1);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            let future = pool.spawn(call(1)).unwrap();
            // The thread sleeps, and the worker lives; when that sleeps, too, the pool is closed.
            when_parked(run_worker);
            close_when_all_sleep(pool);
            assert_eq!(future.result().unwrap(), 1);
            chip::forget_parks();
            pool.shutdown(true, false).unwrap();
            assert_ran_once(&[1]);
            assert_has_ended(pool);
        },
    );
}

// contract: D2, S2, T2
#[test]
fn a_handler_starts_no_worker_and_gets_its_call_back_where_there_is_none() {
    static POOL: Staffed = Staffed::with_workers(2, Tray);
    chip::interrupt(|| submit(&POOL, 50));
    assert_eq!((chip::entries(), POOL.stats().workers), (0, 0));
    assert_eq!(POOL.stats().queued, 0);
    assert_eq!(
        book(|book| (book.no_worker.len(), book.accepted.len())),
        (1, 0)
    );
    let future = POOL.spawn(call(1)).unwrap();
    // One is on its way: that is enough.
    chip::interrupt(|| submit(&POOL, 51));
    assert_eq!((chip::entries(), POOL.stats().queued), (1, 2));
    close_when_all_sleep(&POOL);
    run_worker();
    assert_eq!(book(|book| book.ran.clone()), [1, 51]);
    assert_eq!(future.result().unwrap(), 1);
    chip::forget_parks();
    assert_ran_once(&[1]);
}

// contract: D2
#[test]
fn a_handler_that_comes_when_the_workers_have_ended_wakes_nobody() {
    static POOL: Staffed = Staffed::with_workers(1, Tray);
    POOL.start();
    close_when_all_sleep(&POOL);
    run_worker();
    assert_eq!(POOL.stats().workers, 0);
    chip::interrupt(|| submit(&POOL, 50));
    assert_eq!(
        book(|book| (book.shut_down.len(), book.accepted.len())),
        (1, 0)
    );
    assert_ran_once(&[]);
}

// contract: D2, F5, T8
#[test]
fn a_call_of_a_handler_whose_worker_got_lost_is_not_kept_for_ever() {
    static POOL: Staffed = Staffed::with_workers(1, Tray);
    POOL.start();
    chip::interrupt(|| submit(&POOL, 50));
    lose_worker();
    assert_eq!(POOL.stats().workers, 0);
    // Dropped as nobody is there to run it, or run by the next worker.
    let future = POOL.spawn(call(1)).unwrap();
    close_when_all_sleep(&POOL);
    run_worker();
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(POOL.free_slots(), 4);
    book(|book| {
        book.dropped.sort_unstable();
        assert_eq!(book.dropped, [1, 50]);
    });
}

// contract: D2, R1
#[test]
fn a_wait_with_a_limit_is_interrupted_and_gives_up_all_the_same() {
    pools!(POOLS, 1);
    at_every_step(
        |run| &POOLS[run],
        |run| {
            let pool = &POOLS[run];
            let future = pool.spawn(call(1)).unwrap();
            // The worker is late.
            let Err(ResultError::Unfinished(future)) =
                future.result_timeout(Duration::from_secs(1))
            else {
                panic!("nobody was there to run it");
            };
            close_when_all_sleep(pool);
            run_worker();
            assert_eq!(future.result().unwrap(), 1);
            assert_ran_once(&[1]);
        },
    );
}
