//! How a thread waits and how it is woken, and what time it is.

use core::{task::Waker, time::Duration};

/// A point in time: what has passed since an epoch that the [`Clock`] chose.
///
/// ```
/// use concurrent_futures_core::platform::{Clock, NoClock};
///
/// assert!(NoClock::now().is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Duration);

impl Time {
    /// The time that is `elapsed` after the clock's epoch.
    #[must_use]
    pub const fn from_epoch(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the clock's epoch this is.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// This time and `duration` more; `None` where that is more than can be counted.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    /// How long it is from `earlier` to here, nothing if that is not earlier.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A clock that never goes back.
pub trait Clock: 'static {
    /// The time now, or `None` where there is no clock: there every wait with a timeout is a poll.
    fn now() -> Option<Time>;
}

/// For platforms without a clock.
#[derive(Clone, Copy, Debug)]
pub struct NoClock;

impl Clock for NoClock {
    fn now() -> Option<Time> {
        None
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Never,
    At(Time),
    /// Not at all: what a timeout comes to where there is no clock.
    Now,
}

impl Deadline {
    /// `timeout` after `now`; for ever if that is more than the clock can count.
    pub(crate) fn after(now: Option<Time>, timeout: Duration) -> Self {
        match now {
            Some(now) => now.checked_add(timeout).map_or(Self::Never, Self::At),
            None => Self::Now,
        }
    }

    /// Whether it is over. `now` is only asked for if it matters.
    pub(crate) fn is_over(self, now: impl FnOnce() -> Option<Time>) -> bool {
        match self {
            Self::Never => false,
            Self::At(time) => now().is_none_or(|now| now >= time),
            Self::Now => true,
        }
    }

    /// Parks the calling thread, until then at the latest.
    pub(crate) fn park(self, parker: &impl Parker) {
        match self {
            Self::Never => parker.park(),
            Self::At(time) => parker.park_until(time),
            Self::Now => {}
        }
    }
}

/// One token and the thread that waits for it.
///
/// `park` returns once the token is there, and takes it. It may return without: whoever parks looks at what it waits for,
/// parks, and looks again.
pub trait Parker {
    /// What wakes this parker's thread.
    fn unparker(&self) -> Unparker;

    /// What [`InterruptUnpark`](super::InterruptUnpark) calls this parker, on platforms that have it: a number below `usize::MAX`.
    #[inline]
    fn id(&self) -> usize {
        0
    }

    /// Waits for the token and takes it; may return early.
    fn park(&self);

    /// Waits for the token, at most until `deadline`; may return early.
    fn park_until(&self, deadline: Time);
}

/// Wakes one parked thread: the token of a [`Parker`], callable from anywhere, once.
///
/// It has the shape of a [`Waker`], so that threads, async tasks and sets of futures are woken the same way; waking never
/// allocates and never runs calls.
///
/// ```
/// use concurrent_futures_core::platform::Unparker;
///
/// Unparker::new(core::task::Waker::noop().clone()).unpark();
/// ```
#[derive(Debug)]
pub struct Unparker(Waker);

impl Unparker {
    /// Wraps what wakes the thread. Waking must set a token that lasts until the thread parks.
    #[must_use]
    pub const fn new(waker: Waker) -> Self {
        Self(waker)
    }

    /// Puts the token and wakes the thread if it is parked.
    #[inline]
    pub fn unpark(self) {
        self.0.wake();
    }

    pub(crate) fn into_waker(self) -> Waker {
        self.0
    }
}
