//! Pools of threads.

use std::{fmt, marker::PhantomData, ops::Deref};

use concurrent_futures_core::{
    executor::{Handle, Pool},
    queue::Ring,
    scheduler::{Backend, Initializer},
    task::Task,
};

use crate::{
    builder::{BuildError, ThreadPoolBuilder},
    exit,
    platform::StdPlatform,
    spawner::ThreadSpawner,
};

/// The parts of a thread pool whose workers keep an `L`.
pub struct Threads<L>(PhantomData<fn() -> L>);

// SAFETY: a thread pool has workers of its own.
unsafe impl<L: 'static> Backend for Threads<L> {
    type Platform = StdPlatform;
    type Queue = Ring<Task>;
    type Spawner = ThreadSpawner;
    type Initializer = WorkerInit<L>;
    type Cargo = ();
}

type Init<L> = dyn Fn() -> Result<L, String> + Send + Sync;

/// What every worker of a thread pool does before its first call.
pub struct WorkerInit<L> {
    init: Box<Init<L>>,
    is_trivial: bool,
}

impl<L> WorkerInit<L> {
    pub(crate) fn new(init: impl Fn() -> Result<L, String> + Send + Sync + 'static) -> Self {
        Self {
            init: Box::new(init),
            is_trivial: false,
        }
    }
}

impl WorkerInit<()> {
    pub(crate) fn nothing() -> Self {
        Self {
            is_trivial: true,
            ..Self::new(|| Ok(()))
        }
    }
}

impl<L: 'static> Initializer for WorkerInit<L> {
    type Local = L;

    fn init(&self) -> Result<L, String> {
        (self.init)()
    }

    fn is_trivial(&self) -> bool {
        self.is_trivial
    }
}

/// Submits to a [`ThreadPoolExecutor`]; clones of it keep nothing open.
pub type ThreadPoolHandle<L = ()> = Handle<Threads<L>>;

/// A pool of threads that run calls.
///
/// Threads are started as they are needed: one per submitted call while none is idle, up to the maximum. Dropping the pool runs
/// what was submitted and joins the threads. Share it by reference or in an `Arc`, or hand out [handles](Handle::handle).
///
/// Everything that a [`ThreadPoolHandle`] can do, it can: submit, map, scope, shut down.
///
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new(4)?;
/// let future = pool.spawn(|| 6 * 7)?;
/// assert_eq!(future.result()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ThreadPoolExecutor<L: 'static = ()> {
    pool: Pool<Threads<L>>,
}

impl ThreadPoolExecutor {
    /// A pool of at most `max_workers` threads, with everything else as it is by default.
    ///
    /// # Errors
    /// [`BuildError`] if that is none, or more than can be counted.
    pub fn new(max_workers: usize) -> Result<Self, BuildError> {
        Self::builder().max_workers(max_workers).build()
    }

    /// A pool of as many threads as can run in parallel here.
    ///
    /// # Errors
    /// [`BuildError`] if there is no memory for its queue.
    pub fn with_default_workers() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Chooses everything else.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }
}

impl<L: 'static> ThreadPoolExecutor<L> {
    pub(crate) fn from_pool(pool: Pool<Threads<L>>) -> Self {
        Self { pool }
    }

    /// Takes no more calls, and leaves those that wait to the threads: no drop waits for them, and the process may end before
    /// they do.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// let answer = pool.spawn(|| 42)?;
    /// pool.detach();
    /// assert_eq!(answer.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn detach(self) {
        self.pool.detach();
    }

    /// Has the pool shut down, and waited for, when the process exits normally: for a pool in a `static`, which is never dropped.
    ///
    /// Not when the process exits from one of the pool's own calls, which cannot wait for itself.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    /// use std::sync::LazyLock;
    ///
    /// static POOL: LazyLock<ThreadPoolExecutor> = LazyLock::new(|| {
    ///     let pool = ThreadPoolExecutor::new(2).expect("two is a number of workers");
    ///     pool.join_at_exit();
    ///     pool
    /// });
    /// POOL.spawn(|| println!("printed before the process ends"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_at_exit(&self) {
        let handle = self.handle();
        exit::at_exit(move || {
            // Its own worker is told so, and does not wait.
            let _ = handle.shutdown(true, false);
        });
    }
}

impl<L: 'static> Deref for ThreadPoolExecutor<L> {
    type Target = ThreadPoolHandle<L>;

    fn deref(&self) -> &ThreadPoolHandle<L> {
        &self.pool
    }
}

impl<L: 'static> fmt::Debug for ThreadPoolExecutor<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor")
            .field("stats", &self.stats())
            .finish()
    }
}

concurrent_futures_core::submit_by_handle!([L: 'static] ThreadPoolExecutor<L>, Threads<L>);

#[cfg(feature = "serde")]
concurrent_futures_core::executor_by_handle!([L: 'static] ThreadPoolExecutor<L>);
