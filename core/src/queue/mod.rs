//! Where calls wait: bounded queues, and what happens when one is full.

mod deque;
mod inbox;
mod policy;
#[cfg(feature = "alloc")]
mod ring;
#[cfg(all(test, feature = "alloc"))]
mod tests;

use crate::task::Task;

pub use deque::Deque;
pub use inbox::Inbox;
pub use policy::Policy;
#[cfg(feature = "alloc")]
pub use ring::{CapacityError, Ring};

/// A bounded queue that any number of threads push to and pop from, first in, first out. Its methods are called inside of a pool's locks
/// too: they neither wait for anything, nor panic, nor come back to the pool.
///
/// It also carries one flag, [`waiting`](Popped::waiting): producers that wait for room. The flag is part of what `push` and
/// `pop` synchronise on: a `pop` that comes after [`set_waiting`](Self::set_waiting) reports it, and a `push` that comes after
/// a `pop` finds the room.
pub trait Queue<T>: Send + Sync + 'static {
    /// Adds `value` at the back.
    ///
    /// # Errors
    /// `value`, if the queue is full.
    fn push(&self, value: T) -> Result<(), T>;

    /// Takes the value at the front.
    fn pop(&self) -> Option<Popped<T>>;

    /// How many values there are, at some moment during this call.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values there is room for.
    fn capacity(&self) -> usize;

    /// Says whether producers wait for room, from now on.
    fn set_waiting(&self, waiting: bool);
}

/// A [`Queue`] that pools trust with their calls.
///
/// # Safety
/// Every task that was pushed is popped once, or dropped with the queue; the queue is not shared by two pools, and gives out
/// nothing once its pool is gone.
pub unsafe trait TaskQueue: Queue<Task> {}

// SAFETY: a ring gives out what was pushed, once, and is owned by whom it was given to.
#[cfg(feature = "alloc")]
unsafe impl TaskQueue for Ring<Task> {}

// SAFETY: as for the ring.
unsafe impl<L: crate::platform::Lock, const N: usize> TaskQueue for Deque<Task, L, N> {}

// SAFETY: as for the ring.
unsafe impl<L: crate::platform::Lock, const N: usize> TaskQueue for Inbox<Task, L, N> {}

/// A value from the front of a [`Queue`].
#[derive(Debug, PartialEq, Eq)]
pub struct Popped<T> {
    /// The value.
    pub value: T,
    /// Whether producers wait for room.
    pub waiting: bool,
}
