//! An executor whose workers are virtual threads.

use alloc::sync::{Arc, Weak};
use core::{fmt, marker::PhantomData, ops::Deref};
use std::sync::OnceLock;

use super::{
    platform::SimPlatform,
    world::{self, Kind, inside},
};
use crate::{
    executor::{Handle, Pool},
    future::ErrorHook,
    platform::{Entry, Parker, Platform, SpawnError, Spawner},
    queue::{Policy, Popped, Queue, Ring, TaskQueue},
    scheduler::{Backend, Config, Initializer},
    task::Task,
};

/// The parts of a [`SimExecutor`].
pub struct SimBackend<W>(PhantomData<fn() -> W>);

// SAFETY: its workers are its own.
unsafe impl<W: Initializer> Backend for SimBackend<W> {
    type Platform = SimPlatform;
    type Queue = SimQueue;
    type Spawner = SimSpawner;
    type Initializer = W;
    type Cargo = ();
}

/// A ring that the simulator can look into.
#[derive(Debug)]
pub struct SimQueue(Arc<Ring<Task>>);

// SAFETY: a ring gives out what was pushed, once; the simulator, which shares this one, only counts what is in it.
unsafe impl TaskQueue for SimQueue {}

impl Queue<Task> for SimQueue {
    fn push(&self, task: Task) -> Result<(), Task> {
        self.0.push(task)
    }

    fn pop(&self) -> Option<Popped<Task>> {
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn set_waiting(&self, waiting: bool) {
        self.0.set_waiting(waiting);
    }
}

/// Starts virtual threads; outside of a run it refuses to.
///
/// With it a [`StaticPool`](crate::executor::StaticPool) has workers in a run:
///
/// ```
/// use concurrent_futures::core::executor::StaticPool;
/// use concurrent_futures::sim::{SimPlatform, SimSpawner, Simulation};
///
/// Simulation::new().seeds(0..100).check(|| {
///     // One for each run: a real `static` would remember the run before.
///     let pool: &'static StaticPool<SimPlatform, 2, 32, SimSpawner> =
///         Box::leak(Box::new(StaticPool::with_workers(1, SimSpawner::new())));
///     assert_eq!(pool.spawn(|| 7).unwrap().result().unwrap(), 7);
///     pool.shutdown(true, false).unwrap();
/// });
/// ```
#[derive(Debug, Default)]
pub struct SimSpawner {
    /// The number of its executor in the run, which one in a `static` gets with its first worker.
    executor: OnceLock<usize>,
}

impl SimSpawner {
    /// For the workers of one pool in one run.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            executor: OnceLock::new(),
        }
    }

    fn executor(&self) -> usize {
        *self.executor.get_or_init(|| {
            let unbounded = inside(|world, _| world.book.open(Weak::new(), usize::MAX));
            unbounded.unwrap_or(usize::MAX)
        })
    }
}

impl Spawner for SimSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        if world::is_refused() {
            world::turn();
            return Err(SpawnError::new(entry));
        }
        world::start(
            Kind::Worker(self.executor()),
            super::thread::life(move || entry.run()),
        );
        world::turn();
        Ok(())
    }

    fn join(&self) {
        let executor = self.executor();
        while inside(|world, me| world.waits_for_end(me, executor)) == Some(true) {
            SimPlatform::with_parker(Parker::park);
        }
    }
}

/// An executor of a simulation: a pool whose workers are virtual threads of the run that it is made in.
///
/// Everything that a [`Handle`] can do, it can, and it is an [`Executor`](crate::executor::Executor): code that is generic over
/// that runs on it as it runs on threads. Like a pool of threads it starts workers as they are needed, and its drop waits for them.
/// A run must drop or shut down every executor that it makes.
///
/// ```
/// use concurrent_futures::sim::{SimExecutor, Simulation};
///
/// let explored = Simulation::new().check(|| {
///     let pool = SimExecutor::new(2);
///     let (three, four) = (pool.spawn(|| 3).unwrap(), pool.spawn(|| 4).unwrap());
///     assert_eq!(three.result().unwrap() + four.result().unwrap(), 7);
/// });
/// assert_eq!(explored.runs(), 1_000);
/// ```
pub struct SimExecutor<W: Initializer = ()> {
    pool: Pool<SimBackend<W>>,
}

impl SimExecutor {
    /// At most `max_workers` workers, everything else as it is by default.
    ///
    /// # Panics
    /// If that is none.
    #[must_use]
    #[track_caller]
    pub fn new(max_workers: usize) -> Self {
        Self::with(SimConfig {
            max_workers,
            ..SimConfig::default()
        })
    }
}

impl<W: Initializer> SimExecutor<W> {
    /// As `config` says.
    ///
    /// # Panics
    /// If it may have no workers, or no call may wait, or there is no memory for as many as may.
    #[must_use]
    #[track_caller]
    pub fn with(config: SimConfig<W>) -> Self {
        assert!(
            config.max_workers > 0,
            "an executor of a simulation needs at least one worker"
        );
        let ring = match Ring::new(config.capacity) {
            Ok(ring) => Arc::new(ring),
            Err(error) => panic!("{error}"),
        };
        let queue = Arc::downgrade(&ring);
        let executor = inside(|world, _| world.book.open(queue, config.max_workers));
        Self {
            pool: Pool::new(Config {
                max_workers: config.max_workers,
                policy: config.policy,
                queue: SimQueue(ring),
                spawner: SimSpawner {
                    executor: executor.unwrap_or(usize::MAX).into(),
                },
                initializer: config.initializer,
                error_hook: config.error_hook,
            }),
        }
    }

    /// Takes no more calls, and leaves those that wait to the workers.
    pub fn detach(self) {
        self.pool.detach();
    }
}

/// What a [`SimExecutor`] is made of.
pub struct SimConfig<W = ()> {
    /// How many workers it may start, at least one.
    pub max_workers: usize,
    /// How many calls may wait.
    pub capacity: usize,
    /// What happens to a call that finds no room.
    pub policy: Policy,
    /// What a worker does before its first call.
    pub initializer: W,
    /// Whom to tell of what nobody else would see.
    pub error_hook: Option<ErrorHook>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            max_workers: 2,
            capacity: 64,
            policy: Policy::Block,
            initializer: (),
            error_hook: None,
        }
    }
}

impl SimConfig {
    /// The same with another initializer.
    #[must_use]
    pub fn initializer<W>(self, initializer: W) -> SimConfig<W> {
        SimConfig {
            max_workers: self.max_workers,
            capacity: self.capacity,
            policy: self.policy,
            initializer,
            error_hook: self.error_hook,
        }
    }
}

impl<W> fmt::Debug for SimConfig<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConfig")
            .field("max_workers", &self.max_workers)
            .field("capacity", &self.capacity)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl<W: Initializer> Deref for SimExecutor<W> {
    type Target = Handle<SimBackend<W>>;

    fn deref(&self) -> &Self::Target {
        &self.pool
    }
}

impl<W: Initializer> fmt::Debug for SimExecutor<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimExecutor").finish_non_exhaustive()
    }
}

crate::submit_by_handle!([W: Initializer] SimExecutor<W>, SimBackend<W>);
crate::executor_by_handle!([W: Initializer] SimExecutor<W>);
