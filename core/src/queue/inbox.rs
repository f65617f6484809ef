//! A queue that an interrupt handler may push to.

use super::{Popped, Queue};
use crate::{
    platform::{Lock, Locked},
    sync::{AtomicUsize, Essential, Ordering, UnsafeCell, const_fn, essential},
};
use core::mem::MaybeUninit;

/// What `next` of a node says that is in no list, and what names no node: an empty queue is nothing but zeros.
const FREE: usize = 0;
/// What `next` of the last node of a list says. Every other number is the name of a node.
const END: usize = 1;
/// The name of the first node.
const FIRST: usize = 2;

/// A bounded queue in place whose `push` takes no lock: it may be called from an interrupt handler.
///
/// A push claims a free node and puts it on a stack of what came in. Whoever pops does so under the lock, for which handlers never wait: when
/// the nodes in order are used up it takes the whole stack, and turns it round. A push that is interrupted half-way holds up nobody: its
/// node is not on the stack yet. The number of steps of a push is bounded by the capacity, and by what others push meanwhile; on a target
/// without compare-and-swap each step is a critical section.
///
/// While several push and pop, [`len`](Queue::len) is a guess, and a push may be refused that has looked at each place while it was taken.
///
/// The stack is Treiber's (R. K. Treiber, Systems Programming: Coping with Parallelism, IBM, 1986); as nodes leave it only all together, a
/// node that comes back in between does no harm.
///
/// ```
/// use concurrent_futures_core::{platform::SpinLock, queue::{Inbox, Queue}};
///
/// static QUEUE: Inbox<u8, SpinLock, 2> = Inbox::new();
/// assert_eq!(QUEUE.push(1), Ok(()));
/// assert_eq!(QUEUE.push(2), Ok(()));
/// assert_eq!(QUEUE.push(3), Err(3));
/// assert_eq!(QUEUE.pop().map(|popped| popped.value), Some(1));
/// ```
pub struct Inbox<T, L, const N: usize> {
    nodes: [Node<T>; N],
    /// The name of the node that came in last; 0 if there is none.
    stack: AtomicUsize,
    /// Not 0 while there may be nodes in order: they are not on the stack any more.
    in_order: AtomicUsize,
    order: Locked<L, Order>,
}

struct Node<T> {
    next: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The names of the first and the last of the nodes that came in first, oldest first; neither names one if there are none.
struct Order {
    first: usize,
    last: usize,
    waiting: bool,
}

impl Order {
    const EMPTY: Self = Self {
        first: 0,
        last: 0,
        waiting: false,
    };
}

// SAFETY: a node's value is reached by whoever claimed the node, then, once it was on the stack, by whoever took it out under the lock.
unsafe impl<T: Send, L: Lock, const N: usize> Sync for Inbox<T, L, N> {}

impl<T> Node<T> {
    const_fn! {
        const fn new() -> Self {
            Self {
                next: AtomicUsize::new(FREE),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            }
        }
    }
}

#[cfg(not(cf_model))]
impl<T, L: crate::platform::ConstLock, const N: usize> Inbox<T, L, N> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            nodes: [const { Node::new() }; N],
            stack: AtomicUsize::new(0),
            in_order: AtomicUsize::new(0),
            order: Locked::over(L::NEW, Order::EMPTY),
        }
    }
}

#[cfg(cf_model)]
impl<T, L: Lock, const N: usize> Inbox<T, L, N> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nodes: core::array::from_fn(|_| Node::new()),
            stack: AtomicUsize::new(0),
            in_order: AtomicUsize::new(0),
            order: Locked::new(Order::EMPTY),
        }
    }
}

#[cfg(not(cf_model))]
impl<T, L: crate::platform::ConstLock, const N: usize> Default for Inbox<T, L, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, L: Lock, const N: usize> Inbox<T, L, N> {
    /// The node that a list names.
    fn node(&self, name: usize) -> Option<&Node<T>> {
        self.nodes.get(name.checked_sub(FIRST)?)
    }

