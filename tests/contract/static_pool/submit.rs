//! S: what can be submitted to a static pool, and what comes back of it.

use std::{
    cell::Cell,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use concurrent_futures::{ReturnWhen, StdPlatform, SubmitError, core::executor::StaticPool, wait};
use concurrent_futures_tests::{Drops, bounded};

use super::{Order, Pump};

// contract: D2, S1
#[test]
fn a_function_with_arguments_or_a_closure() {
    static POOL: Pump<4> = Pump::new();
    fn length(text: &'static str) -> usize {
        text.len()
    }
    let text = String::from("owned");
    let calls = [
        POOL.submit(length, "four").unwrap(),
        POOL.submit(|(a, b)| a + b, (1, 2)).unwrap(),
        POOL.spawn(move || text.len()).unwrap(),
    ];
    let values = calls.map(|call| call.result().unwrap());
    assert_eq!(values, [4, 3, 5]);
}

// contract: D2
#[test]
fn calls_and_values_of_every_size_up_to_the_room_there_is() {
    static POOL: StaticPool<StdPlatform, 6, 32> = StaticPool::new();
    fn bytes<const N: usize>(n: u8) {
        let sent = [n; N];
        let call = POOL.spawn(move || sent.map(|byte| byte + 1)).unwrap();
        POOL.run_one();
        assert_eq!(call.result().unwrap(), [n + 1; N]);
    }
    bytes::<0>(1);
    bytes::<1>(2);
    bytes::<7>(3);
    bytes::<15>(4);
    bytes::<16>(5);
    // All of the room is for the call.
    let sent = [7_u64; 4];
    assert_eq!(POOL.spawn(move || sent[3]).unwrap().result().unwrap(), 7);
    // Nothing there is read as if it were the value of the call before.
    let nothing = POOL.spawn(|| ()).unwrap();
    nothing.result().unwrap();
    let cell = POOL.spawn(|| Cell::new(8_u64)).unwrap();
    assert_eq!(cell.result().unwrap().get(), 8);
    assert_eq!(POOL.free_slots(), 6);
}

// contract: D2
#[test]
fn calls_and_values_are_where_their_alignment_wants_them() {
    #[repr(align(8))]
    struct Aligned(u8);
    fn is_aligned(value: &Aligned) -> bool {
        std::ptr::from_ref(value).addr().is_multiple_of(8)
    }
    static POOL: StaticPool<StdPlatform, 3, 33> = StaticPool::new();
    let calls = [1, 2, 3].map(|n| {
        let sent = Aligned(n);
        let call = POOL.spawn(move || Aligned(sent.0 + u8::from(is_aligned(&sent))));
        call.unwrap()
    });
    POOL.run_until_idle();
    for (n, call) in (2..).zip(&calls) {
        // By reference it is where the slot has it.
        let value = call.result_ref().unwrap();
        assert!(is_aligned(value));
        assert_eq!(value.0, n);
    }
}

// contract: D2, S2
#[test]
fn a_full_pool_gives_back_what_it_was_given() {
    static POOL: Pump<1> = Pump::new();
    let drops = Drops::new();
    let only = POOL.spawn(|| ()).unwrap();

    let token = drops.token();
    let Err(SubmitError::Full(back)) = POOL.spawn(move || drop(token)) else {
        panic!("there is one slot");
    };
    assert_eq!(drops.count(), 0);
    back.into_inner()();
    assert_eq!(drops.count(), 1);

    let Err(SubmitError::Full(back)) = POOL.submit(drop, (drops.token(), 5)) else {
        panic!("there is one slot");
    };
    let (function, arguments) = back.into_inner();
    assert_eq!((drops.count(), arguments.1), (1, 5));
    function(arguments);
    assert_eq!(drops.count(), 2);

    let token = drops.token();
    let fails = move || Err::<(), _>(token);
    let error = POOL.spawn_result(fails).unwrap_err();
    assert!(matches!(error, SubmitError::Full(_)));
    assert!(error.into_inner()().is_err());
    assert_eq!(drops.count(), 3);

    let error = POOL.submit_result(Err::<(), _>, drops.token()).unwrap_err();
    assert!(error.to_string().contains("no room"), "{error}");
    drop(error);
    assert_eq!((drops.count(), POOL.stats().queued), (4, 1));

    only.result().unwrap();
    assert!(POOL.spawn(|| ()).is_ok(), "nothing of them stayed");
}

// contract: D2, E1
#[test]
fn an_error_of_submission_becomes_any_error() {
    static POOL: Pump<1> = Pump::new();
    fn submits() -> Result<(), Box<dyn Error + Send + Sync>> {
        let cell = Cell::new(1);
        let _first = POOL.spawn(|| ())?;
        let _second = POOL.spawn(move || cell.get())?;
        Ok(())
    }
    assert!(submits().is_err());
}

// contract: D2, S2, X1
#[test]
fn a_pool_that_is_full_and_shut_down_says_that_it_is_shut_down() {
    static POOL: Pump<1> = Pump::new();
    let only = POOL.spawn(|| 7).unwrap();
    assert!(matches!(POOL.spawn(|| ()), Err(SubmitError::Full(_))));
    POOL.shutdown(false, false).unwrap();
    let drops = Drops::new();
    let token = drops.token();
    match POOL.spawn(move || drop(token)) {
        Err(SubmitError::ShutDown(back)) => {
            assert_eq!(drops.count(), 0);
            back.into_inner()();
            assert_eq!(drops.count(), 1);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(only.result().unwrap(), 7);
}

// contract: D2, R8, W2
#[test]
fn an_error_counts_as_a_failure_where_that_was_said() {
    static POOL: Pump<8> = Pump::new();
    fn check(n: i32) -> Result<i32, &'static str> {
        if n > 0 { Ok(n) } else { Err("not positive") }
    }
    let plain = [
        POOL.submit(check, 0).unwrap(),
        POOL.spawn(|| check(1)).unwrap(),
    ];
    let told = [
        POOL.submit_result(check, 1).unwrap(),
        POOL.submit_result(check, 0).unwrap(),
        POOL.spawn_result(|| check(2)).unwrap(),
        POOL.spawn_result(|| check(-1)).unwrap(),
    ];
    let all = plain.iter().chain(&told);
    let split = wait(all, ReturnWhen::FirstException, None);
    assert_eq!(split.done.len(), 4, "up to the first failure");
    POOL.run_until_idle();
    let failed = |calls: &[concurrent_futures::Future<_>]| -> Vec<bool> {
        calls.iter().map(|call| call.failed()).collect()
    };
    assert_eq!(failed(&plain), [false, false]);
    assert_eq!(failed(&told), [false, true, false, true]);
    assert_eq!(*plain[0].result_ref().unwrap(), Err("not positive"));
    let values = told.map(|call| call.result().unwrap());
    let no = Err("not positive");
    assert_eq!(values, [Ok(1), no, Ok(2), no]);
}

// contract: D2, S4
#[test]
fn calls_start_in_the_order_of_their_submission_whatever_was_cancelled() {
    static POOL: Pump<5> = Pump::new();
    for cancelled in 0..1_usize << 5 {
        let is_cancelled = |n: usize| cancelled & (1 << n) != 0;
        let order = Order::default();
        let mut calls: Vec<_> = (0..5).map(|n| order.call(&POOL, n)).collect();
        // From the back, so that neighbours go one after the other.
        for n in (0..5).rev().filter(|n| is_cancelled(*n)) {
            assert!(calls.remove(n).cancel());
        }
        assert_eq!(POOL.stats().queued, 5 - cancelled.count_ones() as usize);
        // The room that they left is at the end.
        for n in 5..5 + cancelled.count_ones() as usize {
            calls.push(order.call(&POOL, n));
        }
        assert!(POOL.spawn(|| ()).is_err(), "all slots are busy again");
        assert_eq!(POOL.run_until_idle(), 5);
        let expected: Vec<_> = (0..5 + cancelled.count_ones() as usize)
            .filter(|n| *n >= 5 || !is_cancelled(*n))
            .collect();
        assert_eq!(order.ran(), expected);
    }
}

// contract: D2, S4
#[test]
fn calls_start_in_the_order_of_their_submission_while_others_run() {
    static POOL: Pump<4> = Pump::new();
    let order = Order::default();
    let mut calls = Vec::new();
    // Two in, one out, cancel the one before the last, and so on.
    let mut expected = Vec::new();
    let mut waiting = std::collections::VecDeque::new();
    for n in 0..200 {
        calls.push((n, order.call(&POOL, n)));
        waiting.push_back(n);
        if n % 3 == 2 && waiting.len() > 2 {
            let gone = waiting.remove(waiting.len() - 2).unwrap();
            let at = calls.iter().position(|(n, _)| *n == gone).unwrap();
            assert!(calls.remove(at).1.cancel());
        }
        if waiting.len() == 3 {
            assert!(POOL.run_one());
            expected.extend(waiting.pop_front());
        }
        calls.retain(|(_, call)| !call.done());
        assert_eq!(POOL.stats().queued, waiting.len());
    }
    POOL.run_until_idle();
    expected.extend(waiting);
    assert_eq!(order.ran(), expected);
}

// contract: D2, S1
#[test]
fn closures_and_values_are_dropped_once() {
    static LIVE: AtomicUsize = AtomicUsize::new(0);
    struct Value(Arc<()>);
    impl Value {
        fn new(tag: &Arc<()>) -> Self {
            LIVE.fetch_add(1, Ordering::SeqCst);
            Self(Arc::clone(tag))
        }
    }
    impl Drop for Value {
        fn drop(&mut self) {
            LIVE.fetch_sub(1, Ordering::SeqCst);
        }
    }
    static POOL: Pump<2> = Pump::new();
    bounded(|| {
        let tag = Arc::new(());
        for way in 0..64 {
            let sent = Value::new(&tag);
            let panics = way & 1 != 0;
            let call = POOL.spawn(move || {
                let made = Value(Arc::clone(&sent.0));
                LIVE.fetch_add(1, Ordering::SeqCst);
                assert!(!panics, "one that fails");
                made
            });
            let mut call = call.ok();
            assert_eq!(LIVE.load(Ordering::SeqCst), 1);
            if way & 2 != 0 {
                call.as_ref().unwrap().cancel();
                assert_eq!(LIVE.load(Ordering::SeqCst), 0);
            }
            if way & 4 != 0 {
                call = None;
            }
            if way & 8 != 0 {
                thread::scope(|threads| threads.spawn(|| POOL.run_until_idle()).join().unwrap());
            }
            if way & 16 != 0 {
                POOL.run_one();
            }
            if way & 32 != 0 {
                drop(call.map(|call| call.result()));
            } else {
                drop(call);
            }
            POOL.run_until_idle();
            assert_eq!(LIVE.load(Ordering::SeqCst), 0, "{way:b}");
            assert_eq!(Arc::strong_count(&tag), 1, "{way:b}");
            assert_eq!(POOL.free_slots(), 2, "{way:b}");
        }
    });
}
