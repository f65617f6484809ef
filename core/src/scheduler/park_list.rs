//! Threads that are parked, each with a node on its own stack: idle workers, blocked producers, whoever waits for a shutdown.

use core::{cell::Cell, marker::PhantomPinned, ptr::NonNull};

use crate::platform::Unparker;

/// One parked thread. Touched only under the lock of its list.
pub(crate) struct Parked {
    unparker: Cell<Option<Unparker>>,
    next: Cell<Option<NonNull<Parked>>>,
    previous: Cell<Option<NonNull<Parked>>>,
    linked: Cell<bool>,
    /// Where its thread ran last, if that is known.
    processor: Cell<Option<usize>>,
    /// Its parker's number.
    id: Cell<usize>,
    _pinned: PhantomPinned,
}

impl Parked {
    pub(crate) const fn new() -> Self {
        Self {
            unparker: Cell::new(None),
            next: Cell::new(None),
            previous: Cell::new(None),
            linked: Cell::new(false),
            processor: Cell::new(None),
            id: Cell::new(0),
            _pinned: PhantomPinned,
        }
    }

    /// Notes where its thread runs now.
    pub(crate) fn set_processor(&self, processor: Option<usize>) {
        self.processor.set(processor);
    }

    /// Notes its parker's number.
    pub(crate) fn set_id(&self, id: usize) {
        self.id.set(id);
    }

    /// Whether it is in its list; when it was and is no longer, it was woken.
    pub(crate) fn is_linked(&self) -> bool {
        self.linked.get()
    }
}

/// A list of parked threads; lives inside a lock.
pub(crate) struct ParkList {
    first: Option<NonNull<Parked>>,
    last: Option<NonNull<Parked>>,
}

// SAFETY: the nodes are touched only through the list, by whoever has its lock.
unsafe impl Send for ParkList {}

impl ParkList {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            last: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The number of the parker that was added last, of those that are in.
    pub(crate) fn latest_id(&self) -> Option<usize> {
        // SAFETY: a linked node is alive.
        self.last.map(|last| unsafe { last.as_ref() }.id.get())
    }

    /// Adds `node` at the back, to be woken by `unparker`.
    ///
    /// # Safety
    /// The node is not in a list, and stays where it is until it is removed or popped.
    pub(crate) unsafe fn push(&mut self, node: NonNull<Parked>, unparker: Unparker) {
        // SAFETY: the caller keeps the node alive.
        let parked = unsafe { node.as_ref() };
        parked.unparker.set(Some(unparker));
        parked.next.set(None);
        parked.previous.set(self.last);
        parked.linked.set(true);
        match self.last.replace(node) {
            // SAFETY: a linked node is alive.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(node)),
            None => self.first = Some(node),
        }
    }

    /// Takes out the node that has waited longest; gives what wakes it.
    pub(crate) fn pop_oldest(&mut self) -> Option<Unparker> {
        let first = self.first?;
        self.take(first)
    }

    /// Takes out the node that came last, of those whose thread ran last on another processor than `busy` if there is one
    /// among the latest few; gives what wakes it.
    pub(crate) fn pop_latest(&mut self, busy: Option<usize>) -> Option<Unparker> {
        const FEW: usize = 8;
        let last = self.last?;
        let latest = core::iter::successors(self.last, |node| {
            // SAFETY: a linked node is alive.
            unsafe { node.as_ref() }.previous.get()
        });
        let elsewhere = latest.take(FEW).find(|node| {
            // SAFETY: a linked node is alive.
            let processor = unsafe { node.as_ref() }.processor.get();
            processor.is_some() && processor != busy
        });
        self.take(elsewhere.unwrap_or(last))
    }

    fn take(&mut self, node: NonNull<Parked>) -> Option<Unparker> {
        // SAFETY: a linked node is alive.
        let parked = unsafe { node.as_ref() };
        self.remove(parked);
        parked.unparker.take()
    }

    /// Takes `node` out if it is in; says whether it was.
    pub(crate) fn remove(&mut self, node: &Parked) -> bool {
        if !node.linked.replace(false) {
            return false;
        }
        let (previous, next) = (node.previous.get(), node.next.get());
        match previous {
            // SAFETY: the neighbours of a linked node are linked, so alive.
            Some(previous) => unsafe { previous.as_ref() }.next.set(next),
            None => self.first = next,
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { next.as_ref() }.previous.set(previous),
            None => self.last = previous,
        }
        true
    }
}
