//! Parts of the scheduler by themselves, for models that would be too large with a whole pool around them.

use super::producers::{NoRoom, Producers};
use crate::{
    platform::{Deadline, Platform, Time},
    queue::Queue,
};

/// A queue with its blocked producers.
pub struct BlockingQueue<P: Platform, Q> {
    queue: Q,
    producers: Producers<P>,
}

impl<P: Platform, Q> BlockingQueue<P, Q> {
    /// Nobody is blocked yet.
    pub fn new(queue: Q) -> Self {
        Self {
            queue,
            producers: Producers::new(),
        }
    }

    /// Pushes, waiting for room for ever, or until `deadline`; says whether there was room.
    pub fn push<T>(&self, value: T, deadline: Option<Time>) -> bool
    where
        Q: Queue<T>,
    {
        let Err(value) = self.queue.push(value) else {
            return true;
        };
        let deadline = deadline.map_or(Deadline::Never, Deadline::At);
        match self.producers.push(&self.queue, value, deadline, || false) {
            Ok(()) => true,
            Err((NoRoom::TimedOut | NoRoom::Closed, _)) => false,
        }
    }

    /// Pops, and wakes a producer.
    pub fn pop<T>(&self) -> Option<T>
    where
        Q: Queue<T>,
    {
        let popped = self.queue.pop()?;
        if popped.waiting {
            self.producers.room_made(&self.queue);
        }
        Some(popped.value)
    }
}
