//! Many futures, each reported once when it is done.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};
use core::{
    cell::{Cell, UnsafeCell},
    fmt,
    ptr::NonNull,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{
    AsFuture, FutureId, NotYet, Timeout,
    block::{claim, pump, strands},
};
use crate::{
    platform::{CallEvent, Current, Deadline, Point, Runtime, Stripe, WorkerId, locked},
    task::{
        header::Raw,
        waiters::{self, MemberActions, Node, Role, Told},
    },
};

/// What the members' nodes and the waiting side share. On the heap, reached by pointer, and borrowed under the lock for its
/// address only: the set may be gone as soon as the lock is left.
struct Board {
    /// Members that are done, in the order in which they were.
    first: Cell<Option<NonNull<Member>>>,
    last: Cell<Option<NonNull<Member>>>,
    /// Who waits for the next one, and whether that is an async task.
    waker: Cell<Option<Waker>>,
    of_user: Cell<bool>,
}

/// A board and the platform whose lock guards it: that of the first future that was inserted.
#[derive(Clone, Copy)]
struct BoardRef {
    board: NonNull<Board>,
    runtime: &'static dyn Runtime,
}

impl BoardRef {
    fn new(runtime: &'static dyn Runtime) -> Self {
        let board = Box::leak(Box::new(Board {
            first: Cell::new(None),
            last: Cell::new(None),
            waker: Cell::new(None),
            of_user: Cell::new(false),
        }));
        Self {
            board: NonNull::from(board),
            runtime,
        }
    }

    fn locked<R>(self, section: impl FnOnce(&Board) -> R) -> R {
        let address = self.board.addr().get();
        locked(self.runtime, Stripe::Set, address, || {
            // SAFETY: the set frees the board after all its members were unlinked or taken off, under locks that order
            // both with this.
            section(unsafe { self.board.as_ref() })
        })
    }

    /// Adds a member that is done; gives whom to wake.
    fn add(self, member: NonNull<Member>) -> Option<Told> {
        self.locked(|board| {
            match board.last.replace(Some(member)) {
                // SAFETY: a member on the board is alive until it is taken off.
                Some(last) => unsafe { last.as_ref() }.next.set(Some(member)),
                None => board.first.set(Some(member)),
            }
            board.waker.take().map(|waker| Told {
                waker,
                of_user: board.of_user.get(),
            })
        })
    }

    /// Takes the first member off.
    fn take(self) -> Option<NonNull<Member>> {
        self.locked(|board| {
            let first = board.first.get()?;
            // SAFETY: a member on the board is alive.
            let next = unsafe { first.as_ref() }.next.get();
            board.first.set(next);
            if next.is_none() {
                board.last.set(None);
            }
            Some(first)
        })
    }

    /// Has `waker` woken for the next member; false if there is one already.
    fn listen(self, waker: Waker, of_user: bool) -> bool {
        // What is not needed, or was there before, is dropped outside the lock.
        let (listening, _dropped) = self.locked(|board| match board.first.get() {
            Some(_) => (false, Some(waker)),
            None => {
                board.of_user.set(of_user);
                (true, board.waker.replace(Some(waker)))
            }
        });
        listening
    }

    /// A thread that waits is to look again.
    fn nudge(self) {
        self.locked(|board| {
            let waker = board.waker.take();
            if !board.of_user.get()
                && let Some(waker) = &waker
            {
                waker.wake_by_ref();
            }
            board.waker.set(waker);
        });
    }
}

/// One future's registration. `repr(C)`: a pointer to it is a pointer to its node.
#[repr(C)]
struct Member {
    node: Node,
    board: BoardRef,
    next: Cell<Option<NonNull<Self>>>,
    index: usize,
    /// With a reference of the member's own: whatever the set was given may lead elsewhere the next time it is asked.
    raw: Raw,
}

static ACTIONS: MemberActions = MemberActions { tell, nudge };

/// The node of a member is told that its call is done.
///
/// # Safety
/// `node` is that of a [`Member`], and this is under the lock of its call.
unsafe fn tell(node: NonNull<Node>) -> Option<Told> {
    let member = node.cast::<Member>();
    // SAFETY: a set unlinks its members under this lock before it goes, so the member is alive.
    let board = unsafe { member.as_ref() }.board;
    board.add(member)
}

/// Whoever waits for the set looks again.
///
/// # Safety
/// As for [`tell`].
unsafe fn nudge(node: NonNull<Node>) {
    // SAFETY: as for `tell`.
    unsafe { node.cast::<Member>().as_ref() }.board.nudge();
}

/// A member in its box, which other threads reach by pointer.
struct Registered(Box<UnsafeCell<Member>>);

impl Registered {
    fn pointer(&self) -> NonNull<Member> {
        NonNull::from(&*self.0).cast()
    }

    fn raw(&self) -> Raw {
        // SAFETY: the member is alive, and this field never changes.
        unsafe { self.pointer().as_ref() }.raw
    }
}

impl Registered {
    /// From here the call does not lead to the member any more.
    fn unlink(&self) {
        let node = self.pointer().cast::<Node>();
        self.raw().locked(|| {
            // SAFETY: the member is alive.
            let node = unsafe { node.as_ref() };
            // SAFETY: under the lock of the call that it was pushed to.
            unsafe { waiters::unlink(node) }
        });
    }
}

/// Only once it is unlinked or off the board: a member on the board is led to by those that come after it.
impl Drop for Registered {
    fn drop(&mut self) {
        self.raw().release();
    }
}

/// Futures of any executors, each handed back once, when it is done: those done at insertion first, then in the order in
/// which they finish.
///
/// Every future keeps one registration for its time in the set, so getting `n` of them out costs O(n log n) in total, and no
/// more than one look at each. Dropping the set cancels nothing and leaves nothing registered.
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
    members: BTreeMap<usize, (Registered, F)>,
    ids: BTreeSet<FutureId>,
    inserted: usize,
    /// The worker that claims, and before which member it has looked at all.
    claimed: (Option<WorkerId>, usize),
    /// Members of pools that their waiters run.
    pumped: usize,
    board: Option<BoardRef>,
}

