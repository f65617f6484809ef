//! Workers that cannot be started, or only from what is not there any more.

use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf};

use concurrent_futures::ProcessPoolExecutor;

use crate::{
    common::{
        Folder, alone, assert_killed, assert_no_worker, gone_within_a_second, pool, stay, worker_of,
    },
    roles::{Other, plays, say},
    sys,
};

// contract: P3, T8
#[test]
fn a_worker_that_cannot_be_started_is_said_and_can_be_started_later() {
    alone(|| {
        let folder = Folder::new();
        let directory = folder.path("here");
        fs::create_dir(&directory).unwrap();
        let builder = ProcessPoolExecutor::builder().max_workers(2);
        let pool = builder.current_dir(&directory).build().unwrap();
        fs::rename(&directory, folder.path("away")).unwrap();
        assert_no_worker(&pool);
        assert_no_worker(&pool);
        fs::rename(folder.path("away"), &directory).unwrap();
        let here = pool.submit(|()| env::current_dir().unwrap(), ()).unwrap();
        assert_eq!(here.result().unwrap(), directory);
    });
}

// contract: P3, T8
#[test]
fn a_worker_that_cannot_be_replaced_is_said_and_can_be_replaced_later() {
    alone(|| {
        let folder = Folder::new();
        let directory = folder.path("here");
        fs::create_dir(&directory).unwrap();
        let builder = ProcessPoolExecutor::builder().max_workers(1);
        let pool = builder.current_dir(&directory).build().unwrap();
        let door = folder.door("door");
        let call = pool.submit(stay, door.name()).unwrap();
        let held = door.meet();
        let queued = pool.submit(|()| (), ()).unwrap();
        fs::rename(&directory, folder.path("away")).unwrap();
        let [worker] = pool.worker_pids()[..] else {
            panic!("one worker")
        };
        sys::kill(worker, libc::SIGKILL);
        assert_killed(call.result());
        drop(held);
        assert!(queued.result().is_err(), "there is nowhere to run it");
        assert_no_worker(&pool);
        fs::rename(folder.path("away"), &directory).unwrap();
        assert_ne!(worker_of(&pool), worker);
    });
}

// contract: P3, T8
#[test]
fn with_another_worker_alive_a_pool_whose_worker_cannot_be_replaced_runs_smaller() {
    alone(|| {
        let folder = Folder::new();
        let directory = folder.path("here");
        fs::create_dir(&directory).unwrap();
        let builder = ProcessPoolExecutor::builder().max_workers(2);
        let pool = builder.current_dir(&directory).build().unwrap();
        let (first, second) = (folder.door("first"), folder.door("second"));
        let calls = [&first, &second].map(|door| pool.submit(stay, door.name()).unwrap());
        let (held, dropped) = (first.meet(), second.meet());
        let queued: Vec<_> = (0..10)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        fs::rename(&directory, folder.path("away")).unwrap();
        let workers = pool.worker_pids();
        assert_eq!(workers.len(), 2);
        sys::kill(workers[0], libc::SIGKILL);
        drop((held, dropped));
        let outcomes = calls.map(|call| call.result().ok());
        assert_eq!(outcomes.iter().flatten().collect::<Vec<_>>(), [&workers[1]]);
        for (n, call) in (0..).zip(queued) {
            assert_eq!(call.result().unwrap(), n);
        }
        assert_eq!(worker_of(&pool), workers[1]);
    });
}

// contract: P3, T8
#[test]
fn a_system_that_refuses_processes_is_said() {
    alone(|| plays("start", "refused processes"));
}

// contract: P1
#[test]
fn workers_start_after_the_executable_was_deleted() {
    alone(|| from_a_copy("deleted"));
}

// contract: P1
#[test]
fn workers_start_after_the_executable_was_replaced_by_another() {
    alone(|| from_a_copy("replaced"));
}

fn from_a_copy(role: &str) {
    let folder = Folder::new();
    let copy = folder.path("copy");
    fs::copy(env::current_exe().unwrap(), &copy).unwrap();
    let mut other = Other::start_from(&copy, "start", role);
    let before = other.says_number();
    let after = other.says_number();
    assert_ne!(before, after);
    assert!(other.end().success());
    gone_within_a_second(before);
    gone_within_a_second(after);
}

/// Removes the own executable, perhaps puts something else there; says a worker of before, and one of afterwards.
fn outlive_the_executable(executable: PathBuf, replaced: bool) {
    let pool = pool(1);
    let worker = worker_of(&pool);
    say(worker);
    fs::remove_file(&executable).unwrap();
    if replaced {
        fs::write(&executable, "#!/bin/sh\nexit 7\n").unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(worker_of(&pool), worker);
    sys::kill(worker, libc::SIGKILL);
    say(worker_of(&pool));
    // And a pool that has not started any yet.
    assert_ne!(worker_of(&crate::common::pool(1)), worker);
}

pub(crate) fn play(role: &str) {
    // Later there is no such file.
    let executable = env::current_exe().unwrap();
    match role {
        "deleted" => outlive_the_executable(executable, false),
        "replaced" => outlive_the_executable(executable, true),
        "refused processes" => {
            sys::become_nobody_in_particular();
            let before = sys::limit(libc::RLIMIT_NPROC, 1);
            let pool = pool(2);
            assert_no_worker(&pool);
            sys::limit(libc::RLIMIT_NPROC, before);
            let worker = worker_of(&pool);
            // At replacement.
            sys::limit(libc::RLIMIT_NPROC, 1);
            sys::kill(worker, libc::SIGKILL);
            concurrent_futures_tests::eventually("the worker is gone", || {
                !concurrent_futures_tests::left::is_alive(worker)
            });
            assert_no_worker(&pool);
            sys::limit(libc::RLIMIT_NPROC, before);
            assert_ne!(worker_of(&pool), worker);
        }
        other => panic!("no such role: {other}"),
    }
}
