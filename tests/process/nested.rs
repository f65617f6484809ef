//! P9: pools in calls of pools, as deep as is sensible.

use std::process;

use concurrent_futures::{BuildError, ProcessPoolExecutor, TaskError, ThreadPoolExecutor};

use crate::help::{Folder, alone, note, noted, one, pid};

fn inner_sum(n: u32) -> (u32, Vec<u32>) {
    let pool = ProcessPoolExecutor::new(2).unwrap();
    let sum = pool
        .map(|n: u32| n * 2, 0..n)
        .unwrap()
        .map(Result::unwrap)
        .sum();
    let pids = vec![
        process::id(),
        pool.submit(pid, ()).unwrap().result().unwrap(),
    ];
    (sum, pids)
}

// contract: P9
#[test]
fn a_call_can_have_a_pool() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let calls: Vec<_> = (0..4)
            .map(|_| pool.submit(inner_sum, 10).unwrap())
            .collect();
        for call in calls {
            let (sum, pids) = call.result().unwrap();
            assert_eq!(sum, 90);
            assert!(pids[0] != pids[1] && !pids.contains(&process::id()));
            assert!(pool.worker_pids().contains(&pids[0]));
        }
    });
}

/// Each call makes the same call in a pool of its own.
fn dig((file, depth): (String, u32)) -> Result<u32, String> {
    note(&file, depth);
    match ProcessPoolExecutor::new(1) {
        Ok(pool) => match pool.submit(dig, (file, depth + 1)) {
            Ok(call) => call.result().unwrap_or_else(|error| Err(error.to_string())),
            Err(error) => Err(error.to_string()),
        },
        Err(BuildError::TooDeep(most)) => Ok(most),
        Err(other) => Err(other.to_string()),
    }
}

// contract: P9
#[test]
fn pools_in_pools_end_at_some_depth() {
    alone(|| {
        let folder = Folder::new();
        let pool = one();
        let most = pool
            .submit(dig, (folder.file("depths"), 1))
            .unwrap()
            .result()
            .unwrap()
            .unwrap();
        let depths = noted(folder.file("depths"));
        assert_eq!(
            depths,
            (1..=most).collect::<Vec<_>>(),
            "one process at each depth"
        );
        assert!((2..100).contains(&most), "{most}");
    });
}

// contract: P9, P3
#[test]
fn a_death_in_a_pool_of_a_pool_is_told_at_its_own_level() {
    fn inner_death(_: ()) -> String {
        let call = one().submit(|()| -> u8 { process::exit(5) }, ()).unwrap();
        match call.result() {
            Err(TaskError::WorkerDied(death)) => death.ended().to_string(),
            other => format!("{other:?}"),
        }
    }
    alone(|| {
        let pool = one();
        assert_eq!(
            pool.submit(inner_death, ()).unwrap().result().unwrap(),
            "exited with status 5"
        );
    });
}

// contract: P9
#[test]
fn a_worker_that_is_killed_takes_its_own_workers_along() {
    fn innermost(file: String) {
        note(&file, process::id());
        std::thread::sleep(std::time::Duration::from_secs(100));
    }
    fn inner(file: String) {
        let _ = one().submit(innermost, file).unwrap().result();
    }
    alone(|| {
        let folder = Folder::new();
        let pool = one();
        let call = pool.submit(inner, folder.file("inner")).unwrap();
        concurrent_futures_tests::eventually("the inner worker runs", || {
            !noted(folder.file("inner")).is_empty()
        });
        let inner = noted(folder.file("inner"))[0];
        pool.kill_workers();
        call.result().unwrap_err();
        concurrent_futures_tests::eventually("it has ended", || {
            !concurrent_futures_tests::left::is_alive(inner)
        });
    });
}

// contract: P9, P1
#[test]
fn threads_in_processes_and_processes_from_threads() {
    fn threads(n: u64) -> u64 {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        pool.map(|n: u64| n + 1, 0..n)
            .unwrap()
            .map(Result::unwrap)
            .sum()
    }
    alone(|| {
        let outer = ThreadPoolExecutor::new(2).unwrap();
        let pool = one();
        let handle = pool.handle();
        let calls: Vec<_> = (0..10)
            .map(|n| {
                let handle = handle.handle();
                outer
                    .spawn(move || handle.submit(threads, n).unwrap().result().unwrap())
                    .unwrap()
            })
            .collect();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.result().unwrap(), n * (n + 1) / 2);
        }
    });
}

// contract: P9
#[test]
fn a_program_that_a_call_starts_is_no_worker() {
    fn start_own_program(_: ()) -> (bool, String) {
        let output = process::Command::new(std::env::current_exe().unwrap())
            .arg("--list")
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }
    alone(|| {
        let pool = one();
        let (success, list) = pool
            .submit(start_own_program, ())
            .unwrap()
            .result()
            .unwrap();
        assert!(
            success && list.contains("a_program_that_a_call_starts_is_no_worker: test"),
            "{list}"
        );
    });
}
