//! What the core needs from where it runs.
//!
//! A [`Platform`] says how a thread waits ([`Parker`]), what time it is ([`Clock`]), what a lock is ([`Lock`]), how a panic
//! is caught and who the caller is ([`Current`]); a [`Spawner`] starts workers. Nothing else in this crate knows whether it
//! runs on threads of an operating system, on a microcontroller or in a test.

mod current;
mod erased;
mod lock;
mod parker;
mod spawner;
mod spin;
#[cfg(target_has_atomic = "ptr")]
mod spin_lock;
mod ticks;

pub(crate) use current::Owner;
#[cfg(feature = "alloc")]
pub(crate) use current::WorkerId;
pub use current::{Current, WorkerContext};
pub(crate) use erased::{Erased, Runtime, locked};
pub(crate) use lock::Locked;
pub use lock::{ConstLock, CriticalLock, Lock};
pub(crate) use parker::Deadline;
pub use parker::{Clock, NoClock, Parker, Time, Unparker};
pub(crate) use spawner::EntryActions;
pub use spawner::{Entry, SpawnError, Spawner};
pub(crate) use spin::spin;
#[cfg(target_has_atomic = "ptr")]
pub use spin_lock::{InterruptMask, MaskedSpinLock, SpinLock};
pub use ticks::Ticks;

use crate::{future::PanicPayload, sync::AbortOnUnwind};

/// Where calls run: the operations that differ between an operating system, bare metal and a simulator.
///
/// All functions are associated, because a thread that waits for a future knows only the future; a platform with state keeps
/// it in a `static` or in thread-local storage.
///
/// # Safety
/// `stripe` gives the same lock for the same arguments, always. `current` gives `Worker` of a context only on the thread that is
/// inside `enter` with it, the innermost one. `enter` and `with_parker` run what they are given exactly once before they
/// return, on the calling thread, and `catch` likewise; it catches every panic, or ends the program.
///
/// # Example
/// A platform for a program with one thread, where nobody else could ever wake it:
/// ```
/// use concurrent_futures_core::platform::*;
///
/// struct Single;
/// struct Never;
///
/// impl Parker for Never {
///     fn unparker(&self) -> Unparker { Unparker::new(core::task::Waker::noop().clone()) }
///     fn park(&self) { core::hint::spin_loop() }
///     fn park_until(&self, _: Time) { core::hint::spin_loop() }
/// }
///
/// // SAFETY: there is one lock and one thread, which is never a worker's.
/// unsafe impl Platform for Single {
///     type Parker = Never;
///     type Lock = CriticalLock;
///     type Clock = NoClock;
///     fn with_parker<R>(wait: impl FnOnce(&Never) -> R) -> R { wait(&Never) }
///     fn stripe(_: Stripe, _: usize) -> &'static CriticalLock {
///         static ALL: CriticalLock = CriticalLock::new();
///         &ALL
///     }
///     fn current() -> Current { Current::Foreign }
///     fn enter<R>(_: &WorkerContext, life: impl FnOnce() -> R) -> R { life() }
/// }
/// ```
pub unsafe trait Platform: Sized + 'static {
    /// How a thread of this platform waits.
    type Parker: Parker;
    /// What guards short sections of the scheduler.
    type Lock: Lock;
    /// What time it is; [`NoClock`] where there is none.
    type Clock: Clock;

    /// Lends the parker of the calling thread.
    fn with_parker<R>(wait: impl FnOnce(&Self::Parker) -> R) -> R;

    /// The lock that guards the waiters of the thing at `address`.
    ///
    /// Any number of addresses may share a lock. A thread that holds one of [`Stripe::Call`] may take one of
    /// [`Stripe::Set`], never the other way round and never two of a kind, so the two kinds must be different locks
    /// unless the lock may be taken again by its holder.
    fn stripe(stripe: Stripe, address: usize) -> &'static Self::Lock;

    /// Runs user code and catches its panic, where the platform can.
    ///
    /// The default does not catch, for platforms where a panic ends the program, as with `panic = "abort"`. Where it would unwind, it ends
    /// the program all the same: nothing may unwind through what calls this.
    ///
    /// # Errors
    /// What the code panicked with.
    #[inline]
    fn catch<R>(code: impl FnOnce() -> R) -> Result<R, PanicPayload> {
        let guard = AbortOnUnwind("a panic on a platform that does not catch it");
        let result = code();
        guard.disarm();
        Ok(result)
    }

    /// Who is calling. In an interrupt handler that is [`Current::MustNotBlock`], whatever it interrupted.
    fn current() -> Current;

    /// Runs `life` with [`current`](Self::current) answering `Worker(context)` on this thread, and restores it after, also
    /// when `life` unwinds.
    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R;

    /// One turn of a bounded busy wait; false says that it is time to park.
    ///
    /// `turn` counts from zero. The default never spins.
    #[inline]
    fn relax(turn: u32) -> bool {
        let _ = turn;
        false
    }

    /// Which processor the calling thread runs on, if the platform knows: a hint. Of several sleeping workers one is woken that
    /// last ran on another processor than the waker, which is busy with the waker itself.
    #[inline]
    fn processor() -> Option<usize> {
        None
    }

    /// A step of a protocol: nothing on a real platform, a decision point of a simulator.
    #[inline(always)]
    fn point(point: Point) {
        let _ = point;
    }

    /// Something happened to the call whose block of memory is at `address`: nothing on a real platform, what a simulator keeps
    /// its books by. May come from inside a lock.
    #[inline(always)]
    fn observe(event: CallEvent, address: usize) {
        let _ = (event, address);
    }
}

