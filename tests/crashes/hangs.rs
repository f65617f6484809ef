//! What hangs, or hung, elsewhere: a test for each, with the number of the report (gh: python/cpython, loky: joblib/loky).

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::Write,
    process, thread,
    time::{Duration, Instant},
};

use concurrent_futures::{CodecStage, ProcessPoolExecutor, SubmitError, TaskError, as_completed};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_bytes::ByteBuf;

use crate::{
    common::{Folder, LARGE, alone, assert_killed, pool, stay, worker_of},
    roles::{plays, say},
    sys,
};

fn length(bytes: ByteBuf) -> usize {
    bytes.len()
}

// gh-94777: the thread that sends is stuck in a channel that nobody reads any more.
// contract: P3, P10
#[test]
fn a_worker_that_dies_while_it_is_sent_a_large_argument_has_not_started_the_call() {
    alone(|| {
        let pool = pool(1);
        for pause in [0, 20, 100] {
            let worker = worker_of(&pool);
            // It reads nothing from now on, so that the channel fills up.
            sys::kill(worker, libc::SIGSTOP);
            let call = pool.submit(length, ByteBuf::from(vec![7; LARGE])).unwrap();
            // No hand-shake: how far it has come cannot be seen from here, and all moments are good.
            thread::sleep(Duration::from_millis(pause));
            assert!(!call.running(), "a stopped process runs nothing");
            sys::kill(worker, libc::SIGKILL);
            assert_eq!(call.result().unwrap(), LARGE, "after {pause} ms");
            assert_ne!(worker_of(&pool), worker);
        }
    });
}

// gh-94777, as reported: a call dies while the next one's arguments are on their way.
// contract: P3, P10
#[test]
fn a_call_that_dies_while_large_arguments_wait_behind_it_takes_none_with_it() {
    alone(|| {
        let folder = Folder::new();
        let pool = pool(1);
        let door = folder.door("door");
        let dies = pool.submit(die_after, door.name()).unwrap();
        let held = door.meet();
        let behind: Vec<_> = (0..4)
            .map(|_| {
                pool.submit(length, ByteBuf::from(vec![7; LARGE / 4]))
                    .unwrap()
            })
            .collect();
        drop(held);
        assert_killed(dies.result());
        for call in behind {
            assert_eq!(call.result().unwrap(), LARGE / 4);
        }
    });
}

pub(crate) fn die_after(door: String) {
    stay(door);
    sys::kill_self();
}

/// A large result, whose worker is killed so many milliseconds after the call returned.
fn large_result_and_death(after: u64) -> ByteBuf {
    let bytes = vec![7; LARGE];
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(after));
        sys::kill_self();
    });
    ByteBuf::from(bytes)
}

// gh-94777, the other direction; pebble has the same.
// contract: P3, P10
#[test]
fn a_worker_that_dies_while_it_sends_a_large_result_fails_one_call_or_none() {
    alone(|| {
        let pool = pool(1);
        for after in [0, 1, 5, 10, 15, 20, 25, 30, 40, 60] {
            let call = pool.submit(large_result_and_death, after).unwrap();
            match call.result() {
                Ok(bytes) => {
                    assert_eq!(bytes.len(), LARGE);
                    assert!(bytes.iter().all(|byte| *byte == 7));
                    // It may still be alive, and under the next call then.
                    let last = pool.submit(|()| thread::sleep(Duration::from_secs(9)), ());
                    assert_killed(last.unwrap().result());
                }
                died => assert_killed(died),
            }
            worker_of(&pool);
        }
    });
}

// loky-143: what is too large to be sent.
// contract: P2, P10
#[test]
fn large_arguments_and_results_arrive_on_all_workers_at_once() {
    alone(|| {
        let pool = pool(2);
        let there_and_back: fn(ByteBuf) -> ByteBuf = |mut bytes| {
            bytes.reverse();
            bytes
        };
        let calls: Vec<_> = (0..4)
            .map(|n| {
                let mut bytes = vec![n; LARGE / 2];
                bytes[0] = 99;
                pool.submit(there_and_back, ByteBuf::from(bytes)).unwrap()
            })
            .collect();
        for (n, call) in calls.into_iter().enumerate() {
            let bytes = call.result().unwrap();
            assert_eq!((bytes.len(), bytes[0]), (LARGE / 2, n as u8));
            assert_eq!(bytes[LARGE / 2 - 1], 99);
        }
    });
}

// gh-94440: a call that is cancelled right after it was submitted, and then a shutdown that waits.
// contract: P5, X5
#[test]
fn a_shutdown_right_after_a_cancel_ends() {
    alone(|| {
        for round in 0..40 {
            let pool = pool(1);
            if round % 2 == 0 {
                worker_of(&pool);
            }
            let call = pool.submit(|()| 1, ()).unwrap();
            let cancelled = call.cancel();
            pool.shutdown(true, round % 4 < 2).unwrap();
            match call.result() {
                Ok(value) => assert_eq!((value, cancelled), (1, false)),
                Err(error) => {
                    assert!(matches!(error, TaskError::Cancelled(_)), "{error:?}");
                }
            }
        }
    });
}

