//! M: maps over processes: order, chunks, buffers, and one item that fails among many.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use concurrent_futures::{Ended, MapError, MapOptions, ProcessPoolExecutor, TaskError};
use serde_bytes::ByteBuf;

use crate::help::{Folder, ProcessGate, alone, hold, note, noted, one, pass};

fn square(n: u64) -> u64 {
    n * n
}

/// Options of every kind that give the same results.
fn every_way() -> Vec<MapOptions> {
    let new = MapOptions::new;
    vec![
        new(),
        new().chunksize(1),
        new().chunksize(7),
        new().chunksize(100_000),
        new().buffer_size(1),
        new().buffer_size(5),
        new().buffer_size(64).chunksize(10),
        new().buffer_size(3).chunksize(10),
        new().keep_going(true),
    ]
}

// contract: M1, M7, P1
#[test]
fn results_come_in_the_order_of_the_input() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        for length in [0, 1, 2, 7, 300] {
            for options in every_way() {
                let expected: Vec<_> = (0..length).map(square).collect();
                let squares = pool.map_with(options, square, 0..length).unwrap();
                assert_eq!(
                    squares.collect::<Result<Vec<_>, _>>().unwrap(),
                    expected,
                    "{options:?}"
                );
                let mut squares = pool
                    .map_unordered(options, square, 0..length)
                    .unwrap()
                    .collect::<Result<Vec<_>, _>>()
                    .unwrap();
                squares.sort_unstable();
                assert_eq!(squares, expected, "{options:?}");
            }
        }
    });
}

fn held_first((gate, n): (String, u32)) -> u32 {
    if n == 0 {
        hold(gate);
    }
    n
}

// contract: M1
#[test]
fn unordered_results_do_not_wait_for_the_first() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        for options in [
            MapOptions::new().chunksize(1),
            MapOptions::new().buffer_size(4).chunksize(1),
        ] {
            let gate = ProcessGate::new();
            let items: Vec<_> = (0..20).map(|n| (gate.key(), n)).collect();
            let mut results = pool.map_unordered(options, held_first, items).unwrap();
            // All but the first, although that holds a worker.
            let mut got: Vec<_> = results.by_ref().take(19).map(Result::unwrap).collect();
            got.sort_unstable();
            assert_eq!(got, (1..20).collect::<Vec<_>>());
            gate.open();
            assert_eq!(results.next().unwrap().unwrap(), 0);
            assert!(results.next().is_none());
        }
    });
}

// contract: M2
#[test]
fn without_a_buffer_all_is_consumed_at_once_and_runs_unasked() {
    alone(|| {
        let folder = Folder::new();
        let consumed = Arc::new(AtomicUsize::new(0));
        let pool = one();
        let items = (0..200).map({
            let (consumed, file) = (Arc::clone(&consumed), folder.file("ran"));
            move |n| {
                consumed.fetch_add(1, Ordering::SeqCst);
                (file.clone(), n)
            }
        });
        let results = pool.map(crate::help::note_number, items).unwrap();
        assert_eq!(consumed.load(Ordering::SeqCst), 200);
        concurrent_futures_tests::eventually("all have run", || {
            noted(folder.file("ran")).len() == 200
        });
        assert_eq!(noted(folder.file("ran")), (0..200).collect::<Vec<_>>());
        assert_eq!(results.count(), 200);
    });
}

// contract: M2
#[test]
fn never_more_than_the_buffer_is_outstanding() {
    alone(|| {
        for (buffer, chunksize) in [(1, None), (4, None), (4, Some(10)), (9, Some(2))] {
            let pool = ProcessPoolExecutor::new(2).unwrap();
            let consumed = Arc::new(AtomicUsize::new(0));
            let items = (0_u64..).inspect({
                let consumed = Arc::clone(&consumed);
                move |_| _ = consumed.fetch_add(1, Ordering::SeqCst)
            });
            let mut options = MapOptions::new().buffer_size(buffer);
            if let Some(chunksize) = chunksize {
                options = options.chunksize(chunksize);
            }
            let mut results = pool.map_with(options, square, items).unwrap();
            assert_eq!(
                consumed.load(Ordering::SeqCst),
                buffer,
                "exactly, before the first is asked for"
            );
            for n in 0..50 {
                assert_eq!(results.next().unwrap().unwrap(), square(n));
                let outstanding = consumed.load(Ordering::SeqCst) - (n as usize + 1);
                assert!(
                    outstanding <= buffer && outstanding + 1 >= buffer,
                    "{outstanding} of {buffer}"
                );
            }
            drop(results);
            pool.shutdown(true, false).unwrap();
            assert!(consumed.load(Ordering::SeqCst) <= 50 + buffer);
        }
    });
}

