//! T2, T8: the workers of a static pool, as its spawner starts them, or does not.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use concurrent_futures::{ResultError, SubmitError, TaskError, TaskState};
use concurrent_futures_tests::{Drops, bounded, eventually};

use super::{
    Order, held,
    spawner::{Answer, Hands, Staffed},
};

const MOMENT: Duration = Duration::from_millis(2);

// contract: D2, T2
#[test]
fn the_first_submission_starts_a_worker_and_no_more_than_are_needed() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(4, &HANDS);
    bounded(|| {
        assert_eq!((POOL.stats().workers, HANDS.asked()), (0, 0));
        let caller = thread::current().id();
        for n in 0..1_000 {
            let call = POOL.spawn(move || (n, thread::current().id())).unwrap();
            let (value, on) = call.result().unwrap();
            assert!(value == n && on != caller);
        }
        assert_eq!(HANDS.asked(), 1, "it was idle each time");
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, T2
#[test]
fn there_are_as_many_workers_as_there_may_be() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<8> = Staffed::with_workers(3, &HANDS);
    bounded(|| {
        let busy = [held(&POOL), held(&POOL), held(&POOL)];
        let order = Order::default();
        let calls = [0, 1].map(|n| order.call(&POOL, n));
        let stats = POOL.stats();
        assert_eq!((stats.workers, stats.idle, stats.queued), (3, 0, 2));
        assert_eq!((stats.max_workers, stats.capacity), (3, 8));
        assert!(calls.iter().all(|call| call.state() == TaskState::Pending));
        for (gate, _) in &busy {
            gate.open();
        }
        for call in calls {
            call.result().unwrap();
        }
        assert_eq!(HANDS.asked(), 3);
        POOL.shutdown(true, false).unwrap();
        assert_eq!(POOL.stats().workers, 0);
        drop(busy);
        assert_eq!(POOL.free_slots(), 8);
    });
}

// contract: D2
#[test]
fn workers_can_be_started_before_the_first_call() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(3, &HANDS);
    bounded(|| {
        assert_eq!(POOL.start(), 3);
        assert_eq!((POOL.stats().workers, HANDS.asked()), (3, 3));
        assert_eq!(POOL.start(), 3, "they are there");
        eventually("all of them wait for work", || POOL.stats().idle == 3);
        assert_eq!(POOL.spawn(|| 7).unwrap().result().unwrap(), 7);
        assert_eq!(HANDS.asked(), 3);
        POOL.shutdown(true, false).unwrap();
        assert_eq!((POOL.stats().workers, HANDS.unjoined()), (0, 0));
        assert_eq!(POOL.start(), 0, "the pool is shut down");
        assert_eq!(HANDS.asked(), 3);
    });
}

