//! The state word of a call: every transition there is, and nothing else.
//!
//! ```text
//!   bits 0-1   lifecycle: PENDING 00, RUNNING 01, FINISHED 10, CANCELLED 11
//!   bit  2     FAILED     the outcome counts as a failure
//!   bit  3     LISTED     somebody waits: completion must look at the list of waiters
//!   bit  4     CALLBACKS  callbacks are registered and have not all run: the outcome must not be moved out
//!   bit  5     GONE       the future was dropped before the outcome was free to take
//!   bit  6     TAKEN      the outcome was moved out or dropped
//!   bit  7     READ       somebody looked at the failure
//!   bits 8-9   who cancelled
//!   bit  10    KEPT       a scope disposes of the outcome, nobody else
//!   bits 11..  references
//!
//!                (1) start                (2) finish / publish
//!      PENDING ─────────────▶ RUNNING ─────────────▶ FINISHED
//!         │
//!         └───── (3) cancel ─────▶ CANCELLED
//! ```
//!
//! *Done* is FINISHED or CANCELLED. *Settled* is done without CALLBACKS; it is (4) `settle` that clears them. Cancelling sets
//! them, for the time until the call itself is dropped. Whoever makes a call settled while GONE is set disposes of the outcome;
//! else the future does, by taking or dropping it. Of a call that is KEPT, its scope does.

use crate::{
    future::{CancelledBy, TaskState},
    sync::{AtomicUsize, Essential, Ordering, acquire, essential},
};

const LIFECYCLE: usize = 0b11;
const PENDING: usize = 0b00;
const RUNNING: usize = 0b01;
const FINISHED: usize = 0b10;
const CANCELLED: usize = 0b11;
const DONE: usize = 0b10;
const FAILED: usize = 1 << 2;
const LISTED: usize = 1 << 3;
const CALLBACKS: usize = 1 << 4;
const GONE: usize = 1 << 5;
const TAKEN: usize = 1 << 6;
const READ: usize = 1 << 7;
const BY_SHIFT: u32 = 8;
const BY: usize = 0b11 << BY_SHIFT;
const KEPT: usize = 1 << 10;
const REF: usize = 1 << 11;

/// What the word said at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(usize);

impl Snapshot {
    pub(crate) fn lifecycle(self) -> TaskState {
        match self.0 & LIFECYCLE {
            PENDING => TaskState::Pending,
            RUNNING => TaskState::Running,
            FINISHED => TaskState::Finished,
            _ => TaskState::Cancelled,
        }
    }

    pub(crate) fn is_pending(self) -> bool {
        self.0 & LIFECYCLE == PENDING
    }

    #[inline]
    pub(crate) fn is_done(self) -> bool {
        self.0 & DONE != 0
    }

    /// Done, and the last callback has run: the outcome may be moved out.
    #[inline]
    pub(crate) fn is_settled(self) -> bool {
        let busy = if essential(Essential::TakerWaits) {
            CALLBACKS
        } else {
            0
        };
        self.0 & (DONE | busy) == DONE
    }

    #[inline]
    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & LIFECYCLE == CANCELLED
    }

    #[inline]
    pub(crate) fn is_taken(self) -> bool {
        self.0 & TAKEN != 0
    }

    /// Settled, and nobody else refers to it.
    #[cfg(feature = "alloc")]
    pub(crate) fn is_left_alone(self) -> bool {
        self.is_settled() && self.is_last()
    }

    /// A scope disposes of the outcome.
    pub(crate) fn is_kept(self) -> bool {
        self.0 & KEPT == KEPT
    }

    pub(crate) fn is_failed(self) -> bool {
        self.0 & FAILED != 0
    }

    /// A failure that nobody has looked at.
    pub(crate) fn is_unread_failure(self) -> bool {
        self.0 & (FAILED | READ | TAKEN) == FAILED
    }

    /// Callbacks are registered and have not all run.
    pub(crate) fn has_callbacks(self) -> bool {
        self.0 & CALLBACKS != 0
    }

    /// Somebody is, or was, in the list of waiters.
    pub(crate) fn is_listed(self) -> bool {
        self.0 & LISTED != 0
    }

    pub(crate) fn is_gone(self) -> bool {
        self.0 & GONE != 0
    }

    #[inline]
    fn is_last(self) -> bool {
        self.0 < 2 * REF
    }

    pub(crate) fn cancelled_by(self) -> CancelledBy {
        match (self.0 & BY) >> BY_SHIFT {
            0 => CancelledBy::Caller,
            1 => CancelledBy::Shutdown,
            _ => CancelledBy::Discarded,
        }
    }
}

