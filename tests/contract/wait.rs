//! W: waiting for many futures.

use std::{
    cell::Cell,
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use concurrent_futures::{
    Future, InlineExecutor, Promise, PumpExecutor, ReturnWhen, Ring, Split, StdClock, TaskError,
    ThreadPoolExecutor, WaitSet, core::platform::Clock, promise, wait,
};
use concurrent_futures_tests::bounded;

use crate::{held::Held, virtual_time, wakers::Wakes};

/// Every way to wait.
pub(crate) const ALL: [ReturnWhen; 3] = [
    ReturnWhen::FirstCompleted,
    ReturnWhen::FirstException,
    ReturnWhen::AllCompleted,
];

/// So many promises and their futures.
pub(crate) fn promises<T: Send + 'static>(n: usize) -> (Vec<Option<Promise<T>>>, Vec<Future<T>>) {
    (0..n)
        .map(|_| {
            let (promise, future) = promise();
            (Some(promise), future)
        })
        .unzip()
}

/// Sets the promise of that number.
pub(crate) fn set<T>(promises: &mut [Option<Promise<T>>], n: usize, value: T) {
    assert!(promises[n].take().unwrap().set(value).is_ok());
}

/// The identities, to compare.
pub(crate) fn ids<'a, T: 'a>(futures: impl IntoIterator<Item = &'a Future<T>>) -> Vec<String> {
    futures
        .into_iter()
        .map(|future| format!("{:?}", future.id()))
        .collect()
}

// contract: W1
#[test]
fn wait_hands_back_what_it_was_given_in_two_parts() {
    bounded(|| {
        let (mut promises, futures) = promises(4);
        set(&mut promises, 1, 10);
        set(&mut promises, 3, 30);
        let all = ids(&futures);

        let Split { done, not_done } = wait(&futures, ReturnWhen::FirstCompleted, None);
        assert_eq!(ids(done), [&*all[1], &*all[3]]);
        assert_eq!(ids(not_done), [&*all[0], &*all[2]]);

        let shared: Vec<_> = futures.into_iter().map(Arc::new).collect();
        let Split { done, not_done } =
            wait(shared.iter().cloned(), ReturnWhen::FirstCompleted, None);
        assert!(
            done.iter()
                .zip([1, 3])
                .all(|(future, n)| Arc::ptr_eq(future, &shared[n]))
        );
        assert!(
            not_done
                .iter()
                .zip([0, 2])
                .all(|(future, n)| Arc::ptr_eq(future, &shared[n]))
        );
        assert_eq!((done.len(), not_done.len()), (2, 2));
        drop((done, not_done));

        let owned = shared
            .into_iter()
            .map(|future| Arc::into_inner(future).unwrap());
        let Split { done, not_done } = wait(owned, ReturnWhen::FirstCompleted, None);
        let values: Vec<_> = done
            .into_iter()
            .map(|future| future.result().unwrap())
            .collect();
        assert_eq!((values, not_done.len()), (vec![10, 30], 2));
    });
}

// contract: W1, F6
#[test]
fn wait_reports_a_future_given_twice_once() {
    bounded(|| {
        let (mut promises, futures) = promises(2);
        set(&mut promises, 0, 1);
        let [done_one, pending] = &futures[..] else {
            unreachable!()
        };
        for when in ALL {
            let given = [done_one, pending, done_one, pending, done_one];
            let split = wait(given, when, Some(Duration::ZERO));
            assert_eq!(ids(split.done), ids([done_one]));
            assert_eq!(ids(split.not_done), ids([pending]));
        }
        set(&mut promises, 1, 2);
        let shared: Vec<_> = futures.into_iter().map(Arc::new).collect();
        let given = [0, 1, 0, 0, 1].map(|n: usize| Arc::clone(&shared[n]));
        let split = wait(given, ReturnWhen::AllCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (2, 0));
        assert_eq!(
            Arc::strong_count(&shared[0]),
            2,
            "the other references are dropped"
        );
    });
}

// contract: W1, R4
#[test]
fn wait_takes_values_that_are_not_sync() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let futures = [1, 2].map(|n| pool.spawn(move || Cell::new(n)).unwrap());
        let split = wait(futures, ReturnWhen::AllCompleted, None);
        let sum: i32 = split
            .done
            .into_iter()
            .map(|future| future.result().unwrap().get())
            .sum();
        assert_eq!(sum, 3);
    });
}

