//! Awaiting a call from any async runtime.

use alloc::boxed::Box;
use core::{
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
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
    // Cloned, boxed and dropped outside the lock: a waker's functions are user code.
    let waker = context.waker().clone();
    let fresh = Box::new(Node::new(Role::Await(waker)));
    let (listed, leftover) = raw.locked(|| {
        if raw.state().list_taker().is_err() {
            return (false, Leftover::Node(fresh));
        }
        let head = &raw.header().waiters;
        // SAFETY: under the lock.
        match unsafe { waiters::find_await(head) } {
            Some(node) => {
                // SAFETY: a linked node is alive.
                let node = unsafe { node.as_ref() };
                (true, Leftover::Role(node.replace_role(fresh.take_role())))
            }
            None => {
                let node = NonNull::from(Box::leak(fresh));
                // SAFETY: under the lock; a boxed node stays where it is, and is freed by whoever unlinks it.
                unsafe { waiters::push(head, node) };
                (true, Leftover::Nothing)
            }
        }
    });
    drop(leftover);
    listed
}

/// What has to be dropped outside the lock.
enum Leftover {
    Node(#[expect(dead_code, reason = "held to be dropped")] Box<Node>),
    Role(#[expect(dead_code, reason = "held to be dropped")] Role),
    Nothing,
}

/// The awaiting side goes away: its waker is not woken any more.
pub(super) fn forget_waker(raw: Raw) {
    let state = raw.state().load();
    if !state.is_listed() {
        return;
    }
    let node = raw.locked(|| {
        // SAFETY: under the lock.
        let node = unsafe { waiters::find_await(&raw.header().waiters) }?;
        // SAFETY: a linked node is alive.
        let linked = unsafe { node.as_ref() };
        // SAFETY: under the lock.
        unsafe { waiters::unlink(linked) };
        Some(node)
    });
    if let Some(node) = node {
        // SAFETY: the node of an await is a box that belongs to whoever unlinked it.
        drop(unsafe { Box::from_raw(node.as_ptr()) });
    }
}
