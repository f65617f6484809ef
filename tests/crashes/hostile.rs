//! Calls that do to their process what no call should.

use std::{
    fs,
    hint::black_box,
    process::{self, Command},
    thread,
    time::Duration,
};

use concurrent_futures::{
    CallOptions, ChildOutput, Ended, ProcessPoolExecutor, ProcessPoolHandle, ResultError, TaskError,
};
use concurrent_futures_tests::{eventually, left::is_alive};

use crate::{
    common::{
        Door, Folder, alone, assert_killed, death, gone_within_a_second, pool, stay, wait_at,
        worker_of,
    },
    sys,
};

// contract: P3, P8
#[test]
fn what_a_call_forked_reports_nothing() {
    alone(|| {
        let pool = pool(1);
        for round in 0..5 {
            let forks = pool.submit(|()| (process::id(), sys::fork()), ()).unwrap();
            let (worker, forked) = forks.result().unwrap();
            // An outcome that arrived twice would be taken for one of these.
            for n in 0..20 {
                let call = pool.submit(|n: u32| (process::id(), n), n).unwrap();
                assert_eq!(call.result().unwrap(), (worker, n), "round {round}");
            }
            assert!(forked > 0, "the outcome is that of the worker");
            let forked = forked.cast_unsigned();
            eventually("the forked process is gone", || !is_alive(forked));
        }
    });
}

// contract: P3, P8
#[test]
fn a_call_that_closes_all_descriptors_but_three_fails_at_most_itself() {
    alone(|| {
        let pool = pool(1);
        let closes: fn(()) = |()| (3..1024).for_each(sys::close);
        for _ in 0..3 {
            let worker = worker_of(&pool);
            // There may be another way to report the outcome.
            if let Err(error) = pool.submit(closes, ()).unwrap().result() {
                assert_eq!(death::<()>(Err(error)).pid(), worker);
            }
            worker_of(&pool);
        }
    });
}

// contract: P8
#[test]
fn a_call_that_closes_standard_input_and_output_disturbs_nothing() {
    alone(|| {
        let folder = Folder::new();
        let pool = pool(1);
        let worker = worker_of(&pool);
        let closes: fn(()) -> u32 = |()| {
            (0..3).for_each(sys::close);
            7
        };
        assert_eq!(pool.submit(closes, ()).unwrap().result().unwrap(), 7);
        // Files take the free numbers, and what is printed goes there.
        let prints: fn(String) -> u32 = |path| {
            let files =
                ["a", "b", "c"].map(|name| fs::File::create(format!("{path}-{name}")).unwrap());
            println!("this goes to a file");
            eprintln!("and this");
            drop(files);
            process::id()
        };
        let call = pool.submit(prints, folder.text("file")).unwrap();
        assert_eq!(call.result().unwrap(), worker);
        assert_eq!(worker_of(&pool), worker);
    });
}

fn endless(door: &str) -> ! {
    wait_at(door);
    forever()
}

fn forever() -> ! {
    loop {
        thread::park();
    }
}

/// Has an endless call run into its limit of time; the worker of before has to be gone afterwards, and what else was started.
#[track_caller]
fn times_out(pool: &ProcessPoolHandle, call: fn(String), door: &Door) {
    let worker = worker_of(pool);
    let options = CallOptions::new().timeout(Duration::from_millis(300));
    let call = pool.submit_with(options, call, door.name()).unwrap();
    drop(door.meet());
    match call.result_timeout(Duration::from_secs(3)) {
        Err(ResultError::Task(TaskError::TimedOut(error))) => {
            assert_eq!(error.pid(), worker);
            assert_eq!(error.limit(), Duration::from_millis(300));
        }
        other => {
            // So that the rest of the tests can go on.
            sys::kill(worker, libc::SIGKILL);
            panic!("its time is over: {other:?}");
        }
    }
    gone_within_a_second(worker);
    assert_ne!(worker_of(pool), worker);
}

