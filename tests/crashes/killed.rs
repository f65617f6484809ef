//! Workers that somebody else kills, and somebody else who waits for them.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use concurrent_futures::{Ended, ProcessPoolExecutor, TaskError};
use concurrent_futures_tests::{eventually, left::is_alive};

use crate::{
    common::{Folder, alone, assert_killed, death, pool, stay, worker_of},
    roles::plays,
    sys,
};

// contract: P3
#[test]
fn a_worker_killed_while_it_is_idle_fails_no_call() {
    alone(|| {
        let pool = pool(1);
        let mut worker = worker_of(&pool);
        for round in 0..30 {
            sys::kill(worker, libc::SIGKILL);
            if round % 2 == 0 {
                eventually("the worker is gone", || !is_alive(worker));
            }
            let next = worker_of(&pool);
            assert_ne!(next, worker);
            worker = next;
        }
    });
}

// contract: P3
#[test]
fn a_pool_that_is_dropped_right_after_its_idle_workers_were_killed_ends() {
    alone(|| {
        for round in 0..10 {
            let pool = pool(2);
            let calls: Vec<_> = (0..10)
                .map(|n| pool.submit(|n: u32| n, n).unwrap())
                .collect();
            calls
                .into_iter()
                .for_each(|call| assert!(call.result().is_ok()));
            for worker in pool.worker_pids() {
                sys::kill(worker, libc::SIGKILL);
            }
            match round % 3 {
                0 => drop(pool.shutdown(true, true).unwrap()),
                1 => pool.kill_workers(),
                _ => {}
            }
        }
    });
}

// contract: P3
#[test]
fn all_workers_killed_at_once_fail_only_what_they_ran() {
    alone(|| {
        let folder = Folder::new();
        let workers = 3;
        let pool = pool(workers);
        let doors: Vec<_> = (0..workers).map(|n| folder.door(&n.to_string())).collect();
        let running: Vec<_> = doors
            .iter()
            .map(|door| pool.submit(stay, door.name()).unwrap())
            .collect();
        let held: Vec<_> = doors.iter().map(|door| door.meet()).collect();
        let backlog: Vec<_> = (0..1_000_u32)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        for worker in pool.worker_pids() {
            sys::kill(worker, libc::SIGKILL);
        }
        for call in running {
            assert_killed(call.result());
        }
        drop(held);
        for (n, call) in (0..).zip(backlog) {
            assert_eq!(call.result().unwrap(), n, "it had not started");
        }
    });
}

// contract: P3
#[test]
fn all_workers_killed_amid_short_calls_fail_at_most_one_each() {
    alone(|| {
        let workers = 4;
        let pool = pool(workers);
        let backlog: Vec<_> = (0..1_000_u32)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        eventually("there is progress", || {
            backlog.iter().any(|call| call.done())
        });
        for worker in pool.worker_pids() {
            sys::kill(worker, libc::SIGKILL);
        }
        let mut died = 0;
        for (n, call) in (0..).zip(backlog) {
            match call.result() {
                Ok(value) => assert_eq!(value, n),
                dead => {
                    assert_killed(dead);
                    died += 1;
                }
            }
        }
        assert!(died <= workers, "{died} calls failed, of {workers} workers");
    });
}

/// Workers that somebody kills all at once are no sign that workers cannot start.
// contract: P3
#[test]
fn workers_killed_together_before_they_are_ready_do_not_break_the_pool() {
    alone(|| {
        let folder = Folder::new();
        let slow = folder.text("slow");
        fs::write(&slow, "").unwrap();
        let stays: fn(String) -> Result<(), String> = |slow| {
            while Path::new(&slow).exists() {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        let builder = ProcessPoolExecutor::builder().initializer(stays, slow.clone());
        let workers = 6;
        let pool = builder.max_workers(workers).build().unwrap();
        let calls: Vec<_> = (0..100_u32)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        eventually("all have started", || pool.worker_pids().len() == workers);
        let pids = pool.worker_pids();
        for pid in &pids {
            sys::kill(*pid, libc::SIGKILL);
        }
        eventually("all are gone", || pids.iter().all(|pid| !is_alive(*pid)));
        fs::remove_file(slow).unwrap();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.result().unwrap(), n, "it had not started");
        }
    });
}

// contract: P3
#[test]
fn where_nobody_waits_for_children_a_death_is_unknown() {
    alone(|| plays("killed", "ignored"));
}

// contract: P3
#[test]
fn somebody_else_who_waits_for_all_children_costs_at_most_the_status() {
    alone(|| plays("killed", "waited for"));
}

fn dies(signal: i32) {
    sys::kill(std::process::id(), signal);
}

pub(crate) fn play(role: &str) {
    match role {
        "ignored" => {
            sys::ignore(libc::SIGCHLD);
            // One worker, so that the one that was asked is the one that dies.
            let pool = pool(1);
            for _ in 0..5 {
                let worker = worker_of(&pool);
                let death = death(pool.submit(dies, libc::SIGKILL).unwrap().result());
                assert_eq!(death.ended(), Ended::Unknown);
                assert_ne!(worker_of(&pool), worker);
            }
            pool.shutdown(true, false).unwrap();
        }
        "waited for" => {
            let over = AtomicBool::new(false);
            let waited = thread::scope(|s| {
                let waiting = s.spawn(|| {
                    let mut waited = 0;
                    while !over.load(Ordering::Relaxed) {
                        waited += u32::from(sys::wait_for_any());
                    }
                    waited
                });
                for _ in 0..20 {
                    let pool = pool(2);
                    worker_of(&pool);
                    let call = pool.submit(dies, libc::SIGKILL).unwrap();
                    match call.result() {
                        Err(TaskError::WorkerDied(death)) => assert!(
                            matches!(death.ended(), Ended::Signal(9) | Ended::Unknown),
                            "{death}"
                        ),
                        other => panic!("{other:?}"),
                    }
                    worker_of(&pool);
                    pool.shutdown(true, false).unwrap();
                }
                over.store(true, Ordering::Relaxed);
                waiting.join().unwrap()
            });
            assert!(waited > 0, "it came first at least once");
        }
        other => panic!("no such role: {other}"),
    }
}