// SAFETY: the set's own pointers go to boxes that it owns and that are shared with completing threads under locks only.
unsafe impl<F: AsFuture + Send> Send for WaitSet<F> {}
// SAFETY: `&WaitSet` gives only `&F` and the number of members.
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
            claimed: (None, 0),
            pumped: 0,
            board: None,
        }
    }

    /// How many futures were not handed back yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether all were handed back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds a future. One that is in the set already (by another reference) is dropped, and false is returned.
    pub fn insert(&mut self, future: F) -> bool {
        let raw = future.as_future().raw();
        if !self.ids.insert(FutureId(raw.address())) {
            return false;
        }
        raw.state().retain();
        let board = *self
            .board
            .get_or_insert_with(|| BoardRef::new(raw.runtime()));
        let index = self.inserted;
        self.inserted += 1;
        let member = Registered(Box::new(UnsafeCell::new(Member {
            node: Node::new(Role::Member(&ACTIONS)),
            board,
            next: Cell::new(None),
            index,
            raw,
        })));
        let pointer = member.pointer();
        self.pumped += usize::from(raw.header().vtable.is_pumped);
        self.members.insert(index, (member, future));
        let listed = raw.locked(|| {
            let listed = raw.state().list_observer().is_ok();
            if listed {
                // SAFETY: under the lock; the member is boxed, and unlinked before the box goes.
                unsafe { waiters::push(&raw.header().waiters, pointer.cast()) };
            }
            listed
        });
        // Done already: an async task that waits for this set is to know.
        if !listed && let Some(told) = board.add(pointer) {
            told.waker.wake();
        }
        true
    }

    /// Waits until one more future is done and hands it back; `None` when all were.
    ///
    /// On a worker of a member's own pool, members that nobody has started are run here, one at a time.
    ///
    /// # Panics
    /// In a context that must not block, if none is done.
    #[expect(
        clippy::should_implement_trait,
        reason = "the set grows again after it was empty, which an iterator must not"
    )]
    pub fn next(&mut self) -> Option<F> {
        match self.wait_next(Deadline::Never) {
            Ok(next) => next,
            Err(_) => panic!(
                "waiting for futures in a context that must not block; use `try_next` or await"
            ),
        }
    }

    /// As [`next`](Self::next), for at most `timeout`; not at all in a context that must not block.
    ///
    /// # Errors
    /// [`Timeout`] if the time was over first; the futures stay in the set.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<F>, Timeout> {
        self.wait_next(self.deadline(timeout))
            .map_err(|_| Timeout::new(self.len(), self.len()))
    }

    /// Hands a future back if one is done.
    pub fn try_next(&mut self) -> Option<F> {
        self.board?.runtime.point(Point::Looked);
        self.take_ready()
    }

    fn take_ready(&mut self) -> Option<F> {
        let member = self.board?.take()?;
        // SAFETY: the board's members are the set's, and alive.
        let index = unsafe { member.as_ref() }.index;
        let (member, future) = self.members.remove(&index)?;
        let raw = member.raw();
        self.ids.remove(&FutureId(raw.address()));
        self.pumped -= usize::from(raw.header().vtable.is_pumped);
        Some(future)
    }

    /// As [`next`](Self::next), for async code: `Ready(None)` when all were handed back.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<F>> {
        loop {
            if let Some(future) = self.try_next() {
                return Poll::Ready(Some(future));
            }
            let Some(board) = self.board.filter(|_| !self.is_empty()) else {
                return Poll::Ready(None);
            };
            if board.listen(context.waker().clone(), true) {
                return Poll::Pending;
            }
        }
    }

    /// When `timeout` from now is over, by the clock of the members' platform.
    fn deadline(&self, timeout: Duration) -> Deadline {
        // With no board there is nothing to wait for.
        self.board
            .map_or(Deadline::Never, |board| board.runtime.deadline(timeout))
    }

    pub(crate) fn wait_next(&mut self, deadline: Deadline) -> Result<Option<F>, NotYet> {
        let mut turn = 0;
        loop {
            if let Some(future) = self.take_ready() {
                return Ok(Some(future));
            }
            let Some(board) = self.board.filter(|_| !self.is_empty()) else {
                return Ok(None);
            };
            let runtime = board.runtime;
            let current = runtime.current();
            if matches!(current, Current::MustNotBlock) {
                return Err(NotYet::WouldBlock);
            }
            if deadline.is_over(|| runtime.now()) {
                return Err(NotYet::TimedOut);
            }
            if (deadline == Deadline::Never && self.claim_one(current)) || self.pump_one() {
                continue;
            }
            let mut members = self.members.values();
            if deadline == Deadline::Never && members.any(|(f, _)| strands(f.raw(), current)) {
                return Err(NotYet::WouldBlock);
            }
            if runtime.relax(turn) {
                turn += 1;
                continue;
            }
            runtime.point(Point::AboutToWait);
            if board.listen(runtime.unparker().into_waker(), false) {
                if let Some((first, _)) = self.members.values().next() {
                    let event = match self.members.len() {
                        1 => CallEvent::Awaited,
                        _ => CallEvent::AwaitedAmong,
                    };
                    runtime.observe(event, first.raw().address());
                }
                runtime.park(deadline);
            }
        }
    }

    /// Runs the first member that is not started, if this is a worker of its pool; says whether it did.
    fn claim_one(&mut self, current: Current) -> bool {
        let Current::Worker(worker) = current else {
            return false;
        };
        // SAFETY: the current context belongs to a frame further out on this stack.
        let worker = unsafe { worker.as_ref() };
        if worker.local().is_none() {
            return false;
        }
        // Another worker may claim what the last one could not.
        let id = Some(worker.id());
        if self.claimed.0 != id {
            self.claimed = (id, 0);
        }
        for (index, (member, _)) in self.members.range(self.claimed.1..) {
            self.claimed.1 = index + 1;
            if claim(member.raw()) {
                return true;
            }
        }
        false
    }

    /// Runs one call of a member's pool, if that is one that its waiters run; says whether it did.
    fn pump_one(&self) -> bool {
        self.pumped > 0
            && self
                .members
                .values()
                .any(|(member, _)| !member.raw().state().load().is_done() && pump(member.raw()))
    }

    /// The futures that were not handed back, in the order of their insertion.
    pub(crate) fn futures(&self) -> impl Iterator<Item = &F> {
        self.members.values().map(|(_, future)| future)
    }
}

impl<F: AsFuture> FromIterator<F> for WaitSet<F> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

impl<F: AsFuture> Extend<F> for WaitSet<F> {
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.insert(future);
        }
    }
}

impl<F: AsFuture> Default for WaitSet<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: AsFuture> Drop for WaitSet<F> {
    fn drop(&mut self) {
        // All of them, before any is freed: one that finishes meanwhile goes behind the others on the board.
        for (member, _) in self.members.values() {
            member.unlink();
        }
        if let Some(BoardRef { board, .. }) = self.board.take() {
            // SAFETY: it was boxed, and no call leads to it any more.
            drop(unsafe { Box::from_raw(board.as_ptr()) });
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
