//! Everything about a pool of processes that can be chosen.

use std::{
    env,
    ffi::OsString,
    fmt, fs,
    io::ErrorKind,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use concurrent_futures_core::{
    executor::{Payload, Pool},
    future::{CodecStage, ErrorHook, ErrorReport},
    queue::{Policy, Ring},
    scheduler::{Config, MAX_WORKERS},
    sync::Shared as Counted,
};

use super::{
    board::SLOTS,
    codec,
    executor::ProcessPoolExecutor,
    function::Function,
    hook,
    owner::Owners,
    settings::{ChildOutput, OnDeath, Settings, Shared},
    spawner::ProcessSpawner,
    worker::DEPTH,
};
use crate::builder::{BuildError, DEFAULT_CAPACITY};

/// How deep workers of workers may be.
const MOST_DEPTH: u32 = 8;
/// The stack of calls, as large as that of most main threads.
const STACK: u64 = 8 << 20;

/// Chooses what a [`ProcessPoolExecutor`] is like.
///
/// ```
/// use concurrent_futures::{OnDeath, ProcessPoolExecutor};
/// use std::time::Duration;
///
/// let pool = ProcessPoolExecutor::builder()
///     .max_workers(2)
///     .max_tasks_per_child(100)
///     .on_death(OnDeath::Retry(1))
///     .timeout(Duration::from_secs(10))
///     .env("LANG", "C")
///     .build()?;
/// let language = pool.submit(|name: String| std::env::var(name).ok(), "LANG".to_owned())?;
/// assert_eq!(language.result()?.as_deref(), Some("C"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is made before `build`"]
pub struct ProcessPoolBuilder {
    max_workers: Option<usize>,
    capacity: usize,
    policy: Policy,
    error_hook: Option<ErrorHook>,
    prefix: Option<String>,
    initializer: Option<Result<(Function, Vec<u8>), BuildError>>,
    settings: Settings,
}

impl ProcessPoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            max_workers: None,
            capacity: DEFAULT_CAPACITY,
            policy: Policy::default(),
            error_hook: None,
            prefix: None,
            initializer: None,
            settings: Settings {
                prefix: String::new(),
                max_workers: 0,
                max_tasks_per_child: None,
                window: 1,
                on_death: OnDeath::default(),
                timeout: None,
                grace: None,
                address_space: None,
                stack_size: STACK,
                clear_environment: false,
                environment: Vec::new(),
                directory: None,
                stdout: ChildOutput::default(),
                stderr: ChildOutput::default(),
                initializer: None,
                depth: 0,
            },
        }
    }

    /// How many workers there may be; they are started as they are needed. Without this, as many as can run in parallel.
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = Some(workers);
        self
    }

    /// Names the workers `<prefix>_<index>`, in lists of processes too. Without this the prefix is `processes-<number>`.
    pub fn name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// How many calls may wait; 65,536 without this. Their arguments wait with them, encoded.
    pub fn capacity(mut self, calls: usize) -> Self {
        self.capacity = calls;
        self
    }

    /// What happens to a call that finds the queue full; it waits without this, and where it would have to run in the caller.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// After how many calls, items of maps included, a worker is replaced by a new one. Without this, never.
    pub fn max_tasks_per_child(mut self, calls: u64) -> Self {
        self.settings.max_tasks_per_child = Some(calls);
        self
    }

    /// What every worker does before its first call. If it fails, or panics, the pool is broken. A worker that replaces another does it too.
    ///
    /// ```
    /// use concurrent_futures::ProcessPoolExecutor;
    ///
    /// static LEVEL: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    /// fn set_level(level: u32) -> Result<(), String> {
    ///     LEVEL.store(level, std::sync::atomic::Ordering::Relaxed);
    ///     Ok(())
    /// }
    ///
    /// let pool = ProcessPoolExecutor::builder().max_workers(1).initializer(set_level, 3).build()?;
    /// let level = pool.submit(|()| LEVEL.load(std::sync::atomic::Ordering::Relaxed), ())?;
    /// assert_eq!(level.result()?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer<A: Payload, E: fmt::Display + 'static>(
        mut self,
        f: fn(A) -> Result<(), E>,
        args: A,
    ) -> Self {
        let made = Function::of_initializer(f).ok_or(BuildError::UnknownFunction);
        self.initializer = Some(made.and_then(|function| {
            let mut bytes = Vec::new();
            codec::encode(&args, &mut bytes, CodecStage::EncodeArguments)?;
            Ok((function, bytes))
        }));
        self
    }

    /// How many calls a worker may have at a time: the one that it runs, and short ones that it need not wait for then. Without this each is
    /// handed over when the one before is done, so that calls start in the order in which they were submitted. With more, a call that one
    /// worker has may start after a later one on another; if it waits for that one, it waits until both are done otherwise.
    pub fn window(mut self, calls: usize) -> Self {
        self.settings.window = calls.clamp(1, SLOTS);
        self
    }

    /// What happens to a call whose worker dies while it runs; it fails without this.
    pub fn on_death(mut self, policy: OnDeath) -> Self {
        self.settings.on_death = policy;
        self
    }

    /// For how long a call, or an item of a map, may run, from when its worker starts it. Then the worker is killed and replaced. It is not
    /// run again, whatever [`on_death`](Self::on_death) says.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings.timeout = Some(limit);
        self
    }

    /// How long a worker whose call ran for too long has to end after SIGTERM, before it is killed. Without this it is killed at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = Some(grace);
        self
    }

    /// How many bytes of address space a worker may have. What asks for more ends the worker, most of the time by an abort. What it has before
    /// its first call counts, and stays even if it is more.
    pub fn address_space(mut self, bytes: u64) -> Self {
        self.settings.address_space = Some(bytes);
        self
    }

    /// The stack size of calls, in bytes: 8 MiB without this.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack_size = bytes as u64;
        self
    }

    /// Sets a variable in the environment of the workers, which is otherwise that of this process when each is started.
    pub fn env(mut self, variable: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let variable = (variable.into(), Some(value.into()));
        self.settings.environment.push(variable);
        self
    }

    /// Removes a variable from the environment of the workers.
    pub fn env_remove(mut self, variable: impl Into<OsString>) -> Self {
        self.settings.environment.push((variable.into(), None));
        self
    }

    /// Gives the workers nothing of this process's environment, but for one variable of this library's.
    pub fn env_clear(mut self) -> Self {
        self.settings.clear_environment = true;
        self.settings.environment.clear();
        self
    }

    /// Where the workers begin; without this where this process is when each is started.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.settings.directory = Some(directory.into());
        self
    }

    /// Where standard output of the workers goes. Their standard input is empty: whoever reads it there finds its end.
    pub fn stdout(mut self, output: ChildOutput) -> Self {
        self.settings.stdout = output;
        self
    }

    /// Where standard error of the workers goes.
    pub fn stderr(mut self, output: ChildOutput) -> Self {
        self.settings.stderr = output;
        self
    }

    /// Whom to tell of what nobody else would see: a failed call whose future was dropped unread, a panic of a callback, a waker or a drop.
    /// Called on the thread that found out; its own panics are swallowed.
    pub fn error_hook(mut self, hook: impl Fn(&ErrorReport<'_>) + Send + Sync + 'static) -> Self {
        self.error_hook = Some(Counted::new(Box::new(hook)));
        self
    }

    /// Makes the pool. No process is started yet.
    ///
    /// # Errors
    /// [`BuildError`] if no pool can be like this.
    ///
    /// # Panics
    /// Never; but a process that was started as a worker, and came here because nothing recognised it, exits with a message.
    pub fn build(self) -> Result<ProcessPoolExecutor, BuildError> {
        static POOLS: AtomicUsize = AtomicUsize::new(0);
        hook::exit_if_missed();
        let parallelism = || thread::available_parallelism().map_or(1, usize::from);
        let mut settings = self.settings;
        settings.max_workers = match self.max_workers.unwrap_or_else(parallelism) {
            0 => return Err(BuildError::NoWorkers),
            asked if asked > MAX_WORKERS => {
                return Err(BuildError::TooManyWorkers {
                    asked,
                    most: MAX_WORKERS,
                });
            }
            workers => workers,
        };
        if settings.max_tasks_per_child == Some(0) {
            return Err(BuildError::NoTasks);
        }
        if settings.stack_size > (isize::MAX / 2) as u64 {
            let bytes = usize::try_from(settings.stack_size).unwrap_or(usize::MAX);
            return Err(BuildError::StackSize(bytes));
        }
        if let Some(directory) = &settings.directory {
            let refused = |why| BuildError::Directory(directory.clone(), why);
            let found = fs::metadata(directory).map_err(|error| refused(error.kind()))?;
            if !found.is_dir() {
                return Err(refused(ErrorKind::NotADirectory));
            }
        }
        for output in [&settings.stdout, &settings.stderr] {
            if let (ChildOutput::Append(path), Err(error)) = (output, output.open()) {
                return Err(BuildError::Output(path.clone(), error.kind()));
            }
        }
        let depth = env::var(DEPTH)
            .ok()
            .and_then(|depth| depth.parse::<u32>().ok());
        settings.depth = depth.unwrap_or(0) + 1;
        if settings.depth > MOST_DEPTH {
            return Err(BuildError::TooDeep(MOST_DEPTH));
        }
        let number = || POOLS.fetch_add(1, Ordering::Relaxed);
        settings.prefix = self
            .prefix
            .unwrap_or_else(|| format!("processes-{}", number()));
        if settings.prefix.contains('\0') {
            return Err(BuildError::ThreadName(settings.prefix));
        }
        settings.initializer = self.initializer.transpose()?;
        let queue = Ring::new(self.capacity)?;
        let max_workers = settings.max_workers;
        let shared = Arc::new(Shared::new(settings));
        let pool = Pool::new(Config {
            max_workers,
            policy: self.policy,
            queue,
            spawner: ProcessSpawner::new(&shared),
            initializer: Owners(Arc::clone(&shared)),
            error_hook: self.error_hook,
        });
        Ok(ProcessPoolExecutor::from_pool(pool, shared))
    }
}

impl fmt::Debug for ProcessPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolBuilder")
            .field("max_workers", &self.max_workers)
            .field("capacity", &self.capacity)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
