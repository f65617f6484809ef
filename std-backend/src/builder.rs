//! Everything about a thread pool that can be chosen.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use concurrent_futures_core::{
    executor::Pool,
    future::{ErrorHook, ErrorReport},
    queue::{CapacityError, Policy, Ring},
    scheduler::{Config, MAX_WORKERS},
    sync::Shared,
};

use crate::{
    panic_location,
    spawner::ThreadSpawner,
    thread_pool::{ThreadPoolExecutor, WorkerInit},
};

/// How many calls may wait unless the builder says otherwise.
pub(crate) const DEFAULT_CAPACITY: usize = 65_536;
/// No address space has room for a stack of half of it.
const MOST_STACK: usize = isize::MAX as usize / 2;

/// Why a pool was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A pool of zero workers would run nothing. For one that the caller runs, see [`PumpExecutor`](crate::PumpExecutor).
    NoWorkers,
    /// More workers than can be counted.
    TooManyWorkers {
        /// What was asked for.
        asked: usize,
        /// The most there may be.
        most: usize,
    },
    /// The queue cannot have this capacity.
    Capacity(CapacityError),
    /// A thread's name must not contain a NUL byte; this one does.
    ThreadName(String),
    /// No thread can have a stack of this many bytes.
    StackSize(usize),
    /// Worker processes cannot begin in this directory, for this reason.
    #[cfg(feature = "process")]
    Directory(std::path::PathBuf, std::io::ErrorKind),
    /// What worker processes print cannot go to this file, for this reason.
    #[cfg(feature = "process")]
    Output(std::path::PathBuf, std::io::ErrorKind),
    /// A worker process that may run no call.
    #[cfg(feature = "process")]
    NoTasks,
    /// A worker process of a worker process, and so on, more often than this.
    #[cfg(feature = "process")]
    TooDeep(u32),
    /// The initializer is not part of the main program, so that a worker process could not find it.
    #[cfg(feature = "process")]
    UnknownFunction,
    /// The arguments of the initializer cannot travel to a worker process.
    #[cfg(feature = "process")]
    Codec(concurrent_futures_core::future::CodecError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorkers => {
                f.write_str("a pool needs at least one worker; ask for 1 or more")
            }
            Self::TooManyWorkers { asked, most } => {
                write!(
                    f,
                    "{asked} workers are more than a pool can count; ask for at most {most}"
                )
            }
            Self::Capacity(error) => fmt::Display::fmt(error, f),
            Self::ThreadName(name) => {
                write!(
                    f,
                    "the name prefix {name:?} contains a NUL byte; leave it out"
                )
            }
            Self::StackSize(bytes) => {
                write!(
                    f,
                    "no thread can have a stack of {bytes} bytes; ask for less"
                )
            }
            #[cfg(feature = "process")]
            Self::Directory(path, why) => write!(
                f,
                "worker processes cannot begin in {path:?}: {why}; name a directory that they may enter"
            ),
            #[cfg(feature = "process")]
            Self::Output(path, why) => write!(
                f,
                "what worker processes print cannot go to {path:?}: {why}; name a file that may be written"
            ),
            #[cfg(feature = "process")]
            Self::NoTasks => {
                f.write_str("a worker process needs to run at least one call; ask for 1 or more")
            }
            #[cfg(feature = "process")]
            Self::TooDeep(most) => write!(
                f,
                "this process is the worker of a worker, {most} deep, and may have none of its own; does a call make a pool for the same call?"
            ),
            #[cfg(feature = "process")]
            Self::UnknownFunction => f.write_str(
                "the initializer is not part of the main program, so worker processes cannot find it; wrap it in a function of the program",
            ),
            #[cfg(feature = "process")]
            Self::Codec(error) => write!(f, "the initializer: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Capacity(error) => Some(error),
            #[cfg(feature = "process")]
            Self::Codec(error) => Some(error),
            _ => None,
        }
    }
}

impl From<CapacityError> for BuildError {
    fn from(error: CapacityError) -> Self {
        Self::Capacity(error)
    }
}

#[cfg(feature = "process")]
impl From<concurrent_futures_core::future::CodecError> for BuildError {
    fn from(error: concurrent_futures_core::future::CodecError) -> Self {
        Self::Codec(error)
    }
}

/// Chooses what a [`ThreadPoolExecutor`] is like.
///
/// ```
/// use concurrent_futures::{Policy, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::builder()
///     .max_workers(2)
///     .thread_name_prefix("resize")
///     .capacity(1_000)
///     .policy(Policy::Reject)
///     .build()?;
/// let name = pool.spawn(|| std::thread::current().name().map(str::to_owned))?;
/// assert_eq!(name.result()?.as_deref(), Some("resize_0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is made before `build`"]
pub struct ThreadPoolBuilder<L: 'static = ()> {
    max_workers: Option<usize>,
    prefix: Option<String>,
    stack_size: Option<usize>,
    capacity: usize,
    policy: Policy,
    initializer: WorkerInit<L>,
    error_hook: Option<ErrorHook>,
    panic_location: bool,
}

