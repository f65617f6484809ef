//! The bounded queues against the plainest one there is: every sequence of a few steps, for several capacities.

use alloc::{collections::VecDeque, format, rc::Rc, string::ToString};

use super::{CapacityError, Deque, Popped, Queue, Ring};
use crate::platform::SpinLock;

/// How many steps a sequence has: enough for several laps of the smallest.
const STEPS: u32 = 9;
const LARGEST: usize = 5;

/// What a queue is to do.
struct Plain {
    values: VecDeque<usize>,
    capacity: usize,
    waiting: bool,
}

impl Plain {
    fn push(&mut self, value: usize) -> Result<(), usize> {
        if self.values.len() == self.capacity {
            return Err(value);
        }
        self.values.push_back(value);
        Ok(())
    }

    fn pop(&mut self) -> Option<Popped<usize>> {
        Some(Popped {
            value: self.values.pop_front()?,
            waiting: self.waiting,
        })
    }
}

/// All sequences of pushes, pops and changes of the flag, each on a queue that has gone around `laps` times.
fn assert_is_plain<Q: Queue<usize>>(capacity: usize, laps: usize, new: impl Fn() -> Q) {
    for sequence in 0..3_u32.pow(STEPS) {
        let queue = new();
        let mut plain = Plain {
            values: VecDeque::new(),
            capacity,
            waiting: false,
        };
        for value in 0..laps * capacity {
            assert_eq!(queue.push(value), Ok(()));
            assert_eq!(
                queue.pop(),
                Some(Popped {
                    value,
                    waiting: false
                })
            );
        }
        let mut choices = sequence;
        for step in 0..STEPS as usize {
            match choices % 3 {
                0 => assert_eq!(queue.push(step), plain.push(step), "{capacity}: {sequence}"),
                1 => assert_eq!(queue.pop(), plain.pop(), "{capacity}: {sequence}"),
                _ => {
                    plain.waiting = !plain.waiting;
                    queue.set_waiting(plain.waiting);
                }
            }
            let seen = (queue.len(), queue.is_empty(), queue.capacity());
            let len = plain.values.len();
            assert_eq!(seen, (len, len == 0, capacity), "{capacity}: {sequence}");
            choices /= 3;
        }
    }
}

#[test]
fn a_ring_is_a_bounded_queue_at_any_capacity() {
    for capacity in 1..=LARGEST {
        assert_is_plain(capacity, 0, || Ring::new(capacity).unwrap());
    }
}

#[test]
fn a_ring_that_has_gone_around_is_as_good_as_new() {
    for capacity in 1..=3 {
        assert_is_plain(capacity, 3, || Ring::new(capacity).unwrap());
    }
}

#[test]
fn a_deque_is_a_bounded_queue_at_any_capacity() {
    assert_is_plain(1, 1, Deque::<usize, SpinLock, 1>::default);
    assert_is_plain(2, 1, Deque::<usize, SpinLock, 2>::default);
    assert_is_plain(LARGEST, 0, Deque::<usize, SpinLock, LARGEST>::default);
}

#[test]
fn a_ring_of_any_capacity_fills_and_empties_in_order() {
    for capacity in 1..40 {
        let ring = Ring::new(capacity).unwrap();
        // The first lap starts in the first slot, the later ones further in.
        for lap in 0..4 {
            for value in 0..capacity {
                assert_eq!((ring.push(value), ring.len()), (Ok(()), value + 1));
            }
            assert_eq!(ring.push(capacity), Err(capacity));
            for value in 0..capacity {
                let popped = ring.pop().map(|popped| popped.value);
                assert_eq!((popped, ring.len()), (Some(value), capacity - value - 1));
            }
            assert_eq!(ring.pop(), None);
            for value in 0..lap.min(capacity) {
                assert_eq!(ring.push(value), Ok(()));
                assert!(ring.pop().is_some());
            }
        }
    }
}

#[test]
fn a_ring_that_is_dropped_drops_what_is_in_it() {
    struct Counted(#[expect(dead_code, reason = "it is there to be dropped")] Rc<()>);
    // SAFETY: a lie that nobody hears: the ring stays on this thread.
    unsafe impl Send for Counted {}
    let counted = Rc::new(());
    let ring = Ring::new(3).unwrap();
    for _ in 0..3 {
        assert!(ring.push(Counted(Rc::clone(&counted))).is_ok());
    }
    drop(ring.pop());
    assert_eq!(Rc::strong_count(&counted), 3);
    drop(ring);
    assert_eq!(Rc::strong_count(&counted), 1);
}

#[test]
fn a_ring_without_room_or_beyond_memory_is_refused_with_a_reason() {
    let none = Ring::<u8>::new(0).unwrap_err();
    assert_eq!(none, CapacityError { capacity: 0 });
    assert!(none.to_string().contains("at least 1"), "{none}");

    let many = Ring::<u8>::new(usize::MAX).unwrap_err();
    let said = many.to_string();
    assert!(said.contains(&usize::MAX.to_string()), "{said}");
    assert!(said.contains("ask for less"), "{said}");
}

#[test]
fn a_ring_shows_its_capacity_and_not_its_values() {
    let ring = Ring::new(3).unwrap();
    ring.push("a secret").unwrap();
    assert_eq!(format!("{ring:?}"), "Ring { capacity: 3, .. }");
}
