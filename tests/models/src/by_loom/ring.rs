//! The ring: what goes in comes out once, and in order; full and empty are said only when they are true.

use concurrent_futures_core::queue::{Queue, Ring};
use loom::{sync::Arc, thread};

type Values = Ring<Box<u32>>;

fn ring(capacity: usize) -> Arc<Values> {
    Arc::new(Ring::new(capacity).expect("a small ring"))
}

fn pop(ring: &Values) -> Option<u32> {
    ring.pop().map(|popped| *popped.value)
}

/// Two producers, one of them of two values, on a ring of two: one value may find it full, none is lost or doubled.
pub fn two_producers() {
    let ring = ring(2);
    let producer = thread::spawn({
        let ring = ring.clone();
        move || [1, 2].map(|value| ring.push(Box::new(value)).is_ok())
    });
    let mut popped: Vec<u32> = Vec::new();
    let pushed_ten = ring.push(Box::new(10)).is_ok();
    popped.extend(pop(&ring));
    let pushed = producer.join().expect("it does not panic");
    popped.extend(std::iter::from_fn(|| pop(&ring)));
    let expected = [(1, pushed[0]), (2, pushed[1]), (10, pushed_ten)];
    let mut expected: Vec<u32> = expected
        .into_iter()
        .filter_map(|(value, pushed)| pushed.then_some(value))
        .collect();
    assert!(expected.len() >= 2, "full with room left: {expected:?}");
    let mine: Vec<_> = popped.iter().copied().filter(|&value| value < 10).collect();
    assert!(mine.is_sorted(), "out of order: {popped:?}");
    popped.sort_unstable();
    expected.sort_unstable();
    assert_eq!(popped, expected);
}

/// Two consumers of a ring of one that goes round: each value goes to one of them.
pub fn two_consumers() {
    let ring = ring(1);
    assert!(ring.push(Box::new(1)).is_ok());
    let consumer = thread::spawn({
        let ring = ring.clone();
        move || pop(&ring)
    });
    let mut popped: Vec<u32> = Vec::new();
    popped.extend(pop(&ring));
    let pushed = ring.push(Box::new(2)).is_ok();
    popped.extend(pop(&ring));
    popped.extend(consumer.join().expect("it does not panic"));
    popped.extend(std::iter::from_fn(|| pop(&ring)));
    popped.sort_unstable();
    let expected: &[u32] = if pushed { &[1, 2] } else { &[1] };
    assert_eq!(popped, expected);
    assert!(ring.is_empty() && ring.len() == 0);
}
