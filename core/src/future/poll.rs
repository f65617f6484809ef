//! Awaiting a call from any async runtime.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::{
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll, Waker},
};

use super::{Future, TaskError};
use crate::{
    platform::Point,
    task::{
        header::Raw,
        waiters::{self, Node, Role},
    },
};

/// Awaiting gives what [`result`](Future::result) gives. Awaiting, and waiting on a thread, can follow each other.
///
/// # Cancel safety
/// Dropping an `.await` half-way, by a timeout for example, loses nothing if the future is awaited by `&mut`; dropping the future
/// itself lets the call run on. After the outcome was taken, polling gives [`TaskError::Consumed`].
impl<T> core::future::Future for Future<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let raw = self.raw();
        raw.runtime().point(Point::Looked);
        if raw.state().load().is_settled() || !listen(raw, context) {
            return Poll::Ready(self.take_in_place());
        }
        Poll::Pending
    }
}

/// Has the waker of `context` woken once the call is settled; false if it is already.
fn listen(raw: Raw, context: &Context<'_>) -> bool {
    // Cloned before, and what is not needed dropped after the lock: a waker's functions are user code.
    let waker = context.waker().clone();
    match place(raw) {
        Some(place) => {
            let linked = || {
                // SAFETY: the storage is alive, and this is under the lock.
                unsafe { place.as_ref() }.is_linked().then_some(place)
            };
            listen_at(raw, Role::AwaitInPlace(waker), linked, || place)
        }
        None => listen_by_box(raw, waker),
    }
}

/// The node that the call's storage has for whoever awaits it.
fn place(raw: Raw) -> Option<NonNull<Node>> {
    // SAFETY: whoever polls or drops the future has a reference.
    unsafe { (raw.header().vtable.await_node)(raw.as_ptr()) }
}

#[cfg(feature = "alloc")]
fn listen_by_box(raw: Raw, waker: Waker) -> bool {
    let mut fresh = Some(Box::new(Node::new(Role::Told)));
    let linked = || {
        // SAFETY: under the lock.
        unsafe { waiters::find_await(&raw.header().waiters) }
    };
    listen_at(raw, Role::Await(waker), linked, || match fresh.take() {
        Some(fresh) => NonNull::from(Box::leak(fresh)),
        None => unreachable!("one node is asked for, once"),
    })
}

/// Without an allocator every call has a node in its storage.
#[cfg(not(feature = "alloc"))]
fn listen_by_box(_: Raw, _: Waker) -> bool {
    unreachable!("a call without a place for whoever awaits it")
}

/// Puts `role` into the node of the await that is `linked` already, or else into a `fresh` one, which stays where it is.
fn listen_at(
    raw: Raw,
    role: Role,
    linked: impl FnOnce() -> Option<NonNull<Node>>,
    fresh: impl FnOnce() -> NonNull<Node>,
) -> bool {
    let (listed, _dropped) = raw.locked(|| {
        if raw.state().list_taker().is_err() {
            return (false, role);
        }
        let linked = linked();
        let node = linked.unwrap_or_else(fresh);
        if linked.is_none() {
            // SAFETY: under the lock; the node is in the call's storage, or a box that whoever unlinks it frees.
            unsafe { waiters::push(&raw.header().waiters, node) };
        }
        // SAFETY: a linked node is alive.
        let node = unsafe { node.as_ref() };
        (true, node.replace_role(role))
    });
    listed
}

/// The awaiting side goes away: its waker is not woken any more.
pub(super) fn forget_waker(raw: Raw) {
    if !raw.state().load().is_listed() {
        return;
    }
    match place(raw) {
        Some(place) => {
            // SAFETY: the call's storage is alive.
            let node = unsafe { place.as_ref() };
            // SAFETY: under the lock.
            let unlinked =
                raw.locked(|| unsafe { waiters::unlink(node) }.then(|| node.take_role()));
            drop(unlinked);
        }
        None => forget_box(raw),
    }
}

#[cfg(feature = "alloc")]
fn forget_box(raw: Raw) {
    let unlinked = raw.locked(|| {
        // SAFETY: under the lock.
        let node = unsafe { waiters::find_await(&raw.header().waiters) }?;
        // SAFETY: a linked node is alive.
        let linked = unsafe { node.as_ref() };
        // SAFETY: under the lock.
        unsafe { waiters::unlink(linked) };
        Some(node)
    });
    if let Some(node) = unlinked {
        // SAFETY: the node of an await is a box that belongs to whoever unlinked it.
        drop(unsafe { Box::from_raw(node.as_ptr()) });
    }
}

#[cfg(not(feature = "alloc"))]
fn forget_box(_: Raw) {}
