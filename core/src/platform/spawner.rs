//! Starting workers.

use core::{fmt, ptr::NonNull};

/// A worker's whole life in two words: a function and a pointer. Nothing to box, nothing to join.
///
/// Dropping it without running it is allowed: the pool then counts the worker as ended.
pub struct Entry {
    actions: &'static EntryActions,
    pool: NonNull<()>,
}

/// What an [`Entry`] can do with its pool.
pub(crate) struct EntryActions {
    /// Lives the worker's life; gives the entry's hold on the pool back at its end.
    pub(crate) run: unsafe fn(NonNull<()>),
    /// Undoes the accounting for a worker that never lives.
    pub(crate) abandon: unsafe fn(NonNull<()>),
}

// SAFETY: the pointer is a hold on a pool that is `Send + Sync`; it may be let go on any thread.
unsafe impl Send for Entry {}

impl Entry {
    /// # Safety
    /// `pool` is what both `actions` expect, and they may be called on any thread, one of them once.
    pub(crate) unsafe fn new(actions: &'static EntryActions, pool: NonNull<()>) -> Self {
        Self { actions, pool }
    }

    /// Lives the worker's life on the calling thread; returns when the worker has ended.
    pub fn run(self) {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: by the contract of `new`; `self` is consumed and its drop does not run, so this happens once.
        unsafe { (this.actions.run)(this.pool) }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: by the contract of `new`; `run` did not happen, or this drop would not.
        unsafe { (self.actions.abandon)(self.pool) }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

/// Starts workers: threads, tasks of an RTOS, cores, or nothing but a list in a test.
pub trait Spawner: Send + Sync + 'static {
    /// Whether it ever starts a worker. A static pool whose spawner does not is run by whoever waits for its calls, or asks.
    const STARTS: bool = true;

    /// Arranges for `entry.run()` to be called on a worker of its own. May fail; may start late; must not run it before
    /// returning.
    ///
    /// # Errors
    /// The platform refused; the entry comes back inside the error.
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError>;

    /// Waits until every worker that this spawner started is gone, where the platform can: their lives are over when this is
    /// called, what is left is the thread under them. Never called on such a worker.
    fn join(&self) {}

    /// A call was submitted to a static pool, maybe by an interrupt handler: where nothing is [started](Self::STARTS), this tells whoever
    /// runs the pool's calls. Then it may be called from anywhere, and takes a bounded time.
    #[inline]
    fn pend(&self) {}
}

/// The platform refused to start a worker.
#[derive(Debug)]
pub struct SpawnError {
    entry: Entry,
}

impl SpawnError {
    /// Hands the entry back.
    #[must_use]
    pub const fn new(entry: Entry) -> Self {
        Self { entry }
    }

    /// The life that was not started.
    #[must_use]
    pub fn into_entry(self) -> Entry {
        self.entry
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the platform refused to start a worker")
    }
}

impl core::error::Error for SpawnError {}
