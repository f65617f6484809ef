//! Parents that die.

use std::{process, thread, time::Duration};

use concurrent_futures_tests::{eventually, left::is_stopped};
use serde_bytes::ByteBuf;

use crate::{
    common::{LARGE, alone, gone_within_a_second, is_gone, pool, worker_of},
    roles::{Other, hear, say},
    sys,
};

/// Kills the parent when it says that it is ready, and maybe some time later; its workers have to be gone.
fn kill_the_parent(role: &'static str, pauses: &'static [u64]) {
    alone(move || {
        for pause in pauses {
            let mut parent = Other::start("parent", role);
            let workers = [parent.says_number(), parent.says_number()];
            assert_eq!(parent.says(), "ready");
            thread::sleep(Duration::from_millis(*pause));
            parent.kill();
            for worker in workers {
                gone_within_a_second(worker);
            }
        }
    });
}

// contract: P7
#[test]
fn idle_workers_end_with_their_parent() {
    kill_the_parent("idle", &[0]);
}

// contract: P7
#[test]
fn busy_workers_end_with_their_parent() {
    kill_the_parent("busy", &[0]);
}

// contract: P7
#[test]
fn workers_whose_calls_take_no_signals_and_left_the_group_end_with_their_parent() {
    kill_the_parent("hardened", &[0]);
}

// contract: P7
#[test]
fn stopped_workers_end_with_their_parent() {
    kill_the_parent("stopped", &[0]);
}

// contract: P7, P10
#[test]
fn workers_in_the_middle_of_large_arguments_end_with_their_parent() {
    kill_the_parent("arguments", &[0, 10, 30, 60]);
}

// contract: P7, P10
#[test]
fn workers_in_the_middle_of_large_results_end_with_their_parent() {
    kill_the_parent("results", &[0, 10, 30, 60]);
}

// contract: P7, P10
#[test]
fn a_stopped_worker_that_is_sent_a_large_argument_ends_with_its_parent() {
    kill_the_parent("stopped arguments", &[50]);
}

// contract: P7
#[test]
fn workers_end_with_a_parent_that_exits_aborts_or_crashes() {
    alone(|| {
        for role in ["exits", "aborts", "crashes"] {
            let mut parent = Other::start("parent", role);
            let workers = [parent.says_number(), parent.says_number()];
            assert_eq!(parent.says(), "ready");
            parent.tell();
            assert!(!parent.end().success());
            for worker in workers {
                gone_within_a_second(worker);
            }
        }
    });
}

fn endless(_: u32) {
    loop {
        thread::park();
    }
}

pub(crate) fn play(role: &str) {
    let pool = pool(2);
    let mut workers = [0; 2];
    // Both are needed, so both are started.
    let slow: fn(()) -> u32 = |()| {
        thread::sleep(Duration::from_millis(50));
        process::id()
    };
    while workers[0] == workers[1] {
        let calls = [(); 2].map(|()| pool.submit(slow, ()).unwrap());
        workers = calls.map(|call| call.result().unwrap());
    }
    workers.iter().for_each(say);
    let hardened: fn(u32) = |n| {
        sys::block_all_signals();
        sys::join_group_of_parent();
        endless(n);
    };
    let busy = match role {
        "busy" | "forked busy" | "exits" | "aborts" | "crashes" => Some(endless as fn(u32)),
        "hardened" => Some(hardened),
        _ => None,
    };
    if let Some(call) = busy {
        for call in [pool.submit(call, 0).unwrap(), pool.submit(call, 1).unwrap()] {
            while !call.running() {
                thread::yield_now();
            }
        }
    }
    if role.starts_with("stopped") {
        for worker in workers {
            sys::kill(worker, libc::SIGSTOP);
            // The system lets stopped orphans end, but not those that are about to be stopped.
            eventually("it is stopped", || is_stopped(worker));
        }
    }
    if role.starts_with("forked") {
        match sys::fork() {
            0 => endless(0),
            forked => say(forked),
        }
    }
    say("ready");
    let large: fn(ByteBuf) -> ByteBuf = |bytes| bytes;
    let make: fn(()) -> ByteBuf = |()| ByteBuf::from(vec![7; LARGE]);
    loop {
        match role {
            "arguments" => drop(
                pool.submit(|_: ByteBuf| (), ByteBuf::from(vec![7; LARGE]))
                    .unwrap()
                    .result(),
            ),
            "stopped arguments" => drop(
                pool.submit(large, ByteBuf::from(vec![7; LARGE]))
                    .unwrap()
                    .result(),
            ),
            "results" => drop(pool.submit(make, ()).unwrap().result()),
            "exits" => {
                hear();
                process::exit(9);
            }
            "aborts" => {
                hear();
                sys::abort();
            }
            "crashes" => {
                hear();
                sys::segfault();
            }
            _ => thread::park(),
        }
    }
}

// A copy of the parent holds all its descriptors, so that no channel is closed by the parent's death.
// contract: P7
#[test]
fn workers_end_with_a_parent_that_has_forked() {
    alone(|| {
        for role in ["forked", "forked busy"] {
            let mut parent = Other::start("parent", role);
            let workers = [parent.says_number(), parent.says_number()];
            let forked = parent.says_number();
            assert_eq!(parent.says(), "ready");
            parent.kill();
            let left: Vec<_> = workers.into_iter().filter(|w| !is_gone(*w)).collect();
            sys::kill(forked, libc::SIGKILL);
            assert!(left.is_empty(), "{role}: {left:?} of {workers:?} are left");
        }
    });
}

// A worker that was tied to the thread that had it started would end with that.
// contract: P3, P7
#[test]
fn a_worker_outlives_the_thread_whose_call_had_it_started() {
    alone(|| {
        let pool = pool(1);
        let worker = thread::scope(|s| s.spawn(|| worker_of(&pool)).join().unwrap());
        for _ in 0..10 {
            assert_eq!(worker_of(&pool), worker);
        }
    });
}
