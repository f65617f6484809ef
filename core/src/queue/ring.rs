//! The bounded lock-free ring of a general-purpose operating system.
//!
//! Dmitry Vyukov's bounded multi-producer multi-consumer queue: every slot carries a stamp that says whose turn it is, so that
//! a producer and a consumer of the same slot never meet. Positions count laps in their upper bits, as in crossbeam's
//! `ArrayQueue`, so that any capacity works, one included. The lowest bit of the head is the flag of the waiting producers:
//! whoever pops changes the head, and therefore sees it.

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::{fmt, marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use super::{Popped, Queue};
use crate::sync::{AtomicUsize, Ordering, Padded, UnsafeCell, fence};

const WAITING: usize = 1;
/// Positions count in twos, to leave room for the flag.
const ONE: usize = 2;

struct Slot<T> {
    /// The stamp less the slot's index, so that zeroed memory is an empty ring.
    turn: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// A bounded lock-free queue. Its memory is touched only as it is used.
///
/// ```
/// use concurrent_futures_core::queue::{Queue, Ring};
///
/// let ring = Ring::new(2)?;
/// assert_eq!((ring.push('a'), ring.push('b'), ring.push('c')), (Ok(()), Ok(()), Err('c')));
/// assert_eq!(ring.pop().map(|popped| popped.value), Some('a'));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ring<T> {
    /// Where the next value is popped, and the flag.
    head: Padded<AtomicUsize>,
    /// Where the next value is pushed.
    tail: Padded<AtomicUsize>,
    slots: NonNull<Slot<T>>,
    capacity: usize,
    /// What a position grows by in one turn around the ring: a power of two above all indexes.
    lap: usize,
    values: PhantomData<T>,
}

// SAFETY: values move from pushing to popping threads; the stamps give each slot to one thread at a time.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

/// A ring must have room for at least one value, and fit into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityError {
    /// What was asked for.
    pub capacity: usize,
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.capacity == 0 {
            f.write_str("a queue without room can hold no call; ask for a capacity of at least 1")
        } else {
            write!(
                f,
                "there is no memory for a queue of {} calls; ask for less",
                self.capacity
            )
        }
    }
}

impl core::error::Error for CapacityError {}

impl<T> Ring<T> {
    /// An empty ring with room for exactly `capacity` values.
    ///
    /// # Errors
    /// [`CapacityError`] if that is none, or more than there is memory for.
    pub fn new(capacity: usize) -> Result<Self, CapacityError> {
        let refused = CapacityError { capacity };
        let layout = Self::layout(capacity).ok_or(refused)?;
        // What fits into memory is a quarter of all positions at most, so that laps do not run into each other: a slot is a word.
        if capacity == 0 {
            return Err(refused);
        }
        // SAFETY: the layout is not empty, as the capacity is not zero.
        let memory = unsafe { alloc_zeroed(layout) };
        let slots = NonNull::new(memory.cast::<Slot<T>>()).ok_or(refused)?;
        let ring = Self {
            head: Padded(AtomicUsize::new(0)),
            tail: Padded(AtomicUsize::new(0)),
            slots,
            capacity,
            lap: ((capacity + 1) * ONE).next_power_of_two(),
            values: PhantomData,
        };
        ring.write_slots();
        Ok(ring)
    }

    fn layout(capacity: usize) -> Option<Layout> {
        Layout::array::<Slot<T>>(capacity).ok()
    }

    /// Zeroed memory is a ring of empty slots already.
    #[cfg(not(any(cf_model, cf_shuttle)))]
    fn write_slots(&self) {}

    /// A model's atomics are more than their bits.
    #[cfg(any(cf_model, cf_shuttle))]
    fn write_slots(&self) {
        for index in 0..self.capacity {
            // SAFETY: the slot is inside the allocation, which is this thread's alone.
            unsafe {
                self.slots.add(index).write(Slot {
                    turn: AtomicUsize::new(0),
                    value: UnsafeCell::new(MaybeUninit::uninit()),
                });
            }
        }
    }

    fn slot(&self, index: usize) -> &Slot<T> {
        debug_assert!(index < self.capacity);
        // SAFETY: an index is below the capacity, so this stays inside the allocation.
        let slot = unsafe { self.slots.add(index) };
        // SAFETY: zeroed memory is a valid slot, and slots are only shared.
        unsafe { slot.as_ref() }
    }

    /// The slot of a position.
    #[inline]
    fn index(&self, position: usize) -> usize {
        (position & (self.lap - 1)) / ONE
    }

    /// The position after `position`: the next slot, or the first of the next lap.
    #[inline]
    fn after(&self, position: usize) -> usize {
        if self.index(position) + 1 < self.capacity {
            position.wrapping_add(ONE)
        } else {
            (position & !(self.lap - 1)).wrapping_add(self.lap)
        }
    }

    /// The stamp of a slot: equal to a position when a producer there may write it, one [`ONE`] more when a consumer may read.
    #[inline]
    fn stamp(&self, slot: &Slot<T>, index: usize) -> usize {
        // Acquire: the turn passes on what the other side did to the slot.
        slot.turn.load(Ordering::Acquire).wrapping_add(index * ONE)
    }

