//! Waiting for one call on the calling thread.

use core::{
    pin::{Pin, pin},
    ptr::NonNull,
};

use super::Hook;
use crate::{
    platform::{CallEvent, Current, Deadline, Owner, Point, WorkerContext, spin},
    task::{
        Local, Running,
        header::Raw,
        state::Snapshot,
        waiters::{self, Node, Role},
    },
};

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The outcome may be looked at.
    Done,
    /// The outcome may be moved out.
    Settled,
}

impl Until {
    #[inline]
    pub(crate) fn reached(self, state: Snapshot) -> bool {
        match self {
            Self::Done => state.is_done(),
            Self::Settled => state.is_settled(),
        }
    }
}

/// Why waiting ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotYet {
    TimedOut,
    WouldBlock,
}

/// Waits on the calling thread, until `deadline` at the latest.
///
/// Without a deadline a worker of the call's own pool runs the call itself if nobody has started it. On a pool without workers
/// any other caller runs the pool's calls in their order until its own is over.
pub(crate) fn block(raw: Raw, until: Until, deadline: Deadline) -> Result<(), NotYet> {
    let runtime = raw.runtime();
    let reached = || until.reached(raw.state().load());
    if reached() {
        return Ok(());
    }
    if deadline == Deadline::Now {
        return Err(NotYet::TimedOut);
    }
    let current = runtime.current();
    if matches!(current, Current::MustNotBlock) {
        return Err(NotYet::WouldBlock);
    }
    if deadline == Deadline::Never {
        if claim(raw) && reached() {
            return Ok(());
        }
        if strands(raw, current) {
            return Err(NotYet::WouldBlock);
        }
    }
    while pump(raw) {
        if reached() {
            return Ok(());
        }
        if deadline.is_over(|| runtime.now()) {
            return Err(NotYet::TimedOut);
        }
    }
    let elsewhere = cfg!(feature = "alloc") && raw.header().vtable.is_elsewhere;
    if spin(elsewhere, |turn| runtime.relax(turn), reached) {
        return Ok(());
    }
    runtime.point(Point::AboutToWait);
    park(raw, until, deadline)
}

/// Unlinks a node of this frame before the frame goes, also when parking unwinds.
pub(super) struct Registered<'a> {
    raw: Raw,
    node: &'a Node,
}

impl<'a> Registered<'a> {
    /// Registers a node that waits for `until`; `None` if that is reached already.
    pub(super) fn new(raw: Raw, node: Pin<&'a Node>, until: Until) -> Option<Self> {
        let node = node.get_ref();
        raw.locked(|| {
            let listed = match until {
                Until::Done => raw.state().list_observer(),
                Until::Settled => raw.state().list_taker(),
            };
            if listed.is_ok() {
                // SAFETY: under the lock; the node is pinned, and unlinked before its frame goes.
                unsafe { waiters::push(&raw.header().waiters, NonNull::from(node)) };
            }
            listed.is_ok()
        })
        .then(|| Self { raw, node })
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        // SAFETY: under the lock of the call that it was pushed to.
        self.raw.locked(|| unsafe { waiters::unlink(self.node) });
    }
}

#[cold]
fn park(raw: Raw, until: Until, deadline: Deadline) -> Result<(), NotYet> {
    let runtime = raw.runtime();
    let waker = runtime.unparker().into_waker();
    let node = pin!(Node::new(match until {
        Until::Done => Role::Observer(waker),
        Until::Settled => Role::Taker(waker),
    }));
    let Some(_registered) = Registered::new(raw, node.as_ref(), until) else {
        return Ok(());
    };
    while !until.reached(raw.state().load()) {
        if deadline.is_over(|| runtime.now()) {
            return Err(NotYet::TimedOut);
        }
        if !pump(raw) {
            runtime.observe(CallEvent::Awaited, raw.address());
            runtime.park(deadline);
        }
    }
    Ok(())
}

/// The owner of a call that is in a queue, and the calling worker's context if it is one of that owner's.
///
/// `None` of a call that is in no queue any more: its pool may be gone.
fn own_context<'a>(raw: Raw) -> Option<(&'a Owner, &'a WorkerContext)> {
    let Current::Worker(context) = raw.runtime().current() else {
        return None;
    };
    // SAFETY: under the lock.
    let owner = raw.locked(|| unsafe { waiters::end(&raw.header().waiters) }.end_owner())?;
    // SAFETY: the current context belongs to a frame further out on this stack.
    let context = unsafe { context.as_ref() }.of(owner.as_ptr())?;
    // SAFETY: this thread is a worker of that owner, so the pool is alive.
    Some((unsafe { owner.as_ref() }, context))
}

/// Runs the call here if it has not started and this is a worker of its pool; says whether it did.
pub(crate) fn claim(raw: Raw) -> bool {
    if !raw.state().load().is_pending() {
        return false;
    }
    let Some((owner, context)) = own_context(raw) else {
        return false;
    };
    let Some(local) = context.local() else {
        return false;
    };
    let Some(running) = Running::claim(raw, owner) else {
        return false;
    };
    let ran = running.run(Local(local));
    owner.ran();
    ran.finish(Hook::of(owner), &mut || ());
    true
}

/// Whether nobody may be left to bring the outcome if `current` waits for it: it looks after a worker of the call's own pool that runs its
/// calls elsewhere, so that it cannot run this one here.
pub(crate) fn strands(raw: Raw, current: Current) -> bool {
    // Only with an allocator calls run elsewhere.
    if !cfg!(feature = "alloc") {
        return false;
    }
    let Current::Worker(worker) = current else {
        return false;
    };
    // SAFETY: the current context belongs to a frame further out on this stack.
    let carries = unsafe { worker.as_ref() }.carries();
    carries && !raw.state().load().is_done() && own_context(raw).is_some()
}

/// Runs one call of the pool without workers that this call is in; false if there is none, or this is a call of that pool:
/// it runs nothing but what it waits for.
pub(crate) fn pump(raw: Raw) -> bool {
    let vtable = raw.header().vtable;
    if !vtable.is_pumped || own_context(raw).is_some() {
        return false;
    }
    // SAFETY: whoever waits for a call has a reference.
    unsafe { (vtable.pump)(raw.as_ptr()) }
}
