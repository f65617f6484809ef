//! P8, T3, T8: what is chosen for workers, and what they have of their own.

use std::{env, fs, mem, process, ptr};

use concurrent_futures::{BuildError, ProcessPoolExecutor, SubmitError, TaskError};

use crate::{
    help::{Folder, again, alone, one, one_with, output_of, pid, pid_of, role, tell, told},
    surroundings::environments,
};

// contract: P8
#[test]
fn the_environment_is_as_it_was_asked_for() {
    fn look(name: String) -> Option<String> {
        env::var(name).ok()
    }
    alone(|| {
        let see = |pool: &ProcessPoolExecutor, name: &str| {
            pool.submit(look, name.to_owned())
                .unwrap()
                .result()
                .unwrap()
        };
        assert!(env::var("PATH").is_ok());
        assert_eq!(see(&one(), "PATH"), env::var("PATH").ok());
        let pool = one_with()
            .env("CF_A", "a=b")
            .env("CF_B", "")
            .env("CF_A", "later")
            .env_remove("PATH")
            .build()
            .unwrap();
        assert_eq!(see(&pool, "CF_A").as_deref(), Some("later"));
        assert_eq!(see(&pool, "CF_B").as_deref(), Some(""));
        assert_eq!(see(&pool, "PATH"), None);
        let pool = one_with().env_clear().env("CF_A", "only").build().unwrap();
        let (_, now) = pool.submit(environments, ()).unwrap().result().unwrap();
        let now: Vec<_> = now
            .iter()
            // How deep in workers of workers it is.
            .filter(|name| !name.starts_with("CONCURRENT_FUTURES_"))
            .collect();
        assert_eq!(now, ["CF_A"]);
        assert!(env::var("CF_A").is_err());
    });
}

fn here(_: ()) -> String {
    env::current_dir().unwrap().to_str().unwrap().to_owned()
}

// contract: P8
#[test]
fn workers_begin_where_they_were_told_to() {
    alone(|| {
        let own = here(());
        assert_eq!(one().submit(here, ()).unwrap().result().unwrap(), own);
        let folder = Folder::new();
        let pool = one_with().current_dir(folder.path()).build().unwrap();
        let there = fs::canonicalize(folder.path()).unwrap();
        assert_eq!(
            pool.submit(here, ()).unwrap().result().unwrap(),
            there.to_str().unwrap()
        );
        assert_eq!(here(()), own);
    });
}

// contract: P3, T8
#[test]
fn workers_that_cannot_be_started_are_an_error_and_no_hang() {
    alone(|| {
        let nowhere = one_with().current_dir("/nowhere/at/all").build();
        assert!(
            matches!(nowhere, Err(BuildError::Directory(..))),
            "{nowhere:?}"
        );
        let folder = Folder::new();
        let pool = one_with().current_dir(folder.path()).build().unwrap();
        drop(folder);
        match pool.submit(pid, ()) {
            Err(SubmitError::NoWorker(_) | SubmitError::Broken(..)) => {}
            Ok(call) => {
                let error = call.result().unwrap_err();
                assert!(
                    matches!(error, TaskError::NoWorker | TaskError::Broken(_)),
                    "{error:?}"
                );
            }
            other => panic!("{other:?}"),
        }
        pool.shutdown(true, false).unwrap();
    });
}

