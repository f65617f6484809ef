//! Processes that are left in between: forked ones that hold the channel, exits that never end, garbage in the channel.

use std::{
    fs,
    process::{self, Command},
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{
    ChildOutput, Ended, ProcessPoolBuilder, ProcessPoolExecutor, SubmitError, TaskError,
};
use concurrent_futures_tests::{eventually, left::is_alive};

use crate::{
    common::{Folder, alone, death, gone_within_a_second, pool, stay, worker_of},
    sys,
};

// contract: P3
#[test]
fn an_exit_with_status_zero_is_a_death_too() {
    alone(|| {
        let pool = pool(1);
        for exits in [|()| process::exit(0), |()| sys::exit_at_once(0)] as [fn(()); 2] {
            let worker = worker_of(&pool);
            let death = death(pool.submit(exits, ()).unwrap().result());
            assert_eq!((death.pid(), death.ended()), (worker, Ended::Exited(0)));
            assert_ne!(worker_of(&pool), worker);
        }
    });
}

fn forever() -> ! {
    loop {
        thread::park();
    }
}

/// Forks a process that stays, says which in a file, and dies or not.
fn leaves_a_fork((path, dies): (String, bool)) {
    match sys::fork() {
        0 => forever(),
        forked => fs::write(path, forked.to_string()).unwrap(),
    }
    if dies {
        sys::kill_self();
    }
}

fn forked(folder: &Folder) -> u32 {
    fs::read_to_string(folder.path("fork"))
        .unwrap()
        .parse()
        .unwrap()
}

// A channel that somebody else holds open, too, is never at its end.
// contract: P3
#[test]
fn the_death_of_a_worker_is_seen_while_its_fork_holds_the_channel() {
    alone(|| {
        let folder = Folder::new();
        let pool = pool(1);
        let worker = worker_of(&pool);
        let call = pool
            .submit(leaves_a_fork, (folder.text("fork"), true))
            .unwrap();
        let seen = call.wait_timeout(Duration::from_secs(5));
        sys::kill(forked(&folder), libc::SIGKILL);
        assert!(seen, "the worker is dead, its fork was not");
        let death = death(call.result());
        assert_eq!((death.pid(), death.ended()), (worker, Ended::Signal(9)));
        assert_ne!(worker_of(&pool), worker);
    });
}

// contract: X2, X6
#[test]
fn a_shutdown_ends_while_the_fork_of_a_worker_holds_the_channel() {
    alone(|| {
        let folder = Folder::new();
        let pool = pool(1);
        let call = pool
            .submit(leaves_a_fork, (folder.text("fork"), false))
            .unwrap();
        call.result().unwrap();
        worker_of(&pool);
        let start = Instant::now();
        pool.shutdown(true, false).unwrap();
        let took = start.elapsed();
        sys::kill(forked(&folder), libc::SIGKILL);
        assert!(took < Duration::from_secs(10), "{took:?}");
    });
}

// contract: X2, P8
#[test]
fn a_shutdown_ends_while_a_process_that_a_call_started_goes_on() {
    alone(|| {
        let pool = pool(1);
        let starts: fn(()) -> u32 = |()| Command::new("sleep").arg("1000").spawn().unwrap().id();
        let started = pool.submit(starts, ()).unwrap().result().unwrap();
        let start = Instant::now();
        drop(pool);
        let took = start.elapsed();
        sys::kill(started, libc::SIGKILL);
        assert!(took < Duration::from_secs(2), "{took:?}");
    });
}

// contract: X6
#[test]
fn a_shutdown_ends_when_a_worker_does_not() {
    alone(|| {
        let pool = pool(1);
        let worker = worker_of(&pool);
        pool.submit(|()| sys::never_exit(), ())
            .unwrap()
            .result()
            .unwrap();
        assert_eq!(worker_of(&pool), worker);
        pool.shutdown(true, false).unwrap();
        assert!(!is_alive(worker));
    });
}

// contract: X6
#[test]
fn a_shutdown_ends_when_a_worker_is_stopped() {
    alone(|| {
        let pool = pool(1);
        let worker = worker_of(&pool);
        sys::kill(worker, libc::SIGSTOP);
        pool.shutdown(true, false).unwrap();
        assert!(!is_alive(worker));
    });
}

fn garbage((bytes, stays): (Vec<u8>, bool)) {
    for descriptor in 3..64 {
        sys::write(descriptor, &bytes);
    }
    if stays {
        forever();
    }
}

// contract: P3, P8
#[test]
fn garbage_in_the_channel_costs_at_most_the_worker() {
    alone(|| {
        let pool = pool(1);
        for byte in [0, 1, 2, 3, 4, 5, 8, 127, 255] {
            for length in [1, 3, 64] {
                let call = pool.submit(garbage, (vec![byte; length], false)).unwrap();
                // Whatever becomes of it, it becomes so soon.
                if call.wait_timeout(Duration::from_secs(5)) {
                    if let Err(error) = call.result() {
                        assert!(
                            matches!(error, TaskError::WorkerDied(_) | TaskError::Codec(_)),
                            "{length} of {byte}: {error:?}"
                        );
                    }
                } else {
                    for worker in pool.worker_pids() {
                        sys::kill(worker, libc::SIGKILL);
                    }
                    panic!("{length} bytes {byte}: no outcome");
                }
                worker_of(&pool);
            }
        }
    });
}

fn quiet() -> ProcessPoolBuilder {
    ProcessPoolExecutor::builder()
        .max_workers(2)
        .stderr(ChildOutput::Discard)
}

// contract: P3, P4, E2
#[test]
fn workers_that_always_die_before_they_are_ready_break_the_pool() {
    alone(|| {
        let dies: fn(()) -> Result<(), String> = |()| sys::kill_self();
        let exits: fn(()) -> Result<(), String> = |()| process::exit(0);
        for initializer in [dies, exits] {
            let pool = quiet().initializer(initializer, ()).build().unwrap();
            let calls: Vec<_> = (0..10)
                .filter_map(|n| pool.submit(|n: u32| n, n).ok())
                .collect();
            assert!(!calls.is_empty());
            for call in calls {
                let outcome = call.result();
                assert!(matches!(outcome, Err(TaskError::Broken(_))), "{outcome:?}");
            }
            let refused = pool.submit(|()| (), ());
            assert!(
                matches!(refused, Err(SubmitError::Broken(..))),
                "{refused:?}"
            );
        }
    });
}

// contract: P3, P4
#[test]
fn a_worker_killed_while_it_is_initialized_is_replaced() {
    alone(|| {
        let folder = Folder::new();
        // Dies the first two times.
        let dies_twice: fn(String) -> Result<(), String> = |path| {
            for n in 0..2 {
                if fs::File::create_new(format!("{path}-{n}")).is_ok() {
                    sys::kill_self();
                }
            }
            Ok(())
        };
        let builder = quiet().initializer(dies_twice, folder.text("tries"));
        let pool = builder.max_workers(1).build().unwrap();
        let calls: Vec<_> = (0..10)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.result().unwrap(), n);
        }
    });
}

