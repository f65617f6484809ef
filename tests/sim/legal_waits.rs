//! Waits that are legal on threads, and are no faults here, under any walk.

use std::sync::Arc;

use concurrent_futures::{
    Future, ReturnWhen, Split, TaskError, WaitSet, as_completed, as_completed_timeout,
    sim::{self, SimExecutor},
    wait,
};

use crate::help::{List, SECOND, block_on, few, never_fails};

// contract: D1, T6
#[test]
fn a_call_waits_for_its_own_call_that_waits_for_a_promise() {
    for workers in [1, 2] {
        never_fails(move || {
            let pool = SimExecutor::new(workers);
            let (promise, x) = sim::promise::<u8>();
            let handle = pool.handle();
            let a = pool
                .spawn(move || {
                    let b = handle.spawn(move || x.result().unwrap() + 1).unwrap();
                    b.result().unwrap() + 1
                })
                .unwrap();
            let third = sim::spawn(move || promise.set(1).unwrap());
            assert_eq!(a.result().unwrap(), 3);
            third.join();
        });
    }
}

// contract: D1, T6
#[test]
fn a_chain_of_calls_each_waits_for_the_next() {
    fn deep(pool: &SimExecutor, left: usize) -> Future<usize> {
        fn call(
            handle: concurrent_futures::core::executor::Handle<sim::SimBackend<()>>,
            left: usize,
        ) -> usize {
            if left == 0 {
                return 0;
            }
            let next = handle.clone();
            let inner = handle.spawn(move || call(next, left - 1)).unwrap();
            inner.result().unwrap() + 1
        }
        let handle = pool.handle();
        pool.spawn(move || call(handle, left)).unwrap()
    }
    for workers in [1, 2, 3] {
        never_fails(move || {
            let pool = SimExecutor::new(workers);
            let calls = [deep(&pool, 3), deep(&pool, 2)];
            assert_eq!(calls.map(|call| call.result().unwrap()), [3, 2]);
        });
    }
}

// contract: D1, T6
#[test]
fn two_calls_wait_for_one_that_was_submitted_before_or_after_them() {
    never_fails(|| {
        let pool = SimExecutor::new(2);
        let (promise, x) = sim::promise::<u8>();
        let x = Arc::new(x);
        let waits = || {
            let x = Arc::clone(&x);
            pool.spawn(move || *x.result_ref().unwrap()).unwrap()
        };
        let calls = [waits(), waits()];
        // Both workers wait; this one is run once x is set, by somebody else.
        let setter = sim::spawn(move || promise.set(5).unwrap());
        let last = pool.spawn(|| 6).unwrap();
        assert_eq!(calls.map(|call| call.result().unwrap()), [5, 5]);
        assert_eq!(last.result().unwrap(), 6);
        setter.join();
    });
}

// contract: D1
#[test]
fn threads_wait_in_opposite_orders() {
    never_fails(|| {
        let (p, x) = sim::promise::<u8>();
        let (q, y) = sim::promise::<u8>();
        let (x, y) = (Arc::new(x), Arc::new(y));
        let waiter = |first: &Arc<Future<u8>>, second: &Arc<Future<u8>>| {
            let (first, second) = (Arc::clone(first), Arc::clone(second));
            sim::spawn(move || {
                let first = *first.result_ref().unwrap();
                (first, *second.result_ref().unwrap())
            })
        };
        let (there, back) = (waiter(&x, &y), waiter(&y, &x));
        let setter = sim::spawn(move || q.set(2).unwrap());
        p.set(1).unwrap();
        assert_eq!((there.join(), back.join()), ((1, 2), (2, 1)));
        setter.join();
    });
}

// contract: D1
#[test]
fn threads_hand_a_ball_to_and_fro() {
    never_fails(|| {
        let (there, back) = (List::new(), List::new());
        let (mut ping, mut pong) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (promise, future) = sim::promise::<u8>();
            there.push(promise);
            ping.push(future);
            let (promise, future) = sim::promise::<u8>();
            back.push(promise);
            pong.push(future);
        }
        let other = sim::spawn(move || {
            for (ball, promise) in ping.into_iter().zip(back.take()) {
                promise.set(ball.result().unwrap() + 1).unwrap();
            }
        });
        let mut ball = 0;
        for (promise, answer) in there.take().into_iter().zip(pong) {
            promise.set(ball).unwrap();
            ball = answer.result().unwrap();
        }
        assert_eq!(ball, 3);
        other.join();
    });
}

// contract: D1, T6
#[test]
fn a_call_waits_for_a_call_of_another_executor_and_that_for_one_of_a_third() {
    never_fails(|| {
        let pools = Arc::new([1, 1, 2].map(SimExecutor::new));
        let second = Arc::clone(&pools);
        let call = pools[0]
            .spawn(move || {
                let third = Arc::clone(&second);
                let call =
                    second[1].spawn(move || third[2].spawn(|| 1).unwrap().result().unwrap() + 1);
                call.unwrap().result().unwrap() + 1
            })
            .unwrap();
        assert_eq!(call.result().unwrap(), 3);
    });
}

