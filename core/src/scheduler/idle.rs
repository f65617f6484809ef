//! Who is awake, who sleeps, and who has to be woken. The protocol and its argument are in the README beside this file.

use core::{pin::pin, ptr::NonNull};

use super::park_list::{ParkList, Parked};
use crate::{
    platform::{InterruptUnpark, Locked, Parker, Platform, Point, Unparker},
    sync::{AtomicUsize, Essential, Ordering, Padded, const_fn, essential, fence},
};

const FIELD: u32 = (usize::BITS - 1) / 3;
const MASK: usize = (1 << FIELD) - 1;
const SEARCHING: usize = 1;
const SLEEPING: usize = 1 << FIELD;
const TOTAL: usize = 1 << (2 * FIELD);
const CLOSED: usize = 1 << (usize::BITS - 1);

/// The most workers that can be counted.
pub(crate) const MOST_WORKERS: usize = MASK;

/// What the word said at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Census(usize);

impl Census {
    /// Workers that look for work, or are on their way to.
    pub(crate) fn searching(self) -> usize {
        self.0 & MASK
    }

    /// Workers that are listed as asleep.
    pub(crate) fn sleeping(self) -> usize {
        (self.0 >> FIELD) & MASK
    }

    /// All workers, those included that are being started.
    #[inline]
    pub(crate) fn total(self) -> usize {
        (self.0 >> (2 * FIELD)) & MASK
    }

    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }
}

/// Whom [`Idle::rouse`] found.
#[must_use]
pub(crate) enum Rouse {
    /// Somebody searches already, or all workers are busy and there may be no more.
    Nobody,
    /// To be unparked.
    Sleeper(Unparker),
    /// A worker is to be started; it is counted already.
    Start,
    /// The pool is closed and has no workers.
    Closed,
}

/// The census of a pool's workers, and the list of those that sleep.
pub(crate) struct Idle<P: Platform> {
    census: Padded<AtomicUsize>,
    sleepers: Locked<P::Lock, ParkList>,
    /// The parker of the latest sleeper, plus one: whom an interrupt handler wakes. Changed with the list, under its lock.
    latest: AtomicUsize,
    max_workers: usize,
}

impl<P: Platform> Idle<P> {
    const_fn! {
        /// No workers yet, and at most `max_workers`.
        pub(crate) const fn over(lock: P::Lock, max_workers: usize) -> Self {
            Self {
                census: Padded(AtomicUsize::new(0)),
                sleepers: Locked::over(lock, ParkList::new()),
                latest: AtomicUsize::new(0),
                max_workers: if max_workers < MOST_WORKERS {
                    max_workers
                } else {
                    MOST_WORKERS
                },
            }
        }
    }

    pub(crate) fn max_workers(&self) -> usize {
        self.max_workers
    }

    #[inline]
    pub(crate) fn census(&self) -> Census {
        Census(self.census.load(Ordering::Acquire))
    }

    /// A call was pushed: says whether somebody has to be roused, with what it saw.
    #[inline]
    pub(crate) fn pushed(&self) -> (bool, Census) {
        P::point(Point::Pushed);
        if essential(Essential::SubmitterFence) {
            // SeqCst: either this load sees a worker that listed itself as asleep, or that worker's second look sees the push.
            fence(Ordering::SeqCst);
        }
        let census = self.census();
        let idle = census.sleeping() > 0 || census.total() < self.max_workers;
        (census.searching() == 0 && idle, census)
    }

    /// Finds a worker for work that was pushed, and counts it as searching. If nobody sleeps, and there may be more workers,
    /// `may_start` says whether one is to be started: a worker that was about to sleep may have found the work instead, and be
    /// busy with it by now.
    #[cold]
    pub(crate) fn rouse(&self, may_start: impl FnOnce() -> bool) -> Rouse {
        let here = P::processor();
        self.sleepers.with(|sleepers| {
            let census = self.census();
            if census.searching() > 0 {
                return Rouse::Nobody;
            }
            if let Some(unparker) = sleepers.pop_latest(here) {
                self.note_left(sleepers);
                if essential(Essential::WakerAccounting) {
                    self.census
                        .fetch_add(SEARCHING.wrapping_sub(SLEEPING), Ordering::AcqRel);
                } else {
                    self.census.fetch_sub(SLEEPING, Ordering::AcqRel);
                }
                return Rouse::Sleeper(unparker);
            }
            if census.is_closed() && census.total() == 0 {
                return Rouse::Closed;
            }
            if census.total() < self.max_workers && may_start() {
                if essential(Essential::WakerAccounting) {
                    self.census.fetch_add(TOTAL + SEARCHING, Ordering::AcqRel);
                }
                return Rouse::Start;
            }
            Rouse::Nobody
        })
    }

    /// Under the lock of the sleepers, of which there are others now.
    fn note_latest(&self, sleepers: &ParkList) {
        let latest = sleepers.latest_id().map_or(0, |id| id.wrapping_add(1));
        // Relaxed: see `wake_latest`.
        self.latest.store(latest, Ordering::Relaxed);
    }

    /// As [`note_latest`](Self::note_latest), for one that is there no more: who is awake need not come back soon.
    fn note_left(&self, sleepers: &ParkList) {
        if essential(Essential::LatestNoted) {
            self.note_latest(sleepers);
        }
    }

    /// Wakes the latest sleeper for a call that an interrupt handler pushed, if [`pushed`](Self::pushed) asked for that.
    ///
    /// No lock: the worker stays on the list and finds the work itself. If it was woken since, it, or who was woken before it, looked for
    /// work after the push, as does the last searcher once it has found some.
    pub(crate) fn wake_latest(&self)
    where
        P: InterruptUnpark,
    {
        // Relaxed: the fence of `pushed` is between the push and this; a stale value is that of a worker that looks again.
        if let Some(id) = self.latest.load(Ordering::Relaxed).checked_sub(1) {
            P::unpark(id);
        }
    }

