//! X: how a pool of processes ends.

use std::{
    sync::{Arc, Barrier, Mutex, mpsc},
    thread,
    time::Duration,
};

use concurrent_futures::{
    CancelledBy, ProcessPoolExecutor, ShutdownError, SubmitError, TaskError, as_completed,
};
use concurrent_futures_tests::{
    eventually,
    left::{children, is_alive},
};

use crate::help::{
    Folder, ProcessGate, again, alone, kill, note_number, noted, one, one_with, output_of, pid,
    pid_of, role, tell, told,
};

// contract: X1, X3, X6
#[test]
fn the_four_ways_to_shut_down() {
    alone(|| {
        for (waits, cancels) in [(true, true), (true, false), (false, true), (false, false)] {
            let (pool, gate, folder) = (one(), ProcessGate::new(), Folder::new());
            let (held, worker) = gate.hold_on(&pool);
            let queued: Vec<_> = (0..30)
                .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
                .collect();
            let pool = Arc::new(pool);
            let (tell, told) = mpsc::channel();
            let closing = {
                let pool = Arc::clone(&pool);
                thread::spawn(move || tell.send(pool.shutdown(waits, cancels).unwrap()).unwrap())
            };
            if waits {
                assert!(told.recv_timeout(Duration::from_millis(30)).is_err());
            } else {
                let report = told.recv().unwrap();
                assert_eq!(report.still_running, 1);
                assert_eq!(
                    (report.cancelled, report.still_queued),
                    if cancels { (30, 0) } else { (0, 30) }
                );
            }
            eventually("it is closed", || {
                matches!(pool.submit(pid, ()), Err(SubmitError::ShutDown(_)))
            });
            if cancels {
                eventually("they are cancelled", || {
                    queued.iter().all(concurrent_futures::Future::cancelled)
                });
            }
            gate.open();
            assert_eq!(held.result().unwrap(), worker);
            for (n, call) in (0..).zip(queued) {
                match call.result() {
                    Ok(m) => assert!(!cancels && m == n),
                    Err(TaskError::Cancelled(CancelledBy::Shutdown)) => assert!(cancels),
                    other => panic!("{other:?}"),
                }
            }
            closing.join().unwrap();
            if waits {
                let report = told.recv().unwrap();
                assert_eq!((report.still_running, report.still_queued), (0, 0));
                assert_eq!(report.cancelled, if cancels { 30 } else { 0 });
                assert_eq!(report.ran, if cancels { 1 } else { 31 });
                assert!(!is_alive(worker) && pool.worker_pids().is_empty());
            }
            assert_eq!(
                noted(folder.file("ran")).len(),
                if cancels { 0 } else { 30 }
            );
            for _ in 0..2 {
                pool.shutdown(true, false).unwrap();
                assert!(!children().contains(&worker), "not even as a zombie");
            }
        }
    });
}

// contract: X1
#[test]
fn a_shutdown_with_a_timeout_reports_what_is_left() {
    alone(|| {
        let (pool, gate) = (ProcessPoolExecutor::new(2).unwrap(), ProcessGate::new());
        let held = [gate.hold_on(&pool), gate.hold_on(&pool)];
        let queued: Vec<_> = (0..7).map(|_| pool.submit(pid, ()).unwrap()).collect();
        let report = pool
            .shutdown_timeout(Duration::from_millis(30), false)
            .unwrap();
        assert_eq!(
            (
                report.still_running,
                report.still_queued,
                report.ran,
                report.cancelled
            ),
            (2, 7, 0, 0)
        );
        let report = pool
            .shutdown_timeout(Duration::from_millis(30), true)
            .unwrap();
        assert_eq!(
            (report.still_running, report.still_queued, report.cancelled),
            (2, 0, 7)
        );
        assert!(queued.iter().all(concurrent_futures::Future::cancelled));
        gate.open();
        let report = pool
            .shutdown_timeout(concurrent_futures_tests::LIMIT, false)
            .unwrap();
        assert_eq!((report.still_running, report.ran), (0, 2));
        assert!(held.into_iter().all(|(call, _)| call.result().is_ok()));
    });
}