// gh-115634 and gh-111498: nobody starts the worker that should follow on one that retired.
// contract: P4
#[test]
fn workers_that_retire_are_followed_by_others_while_there_is_a_backlog() {
    alone(|| {
        for (workers, most, calls) in [(1, 2, 10), (2, 1, 20), (2, 3, 40), (1, 5, 23)] {
            let builder = ProcessPoolExecutor::builder().max_workers(workers);
            let pool = builder.max_tasks_per_child(most).build().unwrap();
            let submitted: Vec<_> = (0..calls)
                .map(|n| pool.submit(|n: u64| (n, process::id()), n).unwrap())
                .collect();
            let mut by_worker = HashMap::<u32, u64>::new();
            for (n, call) in (0..calls).zip(submitted) {
                let (value, worker) = call.result().unwrap();
                assert_eq!(value, n);
                *by_worker.entry(worker).or_default() += 1;
            }
            let beyond = by_worker.values().filter(|calls| **calls > most).count();
            assert_eq!(beyond, 0, "{by_worker:?}");
            let map = pool.map(|n: u64| n * n, 0..calls).unwrap();
            let squares: Vec<u64> = map.collect::<Result<_, _>>().unwrap();
            assert_eq!(squares, (0..calls).map(|n| n * n).collect::<Vec<_>>());
        }
    });
}

// gh-119592: after a shutdown without waiting nobody replaces a worker that retired.
// contract: P4, X1
#[test]
fn workers_that_retire_after_a_shutdown_that_did_not_wait_are_followed_by_others() {
    alone(|| {
        for workers in [1, 2] {
            let builder = ProcessPoolExecutor::builder().max_workers(workers);
            let pool = builder.max_tasks_per_child(1).build().unwrap();
            let calls: Vec<_> = (0..10)
                .map(|n| pool.submit(|n: u64| n, n).unwrap())
                .collect();
            pool.shutdown(false, false).unwrap();
            for (n, call) in (0..).zip(calls) {
                assert_eq!(call.result().unwrap(), n);
            }
        }
    });
}

// gh-152967: the same when the program has let go of the executor.
// contract: P4, X7
#[test]
fn workers_that_retire_in_a_detached_pool_are_followed_by_others() {
    alone(|| {
        let builder = ProcessPoolExecutor::builder().max_workers(2);
        let pool = builder.max_tasks_per_child(1).build().unwrap();
        let calls: Vec<_> = (0..10)
            .map(|n| pool.submit(|n: u64| n, n).unwrap())
            .collect();
        pool.detach();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.result().unwrap(), n);
        }
    });
}

// gh-132969: a worker that died after a shutdown without waiting.
// contract: P3, X1
#[test]
fn a_worker_that_dies_after_a_shutdown_that_did_not_wait_leaves_the_rest_to_another() {
    alone(|| {
        for workers in [1, 2, 4] {
            let folder = Folder::new();
            let pool = pool(workers);
            let door = folder.door("door");
            let dies = pool.submit(die_after, door.name()).unwrap();
            let panics = pool.submit(|()| panic!("not gonna do it"), ()).unwrap();
            let rest: Vec<_> = (0..10)
                .map(|n| pool.submit(|n: u64| n, n).unwrap())
                .collect();
            let held = door.meet();
            pool.shutdown(false, false).unwrap();
            drop(held);
            assert_killed(dies.result());
            assert!(matches!(
                panics.result(),
                Err::<(), _>(TaskError::Panicked(_))
            ));
            for (n, call) in (0..).zip(rest) {
                assert_eq!(call.result().unwrap(), n);
            }
        }
    });
}

/// Cannot be sent, or cannot be received.
struct Stuck(bool);

impl Serialize for Stuck {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 {
            return Err(ser::Error::custom("cannot be sent"));
        }
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Stuck {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("cannot be received"))
    }
}

// gh-83285 and loky-75: a codec error, and the pool shut down or dropped at once.
// contract: P2, X2
#[test]
fn a_shutdown_right_after_what_cannot_travel_ends() {
    alone(|| {
        for round in 0..20 {
            let pool = pool(1 + round % 2);
            let take: fn(Stuck) = |_| ();
            let refused = pool.submit(take, Stuck(true));
            assert!(matches!(refused, Err(SubmitError::Codec(..))));
            let call = pool.submit(take, Stuck(false)).unwrap();
            let give: fn(()) -> Stuck = |()| Stuck(true);
            let result = pool.submit(give, ()).unwrap();
            match round % 3 {
                0 => drop(pool),
                1 => drop(pool.shutdown(false, false).unwrap()),
                _ => drop(pool.shutdown(true, false).unwrap()),
            }
            let stage = |error| match error {
                Some(TaskError::Codec(error)) => error.stage(),
                other => panic!("{other:?}"),
            };
            assert_eq!(stage(call.result().err()), CodecStage::DecodeArguments);
            assert_eq!(stage(result.result().err()), CodecStage::EncodeResult);
        }
    });
}