// contract: P4
#[test]
fn workers_whose_initializer_never_ends_are_killed_with_all_workers() {
    alone(|| {
        let folder = Folder::new();
        let door = folder.door("door");
        let stays: fn(String) -> Result<(), String> = |door| {
            stay(door);
            forever()
        };
        let builder = quiet().initializer(stays, door.name());
        let pool = builder.max_workers(1).build().unwrap();
        let call = pool.submit(|()| (), ()).unwrap();
        drop(door.meet());
        let workers = pool.worker_pids();
        assert_eq!(workers.len(), 1);
        pool.kill_workers();
        assert!(call.result().is_err());
        gone_within_a_second(workers[0]);
    });
}

// contract: P4, X3
#[test]
fn calls_that_wait_are_cancelled_when_all_workers_are_killed() {
    alone(|| {
        for kills in [true, false] {
            let folder = Folder::new();
            let pool = pool(2);
            let doors = ["a", "b"].map(|name| folder.door(name));
            let running = doors
                .each_ref()
                .map(|door| pool.submit(stay, door.name()).unwrap());
            let waiting: Vec<_> = (0..100)
                .map(|n| pool.submit(|n: u32| n, n).unwrap())
                .collect();
            let held = doors.each_ref().map(|door| door.meet());
            if kills {
                pool.kill_workers();
            } else {
                pool.terminate_workers();
            }
            for call in running {
                assert_eq!(
                    death(call.result()).ended(),
                    Ended::Signal(if kills { 9 } else { 15 })
                );
            }
            drop(held);
            for call in waiting {
                let outcome = call.result();
                assert!(
                    matches!(outcome, Err(TaskError::Cancelled(_))),
                    "{outcome:?}"
                );
            }
            assert!(matches!(
                pool.submit(|()| (), ()),
                Err(SubmitError::ShutDown(_))
            ));
            eventually("no worker is left", || pool.worker_pids().is_empty());
        }
    });
}
