//! Pools of processes, as users hold them.

use std::{fmt, ops::Deref, sync::Arc};

use concurrent_futures_core::executor::Pool;

use super::{
    builder::ProcessPoolBuilder, handle::ProcessPoolHandle, owner::Processes, settings::Shared,
};
use crate::{builder::BuildError, exit};

/// A pool of processes that run calls: copies of this program, started as they are needed. Each call runs in a memory of its own, and can
/// at worst take its process with it.
///
/// Nothing is needed in `main`: a worker is recognised before that begins. Dropping the pool runs what was submitted and waits for the
/// processes to end.
///
/// Everything that a [`ProcessPoolHandle`] can do, it can.
///
/// ```
/// use concurrent_futures::{ProcessPoolExecutor, TaskError};
///
/// let pool = ProcessPoolExecutor::new(2)?;
/// let crash = pool.submit(|()| std::process::abort(), ())?;
/// let answer = pool.submit(|(a, b): (u32, u32)| a * b, (6, 7))?;
/// assert_eq!(answer.result()?, 42);
/// match crash.result() {
///     Err::<(), _>(TaskError::WorkerDied(death)) => println!("{death}"),
///     other => unreachable!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ProcessPoolExecutor {
    handle: ProcessPoolHandle,
    pool: Pool<Processes>,
}

impl ProcessPoolExecutor {
    /// A pool of at most `max_workers` processes, with everything else as it is by default.
    ///
    /// # Errors
    /// [`BuildError`] if that is none, or more than can be counted.
    pub fn new(max_workers: usize) -> Result<Self, BuildError> {
        Self::builder().max_workers(max_workers).build()
    }

    /// A pool of as many processes as can run in parallel here.
    ///
    /// # Errors
    /// As for [`ProcessPoolBuilder::build`].
    pub fn with_default_workers() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Chooses everything else.
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }

    pub(super) fn from_pool(pool: Pool<Processes>, shared: Arc<Shared>) -> Self {
        Self {
            handle: ProcessPoolHandle::new(pool.handle(), shared),
            pool,
        }
    }

    /// Takes no more calls, and leaves those that wait to the workers: no drop waits for them. They end with this process at the latest.
    pub fn detach(self) {
        self.pool.detach();
    }

    /// Has the pool shut down, and waited for, when the process exits normally: for a pool in a `static`, which is never dropped.
    pub fn join_at_exit(&self) {
        let handle = self.handle();
        exit::at_exit(move || {
            // Its own worker is told so, and does not wait.
            let _ = handle.shutdown(true, false);
        });
    }
}

impl Deref for ProcessPoolExecutor {
    type Target = ProcessPoolHandle;

    fn deref(&self) -> &ProcessPoolHandle {
        &self.handle
    }
}

impl fmt::Debug for ProcessPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolExecutor")
            .field("stats", &self.stats())
            .finish()
    }
}

concurrent_futures_core::executor_by_handle!([] ProcessPoolExecutor);