// contract: W1
#[test]
fn one_wait_takes_futures_of_any_executors() {
    bounded(|| {
        for when in ALL {
            let pool = ThreadPoolExecutor::new(1).unwrap();
            let inline = InlineExecutor::new();
            let pump: PumpExecutor = PumpExecutor::new(Ring::new(8).unwrap());
            let (promise, promised) = promise();
            let by_pump = pump.spawn(|| 1).unwrap();
            let by_pool = pool
                .spawn(move || promise.set(2).map_or(0, |()| 3))
                .unwrap();
            let by_caller = inline.spawn(|| 4).unwrap();
            let Split { mut done, not_done } =
                wait([by_pump, promised, by_pool, by_caller], when, None);
            match when {
                ReturnWhen::FirstCompleted => assert!(!done.is_empty()),
                _ => assert_eq!(not_done.len(), 0),
            }
            done.extend(not_done);
            let mut values: Vec<_> = done
                .into_iter()
                .map(|future| future.result().unwrap())
                .collect();
            values.sort_unstable();
            assert_eq!(values, [1, 2, 3, 4]);
        }
    });
}

// contract: W1, D3
#[test]
fn a_wait_for_all_runs_the_calls_of_a_pump_that_an_earlier_future_needs() {
    bounded(|| {
        for when in ALL {
            let pump = virtual_time::pump();
            let (promise, promised) = virtual_time::promise();
            let by_pump = pump
                .spawn(move || promise.set(1).map_or(0, |()| 2))
                .unwrap();
            // On this platform whoever would wait for ever panics.
            let Split { mut done, not_done } = wait([promised, by_pump], when, None);
            assert!(when == ReturnWhen::FirstCompleted || not_done.is_empty());
            done.extend(not_done);
            let values: Vec<_> = done
                .into_iter()
                .map(|future| future.result().unwrap())
                .collect();
            assert_eq!(values, [1, 2]);
        }
    });
}

// contract: W2
#[test]
fn first_completed_gives_all_that_are_done_at_entry_and_else_waits_for_one() {
    bounded(|| {
        let (mut promises, futures) = promises(3);
        set(&mut promises, 0, 0);
        assert!(futures[2].cancel());
        let split = wait(&futures, ReturnWhen::FirstCompleted, None);
        assert_eq!(
            (split.done.len(), split.not_done.len()),
            (2, 1),
            "cancelled is done"
        );

        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let (_promise, slow) = promise();
        let never = pool.spawn(|| ()).unwrap();
        let canceller = pool.handle();
        thread::scope(|s| {
            let waiter = s.spawn(|| wait([&slow, &never], ReturnWhen::FirstCompleted, None));
            s.spawn(move || canceller.shutdown(false, true).unwrap());
            let split = waiter.join().unwrap();
            assert_eq!(ids(split.done), ids([&never]));
            assert_eq!(ids(split.not_done), ids([&slow]));
        });
        held.release();
    });
}

// contract: W2, R8
#[test]
fn first_exception_looks_at_failures_only() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let (_never, pending) = promise::<Result<u8, u8>>();
        let cancelled = {
            let held = Held::on(&pool);
            let call = pool.spawn(|| Ok(1)).unwrap();
            assert!(call.cancel());
            held.release();
            call
        };
        let value = pool.spawn(|| Ok(1)).unwrap();
        let err_as_value = pool.spawn(|| Err(1)).unwrap();
        let failed = pool.spawn_result(|| Err(1)).unwrap();
        let panicked = pool.spawn(|| panic!("x")).unwrap();
        let (broken, abandoned) = promise();
        drop(broken);
        assert!(
            [&value, &err_as_value, &failed, &panicked]
                .iter()
                .all(|future| future.wait())
        );

        let no_failure = [&cancelled, &value, &err_as_value, &pending];
        let split = wait(no_failure, ReturnWhen::FirstException, Some(Duration::ZERO));
        assert_eq!((split.done.len(), split.not_done.len()), (3, 1));
        for failure in [&failed, &panicked, &abandoned] {
            // Would wait for ever if this were not a failure.
            let split = wait(
                [&pending, &value, failure],
                ReturnWhen::FirstException,
                None,
            );
            assert_eq!(ids(split.not_done), ids([&pending]));
        }
        let split = wait(
            [&cancelled, &value, &err_as_value],
            ReturnWhen::FirstException,
            None,
        );
        assert_eq!((split.done.len(), split.not_done.len()), (3, 0));
    });
}

