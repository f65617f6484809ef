//! M: how maps over processes end: with errors, by time, by a drop, by a panic, by a shutdown.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process, thread,
    time::{Duration, Instant},
};

use concurrent_futures::{MapError, MapOptions, ProcessPoolExecutor, SubmitError, TaskError};

use crate::help::{Folder, ProcessGate, alone, hold, note_number, noted, one, one_with, pid_of};

fn panic_at_five((file, n): (String, u32)) -> u32 {
    note_number((file, n));
    assert_ne!(n, 5, "five");
    n
}

// contract: M3
#[test]
fn the_first_error_is_the_last_item() {
    alone(|| {
        for chunksize in [1, 3, 1000] {
            let (pool, folder) = (one(), Folder::new());
            let items = (0..5000).map(|n| (folder.file("ran"), n));
            let mut results = pool
                .map_with(MapOptions::new().chunksize(chunksize), panic_at_five, items)
                .unwrap();
            for n in 0..5 {
                assert_eq!(results.next().unwrap().unwrap(), n);
            }
            match results.next() {
                Some(Err(MapError::Task(TaskError::Panicked(panic)))) => {
                    assert!(panic.message().contains("five"))
                }
                other => panic!("{other:?}"),
            }
            assert!(results.next().is_none() && results.next().is_none());
            drop(pool);
            let ran = noted(folder.file("ran"));
            assert!(
                chunksize == 1000 || ran.len() < 5000,
                "the rest was cancelled"
            );
        }
    });
}

fn small((file, n): (String, u32)) -> Result<u32, String> {
    note_number((file, n));
    if n == 4 {
        Err(format!("{n} is too large"))
    } else {
        Ok(n)
    }
}

// contract: M3, R8
#[test]
fn an_err_ends_a_map_of_results_and_only_that() {
    alone(|| {
        let folder = Folder::new();
        let pool = one();
        let items = |length| {
            (0..length)
                .map(|n| (folder.file("ran"), n))
                .collect::<Vec<_>>()
        };
        let mut results = pool.map_result(small, items(100)).unwrap();
        for n in 0..4 {
            assert_eq!(results.next().unwrap().unwrap(), Ok(n));
        }
        assert_eq!(
            results.next().unwrap().unwrap(),
            Err("4 is too large".to_owned())
        );
        assert!(results.next().is_none());
        let going = MapOptions::new().keep_going(true);
        assert_eq!(
            pool.map_result_with(going, small, items(10))
                .unwrap()
                .count(),
            10
        );
        assert_eq!(pool.map(small, items(10)).unwrap().count(), 10);
    });
}

// contract: M3, P3
#[test]
fn a_death_ends_a_map_that_does_not_keep_going() {
    alone(|| {
        let pool = one();
        let mut results = pool
            .map(
                |n: u32| if n == 3 { process::exit(3) } else { n },
                0..10_000,
            )
            .unwrap();
        assert!((0..3).all(|n| matches!(results.next(), Some(Ok(m)) if m == n)));
        assert!(matches!(
            results.next(),
            Some(Err(MapError::Task(TaskError::WorkerDied(_))))
        ));
        assert!(results.next().is_none());
        pid_of(&pool);
    });
}

fn held_at_three((gate, n): (String, u32)) -> u32 {
    if n == 3 {
        hold(gate);
    }
    n
}

// contract: M4
#[test]
fn a_timeout_counts_from_the_start_and_yields_what_is_ready() {
    alone(|| {
        let gate = ProcessGate::new();
        let pool = one();
        pid_of(&pool);
        let options = MapOptions::new()
            .timeout(Duration::from_millis(1500))
            .chunksize(1);
        let start = Instant::now();
        let mut results = pool
            .map_with(options, held_at_three, (0..8).map(|n| (gate.key(), n)))
            .unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        gate.wait_for(1);
        thread::sleep(Duration::from_millis(1600).saturating_sub(start.elapsed()));
        // Ready, if late.
        assert_eq!(results.next().unwrap().unwrap(), 1);
        assert_eq!(results.next().unwrap().unwrap(), 2);
        assert!(matches!(results.next(), Some(Err(MapError::TimedOut))));
        assert!(results.next().is_none());
        gate.open();
        pid_of(&pool);
    });
}

fn slowly((file, n): (String, u32)) -> u32 {
    note_number((file, n));
    thread::sleep(Duration::from_millis(5));
    n
}

// contract: M5, P5
#[test]
fn dropping_a_map_cancels_what_has_not_started() {
    alone(|| {
        for (taken, options) in [
            (0, MapOptions::new()),
            (0, MapOptions::new().chunksize(1)),
            (2, MapOptions::new()),
            (2, MapOptions::new().chunksize(50)),
            (2, MapOptions::new().buffer_size(100)),
        ] {
            let (pool, folder) = (one(), Folder::new());
            let mut results = pool
                .map_with(
                    options,
                    slowly,
                    (0..10_000).map(|n| (folder.file("ran"), n)),
                )
                .unwrap();
            assert_eq!(results.by_ref().take(taken).count(), taken);
            drop(results);
            let ran = noted(folder.file("ran")).len();
            pool.shutdown(true, false).unwrap();
            let at_last = noted(folder.file("ran")).len();
            // One may run just then, and one be at its start.
            assert!(at_last <= ran + 2, "{ran} and then {at_last}, {options:?}");
        }
    });
}