/// What came of [`State::start`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The call is now RUNNING, and the caller runs it.
    Run,
    /// Somebody else had it: it is cancelled, or claimed by a waiter.
    Passed,
}

/// What came of [`State::finish`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Published; if a reference was to be released it is, and the call may be gone.
    Published,
    /// Nothing changed: somebody waits, or nobody ever will, or there is a failure to look after. Publish under the lock.
    LookAfter,
}

/// What came of [`State::let_go`].
#[must_use]
pub(crate) enum LetGo {
    /// The future's reference is released; whoever settles the call disposes of the outcome.
    Released,
    /// The call is settled: dispose of the outcome, then [`State::release`].
    Settled(Snapshot),
}

/// What came of [`State::release`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// That was the last reference: free the call.
    Last,
    /// Others have references.
    Others,
}

/// The word itself.
pub(crate) struct State(AtomicUsize);

impl State {
    /// PENDING, with one reference each for who produces and who consumes the outcome.
    pub(crate) fn pending() -> Self {
        Self(AtomicUsize::new(PENDING | (2 * REF)))
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Applies `change` until it refuses or succeeds; gives what was there before.
    #[inline]
    fn update(
        &self,
        success: Ordering,
        change: impl Fn(usize) -> Option<usize>,
    ) -> Result<Snapshot, Snapshot> {
        // Relaxed: a stale value only costs a turn; a refusal loads again below.
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let Some(new) = change(current) else {
                // Acquire: a refusal reports what others published.
                let seen = self.0.load(Ordering::Acquire);
                if change(seen).is_none() {
                    return Err(Snapshot(seen));
                }
                current = seen;
                continue;
            };
            match self
                .0
                .compare_exchange_weak(current, new, success, Ordering::Relaxed)
            {
                Ok(old) => return Ok(Snapshot(old)),
                Err(seen) => current = seen,
            }
        }
    }

    /// (1) PENDING → RUNNING.
    #[inline]
    pub(crate) fn start(&self) -> Start {
        let started = self.update(Ordering::Acquire, |word| {
            (word & LIFECYCLE == PENDING).then_some(word + (RUNNING - PENDING))
        });
        match started {
            Ok(_) => Start::Run,
            Err(_) => Start::Passed,
        }
    }

    /// (2) RUNNING → FINISHED where nobody has to be told, releasing the caller's reference in the same step if `release`.
    ///
    /// Never once somebody is listed: a completion that released its reference and then woke a waiter would touch memory that
    /// the waiter's side has freed.
    #[inline]
    pub(crate) fn finish(&self, release: bool) -> Finish {
        let released = if release { REF } else { 0 };
        let finished = self.update(Ordering::Release, |word| {
            (word & (LISTED | CALLBACKS | GONE) == 0)
                .then_some(word + (FINISHED - RUNNING) - released)
        });
        match finished {
            Ok(_) => Finish::Published,
            Err(_) => Finish::LookAfter,
        }
    }

    /// (2) RUNNING → FINISHED where somebody may have to be told. Under the lock of the waiters. Returns what it is now.
    pub(crate) fn publish(&self, failed: bool) -> Snapshot {
        let mut change = FINISHED - RUNNING;
        if failed {
            change += FAILED;
        }
        if !essential(Essential::UnfusedCompletion) {
            change = change.wrapping_sub(REF);
        }
        let old = self.0.fetch_add(change, Ordering::AcqRel);
        Snapshot(old.wrapping_add(change))
    }

    /// (3) PENDING → CANCELLED, not settled before [`settle`](Self::settle). Under the lock of the waiters. The error is what it is instead.
    pub(crate) fn cancel(&self, by: CancelledBy) -> Result<(), Snapshot> {
        let by = match by {
            CancelledBy::Caller => 0,
            CancelledBy::Shutdown => 1,
            CancelledBy::Discarded => 2,
        } << BY_SHIFT;
        self.update(Ordering::AcqRel, |word| {
            (word & LIFECYCLE == PENDING).then_some(word | CANCELLED | CALLBACKS | by)
        })
        .map(drop)
    }