// contract: P4
#[test]
fn a_call_that_takes_no_signals_is_killed_when_its_time_is_over() {
    alone(|| {
        let folder = Folder::new();
        let door = folder.door("door");
        let blocks: fn(String) = |door| {
            sys::block_all_signals();
            sys::ignore(libc::SIGTERM);
            endless(&door);
        };
        times_out(&pool(1), blocks, &door);
        let builder = ProcessPoolExecutor::builder().max_workers(1);
        let graceful = builder.grace(Duration::from_millis(100)).build().unwrap();
        times_out(&graceful, blocks, &door);
    });
}

// contract: P3, P4
#[test]
fn a_call_that_starts_a_thread_which_goes_on_is_over_when_it_returns() {
    alone(|| {
        let pool = pool(1);
        let starts: fn(()) -> u32 = |()| {
            thread::spawn(|| {
                loop {
                    thread::park();
                }
            });
            process::id()
        };
        let worker = pool.submit(starts, ()).unwrap().result().unwrap();
        assert_eq!(worker_of(&pool), worker);
        // The thread does not keep the process.
        pool.shutdown(true, false).unwrap();
        assert!(!is_alive(worker));
    });
}

/// Starts a process that goes on, says which in a file, and goes on itself.
fn starts_a_process(path: String) {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    fs::write(format!("{path}-pid"), child.id().to_string()).unwrap();
    wait_at(&path);
    child.wait().unwrap();
}

fn process_in(folder: &Folder, name: &str) -> u32 {
    fs::read_to_string(folder.path(&format!("{name}-pid")))
        .unwrap()
        .parse()
        .unwrap()
}

// contract: P4
#[test]
fn what_a_call_started_is_killed_with_it_when_its_time_is_over() {
    alone(|| {
        let folder = Folder::new();
        times_out(&pool(1), starts_a_process, &folder.door("door"));
        gone_within_a_second(process_in(&folder, "door"));
    });
}

// contract: P4
#[test]
fn what_a_call_started_is_killed_with_all_workers() {
    alone(|| {
        for kills in [true, false] {
            let folder = Folder::new();
            let door = folder.door("door");
            let pool = pool(1);
            let call = pool.submit(starts_a_process, door.name()).unwrap();
            drop(door.meet());
            let started = process_in(&folder, "door");
            assert!(is_alive(started));
            if kills {
                pool.kill_workers();
            } else {
                pool.terminate_workers();
            }
            let death = death(call.result());
            assert_eq!(death.ended(), Ended::Signal(if kills { 9 } else { 15 }));
            assert!(death.why().is_some(), "the executor ended it");
            gone_within_a_second(started);
        }
    });
}

fn new_session(door: String) {
    sys::new_session();
    endless(&door);
}

fn group_of_parent(door: String) {
    assert!(sys::join_group_of_parent());
    endless(&door);
}

// contract: P4
#[test]
fn a_call_that_asks_for_a_new_session_is_killed_when_its_time_is_over() {
    alone(|| times_out(&pool(1), new_session, &Folder::new().door("door")));
}

// contract: P4
#[test]
fn a_call_that_moved_to_another_group_is_killed_when_its_time_is_over() {
    alone(|| {
        let folder = Folder::new();
        times_out(&pool(1), group_of_parent, &folder.door("door"));
        let builder = ProcessPoolExecutor::builder().max_workers(1);
        let graceful = builder.grace(Duration::from_millis(100)).build().unwrap();
        times_out(&graceful, group_of_parent, &folder.door("graceful"));
    });
}

// contract: P4
#[test]
fn a_call_that_moved_to_another_group_is_killed_with_all_workers() {
    alone(|| {
        for call in [new_session, group_of_parent] {
            let folder = Folder::new();
            let door = folder.door("door");
            let pool = pool(1);
            let call = pool.submit(call, door.name()).unwrap();
            drop(door.meet());
            // It is past the door, so it has moved.
            let [worker] = pool.worker_pids()[..] else {
                panic!("one worker")
            };
            pool.kill_workers();
            let call = match call.result_timeout(Duration::from_secs(2)) {
                Err(ResultError::Task(error)) => Err(error),
                other => {
                    // So that the rest of the tests can go on.
                    sys::kill(worker, libc::SIGKILL);
                    panic!("`kill_workers` did not end it: {other:?}");
                }
            };
            assert_killed::<()>(call);
        }
    });
}

