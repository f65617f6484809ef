//! The executor that does not wait for anybody.

use core::{fmt, marker::PhantomData, ops::Deref};

use super::{Handle, Pool, pump::NoSpawner};
use crate::{
    platform::Platform,
    queue::{Policy, Popped, Queue, TaskQueue},
    scheduler::{Backend, Config, Workers},
    task::Task,
};

/// The parts of an [`InlineExecutor`] on platform `P`.
pub struct InlineBackend<P>(PhantomData<fn() -> P>);

// SAFETY: the initializer is `()`, and the queue holds nothing.
unsafe impl<P: Platform> Backend for InlineBackend<P> {
    type Platform = P;
    type Queue = NoQueue;
    type Spawner = NoSpawner;
    type Initializer = ();
    type Cargo = ();

    const WORKERS: Workers = Workers::Submitter;
}

/// No call ever waits.
#[derive(Debug)]
pub struct NoQueue(());

// SAFETY: it holds nothing.
unsafe impl TaskQueue for NoQueue {}

impl Queue<Task> for NoQueue {
    fn push(&self, task: Task) -> Result<(), Task> {
        Err(task)
    }

    fn pop(&self) -> Option<Popped<Task>> {
        None
    }

    fn len(&self) -> usize {
        0
    }

    fn capacity(&self) -> usize {
        0
    }

    fn set_waiting(&self, _: bool) {}
}

/// Runs every call at once, in the caller: for debugging, and where there is nothing to run it elsewhere.
///
/// Everything else is as on a pool: a panic of a call ends up in its future, `map`, `scope` and `shutdown` work.
///
/// ```
/// use concurrent_futures::InlineExecutor;
///
/// let here = std::thread::current().id();
/// let there = InlineExecutor::new().spawn(|| std::thread::current().id())?;
/// assert!(there.done());
/// assert_eq!(there.result()?, here);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct InlineExecutor<P: Platform> {
    pool: Pool<InlineBackend<P>>,
}

impl<P: Platform> InlineExecutor<P> {
    /// An open executor.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pool: Pool::new(Config {
                max_workers: 0,
                policy: Policy::Block,
                queue: NoQueue(()),
                spawner: NoSpawner::new(),
                initializer: (),
                error_hook: None,
            }),
        }
    }
}

impl<P: Platform> Default for InlineExecutor<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> Deref for InlineExecutor<P> {
    type Target = Handle<InlineBackend<P>>;

    fn deref(&self) -> &Self::Target {
        &self.pool
    }
}

impl<P: Platform> fmt::Debug for InlineExecutor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineExecutor").finish_non_exhaustive()
    }
}

crate::submit_by_handle!([P: Platform] InlineExecutor<P>, InlineBackend<P>);