    /// (4) The last callback has run. Under the lock of the waiters. Returns what it is now.
    pub(crate) fn settle(&self) -> Snapshot {
        Snapshot(self.0.fetch_and(!CALLBACKS, Ordering::AcqRel) & !CALLBACKS)
    }

    /// Says that somebody is in the list of waiters. Under its lock. The error: it is settled already.
    pub(crate) fn list_taker(&self) -> Result<(), Snapshot> {
        self.update(Ordering::AcqRel, |word| {
            (!Snapshot(word).is_settled()).then_some(word | LISTED)
        })
        .map(drop)
    }

    /// As [`list_taker`](Self::list_taker), for one who waits only until it is done.
    pub(crate) fn list_observer(&self) -> Result<(), Snapshot> {
        self.update(Ordering::AcqRel, |word| {
            (!Snapshot(word).is_done()).then_some(word | LISTED)
        })
        .map(drop)
    }

    /// Says that there are callbacks to run. Under the lock of the waiters. The error: it is done already.
    #[cfg(feature = "alloc")]
    pub(crate) fn add_callback(&self) -> Result<(), Snapshot> {
        self.update(Ordering::AcqRel, |word| {
            (!Snapshot(word).is_done()).then_some(word | LISTED | CALLBACKS)
        })
        .map(drop)
    }

    /// The future is dropped.
    pub(crate) fn let_go(&self) -> LetGo {
        let gone = self.update(Ordering::AcqRel, |word| {
            // An unsettled call has another reference, that of whoever will settle it; or this future is lent to whoever claimed or
            // cancelled the call, and is not dropped yet.
            (!Snapshot(word).is_settled()).then_some((word | GONE) - REF)
        });
        match gone {
            Ok(_) => LetGo::Released,
            Err(settled) => LetGo::Settled(settled),
        }
    }

    /// There will be no future, of which nobody else knows yet. Its reference is kept.
    pub(crate) fn detach(&self) {
        // Relaxed: the call is this thread's alone.
        self.0.fetch_or(GONE, Ordering::Relaxed);
    }

    /// Somebody looked at the failure.
    pub(crate) fn mark_read(&self) {
        // Relaxed: only whoever disposes of the outcome asks, and its right to do so is ordered after this read.
        self.0.fetch_or(READ, Ordering::Relaxed);
    }

    /// The outcome is moved out or dropped, by the caller if this is true: nobody did before.
    pub(crate) fn mark_taken(&self) -> bool {
        !Snapshot(self.0.fetch_or(TAKEN, Ordering::AcqRel)).is_taken()
    }

    /// One more reference.
    #[cfg(feature = "alloc")]
    pub(crate) fn retain(&self) {
        // Relaxed: made from a reference that exists; nothing is published by it.
        self.0.fetch_add(REF, Ordering::Relaxed);
    }

    /// One more reference, of a scope that will dispose of the outcome. The future exists and was not seen by others yet.
    #[cfg(feature = "alloc")]
    pub(crate) fn keep(&self) {
        // Relaxed: as for `retain`; the future, which asks for it, goes to others by ways that are ordered.
        self.0.fetch_add(REF + KEPT, Ordering::Relaxed);
    }

    /// One reference less.
    #[inline]
    pub(crate) fn release(&self) -> Release {
        // The last owner has nobody to tell, and saves a read-modify-write.
        if self.load().is_last() {
            return Release::Last;
        }
        let old = Snapshot(self.0.fetch_sub(REF, Ordering::Release));
        if old.is_last() {
            acquire(&self.0);
            Release::Last
        } else {
            Release::Others
        }
    }

    /// The outcome was moved out or dropped, and one reference less, in one step.
    #[inline]
    pub(crate) fn release_taken(&self) -> Release {
        if self.load().is_last() {
            return Release::Last;
        }
        let old = Snapshot(self.0.fetch_add(TAKEN.wrapping_sub(REF), Ordering::AcqRel));
        if old.is_last() {
            Release::Last
        } else {
            Release::Others
        }
    }
}