// contract: X2, X6
#[test]
fn a_drop_runs_what_was_submitted_and_leaves_no_process() {
    alone(|| {
        let folder = Folder::new();
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let worker = pid_of(&pool);
        let calls: Vec<_> = (0..100)
            .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
            .collect();
        drop(pool);
        assert!(calls.iter().all(concurrent_futures::Future::done));
        assert_eq!(noted(folder.file("ran")).len(), 100);
        assert!(!children().contains(&worker));
    });
}

// contract: X5
#[test]
fn an_idle_pool_that_was_never_used_has_nothing_to_end() {
    alone(|| {
        let before = children();
        for (waits, cancels) in [(true, true), (true, false), (false, true), (false, false)] {
            let pool = ProcessPoolExecutor::new(3).unwrap();
            assert_eq!(children(), before);
            let report = pool.shutdown(waits, cancels).unwrap();
            assert_eq!(
                (
                    report.ran,
                    report.cancelled,
                    report.still_running,
                    report.still_queued
                ),
                (0, 0, 0, 0)
            );
        }
        drop(one());
        one().detach();
        let pool = one();
        let only = pool.submit(pid, ()).unwrap();
        let never = only.cancel();
        pool.shutdown(true, false).unwrap();
        assert_eq!(only.result().is_err(), never);
    });
}

// contract: X1, X6
#[test]
fn many_threads_shut_down_at_once() {
    alone(|| {
        for round in 0..20 {
            let pool = Arc::new(ProcessPoolExecutor::new(2).unwrap());
            let calls: Vec<_> = (0..10).map(|_| pool.submit(pid, ()).unwrap()).collect();
            let start = Arc::new(Barrier::new(4));
            let closing: Vec<_> = (0..4)
                .map(|n| {
                    let (pool, start) = (Arc::clone(&pool), Arc::clone(&start));
                    thread::spawn(move || {
                        start.wait();
                        let report = pool.shutdown(true, (n + round) % 4 == 0).unwrap();
                        assert_eq!((report.still_running, report.still_queued), (0, 0));
                        assert!(pool.worker_pids().is_empty());
                    })
                })
                .collect();
            for closing in closing {
                closing.join().unwrap();
            }
            for call in calls {
                assert!(matches!(
                    call.result(),
                    Ok(_) | Err(TaskError::Cancelled(CancelledBy::Shutdown))
                ));
            }
        }
    });
}

// contract: X4, X8
#[test]
fn a_callback_cannot_wait_for_its_own_pool_but_close_it() {
    alone(|| {
        let pool = Arc::new(one());
        let gate = ProcessGate::new();
        let (held, _) = gate.hold_on(&pool);
        let last = pool.submit(pid, ()).unwrap();
        let (tell, told) = mpsc::channel();
        held.add_done_callback({
            let pool = Arc::clone(&pool);
            move |_| {
                tell.send((pool.shutdown(true, false), pool.submit(pid, ()).is_err()))
                    .unwrap()
            }
        });
        gate.open();
        let (shutdown, closed) = told.recv().unwrap();
        assert!(
            matches!(shutdown, Err(ShutdownError::FromWorker)),
            "{shutdown:?}"
        );
        assert!(closed);
        last.result().unwrap();
        pool.shutdown(true, false).unwrap();
    });
}

// contract: X8, X6
#[test]
fn the_last_owner_may_be_a_callback() {
    alone(|| {
        for _ in 0..10 {
            let pool = Arc::new(one());
            let gate = ProcessGate::new();
            let (held, worker) = gate.hold_on(&pool);
            let rest: Vec<_> = (0..5).map(|_| pool.submit(pid, ()).unwrap()).collect();
            let slot = Arc::new(Mutex::new(Some(pool)));
            held.add_done_callback(move |_| drop(slot.lock().unwrap().take()));
            gate.open();
            for call in rest {
                assert_eq!(call.result().unwrap(), worker);
            }
            eventually("the worker is gone", || !children().contains(&worker));
        }
    });
}