    /// Counts one more worker, searching, which is to be started, if there may be more.
    pub(crate) fn hire(&self) -> bool {
        self.sleepers.with(|_| {
            let census = self.census();
            let may = !census.is_closed() && census.total() < self.max_workers;
            if may {
                self.census.fetch_add(TOTAL + SEARCHING, Ordering::AcqRel);
            }
            may
        })
    }

    /// A worker that [`rouse`](Self::rouse) counted begins its life, searching.
    pub(crate) fn begin(&self) {
        if !essential(Essential::WakerAccounting) {
            self.census.fetch_add(TOTAL + SEARCHING, Ordering::AcqRel);
        }
    }

    /// A worker that [`rouse`](Self::rouse) counted cannot be started.
    pub(crate) fn not_started(&self) {
        self.census.fetch_sub(TOTAL + SEARCHING, Ordering::AcqRel);
        // SeqCst: as in `found`.
        fence(Ordering::SeqCst);
    }

    /// A busy worker is about to look for work.
    #[inline]
    pub(crate) fn search(&self) {
        self.census.fetch_add(SEARCHING, Ordering::AcqRel);
    }

    /// A searching worker has found work, or leaves: true if it was the last one, so that what submitters skipped on its
    /// account has to be looked at.
    #[inline]
    pub(crate) fn found(&self) -> bool {
        let before = Census(self.census.fetch_sub(SEARCHING, Ordering::AcqRel));
        // SeqCst: either a submitter's load no longer sees this worker searching, or the look after this sees its push.
        fence(Ordering::SeqCst);
        before.searching() == 1
    }

    /// A caller that runs a call of a pool without workers counts as one for as long. False if there are as many as can be counted:
    /// then a shutdown does not wait for this one.
    pub(crate) fn enter(&self) -> bool {
        self.sleepers.with(|_| {
            let may = self.census().total() < MOST_WORKERS;
            if may {
                self.census.fetch_add(TOTAL, Ordering::AcqRel);
            }
            may
        })
    }

    /// A worker, counted as `searching` or not, is gone.
    pub(crate) fn leave(&self, searching: bool) {
        let worker = TOTAL + if searching { SEARCHING } else { 0 };
        self.sleepers.with(|_| {
            self.census.fetch_sub(worker, Ordering::AcqRel);
        });
    }

    /// Lists the calling worker as asleep and parks, unless `has_work` finds something after that. When this returns the worker
    /// is counted as searching again.
    #[cold]
    pub(crate) fn sleep(&self, has_work: impl Fn() -> bool) {
        P::point(Point::SearchedInVain);
        let node = pin!(Parked::new());
        let node = node.as_ref().get_ref();
        node.set_processor(P::processor());
        let listed = Listed { idle: self, node };
        P::with_parker(|parker| {
            node.set_id(parker.id());
            self.sleepers.with(|sleepers| {
                // SAFETY: the node is pinned, and `listed` removes it before its frame goes.
                unsafe { sleepers.push(NonNull::from(node), parker.unparker()) };
                self.note_latest(sleepers);
                self.census
                    .fetch_add(SLEEPING.wrapping_sub(SEARCHING), Ordering::AcqRel);
            });
            P::point(Point::ListedAsleep);
            if essential(Essential::SleeperFence) {
                // SeqCst: see `pushed`.
                fence(Ordering::SeqCst);
            }
            let wanted =
                (essential(Essential::SecondLook) && has_work()) || self.census().is_closed();
            if !wanted {
                P::point(Point::AboutToPark);
                while listed.is_listed() {
                    parker.park();
                    // An interrupt handler wakes a worker without taking it off the list: it looks for work itself.
                    if essential(Essential::WokenLooks) && has_work() {
                        break;
                    }
                }
            }
        });
    }

    /// No more calls are taken: wakes everybody.
    pub(crate) fn close(&self) {
        self.sleepers
            .with(|_| self.census.fetch_or(CLOSED, Ordering::AcqRel));
        P::point(Point::Closed);
        // SeqCst: as for `pushed`, with the closed bit for the push.
        fence(Ordering::SeqCst);
        while let Some(unparker) = self.sleepers.with(|sleepers| {
            let unparker = sleepers.pop_latest(None)?;
            self.note_left(sleepers);
            self.census
                .fetch_add(SEARCHING.wrapping_sub(SLEEPING), Ordering::AcqRel);
            Some(unparker)
        }) {
            unparker.unpark();
        }
    }
}

/// Takes a sleeper's node out of the list before its frame goes, however it goes.
struct Listed<'a, P: Platform> {
    idle: &'a Idle<P>,
    node: &'a Parked,
}

impl<P: Platform> Listed<'_, P> {
    fn is_listed(&self) -> bool {
        self.idle.sleepers.with(|_| self.node.is_linked())
    }
}

impl<P: Platform> Drop for Listed<'_, P> {
    fn drop(&mut self) {
        let woken = self.idle.sleepers.with(|sleepers| {
            let was_listed = sleepers.remove(self.node);
            if was_listed {
                self.idle.note_left(sleepers);
                self.idle
                    .census
                    .fetch_add(SEARCHING.wrapping_sub(SLEEPING), Ordering::AcqRel);
            }
            !was_listed
        });
        if woken && !essential(Essential::WakerAccounting) {
            self.idle.census.fetch_add(SEARCHING, Ordering::AcqRel);
        }
    }
}