    /// A node for a value, and its name.
    fn claim(&self) -> Option<(&Node<T>, usize)> {
        let claim = |node: &&Node<T>| {
            // Relaxed: a stale look costs a node that is free, or an exchange in vain. Acquire: the value that was there is gone.
            node.next.load(Ordering::Relaxed) == FREE
                && node
                    .next
                    .compare_exchange(FREE, END, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
        };
        let nodes = self.nodes.iter().zip(FIRST..);
        nodes.into_iter().find(|(node, _)| claim(node))
    }

    /// Takes what came in off the stack, and puts it behind what is in order. Under the lock.
    fn sort(&self, order: &mut Order) {
        // Before the stack is empty, so that nobody finds both empty in between.
        if essential(Essential::InboxNotes) {
            self.in_order.store(1, Ordering::Relaxed);
        }
        // Acquire: the values. Release: whoever sees the empty stack sees the store above.
        let mut name = self.stack.fetch_and(0, Ordering::AcqRel);
        // Newest first: the one that came in first ends up at the front.
        let (mut first, newest) = (END, name);
        while let Some(node) = self.node(name) {
            // Relaxed: the list is this thread's.
            let next = node.next.load(Ordering::Relaxed);
            node.next.store(first, Ordering::Relaxed);
            first = name;
            name = next;
        }
        if first == END {
            return;
        }
        match self.node(order.last) {
            Some(last) => last.next.store(first, Ordering::Relaxed),
            None => order.first = first,
        }
        order.last = newest;
    }

    /// Takes the value of the node that follows `previous` in the order, which is 0 for the first, and frees the node. Under the lock.
    fn take(&self, order: &mut Order, previous: usize) -> Option<T> {
        let name = match self.node(previous) {
            Some(node) => node.next.load(Ordering::Relaxed),
            None => order.first,
        };
        let node = self.node(name)?;
        let next = node.next.load(Ordering::Relaxed);
        match self.node(previous) {
            Some(previous) => previous.next.store(next, Ordering::Relaxed),
            None => order.first = next,
        }
        if order.last == name {
            order.last = previous;
        }
        // SAFETY: the node was in order, so its value is there, and under the lock nobody else takes it.
        let value = node.value.with(|value| unsafe { value.cast::<T>().read() });
        // Release: whoever claims the node writes after this read.
        node.next.store(FREE, Ordering::Release);
        Some(value)
    }

    /// Notes whether there are nodes in order, at the end of each section.
    fn note(&self, order: &Order) {
        // Relaxed: a stale 1 costs a look; a stale 0 is older than the last `sort`, whose emptying of the stack is seen with its 1.
        self.in_order
            .store(usize::from(order.first > END), Ordering::Relaxed);
    }

    /// Takes the oldest value out that is `wanted`. The closure is called under the lock, so it must not come back here.
    pub(crate) fn remove(&self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.order.with(|order| {
            self.sort(order);
            let (mut previous, mut name) = (0, order.first);
            let found = loop {
                let Some(node) = self.node(name) else {
                    break None;
                };
                let is_wanted = node.value.with(|value| {
                    // SAFETY: a node in order has a value, and under the lock nobody takes it out.
                    wanted(unsafe { &*value.cast::<T>() })
                });
                if is_wanted {
                    break self.take(order, previous);
                }
                previous = name;
                name = node.next.load(Ordering::Relaxed);
            };
            self.note(order);
            found
        })
    }
}

impl<T: Send + 'static, L: Lock, const N: usize> Queue<T> for Inbox<T, L, N> {
    fn push(&self, value: T) -> Result<(), T> {
        let Some((node, name)) = self.claim() else {
            return Err(value);
        };
        // SAFETY: the node was free and is claimed by this thread: nobody else reaches its place.
        node.value
            .with_mut(|place| unsafe { place.cast::<T>().write(value) });
        // Relaxed: what is read is only put into the node.
        let mut top = self.stack.load(Ordering::Relaxed);
        loop {
            node.next.store(top.max(END), Ordering::Relaxed);
            // Release: the value and the link.
            match self
                .stack
                .compare_exchange_weak(top, name, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(seen) => top = seen,
            }
        }
    }

    fn pop(&self) -> Option<Popped<T>> {
        self.order.with(|order| {
            if order.first <= END {
                self.sort(order);
            }
            let value = self.take(order, 0);
            self.note(order);
            let waiting = order.waiting;
            value.map(|value| Popped { value, waiting })
        })
    }

    fn len(&self) -> usize {
        // Relaxed: a number of some moment.
        let used = |node: &&Node<T>| node.next.load(Ordering::Relaxed) != FREE;
        self.nodes.iter().filter(used).count()
    }

    fn is_empty(&self) -> bool {
        // Acquire: an empty stack comes with the note that its nodes are in order.
        self.stack.load(Ordering::Acquire) == 0 && self.in_order.load(Ordering::Relaxed) == 0
    }

    fn capacity(&self) -> usize {
        N
    }

    fn set_waiting(&self, waiting: bool) {
        self.order.with(|order| order.waiting = waiting);
    }
}

impl<T, L, const N: usize> Drop for Inbox<T, L, N> {
    fn drop(&mut self) {
        for node in &self.nodes {
            // Relaxed: nobody else has the queue.
            if node.next.load(Ordering::Relaxed) != FREE {
                // SAFETY: a node that is not free has a value, and nobody takes it any more.
                node.value
                    .with_mut(|value| unsafe { value.cast::<T>().drop_in_place() });
            }
        }
    }
}
