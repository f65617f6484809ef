//! A pool without workers: whoever waits, or asks, runs the calls.

use core::{fmt, marker::PhantomData, ops::Deref};

use super::{Handle, Pool};
use crate::{
    future::Future,
    platform::{Entry, Platform, SpawnError, Spawner},
    queue::{Policy, TaskQueue},
    scheduler::{Backend, Config, Workers},
};

/// The parts of a [`PumpExecutor`] on platform `P` with queue `Q`.
pub struct PumpBackend<P, Q>(PhantomData<fn() -> (P, Q)>);

// SAFETY: the initializer is `()`; a queue belongs to the executor that it was given to.
unsafe impl<P: Platform, Q: TaskQueue> Backend for PumpBackend<P, Q> {
    type Platform = P;
    type Queue = Q;
    type Spawner = NoSpawner;
    type Initializer = ();
    type Cargo = ();

    const WORKERS: Workers = Workers::Waiter;
}

/// Starts nothing.
#[derive(Debug)]
pub struct NoSpawner(());

impl NoSpawner {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl Spawner for NoSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        Err(SpawnError::new(entry))
    }
}

/// A pool of zero workers: calls wait until somebody runs them, in the order of their submission.
///
/// For one thread, a super-loop, a test. A caller that waits for one of its futures runs the pool's calls until that one is
/// done; a call that waits for another runs just that one.
///
/// ```
/// use concurrent_futures::{PumpExecutor, Ring};
///
/// let pump: PumpExecutor = PumpExecutor::new(Ring::new(16)?);
/// let first = pump.spawn(|| 1)?;
/// let second = pump.spawn(|| 2)?;
/// assert!(pump.run_one());
/// assert!(first.done() && !second.done());
/// assert_eq!(second.result()?, 2, "waiting runs it");
/// assert!(!pump.run_one());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PumpExecutor<P: Platform, Q: TaskQueue> {
    pool: Pool<PumpBackend<P, Q>>,
}

impl<P: Platform, Q: TaskQueue> PumpExecutor<P, Q> {
    /// An empty pool whose calls wait in `queue`.
    #[must_use]
    pub fn new(queue: Q) -> Self {
        Self {
            pool: Pool::new(Config {
                max_workers: 0,
                policy: Policy::Block,
                queue,
                spawner: NoSpawner::new(),
                initializer: (),
                error_hook: None,
            }),
        }
    }

    /// Runs the call that has waited longest; false if none waits.
    pub fn run_one(&self) -> bool {
        self.pool.pool().pump()
    }

    /// Runs calls until none waits; says how many ran.
    pub fn run_until_idle(&self) -> usize {
        let mut ran = 0;
        while self.run_one() {
            ran += 1;
        }
        ran
    }

    /// Runs calls until `future` is done, or none waits; says whether it is done.
    pub fn run_until<T>(&self, future: &Future<T>) -> bool {
        while !future.done() {
            if !self.run_one() {
                return future.done();
            }
        }
        true
    }
}

impl<P: Platform, Q: TaskQueue> Deref for PumpExecutor<P, Q> {
    type Target = Handle<PumpBackend<P, Q>>;

    fn deref(&self) -> &Self::Target {
        &self.pool
    }
}

impl<P: Platform, Q: TaskQueue> fmt::Debug for PumpExecutor<P, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PumpExecutor")
            .field("stats", &self.pool.pool().stats())
            .finish()
    }
}

crate::submit_by_handle!([P: Platform, Q: TaskQueue] PumpExecutor<P, Q>, PumpBackend<P, Q>);
