//! Two things at once: one thread does the first, and before one of the locks that this takes another thread does the second;
//! once for every lock, and once when the first has to wait. What holds at the end must not depend on when.
//!
//! Worth most under AddressSanitizer, which sees what is used after it was freed.

use std::{
    cell::RefCell,
    future::Future as _,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use concurrent_futures_core::{
    future::{
        CancelledBy, Future, Promise, ReturnWhen, SubmitError, TaskError, WaitSet, promise, wait,
    },
    queue::Policy,
};
use concurrent_futures_tests::{Drops, Token};

use crate::{
    platform::{MockPlatform, MockPool, Pump, ROOM, Small, close, work},
    world::{World, before_lock, note, notes, then, was_not_reached},
};

type Deed = Box<dyn FnOnce()>;

/// What the other thread does, at one of two moments, once.
#[derive(Clone)]
struct Second(Rc<RefCell<Option<Deed>>>);

impl Second {
    fn happens(&self) {
        let deed = self.0.borrow_mut().take();
        if let Some(deed) = deed {
            deed();
        }
    }
}

/// Sets the other thread's turn.
struct Turn(usize);

impl Turn {
    /// Everything is prepared, and the first thing follows.
    fn of(&self, second: impl FnOnce() + 'static) -> Second {
        let second = Second(Rc::new(RefCell::new(Some(Box::new(second)))));
        let (locked, parked) = (second.clone(), second.clone());
        before_lock(self.0, move || locked.happens());
        then(move || parked.happens());
        second
    }
}

/// Runs `scenario` with the other thread's turn before the first lock, the second, and so on until there are no more.
fn before_every_lock(scenario: impl Fn(Turn)) {
    for nth in 1.. {
        let _world = World::new();
        scenario(Turn(nth));
        if was_not_reached() {
            assert!(nth > 1, "the first thing takes no lock");
            return;
        }
    }
}

fn promises<T: Send + 'static, const N: usize>() -> [(Promise<T>, Future<T>); N] {
    std::array::from_fn(|_| promise::<MockPlatform, T>())
}

// contract: R1
#[test]
fn a_result_is_waited_for_while_it_comes() {
    before_every_lock(|turn| {
        let [(promise, future)] = promises();
        turn.of(move || promise.set(7).unwrap());
        assert_eq!(future.result().unwrap(), 7);
    });
}

// contract: F5
#[test]
fn a_result_is_waited_for_while_its_promise_is_dropped() {
    before_every_lock(|turn| {
        let [(promise, future)] = promises::<u32, 1>();
        turn.of(move || drop(promise));
        assert!(matches!(future.result(), Err(TaskError::Abandoned)));
    });
}

// contract: F5
#[test]
fn an_unread_outcome_is_dropped_once_when_its_future_is_dropped_while_it_comes() {
    before_every_lock(|turn| {
        let drops = Drops::new();
        let token = drops.token();
        // Awaited once, so that there is something to unregister.
        let [(promise, mut future)] = promises::<Token, 1>();
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(&mut future).poll(&mut context).is_pending());
        let second = turn.of(move || drop(promise.set(token)));
        drop(future);
        second.happens();
        assert_eq!(drops.count(), 1);
    });
}

// contract: W4
#[test]
fn a_set_waits_while_a_member_finishes() {
    before_every_lock(|turn| {
        let [(first, a), (_second, b)] = promises();
        let mut set = WaitSet::new();
        set.insert(a);
        set.insert(b);
        turn.of(move || first.set(7).unwrap());
        assert_eq!(set.next().unwrap().result().unwrap(), 7);
        assert_eq!(set.len(), 1);
    });
}

// contract: W4
#[test]
fn a_set_grows_while_the_member_finishes() {
    before_every_lock(|turn| {
        let [(promise, future)] = promises();
        let mut set = WaitSet::new();
        let second = turn.of(move || promise.set(7).unwrap());
        set.insert(&future);
        second.happens();
        assert_eq!(set.try_next().map(Future::id), Some(future.id()));
        assert!(set.try_next().is_none() && set.is_empty());
    });
}

// contract: W4
#[test]
fn a_set_with_a_finished_member_is_dropped_while_the_others_finish() {
    before_every_lock(|turn| {
        let [(first, a), (second, b), (third, c)] = promises();
        let members = [a, b, c];
        let mut set = WaitSet::new();
        for member in &members {
            set.insert(member);
        }
        first.set(1).unwrap();
        let others = turn.of(move || {
            second.set(2).unwrap();
            third.set(3).unwrap();
        });
        drop(set);
        others.happens();
        assert_eq!(members.map(|member| member.result().unwrap()), [1, 2, 3]);
    });
}

