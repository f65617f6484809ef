//! Virtual threads of the user's own, and what a run's code asks of the simulator.

use alloc::{boxed::Box, string::ToString, sync::Arc, task::Wake};
use core::{
    fmt,
    panic::Location,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    chooser::Stance,
    fault::{Caught, Fault},
    panics,
    platform::SimPlatform,
    trace::{What, Who},
    world::{self, Kind, Life, inside},
};
use crate::future::{self, Future, Promise, TaskError};

/// The life of a virtual thread: a panic of it is a fault of the run. The last one lets all interrupts come.
pub(super) fn life(code: impl FnOnce() + 'static) -> Life {
    let code = caught(code);
    Box::new(move || {
        code();
        world::await_all_at_the_end();
    })
}

/// Code that does not unwind: a panic of it is a fault of the run.
pub(super) fn caught(code: impl FnOnce() + 'static) -> Life {
    Box::new(move || {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
            let caught = panics::take(&*payload);
            inside(|world, _| {
                let who = world.actor();
                world.blame(Fault::panicked(who, &caught, ""));
            });
            // Dropping it is the user's code too.
            core::mem::forget(payload);
        }
    })
}

#[track_caller]
pub(super) fn expect_inside<R>(found: Option<R>) -> R {
    match found {
        Some(found) => found,
        None => {
            panic!("this is not inside a simulation: call it from the body that is given to one")
        }
    }
}

/// Starts a virtual thread: another caller of the code under test, which is no worker.
///
/// If it panics, the run has failed.
///
/// ```
/// use concurrent_futures::sim::{self, SimExecutor, Simulation};
/// use std::sync::Arc;
///
/// Simulation::new().seeds(0..100).check(|| {
///     let pool = Arc::new(SimExecutor::new(1));
///     let other = sim::spawn({
///         let pool = Arc::clone(&pool);
///         move || pool.spawn(|| 1).unwrap().result().unwrap()
///     });
///     assert_eq!(pool.spawn(|| 2).unwrap().result().unwrap() + other.join(), 3);
/// });
/// ```
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
pub fn spawn<T: Send + 'static>(code: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let (promise, outcome) = promise();
    let life = life(move || {
        // The future may have been dropped, or cancelled by nobody: it is not lent to anybody.
        let _ = promise.set(code());
    });
    let index = expect_inside(world::start(Kind::Thread, life));
    let who = expect_inside(inside(|world, _| world.who(index)));
    world::turn();
    JoinHandle { outcome, who }
}

/// A virtual thread that was started by [`spawn`]. Dropping it leaves the thread to itself.
#[derive(Debug)]
pub struct JoinHandle<T> {
    outcome: Future<T>,
    who: Who,
}

impl<T> JoinHandle<T> {
    /// Waits until it ends; gives what it returned.
    pub fn join(self) -> T {
        match self.outcome.result() {
            Ok(value) => value,
            Err(TaskError::Abandoned) => {
                // It panicked, so this run is over.
                panic!("{} did not return", self.who)
            }
            Err(error) => panic!("{} did not return: {error}", self.who),
        }
    }

    /// Which one it is, in traces and by hand.
    #[must_use]
    pub fn who(&self) -> Who {
        self.who
    }
}

/// A promise of the simulation's platform, and its future. (One of the platform of threads would block the whole simulation.)
#[must_use]
pub fn promise<T: Send + 'static>() -> (Promise<T>, Future<T>) {
    future::promise::<SimPlatform, T>()
}

/// Awaits `task` on the current virtual thread: a small runtime for async code under test.
///
/// ```
/// use concurrent_futures::sim::{self, SimExecutor, Simulation};
///
/// Simulation::new().seeds(0..100).check(|| {
///     let pool = SimExecutor::new(1);
///     let sum = sim::block_on(async {
///         let (a, b) = (pool.spawn(|| 1).unwrap(), pool.spawn(|| 2).unwrap());
///         b.await.unwrap() + a.await.unwrap()
///     });
///     assert_eq!(sum, 3);
/// });
/// ```
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
pub fn block_on<T>(task: impl core::future::Future<Output = T>) -> T {
    // The thread's own token would be taken by whatever waits inside of the task.
    let woken = Arc::new(Woken {
        flag: AtomicBool::new(false),
        thread: expect_inside(inside(|world, me| world.waker(me))),
    });
    let waker = Waker::from(Arc::clone(&woken));
    let mut task = core::pin::pin!(task);
    loop {
        if let Poll::Ready(value) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        while !woken.flag.swap(false, Ordering::Relaxed) {
            world::park_otherwise(None);
        }
    }
}

/// Wakes a task that a virtual thread runs. Relaxed, because all of them are on one real thread.
struct Woken {
    flag: AtomicBool,
    thread: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.store(true, Ordering::Relaxed);
        self.thread.wake_by_ref();
    }
}

/// Waits for `time` of the simulation's clock, which costs none.
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
pub fn sleep(time: Duration) {
    let until = expect_inside(inside(|world, _| world.now())).saturating_add(time);
    while now() < until {
        world::park_otherwise(Some(until));
    }
}

/// How long the run has lasted, by the simulation's clock.
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
#[must_use]
pub fn now() -> Duration {
    expect_inside(inside(|world, _| world.now()))
}

/// Lets others have their turn: to be called in a loop that looks for something that others do. Looking at a future's state does it
/// too.
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
pub fn yield_now() {
    expect_inside(inside(|_, _| ()));
    world::look();
}

/// Says that the run went wrong: for callbacks and error hooks, whose panics are caught. The run ends with this turn.
///
/// ```
/// use concurrent_futures::sim::{self, Fault, SimExecutor, Simulation};
///
/// let failure = Simulation::new().explore(|| {
///     let pool = SimExecutor::new(1);
///     let call = pool.spawn(|| 1).unwrap();
///     call.add_done_callback(|done| {
///         if done.outcome().ok() != Some(&2) {
///             sim::fail("one is not two");
///         }
///     });
///     call.result().unwrap();
/// });
/// assert!(matches!(failure.unwrap_err().fault(), Fault::Panicked(text) if text.contains("one is not two")));
/// ```
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
pub fn fail(what: impl fmt::Display) {
    let caught = Caught {
        message: what.to_string(),
        place: Some(Location::caller().to_string()),
    };
    expect_inside(inside(|world, _| {
        world.record(What::Panics(caught.message.clone()));
        world.blame(Fault::panicked(world.actor(), &caught, ""));
    }));
}

/// Writes a line into the trace; it may be somebody else's turn after it.
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
pub fn note(what: impl fmt::Display) {
    expect_inside(inside(|_, _| ()));
    world::step(What::Notes(what.to_string()), Stance::GoesOn);
}
