//! Threads of an operating system as a platform of the core.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::{Mutex, OnceLock, PoisonError},
    time::Instant,
};

use concurrent_futures_core::{
    future::PanicPayload,
    platform::{Clock, ConstLock, Current, Lock, Platform, Stripe, Time, WorkerContext},
};

use crate::{panic_location, parker::ThreadParker};

/// Threads of the operating system.
#[derive(Debug)]
pub struct StdPlatform(());

/// A mutex of the operating system around nothing.
#[derive(Debug, Default)]
pub struct StdLock(Mutex<()>);

impl StdLock {
    const fn open() -> Self {
        Self(Mutex::new(()))
    }
}

// SAFETY: the mutex is held while the section runs.
unsafe impl Lock for StdLock {
    fn new() -> Self {
        Self::open()
    }

    #[inline]
    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        // No user code runs inside, so nothing panics there; if it did, what it guards is still whole.
        let _inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        section()
    }
}

impl ConstLock for StdLock {
    const NEW: Self = Self::open();
}

/// The monotonic clock.
#[derive(Debug)]
pub struct StdClock(());

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

impl Clock for StdClock {
    fn now() -> Option<Time> {
        Some(Time::from_epoch(epoch().elapsed()))
    }
}

/// On a line of its own.
#[repr(align(64))]
struct Padded(StdLock);

const STRIPES: usize = 64;

/// Spreads addresses over the stripes: Fibonacci hashing, Knuth, The Art of Computer Programming, volume 3, 6.4.
fn stripe_of(address: usize) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    ((address as u64).wrapping_mul(GOLDEN) >> (u64::BITS - STRIPES.ilog2())) as usize
}

/// How often a waiter looks again before it parks: some ten microseconds, by when a short call is over.
const SPINS: u32 = 400;
/// After which look it gives its processor away once, after about half a microsecond: what it waits for may be queued behind it there.
const YIELD_AT: u32 = 20;

thread_local! {
    static CURRENT: Cell<Option<NonNull<WorkerContext>>> = const { Cell::new(None) };
}

// SAFETY: stripes are chosen by address only; `CURRENT` is this thread's, set inside `enter` and restored when it is left; all
// closures are called once, in place.
unsafe impl Platform for StdPlatform {
    type Parker = ThreadParker;
    type Lock = StdLock;
    type Clock = StdClock;

    fn with_parker<R>(wait: impl FnOnce(&ThreadParker) -> R) -> R {
        wait(&ThreadParker::HERE)
    }

    fn stripe(stripe: Stripe, address: usize) -> &'static StdLock {
        static CALLS: [Padded; STRIPES] = [const { Padded(StdLock::open()) }; STRIPES];
        static SETS: [Padded; STRIPES] = [const { Padded(StdLock::open()) }; STRIPES];
        let stripes = match stripe {
            Stripe::Call => &CALLS,
            Stripe::Set => &SETS,
        };
        &stripes[stripe_of(address)].0
    }

    #[inline]
    fn catch<R>(code: impl FnOnce() -> R) -> Result<R, PanicPayload> {
        panic_location::forget();
        // What the code left half-done is dropped with its closure, or seen by nobody but its owner.
        catch_unwind(AssertUnwindSafe(code))
            .map_err(|payload| PanicPayload::new(payload, panic_location::take()))
    }

    #[inline]
    fn current() -> Current {
        CURRENT.get().map_or(Current::Foreign, Current::Worker)
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        struct Leave(Option<NonNull<WorkerContext>>);
        impl Drop for Leave {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _leave = Leave(CURRENT.replace(Some(NonNull::from(context))));
        life()
    }

    #[cfg(target_os = "linux")]
    fn processor() -> Option<usize> {
        // SAFETY: it takes nothing and returns a number.
        usize::try_from(unsafe { libc::sched_getcpu() }).ok()
    }

    #[inline]
    fn relax(turn: u32) -> bool {
        match turn {
            YIELD_AT => std::thread::yield_now(),
            0..SPINS => std::hint::spin_loop(),
            _ => return false,
        }
        true
    }
}