// contract: P3
#[test]
fn a_stack_overflow_ends_one_call() {
    alone(|| {
        fn deep(n: u64) -> u64 {
            let here = black_box([n; 64]);
            if n == u64::MAX {
                0
            } else {
                deep(n + 1) + here[63]
            }
        }
        let builder = ProcessPoolExecutor::builder().max_workers(1);
        let pool = builder.stderr(ChildOutput::Discard).build().unwrap();
        let overflows: fn(u64) -> u64 = |n| {
            sys::no_core();
            deep(n)
        };
        let worker = worker_of(&pool);
        let death = death(pool.submit(overflows, 0).unwrap().result());
        assert_eq!(death.pid(), worker);
        // What the standard library makes of the fault, or the fault itself.
        assert!(matches!(death.ended(), Ended::Signal(6 | 11)), "{death}");
        assert_ne!(worker_of(&pool), worker);
    });
}

// contract: P3, P4
#[test]
fn endless_allocation_under_a_limit_ends_one_call() {
    alone(|| {
        let builder = ProcessPoolExecutor::builder().max_workers(1);
        let builder = builder.stderr(ChildOutput::Discard);
        let pool = builder.address_space(1 << 30).build().unwrap();
        let allocates: fn(()) -> u64 = |()| {
            sys::no_core();
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 16 << 20]));
            }
        };
        for _ in 0..2 {
            let worker = worker_of(&pool);
            let death = death(pool.submit(allocates, ()).unwrap().result());
            assert_eq!((death.pid(), death.ended()), (worker, Ended::Signal(6)));
        }
        worker_of(&pool);
    });
}

// contract: P8
#[test]
fn what_a_call_prints_without_an_end_of_line_is_there_at_the_end() {
    alone(|| {
        let folder = Folder::new();
        let builder = ProcessPoolExecutor::builder().max_workers(1);
        let builder = builder.stdout(ChildOutput::Append(folder.path("output")));
        let pool = builder.build().unwrap();
        for n in 0..3 {
            let prints: fn(u32) -> u32 = |n| {
                print!("{n}, no end of line ");
                n
            };
            assert_eq!(pool.submit(prints, n).unwrap().result().unwrap(), n);
        }
        pool.shutdown(true, false).unwrap();
        let output = fs::read_to_string(folder.path("output")).unwrap();
        assert_eq!(
            output,
            "0, no end of line 1, no end of line 2, no end of line "
        );
    });
}

// contract: P8
#[test]
fn what_a_call_prints_or_reads_in_masses_does_not_disturb_the_protocol() {
    alone(|| {
        let builder = ProcessPoolExecutor::builder().max_workers(1);
        let builder = builder
            .stdout(ChildOutput::Discard)
            .stderr(ChildOutput::Discard);
        let pool = builder.build().unwrap();
        let noisy: fn(u32) -> (u32, usize) = |n| {
            for _ in 0..10_000 {
                println!("{:?}", [0_u8; 16]);
                eprint!("\0\u{1}\u{2}");
            }
            let mut line = String::new();
            (n, std::io::stdin().read_line(&mut line).unwrap())
        };
        for n in 0..3 {
            assert_eq!(pool.submit(noisy, n).unwrap().result().unwrap(), (n, 0));
        }
    });
}

// contract: P4
#[test]
fn a_stopped_worker_is_killed_with_all_workers() {
    alone(|| {
        for idle in [true, false] {
            let folder = Folder::new();
            let door = folder.door("door");
            let pool = pool(1);
            let worker = worker_of(&pool);
            let call = (!idle).then(|| pool.submit(stay, door.name()).unwrap());
            let held = call.is_some().then(|| door.meet());
            sys::kill(worker, libc::SIGSTOP);
            pool.kill_workers();
            if let Some(call) = call {
                assert_killed(call.result());
            }
            drop(held);
            drop(pool);
            assert!(!is_alive(worker));
        }
    });
}

// contract: P4
#[test]
fn a_stopped_call_is_killed_when_its_time_is_over() {
    alone(|| {
        let folder = Folder::new();
        let stops: fn(String) = |door| {
            wait_at(&door);
            sys::kill(process::id(), libc::SIGSTOP);
            // The thread that stops its process may go on for a moment.
            forever();
        };
        times_out(&pool(1), stops, &folder.door("door"));
    });
}
