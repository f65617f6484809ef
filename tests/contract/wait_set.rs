//! W4: a wait leaves nothing behind, and a set hands its futures back one by one.

use std::{task::Context, thread, time::Duration};

use concurrent_futures::{Timeout, WaitSet, promise, wait};
use concurrent_futures_tests::bounded;

use crate::{
    virtual_time,
    wait::{ALL, ids, promises, set},
    wakers::Wakes,
};

// contract: W4
#[test]
fn a_wait_that_timed_out_is_told_nothing_any_more() {
    bounded(|| {
        let (promises, futures): (Vec<_>, Vec<_>) = (0..8).map(|_| virtual_time::promise()).unzip();
        for when in ALL {
            for _ in 0..3 {
                assert!(
                    wait(&futures, when, Some(Duration::from_secs(1)))
                        .done
                        .is_empty()
                );
                assert!(!futures[0].wait_timeout(Duration::from_secs(1)));
            }
        }
        let wakes = virtual_time::wakes();
        let (told, kept) = (wakes.count(), wakes.kept());
        for promise in promises {
            promise.set(1).unwrap();
        }
        assert_eq!(
            (wakes.count(), wakes.kept()),
            (told, kept),
            "nothing is registered"
        );
    });
}

// contract: W4
#[test]
fn a_set_hands_each_future_back_once_in_the_order_of_completion() {
    bounded(|| {
        let (mut promises, futures) = promises(4);
        let (late_promise, late) = promise();
        let mut waiting = WaitSet::new();
        set(&mut promises, 2, 2);
        for future in &futures {
            assert!(waiting.insert(future));
        }
        assert!(!waiting.insert(&futures[0]), "it is there already");
        assert_eq!((waiting.len(), waiting.is_empty()), (4, false));
        assert_eq!(ids(waiting.next()), ids([&futures[2]]));
        assert_eq!(waiting.len(), 3);
        assert!(waiting.try_next().is_none());
        let Err(Timeout { pending, total }) = waiting.next_timeout(Duration::ZERO).map(drop) else {
            panic!("none is done");
        };
        assert!(pending == 3 && total >= 3);
        set(&mut promises, 3, 3);
        assert!(futures[0].cancel());
        assert_eq!(ids(waiting.next()), ids([&futures[3]]));
        assert_eq!(
            ids(waiting.next_timeout(Duration::MAX).unwrap()),
            ids([&futures[0]])
        );
        // It takes more while it waits, and after it was empty.
        assert!(waiting.insert(&late));
        late_promise.set(9).unwrap();
        set(&mut promises, 1, 1);
        assert_eq!(ids(waiting.next()), ids([&late]));
        assert_eq!(ids(waiting.next()), ids([&futures[1]]));
        assert!(waiting.next().is_none() && waiting.is_empty());
        assert!(waiting.insert(&late));
        assert_eq!(ids(waiting.next()), ids([&late]));
    });
}

// contract: W4
#[test]
fn a_dropped_set_leaves_nothing_registered() {
    bounded(|| {
        let wakes = Wakes::new();
        let (mut promises, futures) = promises(6);
        let mut waiting: WaitSet<_> = WaitSet::new();
        for future in &futures {
            waiting.insert(future);
        }
        set(&mut promises, 5, 5);
        assert!(waiting.next().is_some());
        let waker = wakes.waker();
        assert!(
            waiting
                .poll_next(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop((waiting, waker));
        assert_eq!((wakes.count(), wakes.kept()), (0, 0));
        for n in 0..5 {
            set(&mut promises, n, n);
        }
        assert_eq!(wakes.count(), 0);
        for (n, future) in futures.into_iter().enumerate() {
            assert_eq!(future.result().unwrap(), n, "it cancelled nothing");
        }
    });
}

// contract: W4
#[test]
fn a_set_may_go_while_its_members_end() {
    bounded(|| {
        for _ in 0..200 {
            let (promises, futures) = promises::<u8>(8);
            let start = std::sync::Barrier::new(2);
            thread::scope(|s| {
                s.spawn(|| {
                    start.wait();
                    for promise in promises.into_iter().flatten() {
                        promise.set(1).unwrap();
                    }
                });
                let mut waiting = WaitSet::new();
                for future in &futures {
                    waiting.insert(future);
                }
                start.wait();
                assert!(waiting.next().is_some());
                drop(waiting);
            });
            assert!(
                futures
                    .into_iter()
                    .all(|future| matches!(future.result(), Ok(1)))
            );
        }
    });
}

// contract: W4
#[test]
fn getting_n_futures_out_of_a_set_costs_so_many_steps_per_future() {
    bounded(|| {
        let steps = |n: usize| {
            let (promises, futures): (Vec<_>, Vec<_>) =
                (0..n).map(|_| virtual_time::promise()).unzip();
            let before = virtual_time::locks();
            let mut waiting = WaitSet::new();
            for future in &futures {
                waiting.insert(future);
            }
            for promise in promises {
                promise.set(1).unwrap();
                assert!(waiting.next().is_some());
                assert!(matches!(
                    waiting.next_timeout(Duration::ZERO),
                    Ok(None) | Err(_)
                ));
            }
            drop(waiting);
            virtual_time::locks() - before
        };
        let (few, many) = (steps(100), steps(1_000));
        assert!(
            many <= few * 11,
            "{few} locks for 100 futures, {many} for 1000"
        );
    });
}
