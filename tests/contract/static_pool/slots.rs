//! D2: a slot is busy until both the pool and the future have let go of its call, in whichever order.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use concurrent_futures::{CancelledBy, Future, ResultError, SubmitError, TaskError};
use concurrent_futures_tests::{Drops, bounded};

use super::Pump;
use crate::wakers::{Wakes, poll_once};

/// Fails unless `pool`, of two slots, has that many free ones, by its own account and by trying.
#[track_caller]
fn assert_free(pool: &'static Pump<2>, free: usize) {
    assert_eq!(pool.free_slots(), free);
    let tried = [(); 3].map(|()| pool.spawn(|| ()));
    assert_eq!(tried.iter().flatten().count(), free);
    for call in tried.iter().flatten() {
        assert!(call.cancel());
    }
    drop(tried);
    assert_eq!(pool.free_slots(), free);
}

// contract: D2
#[test]
fn the_pool_lets_go_first_as_the_call_ran() {
    static POOL: Pump<2> = Pump::new();
    let drops = Drops::new();
    let (captured, value) = (drops.token(), drops.token());
    let call = POOL.spawn(move || {
        drop(captured);
        value
    });
    assert_free(&POOL, 1);
    POOL.run_until_idle();
    assert_eq!(drops.count(), 1);
    assert_free(&POOL, 1);
    drop(call);
    assert_eq!(drops.count(), 2);
    assert_free(&POOL, 2);
}

// contract: D2
#[test]
fn the_future_lets_go_first_and_the_call_runs_all_the_same() {
    static POOL: Pump<2> = Pump::new();
    static RAN: AtomicUsize = AtomicUsize::new(0);
    let drops = Drops::new();
    let (captured, value) = (drops.token(), drops.token());
    let call = POOL.spawn(move || {
        RAN.fetch_add(1, Ordering::SeqCst);
        drop(captured);
        value
    });
    drop(call);
    assert_eq!((drops.count(), POOL.free_slots()), (0, 1));
    assert_eq!(POOL.run_until_idle(), 1);
    assert_eq!((drops.count(), RAN.load(Ordering::SeqCst)), (2, 1));
    assert_free(&POOL, 2);
}

// contract: D2, K2
#[test]
fn the_pool_lets_go_first_as_the_call_was_cancelled() {
    static POOL: Pump<2> = Pump::new();
    let drops = Drops::new();
    let captured = drops.token();
    let call = POOL.spawn(move || captured).unwrap();
    assert!(call.cancel());
    assert_eq!((drops.count(), POOL.free_slots()), (1, 1));
    assert!(!POOL.run_one(), "the pool has let go");
    assert_free(&POOL, 1);
    drop(call);
    assert_free(&POOL, 2);
}

// contract: D2, K1
#[test]
fn the_future_lets_go_while_the_call_runs() {
    static POOL: Pump<2> = Pump::new();
    let (give, given) = std::sync::mpsc::channel::<Future<()>>();
    let call = POOL.spawn(move || {
        let own = given.recv().unwrap();
        assert!(own.running() && !own.cancel());
        drop(own);
        assert_eq!(POOL.free_slots(), 1, "it runs still");
    });
    give.send(call.unwrap()).unwrap();
    assert!(POOL.run_one());
    assert_free(&POOL, 2);
}

// contract: D2, K1
#[test]
fn cancelling_what_ran_frees_nothing() {
    static POOL: Pump<2> = Pump::new();
    let call = POOL.spawn(|| 7).unwrap();
    POOL.run_one();
    assert!(!call.cancel());
    assert_free(&POOL, 1);
    assert_eq!(call.result().unwrap(), 7);
    assert_free(&POOL, 2);
}

// contract: D2, K4
#[test]
fn a_future_that_cancels_as_it_is_dropped_frees_its_slot_at_once() {
    static POOL: Pump<2> = Pump::new();
    let drops = Drops::new();
    let captured = drops.token();
    let call = POOL.spawn(move || drop(captured)).unwrap();
    drop(call.cancel_on_drop());
    assert_eq!((drops.count(), POOL.stats().queued), (1, 0));
    assert_free(&POOL, 2);
    assert!(!POOL.run_one());
}

// contract: D2, S5
#[test]
fn a_panic_frees_its_slot_as_a_value_does() {
    static POOL: Pump<2> = Pump::new();
    let drops = Drops::new();
    let captured = drops.token();
    let panics = move || -> u32 {
        let _captured = captured;
        panic::panic_any(17_u8);
    };
    let call = POOL.spawn(panics).unwrap();
    assert!(POOL.run_one());
    assert_eq!((drops.count(), call.failed()), (1, true));
    assert_free(&POOL, 1);
    match call.result() {
        Err(TaskError::Panicked(panic)) => {
            let payload = panic.into_payload();
            assert_eq!(payload.downcast_ref(), Some(&17_u8));
        }
        other => panic!("{other:?}"),
    }
    assert_free(&POOL, 2);
    // And where nobody is there any more to hear of it.
    drop(POOL.spawn(|| -> u32 { panic!("unheard") }).unwrap());
    assert_eq!(POOL.run_until_idle(), 1);
    assert_free(&POOL, 2);
}