fn counted((folder, n): (String, u32)) -> u32 {
    note(format!("{folder}/began"), n);
    let ahead = noted(format!("{folder}/began")).len() - noted(format!("{folder}/taken")).len();
    ahead as u32
}

// contract: M2
#[test]
fn calls_see_no_more_of_themselves_than_the_buffer() {
    alone(|| {
        let folder = Folder::new();
        let path = folder.path().to_str().unwrap().to_owned();
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let items = (0..60).map(move |n| (path.clone(), n));
        let results = pool
            .map_with(MapOptions::new().buffer_size(3), counted, items)
            .unwrap();
        for (n, ahead) in results.enumerate() {
            // What was taken a moment ago is noted only now.
            assert!(ahead.unwrap() <= 4);
            note(folder.path().join("taken"), n);
        }
    });
}

// contract: M1
#[test]
fn a_hundred_thousand_trivial_items() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let sum: u64 = pool
            .map(|n: u64| n + 1, 0..100_000)
            .unwrap()
            .map(Result::unwrap)
            .sum();
        assert_eq!(sum, 100_000 * 100_001 / 2);
        let items = pool
            .map_with(
                MapOptions::new().buffer_size(1000),
                |n: u64| n + 1,
                0..20_000,
            )
            .unwrap();
        assert_eq!(items.map(Result::unwrap).sum::<u64>(), 20_000 * 20_001 / 2);
    });
}

// contract: M1, P10
#[test]
fn items_of_a_mebibyte() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        for options in [
            MapOptions::new(),
            MapOptions::new().buffer_size(4),
            MapOptions::new().chunksize(16),
        ] {
            let items = (0..40_u8).map(|n| ByteBuf::from(vec![n; 1 << 20]));
            let back = pool
                .map_with(options, |bytes: ByteBuf| bytes, items)
                .unwrap();
            for (n, bytes) in (0..).zip(back) {
                assert!(bytes.unwrap().iter().all(|byte| *byte == n));
            }
        }
    });
}

fn die_at_nine((folder, n): (String, u32)) -> u32 {
    note(format!("{folder}/ran"), n);
    if n % 10 == 9 {
        process::exit(n as i32);
    }
    n
}

// contract: M7, P3
#[test]
fn an_item_that_ends_its_worker_takes_nothing_with_it() {
    alone(|| {
        for workers in [1, 2] {
            for chunksize in [None, Some(1), Some(4), Some(100)] {
                let folder = Folder::new();
                let pool = ProcessPoolExecutor::new(workers).unwrap();
                let mut options = MapOptions::new().keep_going(true);
                if let Some(chunksize) = chunksize {
                    options = options.chunksize(chunksize);
                }
                let path = folder.path().to_str().unwrap().to_owned();
                let outcomes: Vec<_> = pool
                    .map_with(options, die_at_nine, (0..35).map(|n| (path.clone(), n)))
                    .unwrap()
                    .collect();
                assert_eq!(outcomes.len(), 35);
                for (n, outcome) in (0..).zip(outcomes) {
                    match outcome {
                        Ok(m) => assert!(m == n && n % 10 != 9),
                        Err(MapError::Task(TaskError::WorkerDied(death))) => {
                            assert_eq!(death.ended(), Ended::Exited(n as i32))
                        }
                        other => panic!("{n}: {other:?}"),
                    }
                }
                let mut ran = noted(folder.path().join("ran"));
                ran.sort_unstable();
                assert_eq!(ran, (0..35).collect::<Vec<_>>(), "each once");
            }
        }
    });
}

