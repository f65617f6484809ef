//! Loops that look for what others do come to their end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use concurrent_futures::sim::{self, SimExecutor};

use crate::help::{SECOND, never_fails};

// contract: D1
#[test]
fn polling_a_future_sees_it_done() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| 1).unwrap();
        while !call.done() {}
        assert_eq!(call.try_result().unwrap(), 1);
        let (promise, future) = sim::promise::<u8>();
        let setter = sim::spawn(move || promise.set(2).unwrap());
        while future.wait_timeout(core::time::Duration::ZERO) {
            if future.done() {
                break;
            }
        }
        while !future.done() {}
        assert_eq!(future.result().unwrap(), 2);
        setter.join();
    });
}

// contract: D1
#[test]
fn polling_the_numbers_of_an_executor_sees_them_change() {
    never_fails(|| {
        let pool = SimExecutor::new(2);
        let calls = [1, 2, 3].map(|n| pool.spawn(move || n).unwrap());
        while pool.stats().queued > 0 {}
        for call in &calls {
            while !call.done() {}
        }
        while pool.stats().idle < pool.stats().workers {}
        drop(calls);
    });
}

// contract: D1
#[test]
fn yielding_lets_a_flag_be_set() {
    never_fails(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        let setter = sim::spawn(move || {
            sim::note("about to set");
            set.store(true, Ordering::Release);
        });
        while !flag.load(Ordering::Acquire) {
            sim::yield_now();
        }
        setter.join();
    });
}

// contract: D1
#[test]
fn two_who_poll_for_each_other_both_get_on() {
    never_fails(|| {
        let turn = Arc::new(AtomicUsize::new(0));
        let threads = [0, 1].map(|me| {
            let turn = Arc::clone(&turn);
            sim::spawn(move || {
                for _ in 0..3 {
                    while turn.load(Ordering::Acquire) % 2 != me {
                        sim::yield_now();
                    }
                    turn.fetch_add(1, Ordering::Release);
                }
            })
        });
        for thread in threads {
            thread.join();
        }
        assert_eq!(turn.load(Ordering::Acquire), 6);
    });
}

// contract: D1
#[test]
fn calls_that_poll_for_each_other_on_two_workers_both_get_on() {
    never_fails(|| {
        let pool = SimExecutor::new(2);
        let (one, first) = sim::promise::<()>();
        let (two, second) = sim::promise::<()>();
        let calls = [
            pool.spawn(move || {
                one.set(()).unwrap();
                while !second.done() {}
            })
            .unwrap(),
            pool.spawn(move || {
                while !first.done() {}
                two.set(()).unwrap();
            })
            .unwrap(),
        ];
        for call in calls {
            while !call.done() {}
            call.result().unwrap();
        }
    });
}

// contract: D1
#[test]
fn polling_for_somebody_who_sleeps_lets_time_pass() {
    never_fails(|| {
        let (promise, future) = sim::promise::<u8>();
        let sleeper = sim::spawn(move || {
            sim::sleep(SECOND);
            promise.set(1).unwrap();
        });
        while !future.done() {}
        assert_eq!(sim::now(), SECOND);
        sleeper.join();
    });
}
