//! M1 to M3: one call per item of an input.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use concurrent_futures::{MapError, MapOptions, Policy, TaskError};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded, eventually};

// contract: M1
#[test]
fn results_come_in_the_order_of_the_input() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(3);
        let gates: Vec<_> = (0..3).map(|_| Gate::new()).collect();
        let over = Arc::new(AtomicUsize::new(0));
        let map = pool
            .map(
                {
                    let (gates, over) = (gates.clone(), Arc::clone(&over));
                    move |n: usize| {
                        gates[n].pass();
                        over.fetch_add(1, Ordering::SeqCst);
                        n
                    }
                },
                0..3,
            )
            .unwrap();
        assert_eq!(map.len(), 3);
        for (already, gate) in gates.iter().rev().enumerate() {
            gate.open();
            eventually("the call is over", || {
                over.load(Ordering::SeqCst) == already + 1
            });
        }
        assert_eq!(map.collect::<Result<Vec<_>, _>>().unwrap(), [0, 1, 2]);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: M1
#[test]
fn unordered_results_come_as_they_are_completed() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(3);
        let gates: Vec<_> = (0..3).map(|_| Gate::new()).collect();
        let calls = gates.clone();
        let mut map = pool
            .map_unordered(
                MapOptions::new(),
                move |n: usize| {
                    calls[n].pass();
                    n
                },
                0..3,
            )
            .unwrap();
        for n in [2, 0, 1] {
            gates[n].open();
            assert_eq!(map.next().unwrap().unwrap(), n);
        }
        assert!(map.next().is_none());
    });
}

// contract: M1
#[test]
fn an_empty_input_gives_nothing_and_starts_nothing() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        assert!(pool.map(|n: u8| n, []).unwrap().next().is_none());
        let options = MapOptions::new().buffer_size(3);
        assert!(
            pool.map_with(options, |n: u8| n, [])
                .unwrap()
                .next()
                .is_none()
        );
        assert!(
            pool.map_unordered(options, |n: u8| n, [])
                .unwrap()
                .next()
                .is_none()
        );
        assert_eq!(pool.stats().workers, 0);
    });
}

// contract: M2
#[test]
fn all_calls_run_though_the_iterator_is_never_advanced() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let consumed = Arc::new(AtomicUsize::new(0));
        let input = (0..100_usize).inspect({
            let consumed = Arc::clone(&consumed);
            move |_| {
                consumed.fetch_add(1, Ordering::SeqCst);
            }
        });
        let count = Arc::clone(&ran);
        let map = pool
            .map(move |_| count.fetch_add(1, Ordering::SeqCst), input)
            .unwrap();
        assert_eq!(consumed.load(Ordering::SeqCst), 100);
        pool.shutdown(true, false).unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 100);
        assert_eq!(map.count(), 100);
    });
}

// contract: M2
#[test]
fn a_map_waits_for_room_whatever_the_policy() {
    for policy in [
        Policy::Block,
        Policy::BlockTimeout(Duration::ZERO),
        Policy::Reject,
        Policy::RunInCaller,
        Policy::DiscardOldest,
    ] {
        bounded(move || {
            let threads = Threads::new();
            let pool = threads
                .builder()
                .max_workers(1)
                .capacity(1)
                .policy(policy)
                .build()
                .unwrap();
            let caller = thread::current().id();
            let map = pool.map(move |n: u32| (n, thread::current().id() == caller), 0..200);
            let results = map.unwrap().collect::<Result<Vec<_>, _>>().unwrap();
            assert_eq!(
                results,
                (0..200).map(|n| (n, false)).collect::<Vec<_>>(),
                "{policy:?}"
            );
        });
    }
}

