//! P4: workers that are replaced, prepared, ended, and held to limits of time and memory.

use std::{
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use concurrent_futures::{
    CallOptions, CancelledBy, Ended, MapOptions, ProcessPoolExecutor, SubmitError, TaskError,
};
use concurrent_futures_tests::{LIMIT, eventually, left::is_alive};

use crate::help::{
    Folder, ProcessGate, alone, death, hold, note, noted, one, one_with, pid, pid_of,
};

/// How often each worker comes in a row.
fn runs(pids: &[u32]) -> Vec<usize> {
    pids.chunk_by(|a, b| a == b).map(<[u32]>::len).collect()
}

// contract: P4
#[test]
fn a_worker_is_replaced_after_so_many_calls() {
    alone(|| {
        let pool = one_with().max_tasks_per_child(3).build().unwrap();
        let one_by_one: Vec<_> = (0..9).map(|_| pid_of(&pool)).collect();
        assert_eq!(runs(&one_by_one), [3, 3, 3]);
        let calls: Vec<_> = (0..9).map(|_| pool.submit(pid, ()).unwrap()).collect();
        let at_once: Vec<_> = calls
            .into_iter()
            .map(|call| call.result().unwrap())
            .collect();
        assert_eq!(runs(&at_once), [3, 3, 3]);
        let pool = one_with().max_tasks_per_child(1).build().unwrap();
        let pids: Vec<_> = (0..5).map(|_| pid_of(&pool)).collect();
        assert_eq!(runs(&pids), [1; 5]);
    });
}

// contract: P4, M7
#[test]
fn items_of_a_map_are_calls_of_their_worker() {
    alone(|| {
        for options in [
            MapOptions::new(),
            MapOptions::new().chunksize(10),
            MapOptions::new().chunksize(1),
            MapOptions::new().buffer_size(3),
        ] {
            let pool = one_with().max_tasks_per_child(4).build().unwrap();
            let pids: Vec<_> = pool
                .map_with(options, |_: u32| process::id(), 0..22)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert_eq!(runs(&pids), [4, 4, 4, 4, 4, 2], "{options:?}");
        }
    });
}

static READY: AtomicU32 = AtomicU32::new(0);

fn make_ready((file, value): (String, u32)) -> Result<(), String> {
    note(file, process::id());
    READY.store(value, Ordering::SeqCst);
    Ok(())
}

fn abort(_: ()) {
    process::abort();
}

fn ready(_: ()) -> (u32, u32) {
    (process::id(), READY.load(Ordering::SeqCst))
}

// contract: P4, T4
#[test]
fn the_initializer_runs_once_before_the_first_call_of_every_worker() {
    alone(|| {
        let folder = Folder::new();
        let pool = one_with()
            .initializer(make_ready, (folder.file("began"), 7))
            .max_tasks_per_child(2)
            .build()
            .unwrap();
        assert!(noted(folder.file("began")).is_empty(), "no worker yet");
        let mut pids = Vec::new();
        for _ in 0..6 {
            let (pid, value) = pool.submit(ready, ()).unwrap().result().unwrap();
            assert_eq!(value, 7);
            pids.push(pid);
        }
        death(pool.submit(abort, ()).unwrap().result());
        let (pid, value) = pool.submit(ready, ()).unwrap().result().unwrap();
        assert_eq!(value, 7);
        pids.push(pid);
        pids.dedup();
        drop(pool);
        let began = noted(folder.file("began"));
        assert!(
            pids.iter()
                .all(|pid| began.iter().filter(|n| *n == pid).count() == 1),
            "{pids:?} {began:?}"
        );
        assert_eq!(READY.load(Ordering::SeqCst), 0);
    });
}

pub(crate) fn ignore_sigterm(gate: String) -> u32 {
    // SAFETY: this worker may ignore a signal.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    hold(gate)
}

// contract: P4
#[test]
fn workers_are_terminated() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let gate = ProcessGate::new();
        let held = [gate.hold_on(&pool), gate.hold_on(&pool)];
        let queued: Vec<_> = (0..30).map(|_| pool.submit(pid, ()).unwrap()).collect();
        pool.terminate_workers();
        assert!(matches!(
            pool.submit(pid, ()),
            Err(SubmitError::ShutDown(_))
        ));
        for (call, worker) in held {
            let death = death(call.result());
            assert_eq!((death.pid(), death.ended()), (worker, Ended::Signal(15)));
        }
        for call in queued {
            assert!(matches!(
                call.result(),
                Err(TaskError::Cancelled(CancelledBy::Shutdown))
            ));
        }
        pool.terminate_workers();
        pool.kill_workers();
        pool.shutdown(true, false).unwrap();
        assert!(pool.worker_pids().is_empty());
    });
}

// contract: P4
#[test]
fn a_call_that_ignores_being_terminated_goes_on_until_it_is_killed() {
    alone(|| {
        for ends in [true, false] {
            let (pool, gate) = (one(), ProcessGate::new());
            let call = pool.submit(ignore_sigterm, gate.key()).unwrap();
            let worker = gate.wait_for(1)[0];
            let queued = pool.submit(pid, ()).unwrap();
            pool.terminate_workers();
            assert!(matches!(queued.result(), Err(TaskError::Cancelled(_))));
            assert!(!call.wait_timeout(Duration::from_millis(50)) && is_alive(worker));
            if ends {
                gate.open();
                assert_eq!(call.result().unwrap(), worker);
            } else {
                pool.kill_workers();
                assert_eq!(death(call.result()).ended(), Ended::Signal(9));
            }
        }
    });
}

// contract: P4, P3
#[test]
fn killed_and_terminated_pools_never_had_to_have_a_worker() {
    alone(|| {
        for kill in [true, false] {
            let pool = one();
            if kill {
                pool.kill_workers()
            } else {
                pool.terminate_workers()
            }
            assert!(matches!(
                pool.submit(pid, ()),
                Err(SubmitError::ShutDown(_))
            ));
            let pool = one();
            // While its worker is being started.
            let call = pool.submit(pid, ()).unwrap();
            if kill {
                pool.kill_workers()
            } else {
                pool.terminate_workers()
            }
            assert!(matches!(
                call.result(),
                Ok(_) | Err(TaskError::WorkerDied(_) | TaskError::Cancelled(_))
            ));
        }
    });
}

fn sleeper(gate: String) -> u32 {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    note(format!("{gate}/children"), child.id());
    hold(gate);
    child.wait().unwrap();
    0
}

// contract: P4
#[test]
fn what_a_worker_started_ends_with_it() {
    alone(|| {
        for how in ["kill", "terminate", "timeout"] {
            let gate = ProcessGate::new();
            let pool = one();
            let limit = if how == "timeout" {
                Duration::from_millis(400)
            } else {
                LIMIT
            };
            let call = pool
                .submit_with(CallOptions::new().timeout(limit), sleeper, gate.key())
                .unwrap();
            gate.wait_for(1);
            let child = noted(format!("{}/children", gate.key()))[0];
            match how {
                "kill" => pool.kill_workers(),
                "terminate" => pool.terminate_workers(),
                _ => {}
            }
            assert!(call.result().is_err());
            eventually("the child of the worker has ended", || !is_alive(child));
        }
    });
}
