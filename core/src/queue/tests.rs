//! The bounded queues against the plainest one there is: every sequence of a few steps, for several capacities.

extern crate std;

use alloc::{collections::VecDeque, format, rc::Rc, string::ToString};
use core::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{CapacityError, Deque, Inbox, Popped, Queue, Ring};
use crate::platform::{ConstLock, Lock, SpinLock};

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
fn an_inbox_is_a_bounded_queue_at_any_capacity() {
    assert_is_plain(1, 0, Inbox::<usize, SpinLock, 1>::default);
    assert_is_plain(2, 0, Inbox::<usize, SpinLock, 2>::default);
    assert_is_plain(3, 0, Inbox::<usize, SpinLock, 3>::default);
    assert_is_plain(LARGEST, 0, Inbox::<usize, SpinLock, LARGEST>::default);
}

#[test]
fn an_inbox_that_has_been_used_is_as_good_as_new() {
    assert_is_plain(1, 3, Inbox::<usize, SpinLock, 1>::default);
    assert_is_plain(2, 3, Inbox::<usize, SpinLock, 2>::default);
    assert_is_plain(3, 3, Inbox::<usize, SpinLock, 3>::default);
}

/// What has been taken from the stack and what has come in since are two parts of an inbox: `first` and `second` of them, in order.
#[test]
fn an_inbox_gives_what_came_in_meanwhile_after_what_was_there() {
    const ROOM: usize = 6;
    for first in 1..=ROOM {
        for taken in 0..=first {
            for second in 0..=ROOM - first + taken {
                let inbox = Inbox::<usize, SpinLock, ROOM>::new();
                let mut plain = VecDeque::new();
                for value in 0..first {
                    assert_eq!(inbox.push(value), Ok(()));
                    plain.push_back(value);
                }
                for _ in 0..taken {
                    assert_eq!(inbox.pop().map(|popped| popped.value), plain.pop_front());
                }
                for value in first..first + second {
                    assert_eq!(inbox.push(value), Ok(()));
                    plain.push_back(value);
                }
                assert_eq!(inbox.len(), plain.len());
                let full = plain.len() == ROOM;
                assert_eq!(inbox.push(99).is_err(), full);
                plain.extend((!full).then_some(99));
                while let Some(value) = plain.pop_front() {
                    assert_eq!(inbox.pop().map(|popped| popped.value), Some(value));
                }
                assert_eq!((inbox.pop(), inbox.len()), (None, 0));
            }
        }
    }
}

#[test]
fn an_inbox_without_room_is_always_full() {
    let inbox = Inbox::<u8, SpinLock, 0>::new();
    assert_eq!((inbox.push(1), inbox.pop()), (Err(1), None));
    assert_eq!((inbox.len(), inbox.capacity()), (0, 0));
    assert!(inbox.is_empty());
}

#[test]
fn an_inbox_that_is_dropped_drops_what_is_in_it() {
    struct Counted(#[expect(dead_code, reason = "it is there to be dropped")] Rc<()>);
    // SAFETY: a lie that nobody hears: the inbox stays on this thread.
    unsafe impl Send for Counted {}
    // Some of them in order, others as they came in.
    for taken in 0..=4 {
        let counted = Rc::new(());
        let inbox = Inbox::<Counted, SpinLock, 4>::new();
        for _ in 0..4 {
            assert!(inbox.push(Counted(Rc::clone(&counted))).is_ok());
        }
        for left in (4 - taken..4).rev() {
            drop(inbox.pop());
            assert_eq!(Rc::strong_count(&counted), 1 + left);
        }
        let mut live = 4 - taken;
        if taken > 1 {
            assert!(inbox.push(Counted(Rc::clone(&counted))).is_ok());
            live += 1;
        }
        assert_eq!(Rc::strong_count(&counted), 1 + live);
        drop(inbox);
        assert_eq!(Rc::strong_count(&counted), 1);
    }
}

#[test]
fn an_inbox_that_many_push_to_and_pop_from_loses_nothing_and_keeps_each_order() {
    const PUSHERS: usize = 3;
    const EACH: usize = 4_000;
    let inbox = &Inbox::<(usize, usize), SpinLock, 5>::new();
    let popped = &AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for pusher in 0..PUSHERS {
            threads.spawn(move || {
                for n in 0..EACH {
                    while inbox.push((pusher, n)).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
        for _ in 0..2 {
            threads.spawn(move || {
                let mut next = [0; PUSHERS];
                while popped.load(Ordering::SeqCst) < PUSHERS * EACH {
                    let Some(Popped { value, .. }) = inbox.pop() else {
                        std::thread::yield_now();
                        continue;
                    };
                    popped.fetch_add(1, Ordering::SeqCst);
                    let (pusher, n) = value;
                    assert!(
                        n >= next[pusher],
                        "each pusher's values come in their order"
                    );
                    next[pusher] = n + 1;
                }
            });
        }
    });
    assert_eq!(popped.load(Ordering::SeqCst), PUSHERS * EACH);
    assert_eq!((inbox.len(), inbox.pop()), (0, None));
    for n in 0..5 {
        assert_eq!(inbox.push((9, n)), Ok(()), "all of the room is there");
    }
    assert!(inbox.push((9, 5)).is_err());
}

/// A lock that must not be taken, while somebody says so.
struct Forbidden(SpinLock);

std::thread_local! {
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: the lock in it does the work.
unsafe impl Lock for Forbidden {
    fn new() -> Self {
        Self(SpinLock::new())
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        assert!(!FORBIDDEN.get(), "the lock is taken");
        self.0.with(section)
    }
}

impl ConstLock for Forbidden {
    const NEW: Self = Self(SpinLock::new());
}

#[test]
fn a_push_to_an_inbox_takes_no_lock() {
    let inbox = Inbox::<u8, Forbidden, 2>::new();
    for round in 0..3 {
        FORBIDDEN.set(true);
        assert_eq!((inbox.push(round), inbox.push(9)), (Ok(()), Ok(())));
        assert_eq!(inbox.push(8), Err(8));
        FORBIDDEN.set(false);
        let popped = [inbox.pop(), inbox.pop(), inbox.pop()];
        assert_eq!(
            popped.map(|popped| popped.map(|p| p.value)),
            [Some(round), Some(9), None]
        );
    }
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

/// Runs what the test has left for the moment after a section, once.
struct Nosy(SpinLock);

std::thread_local! {
    static AFTER: Cell<Option<fn()>> = const { Cell::new(None) };
}

// SAFETY: the section runs inside the other lock.
unsafe impl Lock for Nosy {
    fn new() -> Self {
        Self(SpinLock::new())
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        let result = self.0.with(section);
        if let Some(after) = AFTER.take() {
            after();
        }
        result
    }
}

impl ConstLock for Nosy {
    const NEW: Self = Self(SpinLock::new());
}

/// The room was made after the lock: a producer that listed itself in between found none, and was not reported either.
// contract: S3
#[test]
fn an_inbox_has_room_as_soon_as_a_pop_no_longer_reports_who_waits() {
    static QUEUE: Inbox<u8, Nosy, 1> = Inbox::new();
    assert_eq!(QUEUE.push(1), Ok(()));
    AFTER.set(Some(|| {
        QUEUE.set_waiting(true);
        assert_eq!(QUEUE.push(2), Ok(()), "the second look finds the room");
    }));
    let popped = QUEUE.pop().unwrap();
    assert_eq!((popped.value, popped.waiting), (1, false));
    assert_eq!(QUEUE.pop().map(|popped| popped.value), Some(2));
}
