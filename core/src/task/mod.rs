//! One call from birth to drop.
//!
//! A call is one block of memory (`cell`): a `Header` and, after it, a union of the call and its outcome.
//! The `state` word says which of the two is there and who may touch it. The rules, once for all:
//!
//! * **References.** Producer (queue entry, runner or [`Promise`](crate::future::Promise)) and consumer
//!   ([`Future`](crate::future::Future)) hold one each, a scope a third. The last to go frees the block. Whoever claims or cancels a call
//!   does so on behalf of one who holds a reference and keeps it for as long: that may be the only one left, where the entry leaves the queue.
//! * **The call** is there while PENDING. Whoever moves the state away from PENDING owns it: the runner moves it out, the
//!   canceller drops it.
//! * **The outcome** is there from FINISHED until TAKEN. The runner writes it while RUNNING. After FINISHED anybody with a
//!   reference reads it; once settled the consumer alone moves it out or drops it, or, if the consumer is GONE, whoever
//!   settled the call.
//! * **The waiters** (`waiters`) are touched only under the platform's lock for this call's address. The last link of the
//!   list carries the owner: the pool whose queue the call is in. That pointer may be followed by the pool's own worker, or
//!   under the lock after moving the state away from PENDING: a worker that passes such an entry takes the same lock
//!   before it drops it, so the pool cannot be gone yet.
//! * **User code** (calls, callbacks, wakers, drops) runs outside the lock, always.

pub(crate) mod cell;
pub(crate) mod complete;
pub(crate) mod header;
mod owned;
pub(crate) mod state;
#[cfg(feature = "alloc")]
mod storage;
#[cfg(all(test, feature = "alloc"))]
mod tests;
pub(crate) mod waiters;

pub use owned::Task;
pub(crate) use owned::{Ran, Running, Started};
#[cfg(feature = "alloc")]
pub(crate) use storage::{Boxed, Keep, allocate};

use core::ptr::NonNull;

use self::cell::Outcome;

/// The worker-local value on its way to a call.
#[derive(Clone, Copy)]
pub(crate) struct Local(pub(crate) NonNull<()>);

impl Local {
    /// For calls that do not ask for it.
    pub(crate) const NONE: Self = Self(NonNull::dangling());
}

/// What a cell holds until it runs.
pub(crate) trait Call {
    /// What it returns.
    type Output;

    /// Runs it, or gets from elsewhere what came of it. `local` is the worker-local value of the pool that the call was submitted to.
    fn call(self, local: Local) -> Outcome<Self::Output>;

    /// Whether `output` counts as a failure.
    fn failed(output: &Self::Output) -> bool {
        let _ = output;
        false
    }
}
