//! What the checks of pools share.

use core::sync::atomic::{AtomicU32, Ordering};

use checks::{Verdict, expect};
use concurrent_futures_core::{
    executor::StaticPool,
    future::{Future, SubmitError},
};

use crate::{
    harts::{all_parked, soon},
    platform::Harts,
    spawner::HartSpawner,
    traps,
};

/// A pool whose workers are harts.
pub(super) type Pool<const SLOTS: usize> = StaticPool<Harts, SLOTS, 32, HartSpawner>;

/// Submits `f` as soon as a slot is free: calls of interrupt handlers may have them all.
pub(super) fn spawn<const SLOTS: usize, R, F>(
    pool: &'static Pool<SLOTS>,
    f: F,
) -> Result<Future<R>, &'static str>
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    let mut call = Some(f);
    let mut submitted = Err("no free slot");
    soon(|| {
        let Some(f) = call.take() else { return true };
        match pool.spawn(f) {
            Ok(future) => submitted = Ok(future),
            Err(SubmitError::Full(refused)) => call = Some(refused.into_inner()),
            Err(_) => submitted = Err("a call is refused"),
        }
        call.is_none()
    });
    submitted
}

/// Waits for `future`, which is to bring `value`.
pub(super) fn gives<T: PartialEq>(future: Future<T>, value: T) -> Verdict {
    expect!(
        future.result().is_ok_and(|outcome| outcome == value),
        "another outcome"
    );
    Ok(())
}

/// Shuts `pool` down and sees its workers go.
pub(super) fn close<const SLOTS: usize>(pool: &'static Pool<SLOTS>) -> Verdict {
    expect!(
        pool.shutdown(true, false).is_ok(),
        "it may not wait for its workers"
    );
    expect!(pool.stats().workers == 0, "there are workers left");
    expect!(all_parked(), "a hart did not come back");
    Ok(())
}

/// Wastes some time.
pub(super) fn spin(turns: usize) {
    for _ in 0..turns {
        core::hint::spin_loop();
    }
}

/// Where values of a [`Tracked`] went.
pub(super) struct Track {
    made: AtomicU32,
    dropped: AtomicU32,
    in_handler: AtomicU32,
}

impl Track {
    pub(super) const fn new() -> Self {
        Self {
            made: AtomicU32::new(0),
            dropped: AtomicU32::new(0),
            in_handler: AtomicU32::new(0),
        }
    }

    /// A value whose drop is counted.
    pub(super) fn value(&'static self) -> Tracked {
        self.made.fetch_add(1, Ordering::Relaxed);
        Tracked(self)
    }

    /// How many were not dropped.
    pub(super) fn alive(&self) -> u32 {
        self.made.load(Ordering::Relaxed) - self.dropped.load(Ordering::Relaxed)
    }

    /// How many were dropped in an interrupt handler.
    pub(super) fn dropped_in_handler(&self) -> u32 {
        self.in_handler.load(Ordering::Relaxed)
    }
}

/// What a call captures to see where it is dropped.
pub(super) struct Tracked(&'static Track);

impl Drop for Tracked {
    fn drop(&mut self) {
        if traps::inside() {
            self.0.in_handler.fetch_add(1, Ordering::Relaxed);
        }
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }
}
