//! Workers that run calls elsewhere: what the scheduler does for them.

use std::{
    cell::RefCell,
    collections::VecDeque,
    mem::ManuallyDrop,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use concurrent_futures_core::{
    executor::Pool,
    future::{BrokenExecutor, BrokenKind, Future, TaskError},
    queue::Policy,
    scheduler::{Backend, Cargo, Carry, Config, Taken, Worker},
};

use crate::{
    platform::{MockPlatform, MockSpawner, Small},
    world::{World, asked, note, notes, run_worker, then},
};

/// The parts of a pool whose workers follow a plan.
struct Elsewhere(());

// SAFETY: its workers are its own.
unsafe impl Backend for Elsewhere {
    type Platform = MockPlatform;
    type Queue = Small;
    type Spawner = MockSpawner;
    type Initializer = ();
    type Cargo = Lent;

    const KIND: BrokenKind = BrokenKind::ProcessPool;
    const CARRY: Option<Carry<Self>> = Some(carry);
}

/// Whether the call was started elsewhere.
#[derive(Clone, Default)]
struct Lent(Arc<AtomicBool>);

impl Cargo for Lent {
    fn recall(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

type Step = fn(&Worker<'_, Elsewhere>, Taken<'_, Elsewhere>) -> ControlFlow<()>;

thread_local! {
    /// What is done with the calls that are taken; in the end each is brought at once.
    static PLAN: RefCell<VecDeque<Step>> = const { RefCell::new(VecDeque::new()) };
}

fn carry(worker: &Worker<'_, Elsewhere>, first: Taken<'_, Elsewhere>) -> ControlFlow<()> {
    let step = PLAN.with_borrow_mut(VecDeque::pop_front);
    step.unwrap_or(bring)(worker, first)
}

fn bring(worker: &Worker<'_, Elsewhere>, taken: Taken<'_, Elsewhere>) -> ControlFlow<()> {
    if let Some(started) = taken.start() {
        worker.finish(started, true);
    }
    ControlFlow::Continue(())
}

struct Elsewheres(ManuallyDrop<Pool<Elsewhere>>);

impl Elsewheres {
    fn new(max_workers: usize, plan: impl IntoIterator<Item = Step>) -> Self {
        PLAN.with_borrow_mut(|steps| *steps = plan.into_iter().collect());
        Self(ManuallyDrop::new(Pool::new(Config {
            max_workers,
            policy: Policy::Block,
            queue: Small::new(),
            spawner: MockSpawner,
            initializer: (),
            error_hook: None,
        })))
    }

    fn submit(&self, cargo: Lent, n: u32) -> Future<u32> {
        let arrive = move |_: &()| {
            note(["", "1 arrives", "2 arrives", "3 arrives"][n as usize]);
            Ok(n)
        };
        self.0.submit_cargo(cargo, arrive, None).unwrap()
    }

    /// Lets the workers run what waits, and end.
    fn run_out(&self) {
        let handle = self.0.handle();
        then(move || {
            handle.shutdown(false, false).unwrap();
        });
        while run_worker() {}
    }
}

impl Drop for Elsewheres {
    fn drop(&mut self) {
        // SAFETY: nobody uses the pool after this.
        let pool = unsafe { ManuallyDrop::take(&mut self.0) };
        pool.detach();
    }
}

#[test]
fn several_calls_are_open_at_once_and_finished_in_any_order() {
    let _world = World::new();
    let pool = Elsewheres::new(
        1,
        [(|worker, first| {
            let second = worker.take().unwrap().start().unwrap();
            let third = worker.take().unwrap();
            let first = first.start().unwrap();
            worker.finish(second, false);
            worker.finish(first, false);
            worker.finish(third.start().unwrap(), true);
            ControlFlow::Continue(())
        }) as Step],
    );
    let calls = [1, 2, 3].map(|n| pool.submit(Lent::default(), n));
    pool.run_out();
    assert_eq!(notes(), ["2 arrives", "1 arrives", "3 arrives"]);
    assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2, 3]);
}

// contract: T8
#[test]
fn when_the_last_worker_leaves_early_what_waits_fails() {
    let _world = World::new();
    let pool = Elsewheres::new(
        1,
        [(|_, first| {
            first.give_back();
            ControlFlow::Break(())
        }) as Step],
    );
    let calls = [1, 2].map(|n| pool.submit(Lent::default(), n));
    assert!(run_worker());
    for call in calls {
        assert!(matches!(call.result(), Err(TaskError::NoWorker)));
    }
    // And another is started for the next.
    let next = pool.submit(Lent::default(), 3);
    assert_eq!(asked(), 2);
    pool.run_out();
    assert_eq!(next.result().unwrap(), 3);
}

// contract: T2
#[test]
fn a_worker_is_idle_again_before_a_failure_is_known() {
    let _world = World::new();
    let pool = Elsewheres::new(
        8,
        (0..20).map(|_| {
            (|worker, first| {
                let started = first.start().unwrap();
                worker.fail(started, TaskError::Abandoned, true);
                ControlFlow::Continue(())
            }) as Step
        }),
    );
    let handle = pool.0.handle();
    fn next(handle: concurrent_futures_core::executor::Handle<Elsewhere>, left: u32) {
        let future = handle.submit_cargo(Lent::default(), |_: &()| Ok(()), None);
        future.unwrap().add_done_callback(move |_| {
            note("failed");
        });
        then(move || match left {
            0 => {
                handle.shutdown(false, false).unwrap();
            }
            _ => next(handle, left - 1),
        });
    }
    next(handle, 9);
    while run_worker() {}
    assert_eq!((asked(), notes().len()), (1, 10));
}

// contract: K1, P5
#[test]
fn a_call_that_was_started_elsewhere_is_not_cancelled_and_one_that_was_not_is() {
    let _world = World::new();
    let pool = Elsewheres::new(1, []);
    let (started, waits) = (Lent::default(), Lent::default());
    let first = pool.submit(started.clone(), 1);
    let second = pool.submit(waits, 2);
    started.0.store(true, Ordering::Relaxed);
    assert!(!first.cancel() && second.cancel());
    pool.run_out();
    assert_eq!(first.result().unwrap(), 1);
    assert!(second.cancelled());
    assert_eq!(notes(), ["1 arrives"]);
}

// contract: P11
#[test]
fn in_a_callback_nobody_waits_for_another_call_of_the_same_pool() {
    let _world = World::new();
    let pool = Elsewheres::new(1, []);
    let first = pool.submit(Lent::default(), 1);
    let second = pool.submit(Lent::default(), 2);
    first.add_done_callback(move |_| {
        let waited = second.result();
        assert!(matches!(waited, Err(TaskError::WouldBlock)), "{waited:?}");
        note("told so");
    });
    pool.run_out();
    assert_eq!(notes(), ["1 arrives", "told so", "2 arrives"]);
}

#[test]
fn a_worker_that_is_busy_with_itself_is_not_waited_for() {
    let _world = World::new();
    let pool = Elsewheres::new(
        2,
        [(|worker, first| {
            worker.finish(first.start().unwrap(), true);
            worker.busy();
            note(if asked() == 2 {
                "2 workers"
            } else {
                "1 worker"
            });
            // A call that is submitted now is for somebody else.
            then(|| ());
            ControlFlow::Continue(())
        }) as Step],
    );
    let first = pool.submit(Lent::default(), 1);
    let handle = pool.0.handle();
    first.add_done_callback(move |_| {
        let next = handle.submit_cargo(Lent::default(), |_: &()| Ok(()), None);
        drop(next.unwrap());
    });
    pool.run_out();
    assert_eq!(notes(), ["1 arrives", "2 workers"]);
}

// contract: P3, E2
#[test]
fn a_pool_that_breaks_fails_what_waits_with_the_cause() {
    let _world = World::new();
    let pool = Elsewheres::new(
        1,
        [(|worker, first| {
            first.give_back();
            worker.break_down(BrokenExecutor::new(BrokenKind::ProcessPool, "no more"));
            ControlFlow::Break(())
        }) as Step],
    );
    let calls = [1, 2].map(|n| pool.submit(Lent::default(), n));
    assert!(run_worker());
    for call in calls {
        match call.result() {
            Err(TaskError::Broken(broken)) => assert_eq!(broken.cause(), "no more"),
            other => panic!("{other:?}"),
        }
    }
    assert!(
        pool.0
            .submit_cargo(Lent::default(), |_: &()| Ok(()), None)
            .is_err()
    );
}