impl ThreadPoolBuilder {
    pub(crate) fn new() -> Self {
        Self {
            max_workers: None,
            prefix: None,
            stack_size: None,
            capacity: DEFAULT_CAPACITY,
            policy: Policy::default(),
            initializer: WorkerInit::nothing(),
            error_hook: None,
            panic_location: false,
        }
    }
}

fn parallelism() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl<L: 'static> ThreadPoolBuilder<L> {
    /// How many workers there may be; they are started as they are needed. Without this, as many as can run in parallel.
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = Some(workers);
        self
    }

    /// As many workers as CPython's `ThreadPoolExecutor` has by default: four more than can run in parallel, at most 32.
    pub fn cpython_max_workers(self) -> Self {
        self.max_workers((parallelism() + 4).min(32))
    }

    /// Names the worker threads `<prefix>_<index>`. Without this the prefix is `pool-<number>`.
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// The stack size of the worker threads in bytes; the platform may round it up. Without this, that of
    /// [`std::thread::Builder`].
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// How many calls may wait; 65,536 without this. Memory is touched only as it is used.
    pub fn capacity(mut self, calls: usize) -> Self {
        self.capacity = calls;
        self
    }

    /// What happens to a call that finds the queue full; it waits without this.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// What every worker does before its first call, and the value that it keeps for calls to borrow
    /// ([`spawn_with`](crate::ThreadPoolHandle::spawn_with)).
    ///
    /// The value is made and dropped on its worker, so it need not be `Send`. If this fails, or panics, the pool is broken.
    ///
    /// ```
    /// use concurrent_futures::{SubmitError, TaskError, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::builder().initializer(|| Err::<(), _>("no licence")).build()?;
    /// match pool.spawn(|| ()).map(|future| future.result()) {
    ///     Ok(Err(TaskError::Broken(broken))) => assert!(broken.cause().contains("no licence")),
    ///     Err(SubmitError::Broken(broken, _)) => assert!(broken.cause().contains("no licence")),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer<M: 'static, E: fmt::Display>(
        self,
        initializer: impl Fn() -> Result<M, E> + Send + Sync + 'static,
    ) -> ThreadPoolBuilder<M> {
        ThreadPoolBuilder {
            max_workers: self.max_workers,
            prefix: self.prefix,
            stack_size: self.stack_size,
            capacity: self.capacity,
            policy: self.policy,
            initializer: WorkerInit::new(move || initializer().map_err(|error| error.to_string())),
            error_hook: self.error_hook,
            panic_location: self.panic_location,
        }
    }

    /// Whom to tell of what nobody else would see: a failed call whose future was dropped unread, a panic of a callback, a
    /// waker or a drop. Called on the thread that found out; its own panics are swallowed.
    pub fn error_hook(mut self, hook: impl Fn(&ErrorReport<'_>) + Send + Sync + 'static) -> Self {
        self.error_hook = Some(Shared::new(Box::new(hook)));
        self
    }

    /// Whether [`Panic::location`](crate::Panic::location) is known. The first pool that asks for it puts a hook in front of the
    /// process's panic hook, which records on that pool's workers and calls the one that was there.
    pub fn panic_location(mut self, record: bool) -> Self {
        self.panic_location = record;
        self
    }

    /// Makes the pool. No thread is started yet.
    ///
    /// # Errors
    /// [`BuildError`] if no pool can be like this.
    pub fn build(self) -> Result<ThreadPoolExecutor<L>, BuildError> {
        static POOLS: AtomicUsize = AtomicUsize::new(0);
        let max_workers = match self.max_workers.unwrap_or_else(parallelism) {
            0 => return Err(BuildError::NoWorkers),
            asked if asked > MAX_WORKERS => {
                return Err(BuildError::TooManyWorkers {
                    asked,
                    most: MAX_WORKERS,
                });
            }
            workers => workers,
        };
        if let Some(bytes) = self.stack_size.filter(|&bytes| bytes > MOST_STACK) {
            return Err(BuildError::StackSize(bytes));
        }
        let prefix = self
            .prefix
            .unwrap_or_else(|| format!("pool-{}", POOLS.fetch_add(1, Ordering::Relaxed)));
        if prefix.contains('\0') {
            return Err(BuildError::ThreadName(prefix));
        }
        let queue = Ring::new(self.capacity)?;
        if self.panic_location {
            panic_location::install();
        }
        Ok(ThreadPoolExecutor::from_pool(Pool::new(Config {
            max_workers,
            policy: self.policy,
            queue,
            spawner: ThreadSpawner::new(prefix, self.stack_size, self.panic_location),
            initializer: self.initializer,
            error_hook: self.error_hook,
        })))
    }
}

impl<L: 'static> fmt::Debug for ThreadPoolBuilder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder")
            .field("max_workers", &self.max_workers)
            .field("capacity", &self.capacity)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
