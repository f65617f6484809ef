//! P7: when the parent dies, in whatever way, its workers are gone.

use std::{
    process, thread,
    time::{Duration, Instant},
};

use concurrent_futures::ProcessPoolExecutor;
use concurrent_futures_tests::left::is_alive;

use crate::help::{
    ProcessGate, again, alone, hold, kill, one, output_of, pid, pid_of, role, tell, told,
};

/// Sleeps, deaf to what can be ignored.
fn deaf(gate: String) -> u32 {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGPIPE] {
        // SAFETY: this worker may ignore a signal.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    hold(gate)
}

fn spin(gate: String) -> u32 {
    let _ = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(format!("{gate}/arrived"))
        .map(|mut file| {
            std::io::Write::write_all(&mut file, format!("{}\n", process::id()).as_bytes())
        });
    loop {
        std::hint::spin_loop();
    }
}

/// A pool in a worker of a pool, whose worker waits.
fn outer(gate: String) -> u32 {
    let pool = one();
    pool.submit(hold, gate).unwrap().result().unwrap()
}

/// Makes a pool of busy and idle workers, tells of them, and ends so.
fn parent(role: &str) {
    let (how, gate) = role.split_once(' ').unwrap();
    let busy = ProcessPoolExecutor::new(4).unwrap();
    let idle = ProcessPoolExecutor::new(1).unwrap();
    let _calls = [spin, hold, deaf, outer].map(|f| {
        busy.submit(f as fn(String) -> u32, gate.to_owned())
            .unwrap()
    });
    pid_of(&idle);
    while std::fs::read_to_string(format!("{gate}/arrived"))
        .unwrap_or_default()
        .lines()
        .count()
        < 4
    {
        thread::yield_now();
    }
    let mut pids = busy.worker_pids();
    pids.extend(idle.worker_pids());
    assert_eq!(pids.len(), 5);
    tell(format!("{pids:?}"));
    match how {
        "exit" => process::exit(3),
        "abort" => process::abort(),
        "detach" => {
            busy.detach();
            idle.detach();
            process::exit(0)
        }
        _ => loop {
            thread::park();
        },
    }
}

fn all_end_with(how: &str, signal: i32, name: &str) {
    let gate = ProcessGate::new();
    let mut child = again(name, &format!("{how} {}", gate.key()))
        .spawn()
        .unwrap();
    let mut output = output_of(&mut child);
    let listed = told(&mut output).unwrap();
    let mut pids: Vec<u32> = listed
        .trim_matches(['[', ']'])
        .split(", ")
        .map(|pid| pid.parse().unwrap())
        .collect();
    pids.extend(gate.arrived());
    if signal != 0 {
        assert!(pids.iter().all(|pid| is_alive(*pid)));
        kill(child.id(), signal);
    }
    child.wait().unwrap();
    let start = Instant::now();
    while let Some(left) = pids.iter().find(|pid| is_alive(**pid)) {
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{left} of {pids:?} is left"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

// contract: P7
#[test]
fn no_worker_outlives_a_parent_that_was_killed() {
    if let Some(role) = role() {
        return parent(&role);
    }
    alone(|| {
        let name = "orphans::no_worker_outlives_a_parent_that_was_killed";
        for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGABRT] {
            all_end_with("wait", signal, name);
        }
    });
}

// contract: P7, X7
#[test]
fn no_worker_outlives_a_parent_that_exits_or_aborts() {
    if let Some(role) = role() {
        return parent(&role);
    }
    alone(|| {
        let name = "orphans::no_worker_outlives_a_parent_that_exits_or_aborts";
        for how in ["exit", "abort", "detach"] {
            all_end_with(how, 0, name);
        }
    });
}

fn slow_start(file: String) -> Result<(), String> {
    crate::help::note(file, process::id());
    thread::sleep(Duration::from_secs(50));
    Ok(())
}

/// A worker that is still being prepared.
fn starting_parent(file: &str) {
    let pool = ProcessPoolExecutor::builder()
        .max_workers(1)
        .initializer(slow_start, file.to_owned())
        .build()
        .unwrap();
    let _ = pool.submit(pid, ()).unwrap().result();
}

// contract: P7
#[test]
fn a_worker_in_its_initializer_does_not_outlive_its_parent_either() {
    if let Some(role) = role() {
        return starting_parent(&role);
    }
    alone(|| {
        let name = "orphans::a_worker_in_its_initializer_does_not_outlive_its_parent_either";
        let gate = ProcessGate::new();
        let mut child = again(name, &format!("{}/arrived", gate.key()))
            .spawn()
            .unwrap();
        let worker = gate.wait_for(1)[0];
        kill(child.id(), libc::SIGKILL);
        child.wait().unwrap();
        let start = Instant::now();
        while is_alive(worker) {
            assert!(start.elapsed() < Duration::from_secs(1));
            thread::sleep(Duration::from_millis(1));
        }
    });
}

// contract: P7, P3
#[test]
fn a_worker_outlives_the_thread_that_needed_it_first() {
    alone(|| {
        let pool = std::sync::Arc::new(one());
        let worker = {
            let pool = std::sync::Arc::clone(&pool);
            thread::spawn(move || pid_of(&pool)).join().unwrap()
        };
        thread::sleep(Duration::from_millis(100));
        assert!(is_alive(worker));
        assert_eq!(pid_of(&pool), worker);
    });
}
