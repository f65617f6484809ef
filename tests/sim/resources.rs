//! What simulations leave behind in the process.

use std::{fs, process::Command, time::Duration};

use concurrent_futures::{
    as_completed,
    sim::{self, SimExecutor, Simulation, Walk},
};

const INSIDE: &str = "SIMULATION_TEST_RESOURCES";

fn body() {
    let pool = SimExecutor::new(3);
    let calls = [1, 2, 3].map(|n| pool.spawn(move || vec![n; 1_000].len()).unwrap());
    let other = sim::spawn(|| sim::sleep(Duration::from_secs(1)));
    let sum: usize = as_completed(calls).map(|call| call.result().unwrap()).sum();
    assert_eq!(sum, 3_000);
    other.join();
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// In kibibytes: what is resident, and what is mapped.
fn memory() -> [usize; 2] {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    ["VmRSS:", "VmSize:"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    })
}

// contract: D1
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "counts in /proc")]
fn thousands_of_runs_leave_no_threads_and_no_memory() {
    if std::env::var_os(INSIDE).is_none() {
        // Alone in a process, so that no other test's threads are counted.
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads", "1"])
            .arg("resources::thousands_of_runs_leave_no_threads_and_no_memory")
            .env(INSIDE, "1")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let explore = |seeds| {
        let explored = Simulation::new()
            .walk(Walk::Random)
            .seeds(seeds)
            .check(body);
        assert!(explored.distinct() > 1);
    };
    explore(0..200);
    for seed in 0..40 {
        explore(seed..seed + 2);
    }
    let (threads_before, [resident, mapped]) = (settled_threads(), memory());
    explore(200..2_200);
    for seed in 2_200..2_240 {
        explore(seed..seed + 2);
    }
    assert_eq!(settled_threads(), threads_before);
    let now = memory();
    assert!(now[0] < resident + 8 * 1024, "{resident} KiB, then {now:?}");
    // The allocator's arenas come and go; a stack for each run would be two gibibytes.
    assert!(now[1] < mapped + 512 * 1024, "{mapped} KiB, then {now:?}");
}

/// A thread that was joined may be counted for a moment longer.
fn settled_threads() -> usize {
    let mut fewest = threads();
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(2));
        fewest = fewest.min(threads());
    }
    fewest
}

// contract: D1
#[test]
fn a_run_has_as_many_virtual_threads_as_it_wants() {
    Simulation::new()
        .seeds(0..3)
        .stack_size(64 * 1024)
        .check(|| {
            let threads: Vec<_> = (0..200).map(|n| sim::spawn(move || n)).collect();
            let sum: usize = threads.into_iter().map(sim::JoinHandle::join).sum();
            assert_eq!(sum, 199 * 100);
        });
}

// contract: D1
#[test]
fn deep_recursion_has_the_stack_that_it_was_given() {
    fn deep(left: usize) -> usize {
        let here = std::hint::black_box([left; 64]);
        if left == 0 {
            here[0]
        } else {
            deep(left - 1) + usize::from(here[63] > 0)
        }
    }
    Simulation::new()
        .seeds(0..2)
        .stack_size(16 << 20)
        .check(|| {
            let pool = SimExecutor::new(1);
            assert_eq!(pool.spawn(|| deep(5_000)).unwrap().result().unwrap(), 5_000);
            assert_eq!(deep(5_000), 5_000);
        });
}
