//! Workers that take a while before their first call, or fail to begin.

use std::{cell::RefCell, collections::VecDeque};

use concurrent_futures_core::{
    future::{BrokenKind, SubmitError, TaskError},
    scheduler::Initializer,
};

use crate::{
    platform::{MockPool, assert_no_lock_is_held},
    world::{World, asked, elsewhere, note, notes, run_worker},
};

type Step = Box<dyn FnOnce()>;

thread_local! {
    static MEANWHILE: RefCell<VecDeque<Step>> = const { RefCell::new(VecDeque::new()) };
}

/// While the next initializer runs, `step` is what another thread does; those after it are for the ones after.
fn meanwhile(step: impl FnOnce() + 'static) {
    MEANWHILE.with_borrow_mut(|steps| steps.push_back(Box::new(step)));
}

/// Takes as long as a step of the test.
struct Slow;

impl Initializer for Slow {
    type Local = ();

    fn init(&self) -> Result<(), String> {
        assert_no_lock_is_held();
        let step = MEANWHILE.with_borrow_mut(VecDeque::pop_front);
        if let Some(step) = step {
            elsewhere(step);
        }
        Ok(())
    }
}

/// Fails.
struct Failing {
    /// Whether it says that there is nothing to it, all the same.
    is_trivial: bool,
}

impl Initializer for Failing {
    type Local = ();

    fn init(&self) -> Result<(), String> {
        Err("no".to_owned())
    }

    fn is_trivial(&self) -> bool {
        self.is_trivial
    }
}

fn pool(max_workers: usize) -> MockPool<crate::platform::Small, Slow> {
    MEANWHILE.take();
    MockPool::initialized(max_workers, Slow)
}

// contract: T2, T4
#[test]
fn a_worker_that_initializes_is_good_for_one_call_and_not_idle() {
    let _world = World::new();
    let pool = pool(2);
    let call = pool.spawn(|| 1).unwrap();
    assert_eq!(pool.stats().idle, 1, "it looks for work before it begins");
    let handle = pool.handle();
    meanwhile(move || {
        let stats = handle.stats();
        assert_eq!((stats.workers, stats.idle, asked()), (1, 0, 1));
        note("initialized");
    });
    pool.run_out();
    assert_eq!((call.result().unwrap(), asked()), (1, 1));
    assert_eq!(notes(), ["initialized"]);
    assert_eq!((pool.stats().workers, pool.stats().idle), (0, 0));
}

// contract: T2
#[test]
fn who_submits_while_a_worker_initializes_has_the_next_one_started() {
    let _world = World::new();
    let pool = pool(2);
    let first = pool.spawn(|| 1).unwrap();
    let handle = pool.handle();
    meanwhile(move || {
        handle.spawn(|| note("second")).map(drop).unwrap();
        assert_eq!(asked(), 2);
    });
    pool.run_out();
    assert_eq!(first.result().unwrap(), 1);
    assert_eq!(notes(), ["second"]);
}

// contract: T2
#[test]
fn a_worker_that_initializes_has_the_next_one_started_for_a_second_call() {
    let _world = World::new();
    let pool = pool(3);
    let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
    assert_eq!(asked(), 1, "it counts as idle until it begins");
    meanwhile(|| {
        assert_eq!(asked(), 2);
        // The second one is good for the second call.
        meanwhile(|| assert_eq!(asked(), 2));
        assert!(run_worker());
    });
    pool.run_out();
    assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
}

// contract: T2
#[test]
fn a_worker_that_has_initialized_takes_no_call_from_the_count_of_those_that_do() {
    let _world = World::new();
    let pool = pool(3);
    let handle = pool.handle();
    let first = pool.spawn(move || {
        let calls = [1, 2].map(|n| handle.spawn(move || n).unwrap());
        assert_eq!(asked(), 2);
        // It finds two calls, and is alone in its initializer.
        meanwhile(|| assert_eq!(asked(), 3));
        handle.shutdown(false, false).unwrap();
        while run_worker() {}
        calls.map(|call| call.result().unwrap())
    });
    pool.run_out();
    assert_eq!(first.unwrap().result().unwrap(), [1, 2]);
}

// contract: T4
#[test]
fn a_worker_whose_initializer_fails_fails_what_waits_and_counts_until_it_is_gone() {
    for is_trivial in [false, true] {
        let _world = World::new();
        let pool = MockPool::initialized(1, Failing { is_trivial });
        let call = pool.spawn(|| unreachable!("its worker is broken")).unwrap();
        let handle = pool.handle();
        call.add_done_callback(move |_| {
            let stats = handle.stats();
            assert_eq!((stats.workers, stats.idle), (1, 0));
            note("told");
        });
        assert!(run_worker());
        assert_eq!(notes(), ["told"]);
        assert_eq!((pool.stats().workers, pool.stats().idle), (0, 0));
        let Err(TaskError::Broken(broken)) = call.result() else {
            unreachable!("it cannot have run");
        };
        assert_eq!(broken.kind(), BrokenKind::ThreadPool);
        assert!(broken.cause().ends_with(": no"), "{broken:?}");
        assert!(matches!(pool.spawn(|| ()), Err(SubmitError::Broken(..))));
        assert_eq!(asked(), 1);
    }
}
