//! What an interrupt handler may do with a static pool.

use core::{fmt, marker::PhantomData};

use super::{
    StaticPool,
    slot::{Fits, InSlot},
};
use crate::{
    executor::{
        call::{AnyValue, Closure, Given},
        submit::{post_cell, refuse},
    },
    future::SubmitError,
    platform::{ConstLock, InterruptUnpark, Spawner},
    scheduler::Why,
};

/// A [`StaticPool`] as interrupt handlers see it: they submit calls that nobody waits for, and nothing else.
///
/// ```
/// use concurrent_futures::StdPlatform;
/// use concurrent_futures_core::{executor::StaticPool, platform::InterruptUnpark};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// # fn example<P: InterruptUnpark>(pool: &'static StaticPool<P, 4, 16>)
/// # where P::Lock: concurrent_futures_core::platform::ConstLock {
/// static SEEN: AtomicU32 = AtomicU32::new(0);
///
/// // In the handler:
/// let sample = 17;
/// let queued = pool.interrupt_side().submit_detached(move || { SEEN.fetch_add(sample, Ordering::Relaxed); });
/// if queued.is_err() {
///     // All slots are busy: the sample is lost, or whatever else the handler does about that.
/// }
/// # }
/// ```
pub struct InterruptSide<
    P: InterruptUnpark,
    const SLOTS: usize,
    const BYTES: usize,
    S: Spawner = super::Pumped,
> {
    pool: &'static StaticPool<P, SLOTS, BYTES, S>,
}

impl<P: InterruptUnpark, const SLOTS: usize, const BYTES: usize, S: Spawner>
    InterruptSide<P, SLOTS, BYTES, S>
where
    P::Lock: ConstLock,
{
    /// Submits a call that nobody waits for. It runs as one from a thread does, and what it leaves is dropped there.
    ///
    /// The number of steps is bounded, by `SLOTS` and by what others submit at the same time; no lock is taken, no code of the user's is
    /// called or dropped, but a [pender](StaticPool::with_pender). (Without compare-and-swap each step is a critical section, which the
    /// program's implementation of those makes as it likes.) A sleeping worker is woken; none is started: see [`start`](StaticPool::start).
    /// If those that there are are all busy, the call waits for one of them, even if there may be more. If the only one is just being started,
    /// and the platform refuses it, whoever starts it drops the call.
    ///
    /// # Errors
    /// [`SubmitError`] with the closure, if all slots are busy, the pool is shut down, or no worker was started yet. Whoever drops it drops
    /// it here, in the handler.
    pub fn submit_detached<F>(self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        let () = Fits::<Closure<F, AnyValue>, (), BYTES>::CHECK;
        let call = Closure(f, PhantomData::<AnyValue>);
        let raw = match self.pool.place(call) {
            Ok(raw) => raw,
            Err(call) => return Err(refuse(Why::Full, call.give_back())),
        };
        let pool = self.pool.pool();
        // SAFETY: the cell is new, and of this type; it lives for ever, and everything in it is `Send` and `'static`.
        unsafe { post_cell::<_, Closure<_, AnyValue>, InSlot<P, S, SLOTS>, _, _>(&pool, raw) }
    }
}

impl<P: InterruptUnpark, const SLOTS: usize, const BYTES: usize, S: Spawner>
    StaticPool<P, SLOTS, BYTES, S>
{
    /// The pool for interrupt handlers.
    #[must_use]
    pub const fn interrupt_side(&'static self) -> InterruptSide<P, SLOTS, BYTES, S> {
        InterruptSide { pool: self }
    }
}

impl<P: InterruptUnpark, const SLOTS: usize, const BYTES: usize, S: Spawner> Clone
    for InterruptSide<P, SLOTS, BYTES, S>
{
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: InterruptUnpark, const SLOTS: usize, const BYTES: usize, S: Spawner> Copy
    for InterruptSide<P, SLOTS, BYTES, S>
{
}

impl<P: InterruptUnpark, const SLOTS: usize, const BYTES: usize, S: Spawner> fmt::Debug
    for InterruptSide<P, SLOTS, BYTES, S>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterruptSide").finish_non_exhaustive()
    }
}
