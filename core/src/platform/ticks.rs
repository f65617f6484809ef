//! A clock from a counter that wraps.

use core::time::Duration;

use super::{ConstLock, Lock, Locked, Time};

/// Extends a counter of ticks, which wraps after 32 bits or fewer, to a [`Time`] that never goes back.
///
/// It has to be asked at least once while the counter goes half round: one of 32 bits at 1 kHz does so in 24 days, one at 100 MHz in 21
/// seconds, and one of 24 bits at 12 MHz in 0.7; a timer interrupt may ask, where handlers may take the lock. Of several threads that have
/// read the counter before each other, one whose value is older than the last gets the last. The counter may be anywhere when it is asked
/// first.
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
    bits: u32,
    /// All ticks up to the last look, if there was one.
    seen: Locked<L, Option<u64>>,
}

impl<L: ConstLock> Ticks<L> {
    /// For a counter of 32 bits that counts `hz` ticks in a second.
    ///
    /// # Panics
    /// If `hz` is 0.
    #[must_use]
    #[cfg(not(cf_model))]
    pub const fn new(hz: u32) -> Self {
        Self::of_bits(hz, 32)
    }

    /// For a counter that counts `hz` ticks in a second, upwards, in the lowest `bits` of what it is read as.
    ///
    /// # Panics
    /// If `hz` is 0, or `bits` is not between 2 and 32.
    #[must_use]
    #[cfg(not(cf_model))]
    pub const fn of_bits(hz: u32, bits: u32) -> Self {
        assert!(hz > 0, "a counter that stands still is no clock");
        assert!(
            bits >= 2 && bits <= 32,
            "a counter has between 2 and 32 bits"
        );
        Self {
            hz,
            bits,
            seen: Locked::over(L::NEW, None),
        }
    }
}

impl<L: Lock> Ticks<L> {
    /// The time at which the counter was at `ticks`, which was read just now.
    pub fn time(&self, ticks: u32) -> Time {
        let mask = u32::MAX >> (32 - self.bits);
        let ticks = self.seen.with(|seen| {
            let last = seen.unwrap_or_else(|| u64::from(ticks & mask));
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the lower half has what the counter had"
            )]
            let since = ticks.wrapping_sub(last as u32) & mask;
            // More than half the way round is a value from before the last: another thread was faster.
            let since = if since <= mask / 2 { since } else { 0 };
            *seen.insert(last + u64::from(since))
        });
        let hz = u64::from(self.hz);
        let (seconds, rest) = (ticks / hz, ticks % hz);
        // It fits: `rest` has 32 bits, and a second is 30 bits of nanoseconds.
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