// contract: D2, T8, S2
#[test]
fn a_pool_that_can_start_no_worker_gives_the_call_back() {
    static HANDS: Hands = Hands::that(Answer::Refuse);
    static POOL: Staffed<2> = Staffed::with_workers(2, &HANDS);
    bounded(|| {
        let drops = Drops::new();
        for n in 1..=10 {
            let token = drops.token();
            match POOL.spawn(move || token) {
                Err(SubmitError::NoWorker(call)) => {
                    assert_eq!(drops.count(), 2 * n - 2);
                    drop(call.into_inner()());
                }
                other => panic!("{other:?}"),
            }
            match POOL.submit(drop, drops.token()) {
                Err(SubmitError::NoWorker(call)) => {
                    let (function, token) = call.into_inner();
                    function(token);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(drops.count(), 2 * n);
            assert_eq!((POOL.free_slots(), POOL.stats().queued), (2, 0));
        }
        assert_eq!((POOL.start(), POOL.stats().workers), (0, 0));
        // The platform has changed its mind.
        HANDS.answer_with(Answer::Start);
        assert_eq!(POOL.spawn(|| 7).unwrap().result().unwrap(), 7);
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, T8
#[test]
fn a_pool_runs_smaller_when_it_can_start_no_more_workers() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<6> = Staffed::with_workers(4, &HANDS);
    bounded(|| {
        let (gate, busy) = held(&POOL);
        HANDS.answer_with(Answer::Refuse);
        let order = Order::default();
        let calls = [0, 1, 2].map(|n| order.call(&POOL, n));
        assert_eq!((POOL.stats().workers, POOL.stats().queued), (1, 3));
        assert!(HANDS.asked() > 1);
        assert_eq!(POOL.start(), 1);
        gate.open();
        for call in calls {
            call.result().unwrap();
        }
        busy.result().unwrap();
        assert_eq!(order.ran(), [0, 1, 2]);
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, R1, K1
#[test]
fn a_worker_that_never_starts_runs_nothing_and_holds_nobody_up_who_does_not_wait() {
    static HANDS: Hands = Hands::that(Answer::Later);
    static POOL: Staffed<3> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let order = Order::default();
        let calls = [0, 1, 2].map(|n| order.call(&POOL, n));
        assert!(matches!(POOL.spawn(|| ()), Err(SubmitError::Full(_))));
        assert_eq!((POOL.stats().workers, POOL.stats().queued), (1, 3));
        let [first, second, third] = calls;
        let Err(ResultError::Unfinished(first)) = first.result_timeout(MOMENT) else {
            panic!("nobody is there to run it");
        };
        assert!(second.cancel());
        drop((first, second));
        assert_eq!(POOL.free_slots(), 1, "the first will be run");
        let report = POOL.shutdown_timeout(MOMENT, false).unwrap();
        assert_eq!((report.ran, report.cancelled), (0, 0));
        assert_eq!((report.still_running, report.still_queued), (0, 2));
        let report = POOL.shutdown_timeout(MOMENT, true).unwrap();
        assert_eq!((report.cancelled, report.still_queued), (2, 0));
        assert!(third.cancelled());
        drop(third);
        assert_eq!(POOL.free_slots(), 3);
        // It is never started now, and the pool need not wait for it.
        HANDS.lose_late();
        POOL.shutdown(true, false).unwrap();
        assert_eq!(POOL.stats().workers, 0);
        assert!(order.ran().is_empty());
    });
}

// contract: D2, S4
#[test]
fn a_worker_that_starts_late_runs_what_came_meanwhile_in_order() {
    static HANDS: Hands = Hands::that(Answer::Later);
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let order = Order::default();
        let calls = [0, 1, 2, 3].map(|n| order.call(&POOL, n));
        assert!(calls[1].cancel());
        assert_eq!(HANDS.start_late(), 1);
        assert_eq!(*calls[3].result_ref().unwrap(), 3);
        assert_eq!(order.ran(), [0, 2, 3]);
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, X1
#[test]
fn a_worker_that_starts_after_the_shutdown_runs_what_is_left_and_ends() {
    static HANDS: Hands = Hands::that(Answer::Later);
    static POOL: Staffed<2> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let order = Order::default();
        let calls = [0, 1].map(|n| order.call(&POOL, n));
        POOL.shutdown(false, false).unwrap();
        assert_eq!(HANDS.start_late(), 1);
        let report = POOL.shutdown(true, false).unwrap();
        assert_eq!((report.ran, report.still_queued), (2, 0));
        assert_eq!(order.ran(), [0, 1]);
        assert_eq!((POOL.stats().workers, HANDS.unjoined()), (0, 0));
        drop(calls);
        assert_eq!(POOL.free_slots(), 2);
    });
}

// contract: D2, F5, T8
#[test]
fn calls_of_a_worker_that_got_lost_fail_and_do_not_wait_for_ever() {
    static HANDS: Hands = Hands::that(Answer::Later);
    static POOL: Staffed<3> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let drops = Drops::new();
        let calls = [(); 3].map(|()| {
            let token = drops.token();
            POOL.spawn(move || drop(token)).unwrap()
        });
        HANDS.lose_late();
        for call in calls {
            assert!(matches!(call.result(), Err(TaskError::NoWorker)));
        }
        assert_eq!(drops.count(), 3);
        assert_eq!((POOL.free_slots(), POOL.stats().workers), (3, 0));
        // The pool is not broken: the next one starts another.
        HANDS.answer_with(Answer::Start);
        assert_eq!(POOL.spawn(|| 7).unwrap().result().unwrap(), 7);
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, F5, T8
#[test]
fn a_worker_that_gets_lost_at_once_leaves_no_future_pending() {
    static HANDS: Hands = Hands::that(Answer::Lose);
    static POOL: Staffed<2> = Staffed::with_workers(2, &HANDS);
    bounded(|| {
        for _ in 0..10 {
            match POOL.spawn(|| ()) {
                Ok(call) => assert!(matches!(call.result(), Err(TaskError::NoWorker))),
                Err(SubmitError::NoWorker(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!((POOL.free_slots(), POOL.stats().workers), (2, 0));
        }
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, S5, S6
#[test]
fn a_call_that_panics_leaves_its_worker_alive() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<2> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        for _ in 0..100 {
            let bad = POOL.spawn(|| -> u32 { panic!("no luck") }).unwrap();
            match bad.result() {
                Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "no luck"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(POOL.spawn(|| 7).unwrap().result().unwrap(), 7);
        assert_eq!(HANDS.asked(), 1);
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, S3, S6
#[test]
fn a_worker_that_submits_to_its_own_full_pool_hears_that_it_is_full() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<2> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let outer = POOL.spawn(|| {
            let inner = POOL.spawn(|| 1).unwrap();
            let Err(SubmitError::Full(back)) = POOL.spawn(|| 2) else {
                panic!("this call has one slot and the inner one the other");
            };
            back.into_inner()() + inner.result().unwrap()
        });
        assert_eq!(outer.unwrap().result().unwrap(), 3);
        POOL.shutdown(true, false).unwrap();
        assert_eq!(POOL.free_slots(), 2);
    });
}

// contract: D2, S4
#[test]
fn calls_from_outside_start_in_the_order_of_their_submission() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<8> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let order = Order::default();
        let mut expected = Vec::new();
        for round in 0..100 {
            let (gate, busy) = held(&POOL);
            let calls = [0, 1, 2, 3, 4].map(|n| order.call(&POOL, 5 * round + n));
            let gone = round % 5;
            assert!(calls[gone].cancel());
            gate.open();
            for (n, call) in calls.into_iter().enumerate().filter(|(n, _)| *n != gone) {
                expected.push(call.result().unwrap());
                assert_eq!(expected.last(), Some(&(5 * round + n)));
            }
            busy.result().unwrap();
        }
        assert_eq!(order.ran(), expected);
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2
#[test]
fn all_workers_run_calls_and_each_call_runs_once() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<16> = Staffed::with_workers(4, &HANDS);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    bounded(|| {
        let on = Mutex::new(HashSet::new());
        for _ in 0..500 {
            let calls = [(); 16].map(|()| {
                let call = || {
                    RAN.fetch_add(1, Ordering::SeqCst);
                    thread::current().id()
                };
                POOL.spawn(call).unwrap()
            });
            for call in calls {
                on.lock().unwrap().insert(call.result().unwrap());
            }
        }
        assert_eq!(RAN.load(Ordering::SeqCst), 8_000);
        assert!(on.lock().unwrap().len() <= 4);
        // All at once, so that each has one.
        let busy = [(); 4].map(|()| held(&POOL));
        for (gate, call) in busy {
            gate.open();
            call.result().unwrap();
        }
        POOL.shutdown(true, false).unwrap();
        assert_eq!((POOL.free_slots(), HANDS.unjoined()), (16, 0));
    });
}