    #[inline]
    fn pass_turn(&self, slot: &Slot<T>, index: usize, stamp: usize) {
        // Release: what was done to the slot goes with its turn.
        slot.turn
            .store(stamp.wrapping_sub(index * ONE), Ordering::Release);
    }

    fn try_pop(&self) -> Option<Popped<T>> {
        // Relaxed: a stale head only costs a turn.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let position = head & !WAITING;
            let index = self.index(position);
            let slot = self.slot(index);
            let stamp = self.stamp(slot, index);
            if stamp == position.wrapping_add(ONE) {
                let waiting = head & WAITING;
                // AcqRel: a pop that leaves room is ordered with the flag, see `set_waiting`. Relaxed: as above.
                match self.head.compare_exchange_weak(
                    head,
                    self.after(position) | waiting,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        let value = slot.value.with_mut(|place| {
                            // SAFETY: the exchange made the slot this thread's.
                            let place = unsafe { &mut *place };
                            // SAFETY: the stamp said that a value is there, and it is read once.
                            unsafe { place.assume_init_read() }
                        });
                        self.pass_turn(slot, index, position.wrapping_add(self.lap));
                        return Some(Popped {
                            value,
                            waiting: waiting != 0,
                        });
                    }
                    Err(seen) => head = seen,
                }
            } else if stamp == position {
                // No value: empty, or its producer is half-way, or the head is stale.
                fence(Ordering::SeqCst);
                let tail = self.tail.load(Ordering::Relaxed);
                if tail == position {
                    return None;
                }
                pause();
                head = self.head.load(Ordering::Relaxed);
            } else {
                pause();
                head = self.head.load(Ordering::Relaxed);
            }
        }
    }
}

/// Another thread is half-way through a slot; it needs a moment.
#[inline]
fn pause() {
    #[cfg(cf_model)]
    loom::thread::yield_now();
    #[cfg(cf_shuttle)]
    shuttle::thread::yield_now();
    #[cfg(not(any(cf_model, cf_shuttle)))]
    core::hint::spin_loop();
}

impl<T: Send + 'static> Queue<T> for Ring<T> {
    #[inline]
    fn push(&self, value: T) -> Result<(), T> {
        // Relaxed: a stale tail only costs a turn.
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let index = self.index(tail);
            let slot = self.slot(index);
            let stamp = self.stamp(slot, index);
            if stamp == tail {
                // Relaxed: the slot's own turn publishes the value; the tail only hands out positions.
                match self.tail.compare_exchange_weak(
                    tail,
                    self.after(tail),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        slot.value.with_mut(|place| {
                            // SAFETY: the stamp said that the slot is empty, and the exchange made it this thread's.
                            unsafe { (*place).write(value) };
                        });
                        self.pass_turn(slot, index, tail.wrapping_add(ONE));
                        return Ok(());
                    }
                    Err(seen) => tail = seen,
                }
            } else if stamp.wrapping_add(self.lap) == tail.wrapping_add(ONE) {
                // The value of a lap ago is there: full, or its consumer is half-way, or the tail is stale.
                fence(Ordering::SeqCst);
                let head = self.head.load(Ordering::Acquire) & !WAITING;
                if head.wrapping_add(self.lap) == tail {
                    return Err(value);
                }
                pause();
                tail = self.tail.load(Ordering::Relaxed);
            } else {
                pause();
                tail = self.tail.load(Ordering::Relaxed);
            }
        }
    }

    #[inline]
    fn pop(&self) -> Option<Popped<T>> {
        self.try_pop()
    }

    fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Ordering::Acquire);
            let head = self.head.load(Ordering::Acquire) & !WAITING;
            // A tail that did not move while the head was read makes the two a pair.
            if self.tail.load(Ordering::Acquire) == tail {
                let (head_index, tail_index) = (self.index(head), self.index(tail));
                return if head_index < tail_index {
                    tail_index - head_index
                } else if head_index > tail_index {
                    self.capacity - head_index + tail_index
                } else if head == tail {
                    0
                } else {
                    self.capacity
                };
            }
        }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        // Relaxed: whoever must not miss a value has a fence between what it did and this look.
        let head = self.head.load(Ordering::Relaxed) & !WAITING;
        let tail = self.tail.load(Ordering::Relaxed);
        head == tail
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn set_waiting(&self, waiting: bool) {
        // AcqRel: in the order of all changes of the head, every pop is before this or after. Of those after, the first sees
        // the flag; those before, a producer that looks again after this sees the room of.
        if waiting {
            self.head.fetch_or(WAITING, Ordering::AcqRel);
        } else {
            self.head.fetch_and(!WAITING, Ordering::AcqRel);
        }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.try_pop().is_some() {}
        if let Some(layout) = Self::layout(self.capacity) {
            // In a model the slots' atomics end here.
            // SAFETY: the memory was allocated with just this layout, and nobody uses it any more.
            unsafe { dealloc(self.slots.as_ptr().cast(), layout) };
        }
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
