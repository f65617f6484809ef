//! A pool in a `static`: its calls are stored in place, so that no allocator is needed.

mod interrupt;
mod pumped;
mod slot;

use core::{fmt, marker::PhantomData, mem::ManuallyDrop, time::Duration};

use self::slot::{Fits, InSlot, Slot};
use super::{
    call::{AnyValue, Applied, Closure, Given, OnlyOk},
    submit::{refuse, submit_cell},
};
use crate::{
    future::{Future, SubmitError},
    platform::{ConstLock, Platform, Point, Spawner},
    queue::Inbox,
    scheduler::{
        Backend, Core, Pool, ShutdownError, ShutdownReport, Stats, Wait, Wanted, Why, Workers,
    },
    sync::Counted,
    task::{Task, header::Raw},
};

pub use interrupt::InterruptSide;
pub use pumped::Pumped;

/// A pool for a `static`: `SLOTS` calls at a time, each in a slot with room for `BYTES`. No allocator, nothing to drop.
///
/// A slot holds one call from its submission until both the pool and the future have let go of it: until the call is over, or cancelled, and
/// its future is consumed by `result`, or dropped; one that was awaited by `&mut` is there until it is dropped. (Who is told last of an
/// outcome finds the slot free once he has consumed it; others may be a moment faster than the worker.) Where all slots are busy, submitting is
/// an error that hands the call back.
///
/// `BYTES` is the room for a call, its closure or its function and arguments, and, once that is over, for what it returned. Both may be
/// aligned to 8 bytes at most. Whatever does not fit is an error when the program is compiled (`cargo check` does not see it), which says
/// the sizes. On 32 bits a slot takes some 60 bytes besides.
///
/// Whoever waits for a call, or asks, runs the calls, if the pool is [`Pumped`]; with another [`Spawner`] workers do, the first of which is
/// started by the first submission, or by [`start`](Self::start).
///
/// ```
/// use concurrent_futures::StdPlatform;
/// use concurrent_futures_core::executor::StaticPool;
///
/// static POOL: StaticPool<StdPlatform, 2, 32> = StaticPool::new();
///
/// let (six, seven) = (POOL.spawn(|| 6)?, POOL.spawn(|| 7)?);
/// assert!(POOL.spawn(|| 8).is_err(), "both slots are busy");
/// assert_eq!(POOL.run_until_idle(), 2);
/// assert_eq!(six.result()? * seven.result()?, 42);
/// assert!(POOL.spawn(|| 8).is_ok(), "free again");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A call that is too large does not compile:
/// ```compile_fail
/// # use concurrent_futures::StdPlatform;
/// # use concurrent_futures_core::executor::StaticPool;
/// static POOL: StaticPool<StdPlatform, 2, 32> = StaticPool::new();
/// let large = [0_u8; 33];
/// let _ = POOL.spawn(move || large.len());
/// ```
///
/// Calls of a static pool can be cancelled, waited for by themselves or as a [slice](crate::future::wait_in), and polled. In interrupt handlers
/// there is only [`InterruptSide`].
pub struct StaticPool<P: Platform, const SLOTS: usize, const BYTES: usize, S: Spawner = Pumped> {
    core: Counted<FixedCore<P, S, SLOTS>>,
    slots: [Slot<P, S, SLOTS, BYTES>; SLOTS],
}

/// The parts of a [`StaticPool`].
pub(crate) struct Fixed<P, S, const SLOTS: usize>(PhantomData<fn() -> (P, S)>);

type FixedCore<P, S, const SLOTS: usize> = Core<Fixed<P, S, SLOTS>>;

// SAFETY: the initializer is `()`, and nothing is carried.
unsafe impl<P: Platform, S: Spawner, const SLOTS: usize> Backend for Fixed<P, S, SLOTS> {
    type Platform = P;
    type Queue = Inbox<Task, P::Lock, SLOTS>;
    type Spawner = S;
    type Initializer = ();
    #[cfg(feature = "alloc")]
    type Cargo = ();

    const WORKERS: Workers = if S::STARTS {
        Workers::Own
    } else {
        Workers::Waiter
    };
}

