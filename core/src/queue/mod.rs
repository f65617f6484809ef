//! Where calls wait: bounded queues, and what happens when one is full.

mod deque;
mod policy;
#[cfg(feature = "alloc")]
mod ring;

pub use deque::Deque;
pub use policy::Policy;
#[cfg(feature = "alloc")]
pub use ring::{CapacityError, Ring};

/// A bounded queue that any number of threads push to and pop from, first in, first out.
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

/// A value from the front of a [`Queue`].
#[derive(Debug, PartialEq, Eq)]
pub struct Popped<T> {
    /// The value.
    pub value: T,
    /// Whether producers wait for room.
    pub waiting: bool,
}