// contract: D2, R6
#[test]
fn a_future_that_was_polled_and_dropped_takes_its_waker_along() {
    static POOL: Pump<2> = Pump::new();
    let wakes = Wakes::new();
    let mut call = POOL.spawn(|| 7).unwrap();
    assert!(poll_once(&mut call, &wakes).is_pending());
    drop(call);
    assert_eq!(POOL.run_until_idle(), 1);
    assert_eq!((wakes.count(), wakes.kept()), (0, 0), "nobody awaits it");
    assert_free(&POOL, 2);
}

// contract: D2, R1
#[test]
fn waits_that_give_up_free_nothing() {
    static POOL: Pump<2> = Pump::new();
    let call = POOL.spawn(|| 7).unwrap();
    let Err(ResultError::Unfinished(call)) = call.try_result() else {
        panic!("nobody ran it");
    };
    assert_free(&POOL, 1);
    POOL.run_one();
    assert!(call.wait_timeout(Duration::ZERO));
    assert_eq!(*call.result_ref().unwrap(), 7);
    assert_free(&POOL, 1);
    assert_eq!(call.try_result().unwrap(), 7);
    assert_free(&POOL, 2);
}

// contract: D2, X1, X3
#[test]
fn a_shutdown_frees_what_nobody_else_needs() {
    for cancels in [false, true] {
        static KEPT: [Pump<2>; 2] = [Pump::new(), Pump::new()];
        let pool = &KEPT[usize::from(cancels)];
        let drops = Drops::new();
        let calls = [drops.token(), drops.token()].map(|token| pool.spawn(move || token).unwrap());
        let [kept, dropped] = calls;
        drop(dropped);
        assert_eq!(pool.free_slots(), 0);
        pool.shutdown(true, cancels).unwrap();
        assert_eq!(pool.free_slots(), 1);
        assert_eq!(drops.count(), if cancels { 2 } else { 1 });
        match kept.result() {
            Ok(token) => {
                assert!(!cancels);
                drop(token);
            }
            Err(TaskError::Cancelled(by)) => {
                assert_eq!((cancels, by), (true, CancelledBy::Shutdown))
            }
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!((pool.free_slots(), drops.count()), (2, 2));
    }
}

// contract: D2, C1
#[test]
fn callbacks_are_over_when_the_slot_is_free() {
    static POOL: Pump<1> = Pump::new();
    let free = Arc::new(AtomicUsize::new(usize::MAX));
    let call = POOL.spawn(|| 7).unwrap();
    call.add_done_callback({
        let free = Arc::clone(&free);
        move |_| free.store(POOL.free_slots(), Ordering::SeqCst)
    });
    drop(call);
    assert_eq!(POOL.run_until_idle(), 1);
    assert_eq!(free.load(Ordering::SeqCst), 0, "the callback has the call");
    assert_eq!(POOL.free_slots(), 1);
    assert_eq!(Arc::strong_count(&free), 1);
}

// contract: D2
#[test]
fn every_slot_is_used_again_and_again() {
    static POOL: Pump<3> = Pump::new();
    bounded(|| {
        // Kept for so long that slots come free in all orders.
        let mut kept: Vec<Future<usize>> = Vec::new();
        let mut seed = fastrand::Rng::with_seed(7);
        let mut submitted = 0;
        while submitted < 3_000 {
            assert_eq!(POOL.free_slots(), 3 - kept.len());
            match POOL.spawn(move || submitted) {
                Ok(call) => kept.push(call),
                Err(SubmitError::Full(back)) => {
                    assert_eq!((back.into_inner()(), kept.len()), (submitted, 3));
                    let call = kept.swap_remove(seed.usize(..3));
                    if seed.bool() {
                        assert!(call.result().unwrap() < submitted);
                    } else {
                        call.cancel();
                    }
                    POOL.run_until_idle();
                    continue;
                }
                Err(other) => panic!("{other:?}"),
            }
            submitted += 1;
        }
        POOL.run_until_idle();
        kept.clear();
        assert_eq!((POOL.free_slots(), POOL.stats().queued), (3, 0));
    });
}

// contract: D2, F5
#[test]
fn a_call_may_own_the_future_of_another_in_the_same_pool() {
    static POOL: Pump<2> = Pump::new();
    let drops = Drops::new();
    let token = drops.token();
    let inner = POOL.spawn(move || token).unwrap();
    let outer = POOL.spawn(move || drop(inner)).unwrap();
    assert!(outer.cancel());
    assert_eq!((POOL.free_slots(), drops.count()), (0, 0), "it waits still");
    assert_eq!(POOL.run_until_idle(), 1);
    assert_eq!((POOL.free_slots(), drops.count()), (1, 1));
    drop(outer);
    assert_eq!(POOL.free_slots(), 2);
    // As an outcome.
    let inner = POOL.spawn(|| 3).unwrap();
    let outer = POOL.spawn(move || inner).unwrap();
    POOL.run_until_idle();
    let mut inner = outer.result().unwrap();
    assert_eq!(POOL.free_slots(), 1);
    assert!(poll_once(&mut inner, &Wakes::new()).is_ready());
    drop(inner);
    assert_eq!(POOL.free_slots(), 2);
}
