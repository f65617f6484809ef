//! What happens to a call that finds the queue full.

use core::time::Duration;

/// What `submit` does when the queue is full.
///
/// Whatever the policy, a worker that submits to its own full pool never waits for room: it runs the call itself, or gets the
/// error of [`Reject`](Self::Reject).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Wait for room.
    ///
    /// A program whose calls wait for something that happens only after all are submitted needs a queue that holds them all.
    #[default]
    Block,
    /// Wait for room for at most this long, then it is an error.
    BlockTimeout(Duration),
    /// It is an error at once.
    Reject,
    /// Run the call in the submitting thread.
    RunInCaller,
    /// Cancel the oldest call that waits, to make room; if all that wait are cancelled already, that is room.
    DiscardOldest,
}
