//! A: futures in the order in which they are done.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use concurrent_futures::{
    AsCompleted, Future, InlineExecutor, Promise, PumpExecutor, Ring, TaskState,
    ThreadPoolExecutor, as_completed, as_completed_timeout, promise,
};
use concurrent_futures_tests::{Drops, bounded};

use crate::{
    held::Held,
    wakers::{Wakes, block_on},
};

/// So many promises and their futures.
pub(crate) fn promises<T: Send + 'static>(n: usize) -> (Vec<Promise<T>>, Vec<Future<T>>) {
    (0..n).map(|_| promise()).unzip()
}

fn values(futures: impl IntoIterator<Item = Future<u32>>) -> Vec<u32> {
    futures
        .into_iter()
        .map(|future| future.result().unwrap())
        .collect()
}

// contract: A1
#[test]
fn those_done_at_entry_come_first_and_the_others_as_they_end() {
    bounded(|| {
        let (promises, futures) = promises(6);
        let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
        let mut set = |n: u32| promises[n as usize].take().unwrap().set(n).unwrap();
        set(4);
        set(2);
        let mut completed = as_completed(futures);
        assert_eq!(completed.len(), 6);
        let mut at_entry = values(completed.by_ref().take(2));
        at_entry.sort_unstable();
        assert_eq!(at_entry, [2, 4]);
        for n in [5, 0, 3] {
            set(n);
        }
        assert_eq!(values(completed.by_ref().take(3)), [5, 0, 3]);
        assert_eq!(completed.size_hint(), (1, Some(1)));
        set(1);
        assert_eq!(values(completed.by_ref()), [1]);
        assert!(completed.next().is_none() && completed.next().is_none());
    });
}

// contract: A1, F6
#[test]
fn each_distinct_future_comes_once() {
    bounded(|| {
        let (promises, futures) = promises(3);
        let [a, b, c] = &futures[..] else {
            unreachable!()
        };
        let mut completed = as_completed([a, b, a, c, c, b, a]);
        assert_eq!(completed.len(), 3);
        for promise in promises {
            promise.set(1).unwrap();
        }
        let yielded: Vec<_> = completed.by_ref().map(Future::id).collect();
        assert_eq!(yielded, [a.id(), b.id(), c.id()]);
        drop(completed);

        let shared: Vec<_> = futures.into_iter().map(Arc::new).collect();
        let twice = shared.iter().chain(&shared).cloned();
        assert_eq!(as_completed(twice).count(), 3);
        assert!(shared.iter().all(|future| Arc::strong_count(future) == 1));
    });
}

// contract: A1
#[test]
fn a_wait_goes_on_when_a_future_ends_elsewhere() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(3).unwrap();
        for _ in 0..50 {
            let futures: Vec<_> = (0..20).map(|n| pool.spawn(move || n).unwrap()).collect();
            let mut seen = values(as_completed(futures));
            seen.sort_unstable();
            assert_eq!(seen, Vec::from_iter(0..20));
        }
        let pump: PumpExecutor = PumpExecutor::new(Ring::new(4).unwrap());
        let (promise, promised) = promise();
        let mixed = [
            promised,
            pump.spawn(move || promise.set(1).map_or(0, |()| 2))
                .unwrap(),
            InlineExecutor::new().spawn(|| 3).unwrap(),
            pool.spawn(|| 4).unwrap(),
        ];
        let mut seen = values(as_completed(mixed));
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3, 4]);
    });
}

// contract: A1
#[test]
fn cancelled_and_failed_futures_come_too() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let by_caller = pool.spawn(|| 1).unwrap();
        let by_shutdown = pool.spawn(|| 2).unwrap();
        let (abandoned, failed) = promise();
        let futures = [by_caller, by_shutdown, failed];
        let mut completed = as_completed(&futures);
        assert!(futures[0].cancel());
        assert_eq!(completed.next().map(Future::id), Some(futures[0].id()));
        drop(abandoned);
        assert!(completed.next().is_some_and(Future::failed));
        let handle = pool.handle();
        let canceller = thread::spawn(move || handle.shutdown(false, true).unwrap());
        assert!(
            completed.next().is_some_and(Future::cancelled),
            "wakes who waits"
        );
        assert!(completed.next().is_none());
        canceller.join().unwrap();
        held.release();
    });
}

// contract: A1, A2
#[test]
fn of_nothing_comes_nothing() {
    bounded(|| {
        assert!(as_completed(Vec::<Future<u32>>::new()).next().is_none());
        for timeout in [Duration::ZERO, Duration::MAX] {
            assert!(
                as_completed_timeout(Vec::<Future<u32>>::new(), timeout)
                    .next()
                    .is_none()
            );
        }
    });
}

