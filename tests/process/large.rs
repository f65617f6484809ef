//! P10: large arguments and results, also while workers die.

use std::{process, thread, time::Duration};

use concurrent_futures::{ProcessPoolExecutor, TaskError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::help::{ProcessGate, alone, kill, one, one_with, pass, pid, pid_of};

const LARGE: usize = 64 << 20;

fn bytes(length: usize, seed: u8) -> ByteBuf {
    let mut bytes = vec![seed; length];
    for (n, byte) in bytes.iter_mut().step_by(4096).enumerate() {
        *byte = (n % 251) as u8;
    }
    ByteBuf::from(bytes)
}

fn echo(bytes: ByteBuf) -> ByteBuf {
    bytes
}

fn length(bytes: ByteBuf) -> usize {
    bytes.len()
}

fn make((length, seed): (usize, u8)) -> ByteBuf {
    bytes(length, seed)
}

// contract: P10
#[test]
fn arguments_and_results_of_64_mib_travel_both_ways() {
    alone(|| {
        let pool = one();
        let sent = bytes(LARGE, 3);
        let back = pool.submit(echo, sent.clone()).unwrap().result().unwrap();
        assert!(back == sent);
        drop((sent, back));
        assert_eq!(
            pool.submit(length, bytes(LARGE + 1, 0))
                .unwrap()
                .result()
                .unwrap(),
            LARGE + 1
        );
        assert!(pool.submit(make, (LARGE, 9)).unwrap().result().unwrap() == bytes(LARGE, 9));
        pid_of(&pool);
    });
}

// contract: P10
#[test]
fn sizes_around_every_power_of_two_travel() {
    alone(|| {
        let pool = one();
        let sizes: Vec<usize> = (0..=22)
            .flat_map(|power| (0..3).map(move |off| (1_usize << power) + off - 1))
            .collect();
        let calls: Vec<_> = sizes
            .iter()
            .map(|size| pool.submit(echo, bytes(*size, 7)).unwrap())
            .collect();
        for (size, call) in sizes.into_iter().zip(calls) {
            assert!(call.result().unwrap() == bytes(size, 7), "{size}");
        }
    });
}

// contract: P10
#[test]
fn several_large_calls_at_once_travel_both_ways() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let calls: Vec<_> = (0..6)
            .map(|seed| pool.submit(echo, bytes(16 << 20, seed)).unwrap())
            .collect();
        for (seed, call) in (0..).zip(calls) {
            assert!(call.result().unwrap() == bytes(16 << 20, seed));
        }
    });
}

// contract: P10, P3
#[test]
fn a_worker_that_is_stopped_and_killed_while_it_is_sent_a_large_argument_is_no_hang() {
    alone(|| {
        let pool = one();
        for _ in 0..3 {
            let idle = pid_of(&pool);
            kill(idle, libc::SIGSTOP);
            let call = pool.submit(length, bytes(LARGE, 1)).unwrap();
            let next = pool.submit(pid, ()).unwrap();
            thread::sleep(Duration::from_millis(50));
            assert!(!call.done());
            kill(idle, libc::SIGKILL);
            // It had not started.
            assert_eq!(call.result().unwrap(), LARGE);
            next.result().unwrap();
        }
    });
}

// contract: P10, P5
#[test]
fn a_large_call_behind_a_held_one_can_be_cancelled_and_shut_down() {
    alone(|| {
        for window in [1, 16] {
            let pool = one_with().window(window).build().unwrap();
            let gate = ProcessGate::new();
            let (held, _) = gate.hold_on(&pool);
            let large = pool.submit(length, bytes(LARGE, 1)).unwrap();
            let small = pool.submit(pid, ()).unwrap();
            assert!(large.cancel());
            assert!(small.cancel());
            let last = pool.submit(length, bytes(8 << 20, 1)).unwrap();
            pool.shutdown(false, true).unwrap();
            assert!(last.cancelled());
            gate.open();
            held.result().unwrap();
        }
    });
}

fn make_and_die((length, delay): (usize, u64)) -> ByteBuf {
    thread::spawn(move || {
        thread::sleep(Duration::from_micros(delay));
        // SAFETY: nothing of this process is needed any more.
        unsafe { libc::_exit(6) };
    });
    bytes(length, 5)
}

// contract: P10, P3
#[test]
fn a_worker_that_dies_somewhere_in_a_large_result_is_no_hang() {
    alone(|| {
        let pool = one();
        let mut died = 0;
        for n in 0..12 {
            let call = pool.submit(make_and_die, (16 << 20, n * 4000)).unwrap();
            let behind = pool.submit(echo, bytes(100, 1)).unwrap();
            match call.result() {
                Ok(whole) => assert!(whole == bytes(16 << 20, 5)),
                Err(TaskError::WorkerDied(_)) => died += 1,
                other => panic!("{other:?}"),
            }
            // It may have been caught by the end of the worker.
            assert!(matches!(
                behind.result(),
                Ok(_) | Err(TaskError::WorkerDied(_))
            ));
        }
        assert!(died > 0);
    });
}

/// Much, and then the end.
#[derive(Serialize, Deserialize)]
struct Fatal(
    ByteBuf,
    #[serde(
        serialize_with = "die_in_worker",
        deserialize_with = "die_here_in_worker"
    )]
    u32,
);

/// As the field is written: dies where that is not the process that made the value.
fn die_in_worker<S: serde::Serializer>(home: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    if *home != 0 && *home != process::id() {
        process::abort();
    }
    serializer.serialize_u32(*home)
}

fn die_here_in_worker<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let home = u32::deserialize(deserializer)?;
    if home != 0 && home != process::id() {
        process::abort();
    }
    Ok(home)
}

// contract: P10, P2
#[test]
fn a_codec_that_ends_the_worker_fails_its_call_only() {
    alone(|| {
        let pool = one();
        let before = pid_of(&pool);
        let argument = pool
            .submit(
                |fatal: Fatal| fatal.0.len(),
                Fatal(bytes(8 << 20, 1), process::id()),
            )
            .unwrap();
        let fine = pool
            .submit(|fatal: Fatal| fatal.0.len(), Fatal(bytes(8 << 20, 1), 0))
            .unwrap();
        let result = pool
            .submit(|home: u32| Fatal(bytes(8 << 20, 1), home), 1)
            .unwrap();
        assert!(
            matches!(argument.result(), Err(TaskError::WorkerDied(death)) if death.pid() == before)
        );
        assert_eq!(fine.result().unwrap(), 8 << 20);
        assert!(matches!(result.result(), Err(TaskError::WorkerDied(_))));
        pid_of(&pool);
    });
}

// contract: P10, P3
#[test]
fn large_queued_arguments_are_sent_again_after_a_death() {
    alone(|| {
        let pool = one();
        let gate = ProcessGate::new();
        let (held, worker) = gate.hold_on(&pool);
        let large: Vec<_> = (0..4)
            .map(|n| pool.submit(echo, bytes(4 << 20, n)).unwrap())
            .collect();
        kill(worker, libc::SIGKILL);
        held.result().unwrap_err();
        for (n, call) in (0..).zip(large) {
            assert!(call.result().unwrap() == bytes(4 << 20, n));
        }
        gate.open();
        pool.submit(pass, gate.key()).unwrap().result().unwrap();
    });
}