// contract: M8
#[test]
fn a_panic_of_the_input_cancels_what_was_submitted_and_goes_on() {
    fn items(file: String, end: u32) -> impl Iterator<Item = (String, u32)> {
        (0..).map(move |n| {
            assert_ne!(n, end, "no more input");
            (file.clone(), n)
        })
    }
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        let gate = ProcessGate::new();
        let (held, _) = gate.hold_on(&pool);
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            pool.map(note_number, items(folder.file("ran"), 100))
                .map(drop)
        }));
        assert!(unwound.is_err());
        assert_eq!(pool.stats().queued, 0);
        gate.open();
        held.result().unwrap();
        pid_of(&pool);
        assert!(noted(folder.file("ran")).is_empty());
        // And later, from next.
        let mut results = pool
            .map_with(
                MapOptions::new().buffer_size(2),
                note_number,
                items(folder.file("some"), 10),
            )
            .unwrap();
        let unwound = catch_unwind(AssertUnwindSafe(|| results.by_ref().take(20).count()));
        assert!(unwound.is_err());
        drop(results);
        pid_of(&pool);
        assert!(noted(folder.file("some")).len() <= 10);
    });
}

// contract: M9, X1
#[test]
fn a_map_over_a_pool_that_was_shut_down_errs_and_one_under_way_delivers() {
    alone(|| {
        let pool = one();
        let mut all = pool.map(|n: u32| n, 0..20).unwrap();
        let mut some = pool
            .map_with(MapOptions::new().buffer_size(5), |n: u32| n, 0..)
            .unwrap();
        assert_eq!(some.next().unwrap().unwrap(), 0);
        pool.shutdown(true, false).unwrap();
        assert!(matches!(
            pool.map(|n: u32| n, 0..3).map(drop),
            Err(SubmitError::ShutDown(_))
        ));
        assert_eq!(
            all.by_ref().map(Result::unwrap).collect::<Vec<_>>(),
            (0..20).collect::<Vec<_>>()
        );
        // What was submitted is delivered, then it is known that there will be no more.
        let rest: Vec<_> = some.collect();
        let (last, good) = rest.split_last().unwrap();
        assert!(
            matches!(last, Err(MapError::Refused(SubmitError::ShutDown(_)))),
            "{last:?}"
        );
        assert!(
            (1..)
                .zip(good)
                .all(|(n, outcome)| matches!(outcome, Ok(m) if *m == n)),
            "{good:?}"
        );
        assert!((4..=5).contains(&good.len()), "{}", good.len());
    });
}

// contract: X3, M9
#[test]
fn a_shutdown_that_cancels_ends_a_map_that_somebody_waits_for() {
    alone(|| {
        for keep_going in [true, false] {
            for chunksize in [1, 10] {
                let (pool, gate) = (one(), ProcessGate::new());
                let options = MapOptions::new()
                    .keep_going(keep_going)
                    .chunksize(chunksize);
                let items: Vec<_> = (0..40).map(|n| (gate.key(), n)).collect();
                let results = pool.map_with(options, held_at_three, items).unwrap();
                let waiting = thread::spawn(move || results.collect::<Vec<_>>());
                gate.wait_for(1);
                pool.shutdown(false, true).unwrap();
                gate.open();
                let outcomes = waiting.join().unwrap();
                assert!(outcomes.iter().take(4).all(Result::is_ok), "{outcomes:?}");
                for outcome in outcomes.iter().skip(4) {
                    assert!(
                        matches!(outcome, Err(MapError::Task(TaskError::Cancelled(_)))),
                        "{outcome:?} with keep_going {keep_going}, chunks of {chunksize}, in {outcomes:?}"
                    );
                }
                assert_eq!(outcomes.len(), if keep_going { 40 } else { 5 });
            }
        }
    });
}

// contract: M5, P4
#[test]
fn killing_the_workers_ends_a_map_that_somebody_waits_for() {
    alone(|| {
        let (pool, gate) = (ProcessPoolExecutor::new(2).unwrap(), ProcessGate::new());
        let options = MapOptions::new().keep_going(true);
        let items: Vec<_> = (0..40).map(|n| (gate.key(), n)).collect();
        let results = pool.map_with(options, held_at_three, items).unwrap();
        let waiting = thread::spawn(move || results.collect::<Vec<_>>());
        gate.wait_for(1);
        pool.kill_workers();
        let outcomes = waiting.join().unwrap();
        assert_eq!(outcomes.len(), 40, "{outcomes:?}");
        assert!(
            matches!(&outcomes[3], Err(MapError::Task(TaskError::WorkerDied(_)))),
            "{:?}",
            outcomes[3]
        );
        assert!(
            outcomes.iter().all(|outcome| matches!(
                outcome,
                Ok(_)
                    | Err(MapError::Task(
                        TaskError::WorkerDied(_) | TaskError::Cancelled(_)
                    ))
            )),
            "{outcomes:?}"
        );
    });
}

// contract: S3, M2
#[test]
fn a_map_waits_for_room_whatever_the_policy() {
    use concurrent_futures::Policy;
    alone(|| {
        for policy in [
            Policy::Block,
            Policy::Reject,
            Policy::BlockTimeout(Duration::ZERO),
            Policy::DiscardOldest,
            Policy::RunInCaller,
        ] {
            let pool = one_with().capacity(2).policy(policy).build().unwrap();
            let results = pool
                .map_with(MapOptions::new().chunksize(1), |n: u32| n, 0..200)
                .unwrap();
            assert_eq!(
                results.map(Result::unwrap).collect::<Vec<_>>(),
                (0..200).collect::<Vec<_>>()
            );
        }
    });
}