/// A platform on which interrupt handlers may submit calls to static pools.
///
/// # Safety
/// [`unpark`](Self::unpark) may be called from anywhere, interrupt handlers included, takes a bounded time, and neither runs nor drops
/// anything of a user's. Nothing in it waits for a lock that whoever was interrupted may hold, or that somebody else holds for long. Every
/// parker has an [id](Parker::id) of its own.
pub unsafe trait InterruptUnpark: Platform {
    /// Puts the token of the parker of this [id](Parker::id), as its unparker would. If its thread has ended, nothing happens, or another
    /// thread that has the number now returns early.
    fn unpark(id: usize);
}

/// What happens to a call, or a promise, from its making until its memory is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallEvent {
    /// It was made: a call that an executor is to run.
    Created,
    /// It was made: a promise.
    Promised,
    /// The calling thread is about to park until it is over.
    Awaited,
    /// The calling thread is about to park until one of several is over, of which it is the first.
    AwaitedAmong,
    /// It is about to run here: closure and arguments were moved out.
    Started,
    /// Closure and arguments were dropped, or handed back, without running.
    Dropped,
    /// It has an outcome.
    Finished,
    /// Its outcome was moved out or dropped.
    Taken,
    /// Its memory is free.
    Freed,
}

/// Which family of locks [`Platform::stripe`] is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stripe {
    /// Guards the waiters of one call.
    Call,
    /// Guards what of a set of calls is ready; taken inside one of [`Stripe::Call`].
    Set,
}

/// The steps between which another thread's step can matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Point {
    /// A call was pushed, idle workers were not looked for yet.
    Pushed,
    /// A worker searched and found nothing, it is not listed as asleep yet.
    SearchedInVain,
    /// A worker is listed as asleep and has not looked again.
    ListedAsleep,
    /// A worker looked again and is about to park.
    AboutToPark,
    /// A call left the queue and is not started.
    Taken,
    /// A call has an outcome that is not published.
    Outcome,
    /// An outcome is published, nobody was woken yet.
    Published,
    /// The queue was full, the producer is not listed as blocked yet.
    FoundFull,
    /// A producer is listed as blocked and has not looked again.
    ListedBlocked,
    /// A waiter is about to register with a call.
    AboutToWait,
    /// Somebody looks at the state of a call without waiting, and may do so again and again.
    Looked,
    /// A pool was closed, nobody was told yet.
    Closed,
}