// contract: M7, P3
#[test]
fn unordered_items_survive_the_end_of_their_workers() {
    alone(|| {
        let (pool, folder) = (ProcessPoolExecutor::new(2).unwrap(), Folder::new());
        let path = folder.path().to_str().unwrap().to_owned();
        let options = MapOptions::new().keep_going(true);
        let outcomes: Vec<_> = pool
            .map_unordered(options, die_at_nine, (0..35).map(|n| (path.clone(), n)))
            .unwrap()
            .collect();
        let mut good: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().ok().copied())
            .collect();
        good.sort_unstable();
        assert_eq!(good, (0..35).filter(|n| n % 10 != 9).collect::<Vec<_>>());
        assert_eq!(outcomes.len(), 35);
    });
}

// contract: M7
#[test]
fn many_maps_share_a_pool() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let mut maps: Vec<_> = (0..10)
            .map(|by| {
                pool.map_with(
                    MapOptions::new().buffer_size(8),
                    |(n, by): (u64, u64)| n * by,
                    (0..50).map(move |n| (n, by)),
                )
                .unwrap()
            })
            .collect();
        for n in 0..50 {
            for (by, map) in (0..).zip(&mut maps) {
                assert_eq!(map.next().unwrap().unwrap(), n * by);
            }
            assert_eq!(pool.submit(square, n).unwrap().result().unwrap(), n * n);
        }
    });
}

// contract: S4, P5
#[test]
fn nobody_waits_behind_a_held_call_while_a_worker_is_idle() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        for _ in 0..20 {
            // Short ones, so that both workers are trusted with many at a time.
            pool.map_with(MapOptions::new().chunksize(1), square, 0..50)
                .unwrap()
                .for_each(drop);
            let gate = ProcessGate::new();
            let mut held = None;
            let mut short = Vec::new();
            for n in 0..40 {
                if n == 10 {
                    held = Some(pool.submit(pass, gate.key()).unwrap());
                }
                short.push(pool.submit(square, n).unwrap());
            }
            for (n, call) in (0..).zip(short) {
                assert_eq!(call.result().unwrap(), n * n);
            }
            assert!(!held.as_ref().unwrap().done());
            gate.open();
            held.unwrap().result().unwrap();
        }
    });
}

// contract: S4, P5
#[test]
fn nobody_waits_behind_a_held_call_while_a_worker_could_be_started() {
    alone(|| {
        for max_workers in [2, 4] {
            let pool = ProcessPoolExecutor::new(max_workers).unwrap();
            let gate = ProcessGate::new();
            let held = pool.submit(pass, gate.key()).unwrap();
            let short: Vec<_> = (0..10).map(|n| pool.submit(square, n).unwrap()).collect();
            for (n, call) in (0..).zip(short) {
                assert_eq!(call.result().unwrap(), n * n);
            }
            assert!(!held.done());
            gate.open();
            held.result().unwrap();
        }
    });
}

fn meet((folder, n): (String, u32)) -> u32 {
    note(format!("{folder}/met"), n);
    // The pairs (0, 1), (2, 3) and so on wait for each other.
    while !noted(format!("{folder}/met")).contains(&(n ^ 1)) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    n
}

fn pairs_meet(pool: &ProcessPoolExecutor) {
    let folder = Folder::new();
    let path = folder.path().to_str().unwrap().to_owned();
    let calls: Vec<_> = (0..20)
        .map(|n| pool.submit(meet, (path.clone(), n)).unwrap())
        .collect();
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.result().unwrap(), n);
    }
}

// contract: S4, P1
#[test]
fn calls_start_in_order_across_workers_so_that_neighbours_meet() {
    alone(|| pairs_meet(&ProcessPoolExecutor::new(2).unwrap()));
}

// contract: S4, P1
#[test]
fn neighbours_meet_where_each_call_is_handed_over_alone() {
    alone(|| {
        for _ in 0..5 {
            let pool = ProcessPoolExecutor::builder().max_workers(2).window(1);
            pairs_meet(&pool.build().unwrap());
        }
    });
}
