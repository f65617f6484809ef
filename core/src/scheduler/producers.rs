//! Producers that wait for room in a full queue: the mirror image of idle workers.

use core::{pin::pin, ptr::NonNull};

use super::park_list::{ParkList, Parked};
use crate::{
    platform::{Clock, Deadline, Locked, Parker, Platform, Point},
    queue::Queue,
    sync::{Essential, const_fn, essential},
};

/// The list of blocked producers. The queue's own flag tells those who pop that it is not empty.
pub(crate) struct Producers<P: Platform> {
    blocked: Locked<P::Lock, ParkList>,
}

/// Why a producer still has its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    TimedOut,
    Closed,
}

impl<P: Platform> Producers<P> {
    const_fn! {
        pub(crate) const fn over(lock: P::Lock) -> Self {
            Self {
                blocked: Locked::over(lock, ParkList::new()),
            }
        }
    }

    /// Pushes `value`, waiting for room until `deadline` or until `closed`.
    #[cold]
    pub(crate) fn push<T, Q: Queue<T>>(
        &self,
        queue: &Q,
        mut value: T,
        deadline: Deadline,
        closed: impl Fn() -> bool,
    ) -> Result<(), (NoRoom, T)> {
        let node = pin!(Parked::new());
        let node = node.as_ref().get_ref();
        loop {
            let mut turn = 0;
            while P::relax(turn) {
                match queue.push(value) {
                    Ok(()) => return Ok(()),
                    Err(back) => value = back,
                }
                turn += 1;
            }
            P::point(Point::FoundFull);
            let listed = Blocked {
                producers: self,
                queue,
                node,
                values: core::marker::PhantomData,
            };
            self.blocked.with(|blocked| {
                let unparker = P::with_parker(Parker::unparker);
                // SAFETY: the node is pinned and not listed, and `listed` removes it before its frame goes.
                unsafe { blocked.push(NonNull::from(node), unparker) };
                queue.set_waiting(true);
            });
            P::point(Point::ListedBlocked);
            if essential(Essential::ProducerSecondLook) {
                match queue.push(value) {
                    Ok(()) => return Ok(()),
                    Err(back) => value = back,
                }
            }
            loop {
                if closed() {
                    return Err((NoRoom::Closed, value));
                }
                if !listed.is_listed() {
                    break;
                }
                if deadline.is_over(P::Clock::now) {
                    return Err((NoRoom::TimedOut, value));
                }
                P::with_parker(|parker| deadline.park(parker));
            }
            // Woken, for room that this producer now tries to take: nothing to pass on.
            core::mem::forget(listed);
            match queue.push(value) {
                Ok(()) => return Ok(()),
                Err(back) => value = back,
            }
        }
    }

    /// There is room for one more, and somebody waited for it.
    #[cold]
    pub(crate) fn room_made<T, Q: Queue<T>>(&self, queue: &Q) {
        let unparker = self.blocked.with(|blocked| {
            let unparker = blocked.pop_oldest();
            if blocked.is_empty() {
                queue.set_waiting(false);
            }
            unparker
        });
        if let Some(unparker) = unparker {
            unparker.unpark();
        }
    }

    /// The pool was closed: wakes everybody.
    pub(crate) fn wake_all<T, Q: Queue<T>>(&self, queue: &Q) {
        while !self.blocked.with(|blocked| blocked.is_empty()) {
            self.room_made(queue);
        }
    }
}

/// Takes a producer's node out of the list before its frame goes; a wake that it leaves without using goes to the next.
struct Blocked<'a, P: Platform, T, Q: Queue<T>> {
    producers: &'a Producers<P>,
    queue: &'a Q,
    node: &'a Parked,
    values: core::marker::PhantomData<fn(T)>,
}

impl<P: Platform, T, Q: Queue<T>> Blocked<'_, P, T, Q> {
    fn is_listed(&self) -> bool {
        self.producers.blocked.with(|_| self.node.is_linked())
    }
}

impl<P: Platform, T, Q: Queue<T>> Drop for Blocked<'_, P, T, Q> {
    fn drop(&mut self) {
        let woken = self.producers.blocked.with(|blocked| {
            let was_listed = blocked.remove(self.node);
            if blocked.is_empty() {
                self.queue.set_waiting(false);
            }
            !was_listed
        });
        if woken && essential(Essential::ProducerPassesOn) {
            self.producers.room_made(self.queue);
        }
    }
}