// contract: M2, T6
#[test]
fn the_only_worker_of_a_full_pool_maps_by_running_the_calls_itself() {
    for policy in [Policy::Block, Policy::Reject, Policy::DiscardOldest] {
        bounded(move || {
            let threads = Threads::new();
            let pool = threads
                .builder()
                .max_workers(1)
                .capacity(1)
                .policy(policy)
                .build()
                .unwrap();
            let handle = pool.handle();
            let task = pool.spawn(move || {
                let ordered = handle.map(|n: u64| n * n, 1..=50).unwrap();
                let unordered = handle
                    .map_unordered(MapOptions::new(), |n: u64| n * n, 1..=50)
                    .unwrap();
                let sum = |results: Vec<u64>| results.into_iter().sum::<u64>();
                sum(ordered.collect::<Result<_, _>>().unwrap())
                    + sum(unordered.collect::<Result<_, _>>().unwrap())
            });
            assert_eq!(task.unwrap().result().unwrap(), 2 * 42_925, "{policy:?}");
        });
    }
}

/// Counts how many of its items are consumed and not yet yielded.
fn outstanding_with_buffer(buffer: usize, unordered: bool) {
    bounded(move || {
        let threads = Threads::new();
        let pool = threads.pool(3);
        let consumed = Arc::new(AtomicUsize::new(0));
        let input = {
            let consumed = Arc::clone(&consumed);
            (0..).inspect(move |_: &usize| {
                consumed.fetch_add(1, Ordering::SeqCst);
            })
        };
        let options = MapOptions::new().buffer_size(buffer);
        let mut map: Box<dyn Iterator<Item = _>> = if unordered {
            Box::new(pool.map_unordered(options, |n: usize| n, input).unwrap())
        } else {
            Box::new(pool.map_with(options, |n: usize| n, input).unwrap())
        };
        assert_eq!(consumed.load(Ordering::SeqCst), buffer);
        for yielded in 1..=100 {
            let n = map.next().unwrap().unwrap();
            assert!(unordered || n == yielded - 1);
            let outstanding = consumed.load(Ordering::SeqCst) - yielded;
            assert!(outstanding <= buffer, "{outstanding} are too many");
            assert!(outstanding >= buffer - 1, "{outstanding} are too few");
        }
    });
}

// contract: M2
#[test]
fn an_endless_input_is_consumed_as_the_buffer_allows() {
    for buffer in [1, 2, 7, 64] {
        outstanding_with_buffer(buffer, false);
        outstanding_with_buffer(buffer, true);
    }
}

// contract: M2
#[test]
fn just_as_many_calls_as_the_buffer_allows_are_outstanding_while_next_waits() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(4);
        let (consumed, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (first, rest) = (Gate::new(), Gate::new());
        let function = {
            let (started, first, rest) = (Arc::clone(&started), first.clone(), rest.clone());
            move |n: usize| {
                started.fetch_add(1, Ordering::SeqCst);
                (if n == 0 { &first } else { &rest }).pass();
                n
            }
        };
        let input = (0..).inspect({
            let consumed = Arc::clone(&consumed);
            move |_: &usize| {
                consumed.fetch_add(1, Ordering::SeqCst);
            }
        });
        let options = MapOptions::new().buffer_size(3);
        let mut map = pool.map_with(options, function, input).unwrap();
        eventually("the buffer is full", || started.load(Ordering::SeqCst) == 3);
        first.open();
        assert_eq!(map.next().unwrap().unwrap(), 0);
        thread::scope(|s| {
            let waiting = s.spawn(|| map.next().unwrap().unwrap());
            // Item 3 takes the place of item 0 while `next` waits for item 1.
            eventually("the buffer is full again", || {
                started.load(Ordering::SeqCst) == 4
            });
            for _ in 0..1_000 {
                thread::yield_now();
                assert_eq!(consumed.load(Ordering::SeqCst), 4);
            }
            rest.open();
            assert_eq!(waiting.join().unwrap(), 1);
        });
    });
}

