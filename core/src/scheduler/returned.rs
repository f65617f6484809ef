//! Calls that were taken and given back unstarted: they are searched first. Without an allocator nobody gives one back.

#[cfg(feature = "alloc")]
use alloc::collections::VecDeque;

use crate::{platform::Lock, task::Task};
#[cfg(feature = "alloc")]
use crate::{
    platform::Locked,
    sync::{AtomicUsize, Ordering, Padded, const_fn},
};

/// The calls, in the order in which they are to be taken.
#[cfg(feature = "alloc")]
pub(super) struct Returned<L> {
    calls: Locked<L, VecDeque<Task>>,
    len: Padded<AtomicUsize>,
}

#[cfg(feature = "alloc")]
impl<L: Lock> Returned<L> {
    const_fn! {
        pub(super) const fn over(lock: L) -> Self {
            Self {
                calls: Locked::over(lock, VecDeque::new()),
                len: Padded(AtomicUsize::new(0)),
            }
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        // Relaxed: whoever must not miss a call has a fence between what it did and this look.
        self.len.load(Ordering::Relaxed)
    }

    /// The next one.
    #[inline]
    pub(super) fn pop(&self) -> Option<Task> {
        if self.len() == 0 {
            return None;
        }
        self.pop_found()
    }

    #[cold]
    fn pop_found(&self) -> Option<Task> {
        self.calls.with(|calls| {
            let task = calls.pop_front();
            self.len.store(calls.len(), Ordering::Relaxed);
            task
        })
    }

    /// Puts `task` ahead of the others.
    pub(super) fn push(&self, task: Task) {
        self.calls.with(|calls| {
            calls.push_front(task);
            self.len.store(calls.len(), Ordering::Relaxed);
        });
    }
}

/// There are none.
#[cfg(not(feature = "alloc"))]
pub(super) struct Returned<L>(L);

#[cfg(not(feature = "alloc"))]
impl<L: Lock> Returned<L> {
    pub(super) const fn over(lock: L) -> Self {
        Self(lock)
    }

    pub(super) const fn len(&self) -> usize {
        0
    }

    pub(super) const fn pop(&self) -> Option<Task> {
        None
    }
}
