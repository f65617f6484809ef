//! A queue under a lock, in place: no allocator, no compare-and-swap.

use super::{Popped, Queue};
use crate::platform::{Lock, Locked};

/// [`heapless::Deque`] under the platform's lock.
///
/// For platforms with strict priorities, where a lock-free ring stalls while a producer of low priority is preempted half-way,
/// and for those without an allocator.
///
/// ```
/// use concurrent_futures_core::{platform::SpinLock, queue::{Deque, Queue}};
///
/// let queue: Deque<u8, SpinLock, 1> = Deque::new();
/// assert_eq!(queue.push(1), Ok(()));
/// assert_eq!(queue.push(2), Err(2));
/// assert_eq!(queue.pop().map(|popped| popped.value), Some(1));
/// ```
pub struct Deque<T, L, const N: usize> {
    inner: Locked<L, Inner<T, N>>,
}

struct Inner<T, const N: usize> {
    values: heapless::Deque<T, N>,
    waiting: bool,
}

impl<T, L: Lock, const N: usize> Deque<T, L, N> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Locked::new(Inner {
                values: heapless::Deque::new(),
                waiting: false,
            }),
        }
    }
}

impl<T, L: Lock, const N: usize> Default for Deque<T, L, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static, L: Lock, const N: usize> Queue<T> for Deque<T, L, N> {
    fn push(&self, value: T) -> Result<(), T> {
        self.inner.with(|inner| inner.values.push_back(value))
    }

    fn pop(&self) -> Option<Popped<T>> {
        self.inner.with(|inner| {
            let value = inner.values.pop_front()?;
            Some(Popped {
                value,
                waiting: inner.waiting,
            })
        })
    }

    fn len(&self) -> usize {
        self.inner.with(|inner| inner.values.len())
    }

    fn capacity(&self) -> usize {
        N
    }

    fn set_waiting(&self, waiting: bool) {
        self.inner.with(|inner| inner.waiting = waiting);
    }
}