// contract: M3
#[test]
fn the_first_panic_is_an_item_and_the_end_and_cancels_the_rest() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let drops = Drops::new();
        let (reached, gate) = (Gate::new(), Gate::new());
        let input: Vec<_> = (0..10).map(|n| (n, drops.token())).collect();
        let map = pool.map(
            {
                let (reached, gate) = (reached.clone(), gate.clone());
                move |(n, _token)| {
                    assert!(n != 2, "two is bad");
                    if n == 3 {
                        reached.open();
                        gate.pass();
                    }
                    n
                }
            },
            input,
        );
        let mut map = map.unwrap();
        reached.pass();
        assert_eq!(map.next().unwrap().unwrap(), 0);
        assert_eq!(map.next().unwrap().unwrap(), 1);
        match map.next() {
            Some(Err(MapError::Task(TaskError::Panicked(panic)))) => {
                assert_eq!(panic.message(), "two is bad");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(drops.count(), 9, "all but the one that runs");
        assert!(map.next().is_none());
        assert_eq!(map.len(), 0);
        gate.open();
        drop(pool);
        assert_eq!(drops.count(), 10);
        threads.assert_none_left();
    });
}

// contract: M3
#[test]
fn an_error_ends_a_map_of_results_and_no_other() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let odd = |n: u8| if n % 2 == 1 { Ok(n) } else { Err(n) };
        let results: Vec<_> = pool.map_result(odd, [1, 3, 4, 5]).unwrap().collect();
        assert_eq!(results.len(), 3);
        assert!(matches!(results[..], [Ok(Ok(1)), Ok(Ok(3)), Ok(Err(4))]));
        let values: Vec<_> = pool
            .map(odd, [1, 3, 4, 5])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(values, [Ok(1), Ok(3), Err(4), Ok(5)]);
    });
}

// contract: M3
#[test]
fn a_map_that_keeps_going_yields_every_outcome() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let options = MapOptions::new().keep_going(true);
        let picky = |n: u8| {
            assert!(!n.is_multiple_of(3), "{n}");
            n
        };
        let ordered: Vec<_> = pool.map_with(options, picky, 0..9).unwrap().collect();
        assert_eq!(ordered.len(), 9);
        for (n, outcome) in ordered.into_iter().enumerate() {
            match outcome {
                Ok(value) => assert!(usize::from(value) == n && !n.is_multiple_of(3)),
                Err(MapError::Task(TaskError::Panicked(panic))) => {
                    assert_eq!(panic.message(), n.to_string());
                    assert_eq!(n % 3, 0);
                }
                other => panic!("{other:?}"),
            }
        }
        let unordered = pool
            .map_unordered(options.buffer_size(2), picky, 0..9)
            .unwrap();
        let (values, errors): (Vec<_>, Vec<_>) = unordered.partition(Result::is_ok);
        assert_eq!((values.len(), errors.len()), (6, 3));
        let results = pool.map_result_with(options, |n: u8| n.checked_sub(1).ok_or("none"), [0, 1]);
        let results: Vec<_> = results.unwrap().map(Result::unwrap).collect();
        assert_eq!(results, [Err("none"), Ok(0)]);
    });
}

// contract: M3
#[test]
fn an_unordered_map_ends_with_its_first_failure() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let drops = Drops::new();
        let gate = Gate::new();
        let input: Vec<_> = (0..10).map(|n| (n, drops.token())).collect();
        let map = pool.map_unordered(
            MapOptions::new(),
            {
                let gate = gate.clone();
                move |(n, _token)| {
                    assert!(n != 1, "one is bad");
                    if n == 2 {
                        gate.pass();
                    }
                    n
                }
            },
            input,
        );
        let mut map = map.unwrap();
        assert_eq!(map.next().unwrap().unwrap(), 0);
        assert!(matches!(
            map.next(),
            Some(Err(MapError::Task(TaskError::Panicked(_))))
        ));
        assert!(drops.count() >= 9, "all but one that may run");
        assert!(map.next().is_none());
        gate.open();
        drop(pool);
        assert_eq!(drops.count(), 10);
    });
}