/// Blocked and ignored signals, as bits.
fn signals(_: ()) -> (u64, u64) {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let bits = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    (bits("SigBlk:"), bits("SigIgn:"))
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

// contract: P8
#[test]
fn signals_that_the_parent_blocks_or_ignores_are_not_so_in_the_worker() {
    alone(|| {
        // SAFETY: all zero is a set of signals, and it is filled in.
        let mut blocked: libc::sigset_t = unsafe { mem::zeroed() };
        let mut before = blocked;
        // SAFETY: the set is there.
        unsafe { libc::sigemptyset(&mut blocked) };
        for signal in [libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD] {
            // SAFETY: the set is there.
            unsafe { libc::sigaddset(&mut blocked, signal) };
        }
        // SAFETY: this thread's mask is put back below.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, &mut before) };
        // SAFETY: nobody sends these here; they are put back below.
        let old = [libc::SIGUSR2, libc::SIGQUIT]
            .map(|signal| unsafe { libc::signal(signal, libc::SIG_IGN) });
        let (blk, ign) = signals(());
        assert!(blk & bit(libc::SIGTERM) != 0 && ign & bit(libc::SIGQUIT) != 0);
        let pool = one();
        let (blk, ign) = pool.submit(signals, ()).unwrap().result().unwrap();
        for (signal, old) in [libc::SIGUSR2, libc::SIGQUIT].into_iter().zip(old) {
            // SAFETY: as it was.
            unsafe { libc::signal(signal, old) };
        }
        // SAFETY: as it was.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
        assert_eq!(blk, 0, "{blk:x}");
        assert_eq!(
            ign & (bit(libc::SIGUSR2) | bit(libc::SIGQUIT)),
            0,
            "{ign:x}"
        );
    });
}

// contract: T3, P8
#[test]
fn workers_have_names_in_lists_of_processes() {
    alone(|| {
        let pool = ProcessPoolExecutor::builder()
            .max_workers(2)
            .name_prefix("resize")
            .build()
            .unwrap();
        let worker = pid_of(&pool);
        let comm = fs::read_to_string(format!("/proc/{worker}/comm")).unwrap();
        assert!(comm.starts_with("resize_"), "{comm}");
        let command = fs::read_to_string(format!("/proc/{worker}/cmdline")).unwrap();
        assert!(command.contains("resize_"), "{command:?}");
        let unnamed = one();
        let worker = pid_of(&unnamed);
        let comm = fs::read_to_string(format!("/proc/{worker}/comm")).unwrap();
        assert!(comm.starts_with("processes-"), "{comm}");
    });
}

// contract: P8
#[test]
fn workers_have_process_groups_of_their_own() {
    fn group(_: ()) -> (u32, i32) {
        // SAFETY: it only looks.
        (process::id(), unsafe { libc::getpgrp() })
    }
    alone(|| {
        let pool = one();
        let (worker, theirs) = pool.submit(group, ()).unwrap().result().unwrap();
        let (_, ours) = group(());
        assert_ne!(theirs, ours);
        assert_eq!(theirs, worker as i32);
    });
}

/// Has no descriptor left, then some again, and tells what a pool makes of that.
fn without_descriptors() {
    let limit = |most| {
        let limit = libc::rlimit {
            rlim_cur: most,
            rlim_max: 4096,
        };
        // SAFETY: the limit is there.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        assert_eq!(set, 0);
    };
    for room in 0..8 {
        let pool = one();
        // One for each that is open, and one of those is the listing.
        limit(fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1 + room);
        let refused = match pool.submit(pid, ()) {
            Ok(call) => match call.result() {
                Ok(_) => "no".to_owned(),
                Err(TaskError::NoWorker) => "yes".to_owned(),
                Err(other) => format!("{other:?}"),
            },
            Err(SubmitError::NoWorker(_)) => "yes".to_owned(),
            Err(other) => format!("{other:?}"),
        };
        limit(1024);
        let later = pool.submit(pid, ()).map_err(|error| error.to_string());
        let later = later.and_then(|call| call.result().map_err(|error| error.to_string()));
        tell(format!("{room} {refused} {}", later.is_ok()));
    }
}

// contract: T8, P3
#[test]
fn a_pool_without_descriptors_for_a_worker_refuses_and_works_later() {
    if role().is_some() {
        return without_descriptors();
    }
    alone(|| {
        let name = "choices::a_pool_without_descriptors_for_a_worker_refuses_and_works_later";
        let mut child = again(name, "starve").spawn().unwrap();
        let mut output = output_of(&mut child);
        let outcomes: Vec<_> = std::iter::from_fn(|| told(&mut output)).collect();
        child.wait().unwrap();
        assert_eq!(outcomes.len(), 8, "{outcomes:?}");
        assert_eq!(outcomes[0], "0 yes true", "{outcomes:?}");
        // With room for a few, workers start and have none for themselves: a storm of them breaks the pool.
        for outcome in &outcomes {
            assert!(
                outcome.ends_with("yes true")
                    || outcome.ends_with("no true")
                    || outcome.contains("Broken"),
                "{outcomes:?}"
            );
        }
    });
}
