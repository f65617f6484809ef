//! What a pool is made of.

#[cfg(feature = "alloc")]
use alloc::string::String;

#[cfg(feature = "alloc")]
use super::{Cargo, Carry};
use crate::{
    future::BrokenKind,
    platform::{Platform, Spawner},
    queue::TaskQueue,
};

/// Why an initializer failed.
#[cfg(feature = "alloc")]
pub(super) type Cause = String;
#[cfg(not(feature = "alloc"))]
pub(super) type Cause = &'static str;

/// What a pool is made of.
///
/// # Safety
/// If [`WORKERS`](Self::WORKERS) is not [`Workers::Own`], the initializer is `()`: nobody calls another one, and
/// [`CARRY`](Self::CARRY) is `None`.
pub unsafe trait Backend: Sized + 'static {
    /// Where it runs.
    type Platform: Platform;
    /// Where its calls wait.
    type Queue: TaskQueue;
    /// What starts its workers.
    type Spawner: Spawner;
    /// What a worker does before its first call.
    type Initializer: Initializer;
    /// What its calls bring along for workers that run them elsewhere.
    #[cfg(feature = "alloc")]
    type Cargo: Cargo;

    /// What it calls itself when it breaks.
    const KIND: BrokenKind = BrokenKind::ThreadPool;
    /// Who runs its calls.
    const WORKERS: Workers = Workers::Own;
    /// What its workers do with calls if they do not run them in place.
    #[cfg(feature = "alloc")]
    const CARRY: Option<Carry<Self>> = None;
}

/// Who runs the calls of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// Workers that the pool starts.
    Own,
    /// Whoever waits for one of its calls, or asks to run some.
    Waiter,
    /// Whoever submits one, at once.
    Submitter,
}

/// Runs once on every worker before its first call, and leaves a value there that calls can borrow.
pub trait Initializer: Send + Sync + 'static {
    /// The worker-local value: made, lent and dropped on its worker.
    type Local: 'static;

    /// Makes the value.
    ///
    /// # Errors
    /// Why it cannot, in words: the pool is broken then.
    fn init(&self) -> Result<Self::Local, Cause>;

    /// Whether there is nothing to it: then a worker that starts is idle at once.
    fn is_trivial(&self) -> bool {
        false
    }
}

/// Nothing to do, nothing to keep.
impl Initializer for () {
    type Local = ();

    fn init(&self) -> Result<(), Cause> {
        Ok(())
    }

    fn is_trivial(&self) -> bool {
        true
    }
}
