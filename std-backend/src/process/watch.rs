//! What is known of the call that a worker runs, and of why it is to end: from looking at it when it has not answered.

use std::time::{Duration, Instant};

use super::wire::WireError;

/// How often a worker is looked at that has not answered, and has more to do than one call.
const TICK: Duration = Duration::from_millis(1);

/// How far a worker was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) call: u32,
    pub(crate) started: u32,
}

/// Why this side ended a worker.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    TimedOut(Duration),
    Protocol(WireError),
    Channel,
}

/// What is known of a worker and of the call that it was sent first.
#[derive(Debug)]
pub(crate) struct Watch {
    progress: Option<Progress>,
    /// When the call began, or the item that runs, as far as is known.
    since: Instant,
    looked: Instant,
    /// Whether what runs there is long, and what was behind it was taken back: nothing more is sent until it is over.
    pub(crate) settled: bool,
    /// Why it is to end, if it is, and when it is killed if it has not.
    pub(crate) ending: Option<Why>,
    kill_at: Option<Instant>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            progress: None,
            since: Instant::now(),
            looked: Instant::now(),
            settled: false,
            ending: None,
            kill_at: None,
        }
    }

    /// Another call, or item, is the first one now.
    pub(crate) fn next(&mut self) {
        self.progress = None;
        self.settled = false;
        self.since = Instant::now();
    }

    /// Whether anything may be sent to the worker.
    pub(crate) fn may_send(&self) -> bool {
        !self.settled && self.ending.is_none()
    }

    /// Notes how far the worker is. True if it was there before.
    pub(crate) fn is_stuck(&mut self, progress: Progress) -> bool {
        self.looked = Instant::now();
        let before = self.progress.replace(progress);
        if before == Some(progress) {
            return true;
        }
        if before.is_some_and(|before| before.call == progress.call) {
            self.since = self.looked;
        }
        self.settled = false;
        false
    }

    /// Whether the worker is to be looked at although it has sent something.
    pub(crate) fn is_due(&self, limit: Option<Duration>) -> bool {
        (limit.is_some() || self.kill_at.is_some()) && self.looked.elapsed() >= TICK
    }

    /// Whether what runs has run for longer than that.
    pub(crate) fn is_over(&self, limit: Duration) -> bool {
        self.progress.is_some_and(|progress| progress.started > 0) && self.since.elapsed() >= limit
    }

    /// The worker is to end, and may take so long; as long as it likes without.
    pub(crate) fn end(&mut self, why: Why, grace: Option<Duration>) {
        if self.ending.is_none() {
            self.ending = Some(why);
            self.kill_at = grace.and_then(|grace| Instant::now().checked_add(grace));
        }
    }

    /// Whether it was to end by now.
    pub(crate) fn is_overdue(&self) -> bool {
        self.kill_at.is_some_and(|at| at <= Instant::now())
    }

    /// How long to wait before it is looked at, for a call with this limit.
    pub(crate) fn patience(&self, limit: Option<Duration>) -> Option<Duration> {
        if self.ending.is_some() {
            let at = self.kill_at?;
            return Some(at.saturating_duration_since(Instant::now()).max(TICK));
        }
        if self.settled {
            let left = limit?.saturating_sub(self.since.elapsed());
            return Some(left.max(TICK));
        }
        match self.progress {
            // It begins its life, or reads something large.
            Some(progress) if progress.started == 0 => Some(10 * TICK),
            _ => Some(TICK),
        }
    }
}
