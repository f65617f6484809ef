//! Working a pool's queue by hand, one step at a time: for owners of workers that run calls elsewhere, and for tests.

use core::fmt;

use super::Handle;
use crate::{
    scheduler::Backend,
    task::{Running, Started as StartedTask, Task},
};

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
pub struct Taken<'a, B: Backend<Initializer = ()>> {
    handle: &'a Handle<B>,
    // `None` only once it was used up.
    task: Option<Task>,
}

/// A call that has started. Dropped without [`finish`](Self::finish), its future fails with
/// [`TaskError::Abandoned`](crate::future::TaskError::Abandoned).
#[must_use = "dropped, its future fails"]
pub struct Started<'a, B: Backend<Initializer = ()>> {
    handle: &'a Handle<B>,
    running: Option<Running>,
}

impl<B: Backend<Initializer = ()>> Handle<B> {
    /// Takes the call that would be run next out of the queue.
    pub fn take(&self) -> Option<Taken<'_, B>> {
        Some(Taken {
            handle: self,
            task: Some(self.pool().take()?),
        })
    }
}

impl<'a, B: Backend<Initializer = ()>> Taken<'a, B> {
    /// Starts the call, unless it was cancelled or claimed since.
    #[must_use]
    pub fn start(mut self) -> Option<Started<'a, B>> {
        match self.task.take()?.start(self.handle.pool().owner_ref()) {
            StartedTask::Run(running) => Some(Started {
                handle: self.handle,
                running: Some(running),
            }),
            StartedTask::Passed => None,
        }
    }

    /// Puts the call back, ahead of all others.
    pub fn give_back(self) {
        drop(self);
    }
}

impl<B: Backend<Initializer = ()>> Drop for Taken<'_, B> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.handle.pool().give_back(task);
        }
    }
}

impl<B: Backend<Initializer = ()>> Started<'_, B> {
    /// Runs the call on this thread and publishes its outcome.
    pub fn finish(mut self) {
        if let Some(running) = self.running.take() {
            self.handle.pool().run_started(running);
        }
    }
}

impl<B: Backend<Initializer = ()>> Drop for Started<'_, B> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let hook = self.handle.pool().hook();
            running.discard(crate::future::TaskError::Abandoned, hook);
        }
    }
}

impl<B: Backend<Initializer = ()>> fmt::Debug for Taken<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Taken").field(&self.task).finish()
    }
}

impl<B: Backend<Initializer = ()>> fmt::Debug for Started<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").finish_non_exhaustive()
    }
}
