//! P5: what is cancelled never runs, wherever it is; and only what runs says so.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use concurrent_futures::{CancelledBy, ProcessPoolExecutor, TaskError, TaskState};
use concurrent_futures_tests::eventually;

use crate::help::{Folder, ProcessGate, alone, note_number, noted, one, one_with, pass, pid_of};

// contract: P5, K1
#[test]
fn what_was_cancelled_while_it_waited_or_was_buffered_never_runs() {
    alone(|| {
        for window in [1, 2, 16, 500] {
            let pool = one_with().window(window).build().unwrap();
            let (gate, folder) = (ProcessGate::new(), Folder::new());
            let (held, _) = gate.hold_on(&pool);
            let calls: Vec<_> = (0..100)
                .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
                .collect();
            for (n, call) in calls.iter().enumerate() {
                if n % 3 != 0 {
                    assert!(call.cancel(), "{n} in a window of {window}");
                    assert!(call.cancelled() && call.done() && call.cancel());
                }
            }
            gate.open();
            held.result().unwrap();
            for (n, call) in (0..).zip(calls) {
                match call.result() {
                    Ok(m) => assert!(m == n && n % 3 == 0),
                    Err(TaskError::Cancelled(CancelledBy::Caller)) => assert_ne!(n % 3, 0),
                    other => panic!("{n}: {other:?}"),
                }
            }
            assert_eq!(
                noted(folder.file("ran")),
                (0..100).step_by(3).collect::<Vec<_>>()
            );
        }
    });
}

// contract: P5, K1
#[test]
fn what_runs_cannot_be_cancelled() {
    alone(|| {
        for _ in 0..20 {
            let (pool, gate) = (one(), ProcessGate::new());
            // It has arrived, whatever this side has heard of it.
            let (held, worker) = gate.hold_on(&pool);
            assert!(!held.cancel());
            eventually("it says that it runs", || held.running());
            assert_eq!(held.state(), TaskState::Running);
            assert!(!held.cancel() && !held.cancelled() && !held.done());
            gate.open();
            assert_eq!(held.result().unwrap(), worker);
        }
    });
}

// contract: P5, F3
#[test]
fn of_ten_calls_behind_a_long_one_none_says_that_it_runs() {
    alone(|| {
        let (pool, gate) = (one(), ProcessGate::new());
        let (held, _) = gate.hold_on(&pool);
        let behind: Vec<_> = (0..10)
            .map(|_| pool.submit(pass, gate.key()).unwrap())
            .collect();
        for _ in 0..100 {
            assert!(behind.iter().all(|call| call.state() == TaskState::Pending));
            thread::sleep(std::time::Duration::from_millis(1));
        }
        eventually("the first runs", || held.running());
        assert_eq!(pool.stats().queued, 10, "waiting, buffered or not");
        gate.open();
        for call in behind {
            call.result().unwrap();
        }
    });
}

// contract: P5
#[test]
fn calls_say_that_they_run_one_after_the_other() {
    alone(|| {
        let pool = one();
        let gates: Vec<_> = (0..5).map(|_| ProcessGate::new()).collect();
        let calls: Vec<_> = gates
            .iter()
            .map(|gate| pool.submit(pass, gate.key()).unwrap())
            .collect();
        for (n, gate) in gates.iter().enumerate() {
            eventually("the next one runs", || calls[n].running());
            assert!(calls[..n].iter().all(concurrent_futures::Future::done));
            assert!(
                calls[n + 1..]
                    .iter()
                    .all(|call| call.state() == TaskState::Pending)
            );
            gate.open();
        }
    });
}

// contract: P5, K1
#[test]
fn a_cancel_that_races_with_the_worker_tells_the_truth() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let folder = Folder::new();
        pid_of(&pool);
        let mut cancelled = Vec::new();
        for n in 0..300 {
            let call = Arc::new(pool.submit(note_number, (folder.file("ran"), n)).unwrap());
            let start = Arc::new(Barrier::new(2));
            let other = {
                let (call, start) = (Arc::clone(&call), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    call.cancel()
                })
            };
            start.wait();
            for _ in 0..fastrand::u32(..200) {
                std::hint::spin_loop();
            }
            let never = call.cancel();
            assert_eq!(other.join().unwrap(), never, "all hear the same");
            call.wait();
            match Arc::try_unwrap(call).unwrap().result() {
                Ok(m) => assert!(m == n && !never),
                Err(TaskError::Cancelled(CancelledBy::Caller)) => assert!(never),
                other => panic!("{other:?}"),
            }
            if never {
                cancelled.push(n);
            }
        }
        let mut ran = noted(folder.file("ran"));
        assert!(cancelled.iter().all(|n| !ran.contains(n)));
        ran.extend(cancelled);
        ran.sort_unstable();
        assert_eq!(ran, (0..300).collect::<Vec<_>>());
    });
}

// contract: P5, K1
#[test]
fn cancelling_a_storm_of_buffered_calls_from_behind_tells_the_truth() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let folder = Folder::new();
        let calls: Vec<_> = (0..2000)
            .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
            .collect();
        let cancelled: Vec<_> = calls
            .iter()
            .rev()
            .map(concurrent_futures::Future::cancel)
            .collect();
        let mut expected = Vec::new();
        for ((n, call), never) in (0..).zip(calls).zip(cancelled.into_iter().rev()) {
            assert_eq!(call.result().is_err(), never);
            if !never {
                expected.push(n);
            }
        }
        let mut ran = noted(folder.file("ran"));
        ran.sort_unstable();
        assert_eq!(ran, expected);
    });
}

// contract: K4, P5
#[test]
fn dropping_a_future_cancels_only_where_that_was_asked_for() {
    alone(|| {
        let (pool, gate, folder) = (one(), ProcessGate::new(), Folder::new());
        let (held, _) = gate.hold_on(&pool);
        drop(pool.submit(note_number, (folder.file("ran"), 1)).unwrap());
        drop(
            pool.submit(note_number, (folder.file("ran"), 2))
                .unwrap()
                .cancel_on_drop(),
        );
        drop(pool.submit(note_number, (folder.file("ran"), 3)).unwrap());
        gate.open();
        held.result().unwrap();
        drop(pool);
        assert_eq!(noted(folder.file("ran")), [1, 3]);
    });
}

// contract: K2, P5
#[test]
fn cancelled_calls_that_are_still_buffered_make_no_trouble_later() {
    alone(|| {
        let pool = one_with().capacity(4).build().unwrap();
        let folder = Folder::new();
        for round in 0..50 {
            let gate = ProcessGate::new();
            let (held, _) = gate.hold_on(&pool);
            for n in 0..3 {
                assert!(
                    pool.submit(note_number, (folder.file("ran"), n))
                        .unwrap()
                        .cancel()
                );
            }
            assert_eq!(pool.stats().queued, 0);
            gate.open();
            held.result().unwrap();
            assert_eq!(
                pool.submit(note_number, (folder.file("kept"), round))
                    .unwrap()
                    .result()
                    .unwrap(),
                round
            );
        }
        assert!(noted(folder.file("ran")).is_empty());
        assert_eq!(noted(folder.file("kept")), (0..50).collect::<Vec<_>>());
    });
}
