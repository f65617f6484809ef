//! The inbox: what goes in comes out once, in order, and is seen while it is in.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use concurrent_futures_core::{
    queue::{Inbox, Queue},
    scheduler::model::remove,
};
use loom::thread;

use super::platform::ModelLock;

/// A value that counts how many of it there are. The box shows whether it is whole.
struct Value(Box<u32>, Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        assert_ne!(self.1.fetch_sub(1, Relaxed), 0, "a value was dropped twice");
    }
}

/// An inbox, and how many values there are.
struct Values<const N: usize> {
    inbox: Inbox<Value, ModelLock, N>,
    count: Arc<AtomicUsize>,
}

impl<const N: usize> Values<N> {
    /// With these in it.
    fn with(values: &[u32]) -> Arc<Self> {
        let this = Self {
            inbox: Inbox::new(),
            count: Arc::default(),
        };
        for &value in values {
            assert!(this.push(value));
        }
        Arc::new(this)
    }

    /// Whether there was room.
    fn push(&self, value: u32) -> bool {
        self.count.fetch_add(1, Relaxed);
        let value = Value(Box::new(value), self.count.clone());
        self.inbox.push(value).is_ok()
    }

    fn pop(&self) -> Option<u32> {
        self.inbox.pop().map(|popped| *popped.value.0)
    }

    fn remove(&self, wanted: u32) -> bool {
        let removed = remove(&self.inbox, |value| *value.0 == wanted);
        removed.is_some_and(|value| *value.0 == wanted)
    }

    /// Everything that is in.
    fn drain(&self) -> impl Iterator<Item = u32> {
        std::iter::from_fn(|| self.pop())
    }

    /// All is over, and nothing is left in the inbox, nor anywhere.
    fn check_empty(&self) {
        assert!(self.inbox.is_empty() && self.inbox.len() == 0);
        assert_eq!(self.count.load(Relaxed), 0, "a value is left");
    }
}

/// Two who push, one of them two values, while somebody pops: there is room for two, and each producer's values come in order.
pub fn two_pushers() {
    let values = Values::<2>::with(&[]);
    let pusher = thread::spawn({
        let values = values.clone();
        move || [1, 2].map(|value| values.push(value))
    });
    let pushed_ten = values.push(10);
    let mut popped = Vec::from_iter(values.pop());
    let pushed = pusher.join().expect("it does not panic");
    popped.extend(values.drain());
    let expected = [(1, pushed[0]), (2, pushed[1]), (10, pushed_ten)];
    let expected: Vec<u32> = expected
        .into_iter()
        .filter_map(|(value, pushed)| pushed.then_some(value))
        .collect();
    assert!(expected.len() >= 2, "full with room left: {expected:?}");
    let theirs = popped.iter().filter(|&&value| value < 10);
    assert!(theirs.is_sorted(), "out of order: {popped:?}");
    popped.sort_unstable();
    assert_eq!(popped, expected);
    values.check_empty();
}

/// Somebody pops the first of two values, which puts both in order, while another looks: the second is in all the time.
pub fn seen_while_in() {
    let values = Values::<2>::with(&[1, 2]);
    let popper = thread::spawn({
        let values = values.clone();
        move || values.pop()
    });
    assert!(!values.inbox.is_empty(), "a value was overlooked");
    assert_eq!(popper.join().expect("it does not panic"), Some(1));
    assert!(!values.inbox.is_empty(), "a value was overlooked");
    assert_eq!(values.pop(), Some(2));
    values.check_empty();
}

/// As before, but that the second value is pushed while the first is popped, and that its producer looks.
pub fn seen_once_pushed() {
    let values = Values::<2>::with(&[1]);
    let popper = thread::spawn({
        let values = values.clone();
        move || values.pop()
    });
    assert!(values.push(2));
    assert!(!values.inbox.is_empty(), "a value was overlooked");
    assert_eq!(popper.join().expect("it does not panic"), Some(1));
    assert_eq!(values.pop(), Some(2));
    values.check_empty();
}

/// The stack's top goes away and comes back while somebody is about to push onto it.
pub fn reused() {
    let values = Values::<2>::with(&[1]);
    let pusher = thread::spawn({
        let values = values.clone();
        move || values.push(2)
    });
    let mut popped = Vec::from_iter(values.pop());
    // Into the node that was freed just now, if the other is claimed.
    let pushed_three = values.push(3);
    let pushed_two = pusher.join().expect("it does not panic");
    popped.extend(values.drain());
    assert!(pushed_two && pushed_three, "full with room left");
    assert_eq!(popped[0], 1, "out of order: {popped:?}");
    popped.sort_unstable();
    assert_eq!(popped, [1, 2, 3]);
    values.check_empty();
}

/// One node, popped by two, and filled again by one of them.
pub fn two_poppers() {
    let values = Values::<1>::with(&[1]);
    let popper = thread::spawn({
        let values = values.clone();
        move || values.pop()
    });
    let mut popped = Vec::from_iter(values.pop());
    let pushed = values.push(2);
    popped.extend(popper.join().expect("it does not panic"));
    popped.extend(values.drain());
    popped.sort_unstable();
    let expected: &[u32] = if pushed { &[1, 2] } else { &[1] };
    assert_eq!(popped, expected);
    values.check_empty();
}

/// A value is removed while somebody pops: it comes out once, and so does the other.
pub fn remove_against_pop() {
    for wanted in [1, 2] {
        let values = Values::<2>::with(&[1, 2]);
        let remover = thread::spawn({
            let values = values.clone();
            move || values.remove(wanted)
        });
        let mut popped = Vec::from_iter(values.pop());
        let removed = remover.join().expect("it does not panic");
        popped.extend(values.drain());
        popped.extend(removed.then_some(wanted));
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
        values.check_empty();
    }
}

/// A value is removed while somebody pushes another one: both come out once, and a value that is in is found.
pub fn remove_against_push() {
    let values = Values::<2>::with(&[1]);
    let pusher = thread::spawn({
        let values = values.clone();
        move || values.push(2)
    });
    assert!(values.remove(1), "a value was overlooked");
    let removed = values.remove(2);
    assert!(pusher.join().expect("it does not panic"));
    assert_eq!(values.pop(), (!removed).then_some(2));
    values.check_empty();
}

/// What is left in an inbox, in order or not, is dropped with it.
pub fn dropped() {
    let values = Values::<3>::with(&[1, 2]);
    let pusher = thread::spawn({
        let values = values.clone();
        move || values.push(3)
    });
    assert_eq!(values.pop(), Some(1));
    assert!(pusher.join().expect("it does not panic"));
    let count = values.count.clone();
    assert_eq!(count.load(Relaxed), 2);
    drop(values);
    assert_eq!(count.load(Relaxed), 0, "a value is left");
}