// gh-136655: those who wait are not told of calls that a shutdown cancelled.
// contract: X3
#[test]
fn as_completed_ends_when_a_shutdown_cancels_in_its_midst() {
    alone(|| {
        let folder = Folder::new();
        let pool = pool(1);
        let door = folder.door("door");
        let mut calls = vec![pool.submit(|()| 0, ()).unwrap()];
        calls.push(pool.submit(stay, door.name()).unwrap());
        calls.extend((0..20).map(|n| pool.submit(|n: u32| n, n).unwrap()));
        let held = door.meet();
        let (mut values, mut cancelled) = (0, 0);
        let mut held = Some(held);
        for call in as_completed(calls) {
            pool.shutdown(false, true).unwrap();
            held.take();
            match call.result() {
                Ok(_) => values += 1,
                Err(TaskError::Cancelled(_)) => cancelled += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((values, cancelled), (2, 20));
    });
}

// gh-109934, and what CPython does not even try: calls that a worker has been handed, and has not started.
// contract: X3, P5
#[test]
fn a_shutdown_that_cancels_has_cancelled_all_that_no_worker_has_started() {
    alone(|| {
        let folder = Folder::new();
        let pool = pool(1);
        let door = folder.door("door");
        // The worker is handed some of all these together.
        let first = pool.submit(|()| (), ()).unwrap();
        let runs = pool.submit(stay, door.name()).unwrap();
        let waits: Vec<_> = (0..20)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        let held = door.meet();
        pool.shutdown(false, true).unwrap();
        // The call at the door is all that runs; the rest need not wait for it.
        let start = Instant::now();
        let cancelled = || waits.iter().filter(|call| call.cancelled()).count();
        while cancelled() < 20 && start.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_millis(1));
        }
        let a_second_later = cancelled();
        drop(held);
        assert!(first.result().is_ok() && runs.result().is_ok());
        let outcomes = waits.into_iter().map(|call| call.result());
        let ran: Vec<_> = outcomes.flatten().collect();
        assert_eq!(
            (a_second_later, ran),
            (20, vec![]),
            "cancelled, and ran all the same"
        );
    });
}

// What a worker has been handed must not wait for it while another one has nothing to do.
// contract: P1, P5
#[test]
fn calls_that_were_handed_to_a_busy_worker_are_run_by_an_idle_one() {
    alone(|| {
        let folder = Folder::new();
        for workers in [2, 3] {
            let pool = pool(workers);
            let door = folder.door(&workers.to_string());
            let stays = pool.submit(stay, door.name()).unwrap();
            let others: Vec<_> = (0..20)
                .map(|n| pool.submit(|n: u32| n, n).unwrap())
                .collect();
            let held = door.meet();
            // The door is opened when they are done, so they must not wait for it.
            let mut stuck = 0;
            for call in &others {
                stuck += u32::from(!call.wait_timeout(Duration::from_secs(1)));
            }
            drop(held);
            assert_eq!(stuck, 0, "wait behind the busy one, of {workers} workers");
            assert!(stays.result().is_ok());
        }
    });
}

// gh-105829: many calls at once fill up the channel by which the manager is woken.
// contract: P1, S3
#[test]
fn as_many_calls_as_the_queue_holds_and_more_get_through() {
    alone(|| {
        let pool = ProcessPoolExecutor::builder();
        let pool = pool.max_workers(2).capacity(1_000).build().unwrap();
        let calls: Vec<_> = (0..10_000_u32)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.result().unwrap(), n);
        }
    });
}

/// Adds a line to a file.
pub(crate) fn note((path, line): (String, u32)) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The program whose last lines are a shutdown without waiting.
pub(crate) fn play(path: &str) {
    let builder = ProcessPoolExecutor::builder().max_workers(1);
    let pool = builder.max_tasks_per_child(3).build().unwrap();
    for line in 0..10 {
        drop(pool.submit(note, (path.to_owned(), line)).unwrap());
    }
    pool.shutdown(false, false).unwrap();
    say("the last line");
}

// gh-83386: the interpreter hangs at exit, or loses the work.
// contract: X2, X7
#[test]
fn a_program_that_ends_after_a_shutdown_that_did_not_wait_has_done_its_work() {
    alone(|| {
        let folder = Folder::new();
        plays("hangs", &folder.text("notes"));
        let notes = fs::read_to_string(folder.path("notes")).unwrap();
        assert_eq!(notes, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    });
}

// multiprocessing.Pool (bpo-22393): the call of a worker that was killed never has an outcome.
