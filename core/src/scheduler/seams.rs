//! The four seams of a worker's step, for workers that run calls elsewhere: `take`, `start`, `finish` (from anywhere, several open at
//! once), `give_back`. Threads pass them one call at a time (see `worker`).

use core::{cell::Cell, fmt, ops::ControlFlow};

use super::{Backend, Initializer, Pool};
use crate::{
    future::{BrokenExecutor, CancelledBy, TaskError},
    sync::Ordering,
    task::{Local, Running, Started as StartedTask, Task},
};

/// What a call brings along for a worker that runs it elsewhere. `()` where calls run in place.
pub trait Cargo: Send + Sync + 'static {
    /// Takes the call back from wherever a worker has lent it to, because it is to be cancelled. False if it was started there: then it is
    /// not cancelled. Called under the lock of the call, so it runs no code of users and waits for nobody who may need that lock.
    fn recall(&self) -> bool {
        true
    }
}

impl Cargo for () {}

/// How a worker that runs calls elsewhere goes about one that it took, and as many more as it likes, until none is left with it.
/// `Break` ends the worker: for whatever reason it can run no more.
pub type Carry<B> = fn(&Worker<'_, B>, Taken<'_, B>) -> ControlFlow<()>;

/// A worker of a pool whose calls run elsewhere, seen from the thread that looks after it.
pub struct Worker<'a, B: Backend> {
    pub(super) pool: &'a Pool<B>,
    pub(super) local: Local,
    /// Whether it is counted as searching.
    pub(super) searching: Cell<bool>,
}

impl<'a, B: Backend> Worker<'a, B> {
    /// What the initializer left on this worker.
    #[must_use]
    pub fn local(&self) -> &<B::Initializer as Initializer>::Local {
        // SAFETY: the value is of this type, and outlives the worker's loop, in which alone there are such workers.
        unsafe { self.local.0.cast().as_ref() }
    }

    /// Takes the call that is to run next.
    #[must_use]
    pub fn take(&self) -> Option<Taken<'a, B>> {
        let task = self.pool.take()?;
        self.busy();
        Some(Taken::new(self.pool, task))
    }

    /// How many calls wait to be taken, roughly.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pool.entries()
    }

    /// Whether there are workers that wait for work.
    #[must_use]
    pub fn others_sleep(&self) -> bool {
        self.pool.idle.census().sleeping() > 0
    }

    /// Computes the outcome of a call from what came back for it, and publishes it. `last` says that nothing else is left with this
    /// worker, so that it counts as idle before the outcome is out.
    pub fn finish(&self, mut started: Started<'_, B>, last: bool) {
        debug_assert!(core::ptr::eq(started.pool, self.pool));
        if let Some(running) = started.running.take() {
            let searching = self.pool.publish(running.run(self.local), last);
            self.searching.set(searching);
        }
    }

    /// Drops a call, whose future fails with `error`. `last` is as for [`finish`](Self::finish).
    pub fn fail(&self, mut started: Started<'_, B>, error: TaskError, last: bool) {
        if let Some(running) = started.running.take() {
            let ran = running.refuse(error, self.pool.hook());
            let searching = self.pool.publish(ran, last);
            self.searching.set(searching);
        }
    }

    /// Says that this worker is not to be counted on for a while, although nothing is left with it.
    pub fn busy(&self) {
        if self.searching.take() {
            self.pool.stop_searching();
        }
    }

    /// Nobody will run what waits, and the pool takes no more: each call fails with the cause.
    pub fn break_down(&self, cause: BrokenExecutor) {
        self.pool.break_down(cause);
    }
}

impl<B: Backend> fmt::Debug for Worker<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// A call that left the queue and has not started: it can still be cancelled. Dropped, it goes back.
///
/// ```
/// use concurrent_futures::{PumpExecutor, Ring};
///
/// let pump: PumpExecutor = PumpExecutor::new(Ring::new(4)?);
/// let (first, second) = (pump.spawn(|| 1)?, pump.spawn(|| 2)?);
/// let taken = pump.take().unwrap();
/// taken.give_back();
/// let started = pump.take().unwrap().start().unwrap();
/// assert!(first.running() && !second.running(), "given back ahead of the queue");
/// started.finish();
/// assert_eq!(first.result()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropped, it goes back to the queue"]
pub struct Taken<'a, B: Backend> {
    pool: &'a Pool<B>,
    // `None` only once it was used up.
    task: Option<Task>,
}

impl<'a, B: Backend> Taken<'a, B> {
    pub(crate) fn new(pool: &'a Pool<B>, task: Task) -> Self {
        Self {
            pool,
            task: Some(task),
        }
    }

    /// What the call brought along; nothing once it was used up.
    #[must_use]
    pub fn cargo(&self) -> Option<&B::Cargo> {
        // SAFETY: every call in a pool of this backend brought a cargo of this type.
        self.task.as_ref().map(|task| unsafe { task.cargo() })
    }

    /// Starts the call, unless it was cancelled or claimed since.
    #[must_use]
    pub fn start(mut self) -> Option<Started<'a, B>> {
        match self.task.take()?.start(self.pool.owner_ref()) {
            StartedTask::Run(running) => Some(Started {
                pool: self.pool,
                running: Some(running),
            }),
            StartedTask::Passed => None,
        }
    }

    /// Cancels the call, unless it was cancelled or claimed since, or its [`Cargo`] refuses. Says whether it did.
    pub fn cancel(mut self, by: CancelledBy) -> bool {
        let task = self.task.take();
        let cancelled = task.is_some_and(|task| task.cancel(self.pool.owner_ref(), by));
        if cancelled && by == CancelledBy::Shutdown {
            self.pool.cancelled_since.fetch_add(1, Ordering::Relaxed);
        }
        cancelled
    }

    /// Puts the call back, ahead of all others.
    pub fn give_back(self) {
        drop(self);
    }
}

impl<B: Backend> Drop for Taken<'_, B> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.pool.give_back(task);
        }
    }
}

impl<B: Backend> fmt::Debug for Taken<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Taken").field(&self.task).finish()
    }
}

/// A call that has started. Dropped without an outcome, its future fails with
/// [`TaskError::Abandoned`](crate::future::TaskError::Abandoned).
#[must_use = "dropped, its future fails"]
pub struct Started<'a, B: Backend> {
    pool: &'a Pool<B>,
    running: Option<Running>,
}

impl<B: Backend> Started<'_, B> {
    /// What the call brought along; nothing once it has an outcome.
    #[must_use]
    pub fn cargo(&self) -> Option<&B::Cargo> {
        // SAFETY: every call in a pool of this backend brought a cargo of this type.
        self.running
            .as_ref()
            .map(|running| unsafe { running.cargo() })
    }
}

impl<B: Backend<Initializer = ()>> Started<'_, B> {
    /// Runs the call on this thread and publishes its outcome.
    pub fn finish(mut self) {
        if let Some(running) = self.running.take() {
            self.pool.run_started(running);
        }
    }
}

impl<B: Backend> Drop for Started<'_, B> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.discard(TaskError::Abandoned, self.pool.hook());
        }
    }
}

impl<B: Backend> fmt::Debug for Started<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").finish_non_exhaustive()
    }
}
