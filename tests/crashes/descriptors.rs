//! No descriptors left in the caller's process.

use std::fs::File;

use crate::{
    common::{alone, assert_no_worker, pool, says_no_worker, worker_of},
    roles::plays,
    sys,
};

// contract: P3, T8
#[test]
fn a_first_worker_without_descriptors_is_refused_and_starts_when_there_are_some() {
    alone(|| plays("descriptors", "first"));
}

// contract: P3, T8
#[test]
fn a_replacement_without_descriptors_is_refused_and_starts_when_there_are_some() {
    alone(|| plays("descriptors", "replacement"));
}

// contract: P3, T8
#[test]
fn with_every_number_of_descriptors_left_a_pool_works_or_says_why_not() {
    alone(|| plays("descriptors", "every number"));
}

// contract: P2
#[test]
fn calls_need_no_more_descriptors_once_there_is_a_worker() {
    alone(|| plays("descriptors", "calls"));
}

// The channel of a worker may get the numbers of standard input and output then.
// contract: P8
#[test]
fn a_program_without_standard_input_and_output_has_working_pools() {
    alone(|| {
        for which in ["0", "1", "2", "01", "12", "02", "012"] {
            plays("descriptors", which);
        }
    });
}

/// Opens files until no descriptor is left.
fn exhaust() -> Vec<File> {
    let more = || File::open("/dev/null").ok();
    let files: Vec<_> = std::iter::from_fn(more).collect();
    assert!(!files.is_empty());
    files
}

pub(crate) fn play(role: &str) {
    sys::limit(libc::RLIMIT_NOFILE, 64);
    match role {
        "first" => {
            let pool = pool(2);
            let files = exhaust();
            assert_no_worker(&pool);
            drop(files);
            worker_of(&pool);
        }
        "replacement" => {
            let pool = pool(1);
            let worker = worker_of(&pool);
            let files = exhaust();
            sys::kill(worker, libc::SIGKILL);
            // What the worker had may be enough for the next one, or not: there is an outcome.
            if let Ok(call) = says_no_worker(pool.submit(|n: u32| n, 7)) {
                call.wait();
            }
            drop(files);
            assert_ne!(worker_of(&pool), worker);
        }
        "calls" => {
            let pool = pool(1);
            let worker = worker_of(&pool);
            let _files = exhaust();
            for _ in 0..100 {
                assert_eq!(worker_of(&pool), worker);
            }
        }
        "every number" => {
            let mut worked = 0;
            for left in 0..24 {
                let pool = pool(1);
                let mut files = exhaust();
                files.truncate(files.len().saturating_sub(left));
                match says_no_worker(pool.submit(|n: u32| n, 7)) {
                    Ok(call) => match call.result() {
                        Ok(value) => {
                            assert_eq!(value, 7);
                            worked += 1;
                        }
                        Err(error) => {
                            let why = error.to_string();
                            assert!(!why.is_empty());
                        }
                    },
                    Err(says_so) => assert!(says_so, "{left} left: another error"),
                }
                drop(files);
                worker_of(&pool);
            }
            assert!(worked > 0);
        }
        closed => {
            for digit in closed.bytes() {
                sys::close(i32::from(digit - b'0'));
            }
            let pool = pool(2);
            let worker = worker_of(&pool);
            let prints: fn(()) = |()| {
                println!("to nowhere");
                eprintln!("to nowhere");
            };
            pool.submit(prints, ()).unwrap().result().unwrap();
            sys::kill(worker, libc::SIGKILL);
            assert_ne!(worker_of(&pool), worker);
            pool.shutdown(true, false).unwrap();
        }
    }
}
