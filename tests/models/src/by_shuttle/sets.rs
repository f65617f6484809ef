//! Many futures at once, against completions, cancellations and leaving early.

use std::{
    collections::BTreeSet,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use concurrent_futures_core::future::{
    Future, FutureId, ReturnWhen, Split, TaskError, WaitSet, as_completed_timeout, wait,
};
use shuttle::thread;

use super::platform::{SHORT, WakeThread, any_of, perhaps, pool, user_panic};

type Shared = Arc<Future<usize>>;

const CALLS: usize = 3;

/// Runs `explore` with calls of a pool of two, one of which is perhaps being cancelled, and one of which perhaps panics.
fn with_calls(explore: impl FnOnce(&[Shared])) {
    let pool = pool(2);
    let fails = any_of(2 * CALLS);
    let futures: Vec<Shared> = (0..CALLS)
        .map(|n| {
            let call = move || if n == fails { user_panic() } else { n };
            Arc::new(pool.spawn(call).expect("there is room"))
        })
        .collect();
    let canceller = thread::spawn({
        let future = futures[any_of(CALLS)].clone();
        move || perhaps() && future.cancel()
    });
    explore(&futures);
    canceller.join().expect("it does not panic");
    for (n, future) in futures.into_iter().enumerate() {
        let future = Arc::into_inner(future).expect("nothing is left registered");
        match future.result() {
            Ok(value) => assert_eq!(value, n),
            Err(TaskError::Panicked(_)) => assert_eq!(n, fails),
            Err(TaskError::Cancelled(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// Each distinct one is reported once, when it is done.
fn note(seen: &mut BTreeSet<FutureId>, future: &Shared) {
    assert!(future.done(), "reported before it is done");
    assert!(seen.insert(future.id()), "reported twice");
}

/// A set that is left after some of its futures, or grows again.
// contract: W4 A1 A3 F6
pub fn wait_set() {
    with_calls(|futures| {
        let mut set: WaitSet<Shared> = futures.iter().cloned().collect();
        assert!(!set.insert(futures[0].clone()), "it is in there");
        let mut seen = BTreeSet::new();
        for _ in 0..any_of(CALLS + 1) {
            let future = match any_of(3) {
                0 => set.try_next(),
                1 => set.next_timeout(SHORT).unwrap_or(None),
                _ => set.next(),
            };
            if let Some(future) = future {
                note(&mut seen, &future);
            }
        }
        assert_eq!(set.len() + seen.len(), CALLS);
        if seen.len() == CALLS {
            assert!(set.next().is_none());
            assert!(set.insert(futures[0].clone()));
            assert!(set.next().is_some());
        }
    });
}

/// A set that an async task waits for, and leaves when it likes.
// contract: A4 W4 R6
pub fn awaited_set() {
    with_calls(|futures| {
        let mut set: WaitSet<Shared> = futures.iter().cloned().collect();
        let waker = Waker::from(Arc::new(WakeThread(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut seen = BTreeSet::new();
        let enough = any_of(CALLS + 1);
        while seen.len() < enough {
            match set.poll_next(&mut context) {
                Poll::Ready(future) => note(&mut seen, &future.expect("some are left")),
                Poll::Pending => thread::park(),
            }
        }
        if perhaps() {
            let _ = set.poll_next(&mut context);
        }
    });
}

/// Every form of `wait`, with and without a timeout.
// contract: W1 W2 W3 F6
pub fn wait_forms() {
    with_calls(|futures| {
        let form = [
            ReturnWhen::FirstCompleted,
            ReturnWhen::FirstException,
            ReturnWhen::AllCompleted,
        ][any_of(3)];
        let timeout = perhaps().then_some(SHORT);
        let given = futures.iter().chain([&futures[0]]).cloned();
        let Split { done, not_done } = wait(given, form, timeout);
        assert!(done.iter().all(|future| future.done()));
        let ids: BTreeSet<_> = done
            .iter()
            .chain(&not_done)
            .map(|future| future.id())
            .collect();
        assert_eq!((ids.len(), done.len() + not_done.len()), (CALLS, CALLS));
        if timeout.is_none() {
            let enough = match form {
                ReturnWhen::FirstCompleted => !done.is_empty(),
                ReturnWhen::FirstException => {
                    not_done.is_empty() || done.iter().any(|future| future.failed())
                }
                ReturnWhen::AllCompleted => not_done.is_empty(),
            };
            assert!(
                enough,
                "returned too early: {form:?}, {done:?}, {not_done:?}"
            );
        }
    });
}

/// As they come, those that come in time.
// contract: A1 A2 A3
pub fn as_completed_in_time() {
    with_calls(|futures| {
        let mut seen = BTreeSet::new();
        let most = any_of(CALLS + 2);
        for future in as_completed_timeout(futures.iter().cloned(), SHORT).take(most) {
            match future {
                Ok(future) => note(&mut seen, &future),
                Err(timeout) => {
                    assert_eq!(
                        (timeout.total, timeout.pending),
                        (CALLS, CALLS - seen.len())
                    );
                    return;
                }
            }
        }
        assert_eq!(seen.len(), most.min(CALLS));
    });
}