impl<P: Platform, const SLOTS: usize, const BYTES: usize> StaticPool<P, SLOTS, BYTES>
where
    P::Lock: ConstLock,
{
    /// A pool without workers.
    #[must_use]
    pub const fn new() -> Self {
        Self::over(0, Pumped::new())
    }

    /// A pool without workers that calls `pend` after each submission, from wherever that came, interrupt handlers included: it sees to it
    /// that somebody runs the calls. It has to be short, and must not submit.
    ///
    /// In a super-loop it may set a flag, or there is nothing to do, because the interrupt itself ends the sleep. With RTIC it pends the
    /// task that calls [`run_until_idle`](Self::run_until_idle), with embassy it signals it.
    #[must_use]
    pub const fn with_pender(pend: fn()) -> Self {
        Self::over(0, Pumped::by(pend))
    }

    /// Runs the call that has waited longest; false if none waits. It may be cancelled just before it starts: then nothing ran, and this is
    /// true all the same.
    pub fn run_one(&'static self) -> bool {
        self.pool().pump()
    }

    /// Runs calls until none waits; says how many, those included that were cancelled just before they started.
    pub fn run_until_idle(&'static self) -> usize {
        let mut ran = 0;
        while self.run_one() {
            ran += 1;
        }
        ran
    }

    /// Runs calls until `future` is done, or none waits; says whether it is done.
    pub fn run_until<T>(&'static self, future: &Future<T>) -> bool {
        while !future.done() {
            if !self.run_one() {
                return future.done();
            }
        }
        true
    }
}

impl<P: Platform, const SLOTS: usize, const BYTES: usize, S: Spawner> StaticPool<P, SLOTS, BYTES, S>
where
    P::Lock: ConstLock,
{
    /// A pool whose calls are run by at most `max_workers` workers, which `spawner` starts.
    #[must_use]
    pub const fn with_workers(max_workers: usize, spawner: S) -> Self {
        assert!(
            S::STARTS && max_workers > 0,
            "this pool would have no workers: give it at least one, and a spawner that starts them"
        );
        Self::over(max_workers, spawner)
    }

    const fn over(max_workers: usize, spawner: S) -> Self {
        const { assert!(SLOTS > 0, "a pool needs at least one slot") };
        Self {
            core: Counted::new(Core::fixed(max_workers, Inbox::new(), spawner)),
            slots: [const { Slot::new() }; SLOTS],
        }
    }

    /// Starts the workers now, and not with the first calls: interrupt handlers start none. Says how many there are; fewer than there may be
    /// if the platform refused one.
    pub fn start(&'static self) -> usize {
        self.pool().start_all()
    }
}