// contract: W2
#[test]
fn first_exception_goes_on_past_successes_and_cancels_until_one_fails() {
    bounded(|| {
        let (mut promises, futures) = promises::<u8>(5);
        let start = std::sync::Barrier::new(2);
        let split = thread::scope(|s| {
            let waiter = s.spawn(|| {
                start.wait();
                wait(&futures, ReturnWhen::FirstException, None)
            });
            start.wait();
            set(&mut promises, 0, 1);
            assert!(futures[1].cancel());
            set(&mut promises, 2, 1);
            let failing = promises[3].take().unwrap();
            failing.set_error(TaskError::Abandoned).unwrap();
            waiter.join().unwrap()
        });
        assert_eq!(ids(split.done), ids(&futures[..4]));
        assert_eq!(ids(split.not_done), ids(&futures[4..]));
    });
}

// contract: W2, W3
#[test]
fn all_completed_waits_for_all_in_whatever_order() {
    bounded(|| {
        let (mut promises, futures) = promises(4);
        let split = thread::scope(|s| {
            let waiter = s.spawn(|| wait(&futures, ReturnWhen::AllCompleted, Some(Duration::MAX)));
            for n in [2, 0, 3] {
                set(&mut promises, n, n);
            }
            assert!(futures[1].cancel());
            waiter.join().unwrap()
        });
        assert_eq!((split.done.len(), split.not_done.len()), (4, 0));
    });
}

// contract: W3
#[test]
fn a_timeout_gives_the_partial_split() {
    bounded(|| {
        let (_promises, futures): (Vec<_>, Vec<_>) =
            (0..3).map(|_| virtual_time::promise::<u8>()).unzip();
        assert!(futures[1].cancel());
        for when in [ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
            for timeout in [Duration::ZERO, Duration::from_secs(5)] {
                let start = virtual_time::now();
                let split = wait(&futures, when, Some(timeout));
                assert_eq!(
                    (ids(split.done), ids(split.not_done)),
                    (ids([&futures[1]]), ids([&futures[0], &futures[2]]))
                );
                assert_eq!(
                    virtual_time::now() - start,
                    timeout,
                    "all of the time, and no more"
                );
            }
        }
        let start = virtual_time::now();
        let split = wait(
            &futures,
            ReturnWhen::FirstCompleted,
            Some(Duration::from_secs(5)),
        );
        assert_eq!((split.done.len(), virtual_time::now()), (1, start));
    });
}

// contract: W3
#[test]
fn a_timeout_on_threads_comes_and_leaves_the_calls_alone() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let waiting = pool.spawn(|| 2).unwrap();
        for when in ALL {
            let deadline = StdClock::now()
                .unwrap()
                .checked_add(Duration::from_millis(5));
            let split = wait([&waiting], when, Some(Duration::from_millis(5)));
            assert_eq!((split.done.len(), split.not_done.len()), (0, 1));
            assert!(StdClock::now() >= deadline);
        }
        held.release();
        assert_eq!(waiting.result().unwrap(), 2);
    });
}

// contract: W3
#[test]
fn empty_input_returns_at_once() {
    bounded(|| {
        for when in ALL {
            for timeout in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
                let split = wait(Vec::<Future<u8>>::new(), when, timeout);
                assert!(split.done.is_empty() && split.not_done.is_empty());
            }
        }
        let mut set = WaitSet::<Future<u8>>::new();
        assert!(set.is_empty() && set.next().is_none() && set.try_next().is_none());
        assert!(matches!(set.next_timeout(Duration::MAX), Ok(None)));
        let wakes = Wakes::new();
        let waker = wakes.waker();
        assert!(matches!(
            set.poll_next(&mut Context::from_waker(&waker)),
            Poll::Ready(None)
        ));
    });
}