// contract: X7, X8
#[test]
fn a_detached_pool_finishes_and_its_handles_are_closed() {
    alone(|| {
        let (pool, gate) = (one(), ProcessGate::new());
        let handle = pool.handle();
        let (held, worker) = gate.hold_on(&pool);
        let queued = pool.submit(pid, ()).unwrap();
        pool.detach();
        assert!(matches!(
            handle.submit(pid, ()),
            Err(SubmitError::ShutDown(_))
        ));
        gate.open();
        assert_eq!(
            (held.result().unwrap(), queued.result().unwrap()),
            (worker, worker)
        );
        eventually("the worker is gone", || !children().contains(&worker));
        assert!(handle.worker_pids().is_empty());
        let handle = one().handle();
        assert!(matches!(
            handle.submit(pid, ()),
            Err(SubmitError::ShutDown(_))
        ));
        assert!(matches!(
            handle.map(pid, [(), ()]).map(drop),
            Err(SubmitError::ShutDown(_))
        ));
        handle.kill_workers();
        handle.shutdown(true, true).unwrap();
    });
}

// contract: X7
#[test]
fn a_pool_in_a_static_is_waited_for_at_exit_if_it_asked_for_that() {
    static POOL: std::sync::OnceLock<ProcessPoolExecutor> = std::sync::OnceLock::new();
    if let Some(role) = role() {
        let pool = POOL.get_or_init(one);
        pool.join_at_exit();
        let worker = pid_of(pool);
        for n in 0..3 {
            let _ = pool.submit(
                |(file, n): (String, u32)| {
                    thread::sleep(Duration::from_millis(100));
                    note_number((file, n))
                },
                (role.clone(), n),
            );
        }
        tell(worker);
        std::process::exit(7);
    }
    alone(|| {
        let folder = Folder::new();
        let mut child = again(
            "shutdown::a_pool_in_a_static_is_waited_for_at_exit_if_it_asked_for_that",
            &folder.file("ran"),
        )
        .spawn()
        .unwrap();
        let mut output = output_of(&mut child);
        let worker: u32 = told(&mut output).unwrap().parse().unwrap();
        std::io::Read::read_to_end(&mut output, &mut Vec::new()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
        assert_eq!(noted(folder.file("ran")), [0, 1, 2]);
        assert!(!is_alive(worker));
    });
}

// contract: X3, A1
#[test]
fn whoever_waits_hears_of_a_shutdown_that_cancels() {
    alone(|| {
        let (pool, gate) = (one(), ProcessGate::new());
        let (held, _) = gate.hold_on(&pool);
        let queued: Vec<_> = (0..10).map(|_| pool.submit(pid, ()).unwrap()).collect();
        let waiting =
            thread::spawn(move || as_completed(queued).filter(|call| call.cancelled()).count());
        pool.shutdown(false, true).unwrap();
        assert_eq!(waiting.join().unwrap(), 10);
        gate.open();
        held.result().unwrap();
    });
}

// contract: X6, P3
#[test]
fn a_shutdown_while_workers_start_or_die_leaves_nothing() {
    alone(|| {
        for n in 0..20_u64 {
            let pool = one_with().max_tasks_per_child(1).build().unwrap();
            let calls: Vec<_> = (0..3).map(|_| pool.submit(pid, ()).unwrap()).collect();
            thread::sleep(Duration::from_micros(n * 300));
            if n % 2 == 0 {
                for worker in pool.worker_pids() {
                    // It may be gone already.
                    if is_alive(worker) {
                        let _ = std::panic::catch_unwind(|| kill(worker, libc::SIGKILL));
                    }
                }
            }
            pool.shutdown(true, n % 4 < 2).unwrap();
            assert!(calls.iter().all(concurrent_futures::Future::done));
        }
    });
}