impl<P: Platform, const SLOTS: usize, const BYTES: usize, S: Spawner>
    StaticPool<P, SLOTS, BYTES, S>
{
    fn pool(&'static self) -> ManuallyDrop<Pool<Fixed<P, S, SLOTS>>> {
        Pool::lend(&self.core)
    }

    /// Puts `call` into a free slot, with one reference for the producer and one for the consumer. The error is the call: all are busy.
    fn place<C: Given>(&'static self, call: C) -> Result<Raw, C> {
        match self.slots.iter().find(|slot| slot.claim()) {
            Some(slot) => Ok(slot.fill(call, &self.core)),
            None => Err(call),
        }
    }

    /// Submits a call and makes its future.
    fn submit_call<C>(&'static self, call: C) -> Result<Future<C::Output>, SubmitError<C::Back>>
    where
        C: Given + Send + 'static,
        C::Output: Send + 'static,
    {
        let pool = self.pool();
        if let Some(why) = pool.refusal() {
            return Err(refuse(why, call.give_back()));
        }
        let raw = match self.place(call) {
            Ok(raw) => raw,
            Err(call) => return Err(refuse(Why::Full, call.give_back())),
        };
        let wanted = Wanted {
            policy: None,
            needs_local: false,
        };
        // SAFETY: the cell is new, and of this type; it lives for ever, and everything in it is `Send` and `'static`.
        let future = unsafe { submit_cell::<_, C, InSlot<P, S, SLOTS>>(&pool, raw, wanted) }?;
        pool.pend();
        Ok(future)
    }

    /// Calls `f(args)`.
    ///
    /// # Errors
    /// [`SubmitError`] with the function and its arguments, if the pool is shut down, all slots are busy, or no worker can be started.
    ///
    /// # Cancel behaviour
    /// The call can be cancelled until it starts.
    pub fn submit<A, R, F>(&'static self, f: F, args: A) -> Result<Future<R>, SubmitError<(F, A)>>
    where
        A: Send + 'static,
        R: Send + 'static,
        F: FnOnce(A) -> R + Send + 'static,
    {
        let () = Fits::<Applied<F, A, AnyValue>, R, BYTES>::CHECK;
        self.submit_call(Applied(f, args, PhantomData::<AnyValue>))
    }

    /// As [`submit`](Self::submit), for functions that return `Result`: an `Err` counts as a failure of the call.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    #[expect(
        clippy::type_complexity,
        reason = "a result inside a future is what it is"
    )]
    pub fn submit_result<A, T, E, F>(
        &'static self,
        f: F,
        args: A,
    ) -> Result<Future<Result<T, E>>, SubmitError<(F, A)>>
    where
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(A) -> Result<T, E> + Send + 'static,
    {
        let () = Fits::<Applied<F, A, OnlyOk>, Result<T, E>, BYTES>::CHECK;
        self.submit_call(Applied(f, args, PhantomData::<OnlyOk>))
    }

    /// Calls `f`.
    ///
    /// # Errors
    /// [`SubmitError`] with the closure, as for [`submit`](Self::submit).
    ///
    /// # Cancel behaviour
    /// The call can be cancelled until it starts: the closure is dropped at once.
    pub fn spawn<R, F>(&'static self, f: F) -> Result<Future<R>, SubmitError<F>>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        let () = Fits::<Closure<F, AnyValue>, R, BYTES>::CHECK;
        self.submit_call(Closure(f, PhantomData::<AnyValue>))
    }

    /// As [`spawn`](Self::spawn), for closures that return `Result`: an `Err` counts as a failure of the call.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_result<T, E, F>(
        &'static self,
        f: F,
    ) -> Result<Future<Result<T, E>>, SubmitError<F>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let () = Fits::<Closure<F, OnlyOk>, Result<T, E>, BYTES>::CHECK;
        self.submit_call(Closure(f, PhantomData::<OnlyOk>))
    }

    /// A look at the pool, at this moment.
    #[must_use]
    pub fn stats(&'static self) -> Stats {
        P::point(Point::Looked);
        self.pool().stats()
    }

    /// How many slots are free, at this moment.
    #[must_use]
    pub fn free_slots(&self) -> usize {
        P::point(Point::Looked);
        self.slots.iter().filter(|slot| slot.is_free()).count()
    }

    /// Takes no more calls, for ever. With `cancel_futures`, cancels those that have not started; without, they are run. With `wait`,
    /// returns when all workers are gone, or, of a pool that is [`Pumped`], runs what waits.
    ///
    /// # Errors
    /// [`ShutdownError`] if it was to wait and must not; the pool is closed all the same.
    pub fn shutdown(
        &'static self,
        wait: bool,
        cancel_futures: bool,
    ) -> Result<ShutdownReport, ShutdownError> {
        let wait = if wait { Wait::Forever } else { Wait::No };
        self.pool().shutdown(wait, cancel_futures)
    }

    /// As [`shutdown`](Self::shutdown), waiting for at most `timeout`: the report says what is left then. Without a clock this
    /// does not wait.
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_timeout(
        &'static self,
        timeout: Duration,
        cancel_futures: bool,
    ) -> Result<ShutdownReport, ShutdownError> {
        self.pool().shutdown(Wait::For(timeout), cancel_futures)
    }
}

impl<P: Platform, const SLOTS: usize, const BYTES: usize> Default for StaticPool<P, SLOTS, BYTES>
where
    P::Lock: ConstLock,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform, const SLOTS: usize, const BYTES: usize, S: Spawner> fmt::Debug
    for StaticPool<P, SLOTS, BYTES, S>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticPool").finish_non_exhaustive()
    }
}
