//! Calls that wait for calls of their own pool.

use std::sync::Arc;

use concurrent_futures_core::{
    executor::Handle,
    future::{Future, ReturnWhen, WaitSet, as_completed, promise, wait},
};

use super::platform::{Model, ModelBackend, any_of, perhaps, pool};

type Shared = Arc<Future<u32>>;

/// Waits for all of them, in one of the ways that there are.
fn wait_for(futures: &[Shared]) -> u32 {
    if perhaps() {
        return wait_for_all(futures);
    }
    for future in futures {
        assert!(future.wait());
    }
    sum(futures)
}

/// The same, in one of the ways that take all of them together.
fn wait_for_all(futures: &[Shared]) -> u32 {
    match any_of(3) {
        0 => {
            let split = wait(futures.iter(), ReturnWhen::AllCompleted, None);
            assert!(split.not_done.is_empty());
        }
        1 => assert_eq!(as_completed(futures.iter()).count(), futures.len()),
        _ => {
            let mut set: WaitSet<&Shared> = futures.iter().collect();
            while set.next().is_some() {}
        }
    }
    sum(futures)
}

fn sum(futures: &[Shared]) -> u32 {
    let values = futures.iter();
    values
        .map(|future| *future.result_ref().expect("it runs"))
        .sum()
}

/// `b` waits for `x` while `a` waits for `b`, and for `x`, too; all are in one queue, in any order but that.
// contract: T6
pub fn crossed(workers: usize) {
    let pool = pool(workers);
    let spawn = |awaited: Vec<Shared>| {
        let call = move || 1 + wait_for(&awaited);
        Arc::new(pool.spawn(call).expect("there is room"))
    };
    let other = perhaps().then(|| pool.spawn(|| 7).expect("there is room"));
    let x = spawn(vec![]);
    let b = spawn(vec![x.clone()]);
    let a = spawn(vec![b.clone(), x.clone()]);
    let second = perhaps().then(|| spawn(vec![x.clone(), b.clone()]));
    assert_eq!(wait_for(&[a]), 4);
    assert_eq!(second.map_or(4, |second| wait_for(&[second])), 4);
    if let Some(other) = other {
        assert_eq!(other.result().expect("it runs"), 7);
    }
    // Callers from outside wait, too, and never claim.
    assert_eq!(wait_for(&[x, b]), 3);
}

/// One call waits for two others, the first of which runs until the second has run, and waits in a way that claims nothing. On
/// two workers, whoever waits for both has to run the second before it waits for the first.
// contract: T6 T7
pub fn claims_all_first() {
    let pool = pool(2);
    let (open, gate) = promise::<Model, ()>();
    let first = move || u32::from(gate.wait());
    let second = move || u32::from(open.set(()).is_ok());
    let in_scope = perhaps();
    let handle = pool.handle();
    let outer = pool.spawn(move || {
        if in_scope {
            handle.scope(|scope| {
                assert!(scope.spawn(first).is_ok());
                assert!(scope.spawn(second).is_ok());
            });
            return 2;
        }
        let first = Arc::new(handle.spawn(first).expect("there is room"));
        let second = Arc::new(handle.spawn(second).expect("there is room"));
        wait_for_all(&[first, second])
    });
    assert_eq!(outer.expect("there is room").result().expect("it runs"), 2);
}

/// The textbook's recursion: every call waits for two of its own.
// contract: T6
pub fn recursion(workers: usize) {
    fn fibonacci(handle: &Handle<ModelBackend>, n: u32) -> u32 {
        if n < 2 {
            return n;
        }
        let calls = [n - 1, n - 2].map(|n| {
            let inner = handle.clone();
            let call = move || fibonacci(&inner, n);
            Arc::new(handle.spawn(call).expect("there is room, or it runs here"))
        });
        wait_for(&calls)
    }
    let pool = pool(workers);
    let handle = pool.handle();
    let future = pool
        .spawn(move || fibonacci(&handle, 4))
        .expect("there is room");
    assert_eq!(future.result().expect("it runs"), 3);
}
