//! Many futures, each reported once when it is done.

use alloc::{boxed::Box, collections::{BTreeMap, BTreeSet}};
use core::{
    cell::{Cell, UnsafeCell},
    fmt,
    ptr::NonNull,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{AsFuture, FutureId, Timeout, block::claim, block::pump};
use crate::{
    platform::{Current, Runtime, Stripe, Time, locked},
    task::{
        header::Raw,
        waiters::{self, Node, Role},
    },
};

/// What the members' nodes and the waiting side share, under the lock for its address.
struct Board {
    /// Members that are done, in the order in which they were.
    first: Cell<Option<NonNull<Member>>>,
    last: Cell<Option<NonNull<Member>>>,
    /// Who waits for the next one.
    waker: Cell<Option<Waker>>,
    /// Of the first future that was inserted; the same for the board's whole life.
    runtime: &'static dyn Runtime,
}

impl Board {
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        locked(
            self.runtime,
            Stripe::Set,
            core::ptr::from_ref(self).addr(),
            section,
        )
    }

    /// Adds a member that is done; gives whom to wake.
    fn add(&self, member: NonNull<Member>) -> Option<Waker> {
        self.locked(|| {
            match self.last.replace(Some(member)) {
                // SAFETY: a member on the board is alive until it is taken off.
                Some(last) => unsafe { last.as_ref() }.next.set(Some(member)),
                None => self.first.set(Some(member)),
            }
            self.waker.take()
        })
    }

    /// Takes the first member off.
    fn take(&self) -> Option<NonNull<Member>> {
        self.locked(|| {
            let first = self.first.get()?;
            // SAFETY: a member on the board is alive.
            let next = unsafe { first.as_ref() }.next.get();
            self.first.set(next);
            if next.is_none() {
                self.last.set(None);
            }
            Some(first)
        })
    }

    /// Has `waker` woken for the next member, unless there is one already: then it comes back.
    fn listen(&self, waker: Waker) -> Result<(), Waker> {
        let old = self.locked(|| match self.first.get() {
            Some(_) => Err(waker),
            None => Ok(self.waker.replace(Some(waker))),
        })?;
        // Dropped outside the lock.
        drop(old);
        Ok(())
    }
}

/// One future's registration. `repr(C)`: a pointer to it is a pointer to its node.
#[repr(C)]
struct Member {
    node: Node,
    board: NonNull<Board>,
    next: Cell<Option<NonNull<Self>>>,
    index: usize,
}

/// The node of a member is told that its call is done.
///
/// # Safety
/// `node` is that of a [`Member`], and this is under the lock of its call.
unsafe fn tell(node: NonNull<Node>) -> Option<Waker> {
    let member = node.cast::<Member>();
    // SAFETY: a set unlinks its members under this lock before it goes, so member and board are alive.
    let board = unsafe { member.as_ref().board.as_ref() };
    board.add(member)
}

/// Futures of any executors, each handed back once, when it is done: those done at insertion first, then in the order in
/// which they finish.
///
/// Every future keeps one registration for its time in the set, so getting `n` of them out costs O(n) in total. Dropping the
/// set cancels nothing and leaves nothing registered.
///
/// ```
/// use concurrent_futures::{ThreadPoolExecutor, WaitSet};
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let mut set = WaitSet::new();
/// for n in 1..=3 {
///     set.insert(pool.spawn(move || n * n)?);
/// }
/// let mut sum = 0;
/// while let Some(future) = set.next() {
///     sum += future.result()?;
/// }
/// assert_eq!(sum, 14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WaitSet<F: AsFuture> {
    /// By the order of insertion.
    members: BTreeMap<usize, (F, Box<UnsafeCell<Member>>)>,
    ids: BTreeSet<FutureId>,
    inserted: usize,
    /// Every member before this one was claimed, or need not be.
    unclaimed: usize,
    board: Option<Box<Board>>,
}

// SAFETY: the set's own pointers go to boxes that it owns and that are shared with completing threads under locks only.
unsafe impl<F: AsFuture + Send> Send for WaitSet<F> {}
// SAFETY: `&WaitSet` gives only the number of members.
unsafe impl<F: AsFuture + Sync> Sync for WaitSet<F> {}
// Members are boxed; nothing is pinned inside.
impl<F: AsFuture> Unpin for WaitSet<F> {}

