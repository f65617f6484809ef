//! The pools that the checks need, for a `static` of the machine's.

use core::sync::atomic::{AtomicUsize, Ordering};

use concurrent_futures_core::{
    executor::StaticPool,
    platform::{ConstLock, InterruptUnpark},
};

/// Room for a call, and for its outcome, which an allocator makes larger.
const BYTES: usize = if cfg!(feature = "alloc") { 64 } else { 24 };

/// A pool that the checks use.
pub(crate) type Pool<P, const SLOTS: usize> = StaticPool<P, SLOTS, BYTES>;

/// How many pools there are to be shut down.
const CLOSED: usize = 9;

/// All pools that the checks use. A machine keeps them in a `static`.
#[derive(Debug)]
pub struct Pools<P: InterruptUnpark> {
    /// Each check leaves these two empty and open.
    pub(crate) two: Pool<P, 2>,
    pub(crate) eight: Pool<P, 8>,
    pub(crate) pending: Pool<P, 2>,
    to_close: [Pool<P, 2>; CLOSED],
    closed: AtomicUsize,
}

/// How often a pender was called.
pub(crate) static PENDED: AtomicUsize = AtomicUsize::new(0);

fn pend() {
    // A load and a store: no handler comes between in that check.
    PENDED.store(PENDED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl<P: InterruptUnpark<Lock: ConstLock>> Pools<P> {
    /// Open pools.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is for a static")]
    pub const fn new() -> Self {
        Self {
            two: StaticPool::new(),
            eight: StaticPool::new(),
            pending: StaticPool::with_pender(pend),
            to_close: [const { StaticPool::new() }; CLOSED],
            closed: AtomicUsize::new(0),
        }
    }

    /// A pool that nobody has used, for one check to shut down.
    pub(crate) fn to_close(&'static self) -> Result<&'static Pool<P, 2>, &'static str> {
        let next = self.closed.load(Ordering::Relaxed);
        self.closed.store(next + 1, Ordering::Relaxed);
        self.to_close
            .get(next)
            .ok_or("no pool is left to be closed")
    }
}
