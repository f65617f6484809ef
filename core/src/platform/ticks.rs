//! A clock from a counter that wraps.

use core::time::Duration;

use super::{ConstLock, Lock, Locked, Time};

/// Extends a counter of ticks of 32 bits, which wraps, to a [`Time`] that never goes back.
///
/// It has to be asked at least once while the counter goes half round: at 1 kHz that is once in 24 days, at 100 MHz once in 21 seconds; a
/// timer interrupt may do it, where handlers may take the lock. A narrower counter is to be shifted to the top of 32 bits, and `hz` with it. Asked by several threads, each of
/// which has read the counter before, it takes a value that seems to be a little older than the last for that one. The counter may be
/// anywhere when it is asked first.
///
/// ```
/// use concurrent_futures_core::platform::{SpinLock, Ticks};
/// use core::time::Duration;
///
/// static TICKS: Ticks<SpinLock> = Ticks::new(1_000);
/// let before = TICKS.time(u32::MAX);
/// let after = TICKS.time(4); // the counter went round
/// assert_eq!(after.saturating_since(before), Duration::from_millis(5));
/// ```
pub struct Ticks<L> {
    hz: u32,
    /// All ticks up to the last look, if there was one.
    seen: Locked<L, Option<u64>>,
}

impl<L: ConstLock> Ticks<L> {
    /// For a counter that counts `hz` ticks in a second.
    ///
    /// # Panics
    /// If `hz` is 0.
    #[must_use]
    #[cfg(not(cf_model))]
    pub const fn new(hz: u32) -> Self {
        assert!(hz > 0, "a counter that stands still is no clock");
        Self {
            hz,
            seen: Locked::over(L::NEW, None),
        }
    }
}

impl<L: Lock> Ticks<L> {
    /// The time at which the counter was at `ticks`, which was read just now.
    pub fn time(&self, ticks: u32) -> Time {
        let ticks = self.seen.with(|seen| {
            let last = seen.unwrap_or_else(|| u64::from(ticks));
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the lower half is what the counter had"
            )]
            let since = ticks.wrapping_sub(last as u32);
            // More than half the way round is a value from before the last: another thread was faster.
            let since = if since < 1 << 31 { since } else { 0 };
            *seen.insert(last + u64::from(since))
        });
        let hz = u64::from(self.hz);
        let (seconds, rest) = (ticks / hz, ticks % hz);
        // Below a second in nanoseconds fits: a tick of a counter that counts `hz` is at least a nanosecond short of one.
        let nanos = rest * 1_000_000_000 / hz;
        Time::from_epoch(Duration::from_secs(seconds) + Duration::from_nanos(nanos))
    }
}

impl<L> core::fmt::Debug for Ticks<L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ticks")
            .field("hz", &self.hz)
            .finish_non_exhaustive()
    }
}