// contract: W2
#[test]
fn the_first_of_several_is_waited_for_while_it_finishes() {
    before_every_lock(|turn| {
        let [(_first, a), (second, b)] = promises();
        turn.of(move || second.set(7).unwrap());
        let split = wait([&a, &b], ReturnWhen::FirstCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (1, 1));
        assert_eq!(split.done[0].id(), b.id());
    });
}

// contract: C1, C2
#[test]
fn a_callback_is_added_while_the_outcome_comes() {
    before_every_lock(|turn| {
        let [(promise, future)] = promises();
        let second = turn.of(move || promise.set(7).unwrap());
        future.add_done_callback(|done| {
            assert_eq!(*done.outcome().unwrap(), 7);
            note("called");
        });
        second.happens();
        assert_eq!(notes(), ["called"]);
        assert_eq!(future.result().unwrap(), 7);
    });
}

/// Counts wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// contract: R6
#[test]
fn a_future_is_polled_while_the_outcome_comes() {
    before_every_lock(|turn| {
        let [(promise, mut future)] = promises();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        let second = turn.of(move || promise.set(7).unwrap());
        let polled = pin!(&mut future).poll(&mut context);
        second.happens();
        let woken = wakes.0.load(Ordering::SeqCst);
        match polled {
            Poll::Ready(value) => assert_eq!((value.unwrap(), woken), (7, 0)),
            Poll::Pending => {
                assert_eq!(woken, 1);
                assert!(matches!(
                    pin!(&mut future).poll(&mut context),
                    Poll::Ready(Ok(7))
                ));
            }
        }
    });
}

// contract: K1, K2
#[test]
fn a_call_is_cancelled_while_it_is_run() {
    before_every_lock(|turn| {
        let pump = Pump::new(Small::new());
        let drops = Drops::new();
        let token = drops.token();
        let call = pump.spawn(move || {
            note("ran");
            drop(token);
        });
        let call = call.unwrap();
        let handle = pump.handle();
        let second = turn.of(move || {
            if let Some(started) = handle.take().and_then(|taken| taken.start()) {
                started.finish();
            }
        });
        let cancelled = call.cancel();
        second.happens();
        assert_eq!(cancelled, notes().is_empty());
        assert_eq!((drops.count(), pump.stats().queued), (1, 0));
    });
}

// contract: K1, X3
#[test]
fn a_call_is_cancelled_while_the_pool_cancels_all() {
    before_every_lock(|turn| {
        let pool = MockPool::new(1);
        let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
        let handle = pool.handle();
        let second = turn.of(move || assert!(handle.shutdown(false, true).is_ok()));
        assert!(calls[0].cancel());
        second.happens();
        assert!(calls.iter().all(Future::cancelled));
        let last = calls.into_iter().nth(1).unwrap().result();
        assert!(matches!(
            last,
            Err(TaskError::Cancelled(CancelledBy::Shutdown))
        ));
        assert_eq!(pool.stats().queued, 0);
        pool.run_out();
    });
}

// contract: S2, S3
#[test]
fn a_call_is_submitted_while_the_pool_closes() {
    before_every_lock(|turn| {
        let pool = MockPool::new(1);
        let handle = pool.handle();
        let second = turn.of(move || close(&handle));
        let submitted = pool.spawn(|| 7);
        second.happens();
        while crate::world::run_worker() {}
        match submitted {
            Ok(call) => assert_eq!(call.result().unwrap(), 7),
            Err(SubmitError::ShutDown(call)) => assert_eq!(call.into_inner()(), 7),
            Err(other) => unreachable!("{other:?}"),
        }
        assert_eq!(pool.stats().queued, 0);
    });
}

// contract: S3
#[test]
fn a_submitter_blocks_while_room_is_made() {
    before_every_lock(|turn| {
        let pool = MockPool::with_policy(Policy::Block);
        let calls: Vec<_> = (0..ROOM).map(|n| pool.spawn(move || n).unwrap()).collect();
        let handle = pool.handle();
        turn.of(move || work(&handle));
        let last = pool.spawn(|| ROOM).unwrap();
        pool.run_out();
        for (n, call) in calls.into_iter().chain([last]).enumerate() {
            assert_eq!(call.result().unwrap(), n);
        }
    });
}

// contract: T7
#[test]
fn a_scope_ends_while_its_calls_do() {
    before_every_lock(|turn| {
        let pool = MockPool::new(1);
        let drops = Drops::new();
        let handle = pool.handle();
        pool.scope(|s| {
            drop(s.spawn(|| drops.token()).unwrap());
            turn.of(move || work(&handle));
        });
        assert_eq!(drops.count(), 1);
        pool.run_out();
    });
}