// contract: A3
#[test]
fn dropping_it_early_cancels_nothing_and_unregisters() {
    bounded(|| {
        let (promises, futures) = promises(4);
        let wakes = Wakes::new();
        let mut completed = as_completed(&futures);
        let waker = wakes.waker();
        let polled = futures_util::Stream::poll_next(
            Pin::new(&mut completed),
            &mut Context::from_waker(&waker),
        );
        assert!(polled.is_pending());
        drop((completed, waker));
        assert_eq!(wakes.kept(), 0);
        drop(as_completed_timeout(&futures, Duration::MAX));
        assert!(
            futures
                .iter()
                .all(|future| future.state() == TaskState::Pending)
        );
        for promise in promises {
            promise.set(5).unwrap();
        }
        assert_eq!(wakes.count(), 0);
        assert_eq!(values(futures), [5; 4]);
    });
}

// contract: A3, K4
#[test]
fn dropping_it_with_its_futures_lets_the_calls_run() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let drops = Drops::new();
        let futures: Vec<_> = (0..3)
            .map(|_| {
                let token = drops.token();
                pool.spawn(move || token).unwrap()
            })
            .collect();
        drop(as_completed(futures));
        assert_eq!((drops.count(), pool.stats().queued), (0, 3));
        held.release();
        assert_eq!(pool.shutdown(true, false).unwrap().cancelled, 0);
        assert_eq!(drops.count(), 3);
    });
}

// contract: A3
#[test]
fn it_keeps_no_reference_to_what_it_yielded() {
    bounded(|| {
        let (promises, futures) = promises(2);
        let drops = Drops::new();
        let shared: Vec<_> = futures.into_iter().map(Arc::new).collect();
        let mut completed = as_completed(shared.iter().cloned());
        let mut promises = promises.into_iter();
        assert!(promises.next().unwrap().set(drops.token()).is_ok());
        let first = completed.next().unwrap();
        assert_eq!(Arc::strong_count(&first), 2, "this one and the test's");
        drop(shared);
        drop(
            Arc::into_inner(first)
                .expect("the only one")
                .result()
                .unwrap(),
        );
        assert_eq!(drops.count(), 1);
        assert!(promises.next().unwrap().set(drops.token()).is_ok());
        drop(completed.next());
        assert_eq!(drops.count(), 2, "while the iterator is there");
        assert!(completed.next().is_none());
    });
}

// contract: A4
#[test]
fn it_is_a_stream_too() {
    bounded(|| {
        fn is_stream<S: futures_util::Stream + Iterator + Send + Unpin>(_: &S) {}
        let (promises, futures) = promises(4);
        let mut completed: AsCompleted<Future<u32>> = as_completed(futures);
        is_stream(&completed);
        let mut promises = promises.into_iter();
        let wakes = Wakes::new();
        let waker = wakes.waker();
        let mut context = Context::from_waker(&waker);
        assert!(
            futures_util::Stream::poll_next(Pin::new(&mut completed), &mut context).is_pending()
        );
        assert_eq!(futures_util::Stream::size_hint(&completed), (4, Some(4)));
        promises.next().unwrap().set(1).unwrap();
        assert_eq!(wakes.count(), 1);
        let Poll::Ready(Some(first)) =
            futures_util::Stream::poll_next(Pin::new(&mut completed), &mut context)
        else {
            panic!("one is done");
        };
        assert_eq!(first.result().unwrap(), 1);
        // Iterating and streaming can follow each other.
        promises.next().unwrap().set(2).unwrap();
        assert_eq!(Iterator::next(&mut completed).unwrap().result().unwrap(), 2);
        let producer = thread::spawn(move || {
            for (n, promise) in (3..).zip(promises) {
                promise.set(n).unwrap();
            }
        });
        let rest = block_on(futures_util::StreamExt::collect::<Vec<_>>(completed));
        producer.join().unwrap();
        assert_eq!(values(rest), [3, 4]);
    });
}

// contract: A4
#[test]
fn a_stream_of_calls_of_a_pool_ends_after_the_last() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let futures: Vec<_> = (1..=50).map(|n| pool.spawn(move || n).unwrap()).collect();
        let sum = block_on(async {
            let mut completed = as_completed(futures);
            let mut sum = 0;
            while let Some(future) = futures_util::StreamExt::next(&mut completed).await {
                sum += future.await.unwrap();
            }
            assert!(
                futures_util::StreamExt::next(&mut completed)
                    .await
                    .is_none()
            );
            sum
        });
        assert_eq!(sum, 1275);
    });
}
