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
    // SAFETY: whoever polls the call has a reference.
    match unsafe { (raw.header().vtable.await_node)(raw.as_ptr()) } {
        Some(place) => listen_with(raw, Role::AwaitInPlace(waker), || place),
        None => listen_by_box(raw, waker),
    }
}

#[cfg(feature = "alloc")]
fn listen_by_box(raw: Raw, waker: Waker) -> bool {
    let mut fresh = Some(Box::new(Node::new(Role::Told)));
    listen_with(raw, Role::Await(waker), || match fresh.take() {
        Some(fresh) => NonNull::from(Box::leak(fresh)),
        None => unreachable!("one node is asked for, once"),
    })
}

/// Without an allocator every call has a node in its storage.
#[cfg(not(feature = "alloc"))]
fn listen_by_box(_: Raw, _: Waker) -> bool {
    unreachable!("a call without a place for whoever awaits it")
}

/// Puts `role` into the node of the await that there is, or into the one that `place` gives, which stays where it is.
fn listen_with(raw: Raw, role: Role, place: impl FnOnce() -> NonNull<Node>) -> bool {
    let (listed, _dropped) = raw.locked(|| {
        if raw.state().list_taker().is_err() {
            return (false, role);
        }
        let head = &raw.header().waiters;
        // SAFETY: under the lock.
        let linked = unsafe { waiters::find_await(head) };
        let node = linked.unwrap_or_else(place);
        if linked.is_none() {
            // SAFETY: under the lock; the node is in the call's storage, or a box that whoever unlinks it frees.
            unsafe { waiters::push(head, node) };
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
    let unlinked = raw.locked(|| {
        // SAFETY: under the lock.
        let node = unsafe { waiters::find_await(&raw.header().waiters) }?;
        // SAFETY: a linked node is alive.
        let linked = unsafe { node.as_ref() };
        // SAFETY: under the lock.
        unsafe { waiters::unlink(linked) };
        Some((node, linked.take_role()))
    });
    #[cfg(feature = "alloc")]
    if let Some((node, Role::Await(_))) = &unlinked {
        // SAFETY: the node of such an await is a box that belongs to whoever unlinked it.
        drop(unsafe { Box::from_raw(node.as_ptr()) });
    }
    drop(unlinked);
}
