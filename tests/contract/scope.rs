//! T7: calls that borrow from the caller's stack.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use concurrent_futures::{
    CancelledBy, ReturnWhen, SubmitError, TaskError, TaskState, as_completed, wait,
};
use concurrent_futures_tests::{Drops, Gate, Threads, Token, bounded};

use crate::held::Held;

// contract: T7
#[test]
fn calls_borrow_and_change_what_the_caller_owns() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let mut numbers = [1, 2, 3, 4];
        let offset = String::from("ten");
        let lengths = pool.scope(|s| {
            for number in &mut numbers {
                s.spawn(|| *number *= 10).unwrap();
            }
            let length = s.spawn(|| offset.len()).unwrap();
            length.result().unwrap()
        });
        assert_eq!((numbers, lengths), ([10, 20, 30, 40], 3));
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: T7
#[test]
fn nothing_of_a_call_is_left_when_the_scope_returns() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let (closures, outcomes, callbacks) = (Drops::new(), Drops::new(), Drops::new());
        let called = AtomicUsize::new(0);
        for round in 1..=20 {
            pool.scope(|s| {
                for n in 0..4 {
                    let (closure, callback) = (closures.token(), callbacks.token());
                    let outcome = &outcomes;
                    let future = s
                        .spawn(move || {
                            let _closure = closure;
                            outcome.token()
                        })
                        .unwrap();
                    let called = &called;
                    future.add_done_callback(move |_| {
                        let _callback = callback;
                        called.fetch_add(1, Ordering::SeqCst);
                    });
                    match n {
                        0 => drop(future),
                        1 => drop(future.result().unwrap()),
                        2 => {
                            future.wait();
                        }
                        // Even a future that is never dropped keeps nothing.
                        _ => std::mem::forget(future),
                    }
                }
            });
            let counts = [&closures, &outcomes, &callbacks].map(Drops::count);
            assert_eq!(counts, [4 * round; 3]);
            assert_eq!(called.load(Ordering::SeqCst), 4 * round);
        }
    });
}

// contract: T7
#[test]
fn a_panic_of_the_body_waits_for_the_calls_and_goes_on() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let drops = Drops::new();
        let ran = AtomicUsize::new(0);
        let (unwound, started) = (Gate::new(), Gate::new());
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|s| {
                for _ in 0..5 {
                    let (token, ran) = (drops.token(), &ran);
                    let (unwound, started) = (&unwound, &started);
                    let future = s.spawn(move || {
                        started.open();
                        unwound.pass();
                        ran.fetch_add(1, Ordering::SeqCst);
                        token
                    });
                    std::mem::forget(future.unwrap());
                }
                started.pass();
                // Dropped by the unwinding, before the scope's end.
                struct Open<'a>(&'a Gate);
                impl Drop for Open<'_> {
                    fn drop(&mut self) {
                        self.0.open();
                    }
                }
                let _open = Open(&unwound);
                panic!("in the body");
            });
        }));
        let payload = result.unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "in the body");
        assert_eq!((ran.load(Ordering::SeqCst), drops.count()), (5, 5));
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
    });
}

// contract: T7, S5
#[test]
fn a_panic_of_a_call_stays_in_its_future() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let drops = Drops::new();
        let sum = pool.scope(|s| {
            let token = drops.token();
            s.spawn(move || {
                let _token = token;
                panic!("unread")
            })
            .map(drop)
            .unwrap();
            match s.spawn(|| -> u8 { panic!("read") }).unwrap().result() {
                Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "read"),
                other => panic!("{other:?}"),
            }
            s.spawn(|| 1).unwrap().result().unwrap() + 1
        });
        assert_eq!((sum, drops.count()), (2, 1));
    });
}

// contract: T7
#[test]
fn a_call_of_a_scope_spawns_in_it_too() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let count = AtomicUsize::new(0);
        pool.scope(|s| {
            let (count, s) = (&count, s);
            for _ in 0..10 {
                s.spawn(move || {
                    for _ in 0..10 {
                        s.spawn(|| count.fetch_add(1, Ordering::SeqCst)).unwrap();
                    }
                })
                .unwrap();
            }
        });
        assert_eq!(count.load(Ordering::SeqCst), 100);
    });
}

// contract: T7
#[test]
fn a_cancelled_call_of_a_scope_is_gone_and_not_waited_for() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let held = Held::on(&pool);
        let (closures, callbacks) = (Drops::new(), Drops::new());
        let states = Mutex::new(Vec::new());
        pool.scope(|s| {
            let (token, callback) = (closures.token(), callbacks.token());
            let future = s.spawn(move || drop(token)).unwrap();
            let states = &states;
            future.add_done_callback(move |done| {
                let _callback = callback;
                states.lock().unwrap().push(done.state());
            });
            assert!(future.cancel());
            assert!(matches!(
                future.result(),
                Err(TaskError::Cancelled(CancelledBy::Caller))
            ));
        });
        // The only worker is busy still.
        assert_eq!((closures.count(), callbacks.count()), (1, 1));
        assert_eq!(*states.lock().unwrap(), [TaskState::Cancelled]);
        held.release();
    });
}

