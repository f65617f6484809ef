//! T4: what a worker does before its first call.

use std::{
    cell::Cell,
    collections::HashSet,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use concurrent_futures::{BrokenKind, CancelledBy, Future, SubmitError, TaskError};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::held::Held;

/// Counts its drop, and must be dropped where it was made.
struct Local {
    calls: Cell<usize>,
    not_send: Rc<()>,
    made_on: thread::ThreadId,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Local {
    fn drop(&mut self) {
        assert_eq!(self.made_on, thread::current().id());
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

// contract: T4
#[test]
fn an_initializer_leaves_a_value_on_each_worker() {
    bounded(|| {
        let threads = Threads::new();
        let (made, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let init = {
            let (made, dropped) = (Arc::clone(&made), Arc::clone(&dropped));
            move || {
                made.fetch_add(1, Ordering::SeqCst);
                Ok::<_, String>(Local {
                    calls: Cell::new(0),
                    not_send: Rc::new(()),
                    made_on: thread::current().id(),
                    dropped: Arc::clone(&dropped),
                })
            }
        };
        let pool = threads
            .builder()
            .max_workers(2)
            .initializer(init)
            .build()
            .unwrap();
        assert_eq!(made.load(Ordering::SeqCst), 0);
        let held = (Held::on(&pool), Held::on(&pool));
        assert_eq!(made.load(Ordering::SeqCst), 2);
        held.0.release();
        held.1.release();
        let futures: Vec<_> = (0..100)
            .map(|_| {
                pool.spawn_with(|local| {
                    assert_eq!(local.made_on, thread::current().id());
                    assert_eq!(Rc::strong_count(&local.not_send), 1);
                    local.calls.set(local.calls.get() + 1);
                    (local.made_on, local.calls.get())
                })
                .unwrap()
            })
            .collect();
        let counts: HashSet<_> = futures.into_iter().map(|f| f.result().unwrap()).collect();
        assert_eq!(
            counts.len(),
            100,
            "every call found the count of the one before"
        );
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        drop(pool);
        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert_eq!(dropped.load(Ordering::SeqCst), 2);
        threads.assert_none_left();
    });
}

// contract: T4, T6
#[test]
fn a_call_that_runs_inside_another_borrows_the_same_value() {
    bounded(|| {
        let threads = Threads::new();
        let init = || Ok::<_, String>(Cell::new(0));
        let pool = threads
            .builder()
            .max_workers(1)
            .initializer(init)
            .build()
            .unwrap();
        let handle = pool.handle();
        let outer = pool.spawn_with(move |count| {
            count.set(1);
            let inner = handle.spawn_with(|count| count.replace(count.get() + 10));
            (inner.unwrap().result().unwrap(), count.get())
        });
        assert_eq!(outer.unwrap().result().unwrap(), (1, 11));
    });
}

fn broken_cause<T>(future: Future<T>) -> String {
    match future.result() {
        Err(TaskError::Broken(broken)) => {
            assert_eq!(broken.kind(), BrokenKind::ThreadPool);
            broken.cause().to_owned()
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it ran"),
    }
}

/// The first worker runs a call; the second one's initializer fails while calls wait.
fn break_by(fail: fn() -> Result<(), String>, cause: &str) {
    let threads = Threads::new();
    let (count, gate) = (AtomicUsize::new(0), Gate::new());
    let init = {
        let gate = gate.clone();
        move || {
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                return Ok(());
            }
            gate.pass();
            fail()
        }
    };
    let pool = threads
        .builder()
        .max_workers(2)
        .initializer(init)
        .build()
        .unwrap();
    let held = Held::on(&pool);
    let drops = Drops::new();
    let mut queued: Vec<_> = (0..5)
        .map(|_| {
            let token = drops.token();
            pool.spawn(move || drop(token)).unwrap()
        })
        .collect();
    let cancelled = queued.remove(2);
    assert!(cancelled.cancel());
    gate.open();
    for future in &queued {
        assert!(future.wait() && future.failed());
    }
    assert_eq!(drops.count(), 5);
    for future in queued {
        assert!(broken_cause(future).contains(cause));
    }
    assert!(matches!(
        cancelled.result(),
        Err(TaskError::Cancelled(CancelledBy::Caller))
    ));
    match pool.spawn(|| 3) {
        Err(SubmitError::Broken(broken, call)) => {
            assert_eq!(broken.kind(), BrokenKind::ThreadPool);
            assert!(broken.cause().contains(cause));
            assert_eq!(call.into_inner()(), 3);
        }
        other => panic!("{other:?}"),
    }
    // What runs is not touched.
    held.release();
    drop(pool);
    threads.assert_none_left();
}

// contract: T4
#[test]
fn an_initializer_that_fails_breaks_the_pool() {
    bounded(|| break_by(|| Err("no licence".to_owned()), "no licence"));
}

// contract: T4
#[test]
fn an_initializer_that_panics_breaks_the_pool() {
    bounded(|| break_by(|| panic!("no luck"), "no luck"));
}

// contract: T4
#[test]
fn a_pool_whose_first_initializer_fails_runs_nothing_and_ends() {
    bounded(|| {
        let threads = Threads::new();
        for _ in 0..50 {
            let init = || Err::<(), _>("nope");
            let pool = threads
                .builder()
                .max_workers(2)
                .initializer(init)
                .build()
                .unwrap();
            let ran = Arc::new(AtomicUsize::new(0));
            for _ in 0..20 {
                let count = Arc::clone(&ran);
                match pool.spawn(move || count.fetch_add(1, Ordering::SeqCst)) {
                    Ok(future) => assert!(broken_cause(future).contains("nope")),
                    Err(SubmitError::Broken(broken, _)) => assert!(broken.cause().contains("nope")),
                    Err(other) => panic!("{other:?}"),
                }
            }
            pool.shutdown(true, false).unwrap();
            assert_eq!(ran.load(Ordering::SeqCst), 0);
            threads.assert_none_left();
        }
    });
}