// contract: D1, W2
#[test]
fn wait_returns_when_it_should() {
    never_fails(|| {
        let pool = SimExecutor::new(2);
        let (promise, late) = sim::promise::<u8>();
        let calls = vec![pool.spawn(|| 1).unwrap(), pool.spawn(|| 2).unwrap(), late];
        let Split { done, not_done } = wait(calls, ReturnWhen::FirstCompleted, None);
        assert!(!done.is_empty() && not_done.len() + done.len() == 3);
        let calls: Vec<_> = done.into_iter().chain(not_done).collect();
        let bad = pool.spawn(|| -> u8 { panic!("bad") }).unwrap();
        let split = wait(calls.iter().chain([&bad]), ReturnWhen::FirstException, None);
        assert!(split.done.iter().any(|future| future.failed()));
        let setter = sim::spawn(move || promise.set(3).unwrap());
        let split = wait(&calls, ReturnWhen::AllCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (3, 0));
        setter.join();
    });
}

// contract: D1, T6
#[test]
fn wait_on_the_only_worker_runs_what_it_waits_for() {
    for when in [
        ReturnWhen::AllCompleted,
        ReturnWhen::FirstCompleted,
        ReturnWhen::FirstException,
    ] {
        never_fails(move || {
            let pool = SimExecutor::new(1);
            let handle = pool.handle();
            let call = pool
                .spawn(move || {
                    let calls = [0, 1, 2].map(|n| handle.spawn(move || n).unwrap());
                    wait(&calls, when, None).done.len()
                })
                .unwrap();
            assert!(call.result().unwrap() > 0);
        });
    }
}

// contract: D1, A1
#[test]
fn as_completed_hands_back_every_call_once() {
    never_fails(|| {
        let pool = SimExecutor::new(2);
        let calls = [1, 2, 4].map(|n| pool.spawn(move || n).unwrap());
        let sum: i32 = as_completed(calls).map(|call| call.result().unwrap()).sum();
        assert_eq!(sum, 7);
    });
}

// contract: D1, A2
#[test]
fn as_completed_with_a_timeout_comes_to_an_end() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let (promise, never) = sim::promise::<u8>();
        let calls = [pool.spawn(|| 1).unwrap(), never];
        let mut timeouts = 0;
        for call in as_completed_timeout(&calls, SECOND) {
            match call {
                Ok(call) => assert_eq!(*call.result_ref().unwrap(), 1),
                Err(timeout) => {
                    assert_eq!((timeout.pending, timeout.total), (1, 2));
                    timeouts += 1;
                }
            }
        }
        assert_eq!(timeouts, 1);
        drop(promise);
    });
}

// contract: D1, W4
#[test]
fn a_wait_set_is_fed_while_it_is_emptied() {
    never_fails(|| {
        let pool = SimExecutor::new(2);
        let mut set = WaitSet::new();
        set.insert(pool.spawn(|| 3).unwrap());
        let mut sum = 0;
        while let Some(call) = set.next() {
            let n = call.result().unwrap();
            sum += n;
            if n > 0 {
                set.insert(pool.spawn(move || n - 1).unwrap());
            }
        }
        assert_eq!(sum, 6);
        let (promise, never) = sim::promise::<u8>();
        let mut set = WaitSet::new();
        set.insert(never);
        assert!(set.next_timeout(SECOND).is_err());
        drop(set);
        drop(promise);
    });
}

// contract: D1, R6
#[test]
fn calls_are_awaited_inside_of_a_simulation() {
    never_fails(|| {
        let pool = SimExecutor::new(2);
        let (promise, future) = sim::promise::<u8>();
        let call = pool.spawn(|| 1).unwrap();
        let inner = pool.handle();
        let nested = pool
            .spawn(move || {
                block_on(async {
                    future.await.unwrap() + inner.spawn(|| 1).unwrap().await.unwrap()
                })
            })
            .unwrap();
        let setter = sim::spawn(move || promise.set(2).unwrap());
        assert_eq!(
            block_on(async { call.await.unwrap() + nested.await.unwrap() }),
            4
        );
        setter.join();
    });
}

// contract: D1, R5
#[test]
fn whoever_waits_for_a_cancelled_call_goes_on() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise::<()>();
        let busy = pool.spawn(move || future.result().unwrap()).unwrap();
        let call = Arc::new(pool.spawn(|| 1).unwrap());
        let waiter = sim::spawn({
            let call = Arc::clone(&call);
            move || matches!(call.result_ref(), Err(TaskError::Cancelled(_)))
        });
        let cancelled = call.cancel();
        assert_eq!(waiter.join(), cancelled);
        assert!(cancelled, "the worker is busy until the end");
        promise.set(()).unwrap();
        busy.result().unwrap();
    });
}

// contract: D1
#[test]
fn a_promise_that_is_dropped_ends_every_wait() {
    few().check(|| {
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise::<u8>();
        let call = pool
            .spawn(move || matches!(future.result(), Err(TaskError::Abandoned)))
            .unwrap();
        let holder = sim::spawn(move || drop(promise));
        assert!(call.result().unwrap());
        holder.join();
    });
}
