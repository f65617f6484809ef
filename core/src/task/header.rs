//! What every call has in common, and the functions that know the rest.

use core::{cell::Cell, ptr::NonNull};

use super::{
    Local,
    state::State,
    waiters::{Link, Node},
};
use crate::{
    future::TaskError,
    platform::{Owner, Runtime, Stripe, locked},
};

/// The front of every call.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    pub(crate) vtable: &'static Vtable,
    /// First of the list of waiters; under the lock only.
    pub(crate) waiters: Cell<Link>,
    #[cfg(any(cf_model, cf_shuttle))]
    alive: crate::sync::Alive,
}

/// What knows the type of the call and of its outcome. Each function's right to run is in the rules of the module.
pub(crate) struct Vtable {
    pub(crate) runtime: &'static dyn Runtime,
    /// Moves the call out, runs it, writes the outcome; says whether that is a failure. The caller is the runner.
    pub(crate) run: unsafe fn(NonNull<Header>, Local) -> bool,
    /// Drops the call. The caller moved the state away from PENDING.
    pub(crate) drop_call: unsafe fn(NonNull<Header>),
    /// Moves an outcome, a `Result<Output, TaskError>`, in from the given place. The caller is the runner.
    pub(crate) put: unsafe fn(NonNull<Header>, NonNull<()>),
    /// Writes an error for an outcome. The caller is the runner.
    pub(crate) put_error: unsafe fn(NonNull<Header>, TaskError),
    /// Moves the outcome, a `Result<Output, TaskError>`, to the given place. The caller owns the outcome.
    pub(crate) take: unsafe fn(NonNull<Header>, NonNull<()>),
    /// Where the outcome is. The state is FINISHED and not TAKEN.
    pub(crate) peek: unsafe fn(NonNull<Header>) -> NonNull<()>,
    /// The outcome's error, if it is one. The state is FINISHED and not TAKEN.
    pub(crate) error: unsafe fn(NonNull<Header>) -> Option<NonNull<TaskError>>,
    /// Drops the outcome. The caller owns it.
    pub(crate) drop_outcome: unsafe fn(NonNull<Header>),
    /// Frees the block. The caller held the last reference.
    pub(crate) free: unsafe fn(NonNull<Header>),
    /// Whether whoever waits for this call runs calls of its pool.
    pub(crate) is_pumped: bool,
    /// Whether the call runs elsewhere, so that its outcome has a way to go.
    pub(crate) is_elsewhere: bool,
    /// Runs one call of the pool that this call keeps alive; false if there is none. The caller has a reference.
    pub(crate) pump: unsafe fn(NonNull<Header>) -> bool,
    /// What the call brought along for a worker that runs it elsewhere: a `Cargo` of its pool's backend. The caller has a reference.
    pub(crate) cargo: unsafe fn(NonNull<Header>) -> NonNull<()>,
    /// Takes the call back from where it was lent to; false if it was started there. The caller has a reference.
    pub(crate) recall: unsafe fn(NonNull<Header>) -> bool,
    /// Takes the entry out of its queue, if that can do so. The caller has cancelled or claimed the call, keeps a reference and is under no
    /// lock.
    pub(crate) unqueue: unsafe fn(NonNull<Header>),
    /// The node in the call's storage for whoever awaits it, if there is one: under the lock of the waiters only. The caller has a reference.
    pub(crate) await_node: unsafe fn(NonNull<Header>) -> Option<NonNull<Node>>,
}

impl Header {
    pub(crate) fn new(vtable: &'static Vtable, owner: Option<NonNull<Owner>>) -> Self {
        Self {
            state: State::pending(),
            vtable,
            waiters: Cell::new(Link::owner(owner)),
            #[cfg(any(cf_model, cf_shuttle))]
            alive: crate::sync::Alive::new(),
        }
    }
}

/// A pointer to a call, held by somebody with a reference or on their behalf. Copying it counts nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw(NonNull<Header>);

impl Raw {
    /// # Safety
    /// The call stays referenced while this pointer, or a copy, is used.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    #[inline]
    pub(crate) fn as_ptr(self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn address(self) -> usize {
        self.0.addr().get()
    }

    #[inline]
    pub(crate) fn header<'a>(self) -> &'a Header {
        // SAFETY: whoever made this pointer promised a reference for as long as it is used.
        let header = unsafe { self.0.as_ref() };
        #[cfg(any(cf_model, cf_shuttle))]
        header.alive.check();
        header
    }

    #[inline]
    pub(crate) fn state(self) -> &'static State {
        // The lifetime is that of the reference behind this pointer, as in `header`.
        &self.header().state
    }

    #[inline]
    pub(crate) fn runtime(self) -> &'static dyn Runtime {
        self.header().vtable.runtime
    }

    /// Runs `section` inside the lock that guards this call's waiters.
    pub(crate) fn locked<R>(self, section: impl FnOnce() -> R) -> R {
        locked(self.runtime(), Stripe::Call, self.address(), section)
    }

    /// Takes the entry of this call, which the caller has cancelled or claimed, out of its queue, if that can do so.
    pub(crate) fn unqueue(self) {
        // SAFETY: whoever made this pointer promised a reference.
        unsafe { (self.header().vtable.unqueue)(self.0) }
    }

    /// Gives one reference back and frees the call if it was the last.
    #[inline]
    pub(crate) fn release(self) {
        if self.state().release() == super::state::Release::Last {
            self.free();
        }
    }

    /// Notes that the outcome is gone and gives one reference back.
    #[inline]
    pub(crate) fn release_taken(self) {
        if self.state().release_taken() == super::state::Release::Last {
            self.free();
        }
    }

    fn free(self) {
        let free = self.header().vtable.free;
        #[cfg(any(cf_model, cf_shuttle))]
        self.header().alive.end();
        // SAFETY: that was the last reference.
        unsafe { free(self.0) }
    }
}
