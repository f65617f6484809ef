//! A2: the clock of `as_completed_timeout`.

use std::{iter, thread, time::Duration};

use concurrent_futures::{
    StdClock, TaskState, Timeout, as_completed_timeout, core::platform::Clock,
};
use concurrent_futures_tests::bounded;

use crate::{as_completed::promises, virtual_time};

// contract: A2
#[test]
fn at_the_deadline_it_says_how_many_are_left() {
    bounded(|| {
        let (promises, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| virtual_time::promise()).unzip();
        let mut promises = promises.into_iter();
        promises.next().unwrap().set(1_u32).unwrap();
        let start = virtual_time::now();
        let second = Duration::from_secs(1);
        let mut completed = as_completed_timeout(futures, second);
        assert_eq!(completed.next().unwrap().unwrap().result().unwrap(), 1);
        assert_eq!(virtual_time::now(), start);
        let late = completed.next().unwrap().unwrap_err();
        assert_eq!(
            late,
            Timeout {
                pending: 2,
                total: 3
            },
            "of all three"
        );
        assert_eq!(virtual_time::now(), start + second);
        assert!(completed.next().is_none() && completed.next().is_none());
        assert_eq!(virtual_time::now(), start + second);
    });
}

// contract: A2
#[test]
fn the_clock_starts_at_the_call_and_runs_while_nobody_waits() {
    bounded(|| {
        let (promises, futures): (Vec<_>, Vec<_>) =
            (0..2).map(|_| virtual_time::promise::<u32>()).unzip();
        let start = virtual_time::now();
        let mut completed = as_completed_timeout(&futures, Duration::from_secs(10));
        virtual_time::pass(Duration::from_secs(9));
        assert_eq!(
            completed.next().unwrap().map(drop),
            Err(Timeout {
                pending: 2,
                total: 2
            })
        );
        assert_eq!(virtual_time::now(), start + Duration::from_secs(10));
        drop(promises);
    });
}

// contract: A2
#[test]
fn the_clock_runs_while_the_input_is_read() {
    bounded(|| {
        let (_promise, future) = virtual_time::promise::<u32>();
        let (_other_promise, other) = virtual_time::promise::<u32>();
        let start = virtual_time::now();
        // The clock is the first future's.
        let slow = iter::once(&future).chain(iter::once_with(|| {
            virtual_time::pass(Duration::from_secs(30));
            &other
        }));
        let mut completed = as_completed_timeout(slow, Duration::from_secs(10));
        assert_eq!(
            completed.next().unwrap().map(drop),
            Err(Timeout {
                pending: 2,
                total: 2
            })
        );
        assert_eq!(
            virtual_time::now(),
            start + Duration::from_secs(30),
            "the call was 30 s ago: no wait"
        );
    });
}

// contract: A2
#[test]
fn what_was_done_is_yielded_even_after_the_deadline() {
    bounded(|| {
        let (promises, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| virtual_time::promise()).unzip();
        let mut completed = as_completed_timeout(&futures, Duration::from_secs(1));
        let mut promises = promises.into_iter();
        for promise in promises.by_ref().take(2) {
            promise.set(1_u32).unwrap();
        }
        virtual_time::pass(Duration::from_secs(5));
        assert_eq!(completed.next().unwrap().unwrap().id(), futures[0].id());
        assert_eq!(completed.next().unwrap().unwrap().id(), futures[1].id());
        assert_eq!(
            completed.next().unwrap().map(drop),
            Err(Timeout {
                pending: 1,
                total: 3
            })
        );
        assert!(completed.next().is_none());
        assert_eq!(futures[2].state(), TaskState::Pending);
        drop(completed);
        drop(promises);
        assert!(futures[2].failed());
    });
}

// contract: A2
#[test]
fn a_timeout_on_threads_comes_not_before_its_time() {
    bounded(|| {
        let (_promises, futures) = promises::<u32>(2);
        let timeout = Duration::from_millis(5);
        let deadline = StdClock::now().unwrap().checked_add(timeout);
        let mut completed = as_completed_timeout(&futures, timeout);
        assert!(matches!(
            completed.next(),
            Some(Err(Timeout {
                pending: 2,
                total: 2
            }))
        ));
        assert!(StdClock::now() >= deadline);
        let mut completed = as_completed_timeout(&futures, Duration::ZERO);
        assert!(matches!(
            completed.next(),
            Some(Err(Timeout {
                pending: 2,
                total: 2
            }))
        ));
    });
}

// contract: A2
#[test]
fn more_time_than_the_clock_counts_is_for_ever() {
    bounded(|| {
        let (promises, futures) = promises(2);
        let waiter = thread::spawn(move || {
            as_completed_timeout(futures, Duration::MAX)
                .map(|next| next.unwrap().result().unwrap())
                .collect::<Vec<_>>()
        });
        for (n, promise) in promises.into_iter().enumerate() {
            promise.set(n).unwrap();
        }
        let mut seen = waiter.join().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
    });
}
