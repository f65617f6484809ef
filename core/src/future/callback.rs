//! Callbacks for when a call is done.

use alloc::boxed::Box;
use core::{fmt, marker::PhantomData, ptr::NonNull};

use super::{Future, FutureId, Hook, TaskError, TaskState, handle::outcome_ref};
use crate::task::{
    header::Raw,
    waiters::{self, Callback, Node, Role},
};

/// What a done callback gets to see of its call.
pub struct Done<'a, T> {
    raw: Raw,
    outcome: PhantomData<&'a T>,
}

impl<T> Done<'_, T> {
    /// Which future this is about.
    #[must_use]
    pub fn id(&self) -> FutureId {
        FutureId(self.raw.address())
    }

    /// [`Finished`](TaskState::Finished) or [`Cancelled`](TaskState::Cancelled).
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.raw.state().load().lifecycle()
    }

    /// Whether the call failed, as [`Future::failed`] says.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.raw.state().load().is_failed()
    }

    /// The outcome, by reference.
    ///
    /// # Errors
    /// Why there is no value.
    pub fn outcome(&self) -> Result<&T, &TaskError>
    where
        T: Sync,
    {
        // SAFETY: the call is done, and nobody moves the outcome out before its callbacks have run.
        unsafe { outcome_ref(self.raw) }
    }
}

impl<T> fmt::Debug for Done<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Done({:?})", self.state())
    }
}

impl<T> Future<T> {
    /// Calls `callback` once the call is done: on the thread that finishes or cancels it, in the order of registration; here
    /// and now if it is done already.
    ///
    /// A value is moved out only after the last callback registered before completion: a callback that waits to take the
    /// outcome of its own future waits for ever. A callback's panic goes to the executor's error hook.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    /// use std::sync::mpsc;
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// let (tell, told) = mpsc::channel();
    /// let future = pool.spawn(|| 6 * 7)?;
    /// future.add_done_callback(move |done| tell.send(*done.outcome().unwrap()).unwrap());
    /// assert_eq!(told.recv()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&Done<'_, T>) + Send + 'static)
    where
        T: 'static,
    {
        // SAFETY: the callback is `'static`, and takes a call whose output is `T`.
        unsafe { add_callback(self.raw(), erase(callback)) };
    }
}

/// A callback that does not name the type of the outcome.
fn erase<'a, T: 'a>(
    callback: impl FnOnce(&Done<'_, T>) + Send + 'a,
) -> Box<dyn FnOnce(Raw) + Send + 'a> {
    Box::new(move |raw| {
        callback(&Done {
            raw,
            outcome: PhantomData,
        });
    })
}

/// Registers a callback whose captures live only as long as `'a`.
///
/// # Safety
/// The output of the call is `T`, and the call is settled before `'a` is over.
pub(crate) unsafe fn add_scoped_callback<'a, T: 'a>(
    raw: Raw,
    callback: impl FnOnce(&Done<'_, T>) + Send + 'a,
) {
    let callback = erase(callback);
    // SAFETY: only the lifetime changes, and by this function's contract the callback is gone before it is over.
    let callback =
        unsafe { core::mem::transmute::<Box<dyn FnOnce(Raw) + Send + 'a>, Callback>(callback) };
    // SAFETY: by this function's contract.
    unsafe { add_callback(raw, callback) };
}

/// Registers a callback, or calls it at once.
///
/// # Safety
/// The callback expects the type of this call's outcome.
pub(crate) unsafe fn add_callback(raw: Raw, callback: Callback) {
    let node = Box::new(Node::new(Role::Callback(callback)));
    let (refused, hook) = raw.locked(|| match raw.state().add_callback() {
        Ok(()) => {
            let head = &raw.header().waiters;
            // SAFETY: under the lock; a boxed node stays where it is, and completion frees it.
            unsafe { waiters::push(head, NonNull::from(Box::leak(node))) };
            (None, Hook::NONE.kept())
        }
        Err(_) => (Some(node), Hook::at(&raw.header().waiters)),
    });
    if let Some(node) = refused
        && let Role::Callback(callback) = node.take_role()
    {
        raw.run_callback(callback, hook.lend());
    }
}