// contract: T7, X3
#[test]
fn a_shutdown_ends_a_scope_by_cancelling_its_calls() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let held = Held::on(&pool);
        let (drops, ran) = (Drops::new(), AtomicUsize::new(0));
        pool.scope(|s| {
            for _ in 0..5 {
                let (token, ran) = (drops.token(), &ran);
                s.spawn(move || {
                    let _token = token;
                    ran.fetch_add(1, Ordering::SeqCst);
                })
                .unwrap();
            }
            pool.shutdown(false, true).unwrap();
            let token = drops.token();
            match s.try_spawn(move || drop(token)) {
                Err(SubmitError::ShutDown(call)) => call.into_inner()(),
                other => panic!("{other:?}"),
            }
            let token = drops.token();
            let refused = s.spawn(move || drop(token));
            assert!(matches!(refused, Err(SubmitError::ShutDown(_))));
        });
        assert_eq!((drops.count(), ran.load(Ordering::SeqCst)), (7, 0));
        held.release();
    });
}

// contract: T7
#[test]
fn scoped_futures_can_be_waited_for_in_every_way() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let words = ["a", "bc", "def"];
        pool.scope(|s| {
            let futures: Vec<_> = words.iter().map(|w| s.spawn(|| w.len()).unwrap()).collect();
            let split = wait(&futures, ReturnWhen::AllCompleted, None);
            assert_eq!((split.done.len(), split.not_done.len()), (3, 0));
            let mut lengths: Vec<_> = as_completed(futures).map(|f| f.result().unwrap()).collect();
            lengths.sort_unstable();
            assert_eq!(lengths, [1, 2, 3]);

            let gate = Gate::new();
            let slow = s.spawn({
                let gate = gate.clone();
                move || gate.pass()
            });
            let slow = slow
                .unwrap()
                .result_timeout(Duration::from_millis(2))
                .unwrap_err();
            assert!(!slow.done());
            gate.open();
            slow.result().unwrap();
        });
    });
}

// contract: T7
#[test]
fn scopes_nest_and_share_what_the_outer_one_borrows() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let total = AtomicUsize::new(0);
        let deepest = pool.scope(|outer| {
            let (pool, total) = (&pool, &total);
            let futures: Vec<_> = (0..4)
                .map(|n| {
                    outer
                        .spawn(move || {
                            let local = [n; 8];
                            pool.scope(|inner| {
                                for value in &local {
                                    inner
                                        .spawn(|| total.fetch_add(*value, Ordering::SeqCst))
                                        .unwrap();
                                }
                            });
                            n
                        })
                        .unwrap()
                })
                .collect();
            futures.into_iter().map(|f| f.result().unwrap()).max()
        });
        assert_eq!((deepest, total.load(Ordering::SeqCst)), (Some(3), 48));
    });
}

// contract: T7
#[test]
fn an_outcome_that_nobody_wants_is_dropped_once() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let drops = Drops::new();
        for round in 1..=20_000 {
            pool.scope(|s| {
                let token = drops.token();
                drop(s.spawn(move || token).unwrap());
            });
            assert_eq!(drops.count(), round);
        }
    });
}

// contract: T7
#[test]
fn a_scope_does_not_return_while_an_outcome_is_being_dropped() {
    struct Slow {
        inside: Gate,
        gate: Gate,
        token: Option<Token>,
    }
    impl Drop for Slow {
        fn drop(&mut self) {
            self.inside.open();
            self.gate.pass();
            drop(self.token.take());
        }
    }
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let (begin, inside, gate) = (Gate::new(), Gate::new(), Gate::new());
        let (drops, returned) = (Drops::new(), AtomicUsize::new(0));
        std::thread::scope(|outside| {
            let scope = outside.spawn(|| {
                pool.scope(|s| {
                    let slow = Slow {
                        inside: inside.clone(),
                        gate: gate.clone(),
                        token: Some(drops.token()),
                    };
                    let future = s.spawn(|| {
                        begin.pass();
                        slow
                    });
                    // The future goes first, so that the worker drops the outcome.
                    drop(future.unwrap());
                    begin.open();
                });
                returned.fetch_add(1, Ordering::SeqCst);
                assert_eq!(drops.count(), 1);
            });
            inside.pass();
            for _ in 0..1_000 {
                std::thread::yield_now();
                if returned.load(Ordering::SeqCst) > 0 {
                    break;
                }
            }
            let early = returned.load(Ordering::SeqCst);
            gate.open();
            assert_eq!(early, 0, "the outcome may still borrow");
            scope.join().unwrap();
        });
    });
}