impl<F: AsFuture> WaitSet<F> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            ids: BTreeSet::new(),
            inserted: 0,
            unclaimed: 0,
            board: None,
        }
    }

    /// How many futures were not handed back yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether all were handed back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds a future. One that is in the set already (by another reference) is dropped, and false is returned.
    pub fn insert(&mut self, future: F) -> bool {
        let handle = future.as_future();
        let raw = handle.raw();
        if !self.ids.insert(handle.id()) {
            return false;
        }
        let board = self.board.get_or_insert_with(|| {
            Box::new(Board {
                first: Cell::new(None),
                last: Cell::new(None),
                waker: Cell::new(None),
                runtime: raw.runtime(),
            })
        });
        let board = NonNull::from(&**board);
        let member = Box::new(UnsafeCell::new(Member {
            node: Node::new(Role::Member(tell)),
            board,
            next: Cell::new(None),
            index: self.inserted,
        }));
        let pointer = NonNull::from(&*member).cast::<Member>();
        self.members.insert(self.inserted, (future, member));
        self.inserted += 1;
        let listed = raw.locked(|| {
            let listed = raw.state().list_observer().is_ok();
            if listed {
                // SAFETY: under the lock; the member is boxed, and unlinked before the box goes.
                unsafe { waiters::push(&raw.header().waiters, pointer.cast()) };
            }
            listed
        });
        if !listed {
            // SAFETY: the board is boxed and lives as long as the set.
            unsafe { board.as_ref() }.add(pointer);
        }
        true
    }

    /// Waits until one more future is done and hands it back; `None` when all were.
    ///
    /// On a worker of a member's own pool, members that nobody has started are run here, one at a time.
    ///
    /// # Panics
    /// In a context that must not block, if none is done.
    pub fn next(&mut self) -> Option<F> {
        match self.wait_next(None) {
            Ok(next) => next,
            Err(_) => unreachable!("a wait without a deadline does not time out"),
        }
    }

    /// As [`next`](Self::next), for at most `timeout`.
    ///
    /// # Errors
    /// [`Timeout`] if the time was over first; the futures stay in the set.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<F>, Timeout> {
        match self.deadline(timeout) {
            Some(deadline) => self.wait_next(deadline),
            None => match self.try_next() {
                None if !self.is_empty() => Err(self.timed_out()),
                next => Ok(next),
            },
        }
    }

    /// Hands a future back if one is done.
    pub fn try_next(&mut self) -> Option<F> {
        let member = self.board.as_ref()?.take()?;
        // SAFETY: the board's members are the set's, and alive.
        let index = unsafe { member.as_ref() }.index;
        let (future, _) = self.members.remove(&index)?;
        self.ids.remove(&future.as_future().id());
        Some(future)
    }

    /// As [`next`](Self::next), for async code: `Ready(None)` when all were handed back.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<F>> {
        loop {
            if let Some(future) = self.try_next() {
                return Poll::Ready(Some(future));
            }
            let Some(board) = self.board.as_ref().filter(|_| !self.ids.is_empty()) else {
                return Poll::Ready(None);
            };
            if board.listen(context.waker().clone()).is_ok() {
                return Poll::Pending;
            }
        }
    }

    pub(super) fn timed_out(&self) -> Timeout {
        Timeout::new(self.len(), self.len())
    }

    /// When `timeout` from now is over, by the clock of the members' platform; `None` without a clock.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Option<Time>> {
        match &self.board {
            Some(board) => board.runtime.deadline(timeout),
            // Nothing to wait for.
            None => Some(None),
        }
    }

    pub(crate) fn wait_next(&mut self, deadline: Option<Time>) -> Result<Option<F>, Timeout> {
        let mut turn = 0;
        loop {
            if let Some(future) = self.try_next() {
                return Ok(Some(future));
            }
            let Some(board) = self.board.as_ref().filter(|_| !self.ids.is_empty()) else {
                return Ok(None);
            };
            let runtime = board.runtime;
            assert!(
                !matches!(runtime.current(), Current::MustNotBlock),
                "waiting for futures in a context that must not block; use `try_next` or await"
            );
            if (deadline.is_none() && self.claim_one()) || self.pump_one() {
                continue;
            }
            if deadline.is_some_and(|deadline| runtime.now().is_some_and(|now| now >= deadline)) {
                return Err(self.timed_out());
            }
            if runtime.relax(turn) {
                turn += 1;
                continue;
            }
            if let Some(board) = &self.board
                && board.listen(runtime.unparker().into_waker()).is_ok()
            {
                runtime.park(deadline);
            }
        }
    }

    /// Runs the first member that is not started, if this is a worker of its pool; says whether it did.
    fn claim_one(&mut self) -> bool {
        for (index, (future, _)) in self.members.range(self.unclaimed..) {
            self.unclaimed = index + 1;
            if claim(future.as_future().raw()) {
                return true;
            }
        }
        false
    }

    /// Runs one call of a member's pool, if that is one without workers; says whether it did.
    fn pump_one(&self) -> bool {
        self.raws().any(|raw| !raw.state().load().is_done() && pump(raw))
    }

    /// The futures that were not handed back, in the order of their insertion.
    pub(crate) fn futures(&self) -> impl Iterator<Item = &F> {
        self.members.values().map(|(future, _)| future)
    }

    fn raws(&self) -> impl Iterator<Item = Raw> {
        self.futures().map(|future| future.as_future().raw())
    }
}

impl<F: AsFuture> Default for WaitSet<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: AsFuture> Drop for WaitSet<F> {
    fn drop(&mut self) {
        for (future, member) in self.members.values() {
            let node = NonNull::from(&**member).cast::<Node>();
            future.as_future().raw().locked(|| {
                // SAFETY: the member is alive, and this is the lock of the call that it was pushed to.
                unsafe { waiters::unlink(node.as_ref()) }
            });
        }
    }
}

impl<F: AsFuture> fmt::Debug for WaitSet<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
