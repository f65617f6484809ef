//! What a review found wrong with inputs, initializers and the ends of things; each is named after what went wrong.

use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{MapError, MapOptions, ProcessPoolExecutor};
use concurrent_futures_tests::{
    eventually,
    left::{children, is_alive},
};

use crate::help::{
    Folder, ProcessGate, alone, kill, note, note_number, noted, one, one_with, pid_of,
};

/// Six cannot travel.
struct Picky(u32);

impl serde::Serialize for Picky {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.0, 6, "six does not travel");
        serializer.serialize_u32(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Picky {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Picky)
    }
}

/// What came before the panic, and that nothing came after it.
#[track_caller]
fn before_the_panic(mut map: impl Iterator<Item = Result<u32, MapError>>) -> Vec<u32> {
    let mut came = Vec::new();
    loop {
        match catch_unwind(AssertUnwindSafe(|| map.next())) {
            Ok(Some(outcome)) => came.push(outcome.unwrap()),
            Ok(None) => panic!("it did not panic, and gave {came:?}"),
            Err(payload) => {
                let text = payload.downcast_ref::<String>().unwrap();
                assert!(text.contains("six does not travel"), "{text}");
                break;
            }
        }
    }
    let after: Vec<_> = map.by_ref().collect();
    assert!(after.is_empty(), "{came:?}, a panic, {after:?}");
    assert!(map.next().is_none());
    came
}

// contract: M8, P2
#[test]
fn a_map_went_on_after_an_item_whose_serialize_panicked() {
    alone(|| {
        let pool = one();
        let worker = pid_of(&pool);
        for (buffer, chunksize) in [(1, 1), (3, 1), (3, 2), (5, 4)] {
            let options = MapOptions::new().buffer_size(buffer).chunksize(chunksize);
            let options = options.timeout(Duration::from_secs(5));
            let number = |n: Picky| n.0;
            let items = || (0..20).map(Picky);
            let ordered = before_the_panic(pool.map_with(options, number, items()).unwrap());
            let unordered = pool.map_unordered(options, number, items()).unwrap();
            for came in [ordered, before_the_panic(unordered)] {
                assert!(came.len() <= 6 && came.iter().copied().eq(0..came.len() as u32));
            }
            // The input itself is no better.
            let items = (0..20).inspect(|n| assert_ne!(*n, 6, "six does not travel"));
            let came = before_the_panic(pool.map_with(options, |n: u32| n, items).unwrap());
            assert!(came.len() <= 6 && came.iter().copied().eq(0..came.len() as u32));
            assert_eq!(pid_of(&pool), worker);
        }
    });
}

/// Notes how a copy of the worker ends that returns from its initializer, too, and lets both say nothing but there.
fn fork_first((file, said): (String, String)) -> Result<(), String> {
    let said = File::create(said).unwrap();
    for output in [1, 2] {
        // SAFETY: it changes where this worker's output goes, and is to.
        let changed = unsafe { libc::dup2(said.as_raw_fd(), output) };
        assert_eq!(changed, output);
    }
    // SAFETY: the copy goes on as far as the library lets it, which is what is tested.
    let copy = unsafe { libc::fork() };
    if copy > 0 {
        let mut status = -1;
        // SAFETY: it waits for a child of this process, and writes to `status`.
        unsafe { libc::waitpid(copy, &mut status, 0) };
        note(file, if status < 0 { 1 << 20 } else { status });
    }
    Ok(())
}

// contract: P4, P3
#[test]
fn an_initializer_that_forks_made_a_second_worker_that_crashed() {
    alone(|| {
        let folder = Folder::new();
        let arguments = (folder.file("copies"), folder.file("said"));
        let pool = one_with().initializer(fork_first, arguments);
        let pool = pool.build().unwrap();
        let calls: Vec<_> = (0..20)
            .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
            .collect();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.result().unwrap(), n);
        }
        let map = pool.map(|n: u32| n + 1, 0..20).unwrap();
        assert_eq!(map.map(Result::unwrap).sum::<u32>(), 210);
        let worker = pid_of(&pool);
        pool.shutdown(true, false).unwrap();
        assert!(!is_alive(worker));
        assert_eq!(noted(folder.file("ran")), (0..20).collect::<Vec<_>>());
        assert_eq!(
            noted(folder.file("copies")),
            [0],
            "one copy, that exited with 0"
        );
        assert_eq!(fs::read_to_string(folder.file("said")).unwrap(), "");
    });
}

// contract: M2
#[test]
fn workers_waited_for_the_end_of_an_input_that_takes_its_time() {
    alone(|| {
        for chunksize in [None, Some(10)] {
            let folder = Folder::new();
            let file = folder.file("ran");
            let input = (0..40).map({
                let file = file.clone();
                move |n: u32| {
                    thread::sleep(Duration::from_millis(5));
                    let ran = || noted(&file).len() + 4 >= n as usize;
                    eventually("all but the last few have run", ran);
                    (file.clone(), n)
                }
            });
            let mut options = MapOptions::new();
            if let Some(chunksize) = chunksize {
                options = options.chunksize(chunksize);
            }
            let pool = one();
            let map = pool.map_with(options, note_number, input).unwrap();
            let all: Vec<_> = map.map(Result::unwrap).collect();
            assert_eq!(all, (0..40).collect::<Vec<_>>());
            assert_eq!(noted(file), all);
        }
    });
}

// contract: M7, P1
#[test]
fn sizes_that_are_nothing_or_too_much_mean_the_nearest_possible() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        for options in [
            MapOptions::new().chunksize(0),
            MapOptions::new().chunksize(0).buffer_size(3),
            MapOptions::new().chunksize(usize::MAX),
        ] {
            let map = pool.map_with(options, |n: u32| n, 0..100).unwrap();
            assert!(map.map(Result::unwrap).eq(0..100), "{options:?}");
            let map = pool.map_unordered(options, |n: u32| n, 0..100).unwrap();
            let sum = map.map(Result::unwrap).sum::<u32>();
            assert_eq!(sum, 4950, "{options:?}");
        }
        for window in [0, 1000, usize::MAX] {
            let (gate, folder) = (ProcessGate::new(), Folder::new());
            let pool = one_with().window(window).build().unwrap();
            pid_of(&pool);
            let (held, worker) = gate.hold_on(&pool);
            let calls: Vec<_> = (0..300)
                .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
                .collect();
            gate.open();
            assert_eq!(held.result().unwrap(), worker);
            for (n, call) in (0..).zip(calls) {
                assert_eq!(call.result().unwrap(), n, "window {window}");
            }
            assert_eq!(noted(folder.file("ran")), (0..300).collect::<Vec<_>>());
        }
    });
}

// contract: X6, P3
#[test]
fn a_worker_that_was_killed_while_idle_stayed_as_a_zombie() {
    alone(|| {
        let before = children();
        for workers in [1, 2] {
            for timed in [false, true] {
                let pool = ProcessPoolExecutor::new(workers).unwrap();
                let gate = ProcessGate::new();
                let held: Vec<_> = (0..workers).map(|_| gate.hold_on(&pool)).collect();
                gate.open();
                let idle: Vec<_> = held.iter().map(|(_, worker)| *worker).collect();
                for (call, worker) in held {
                    assert_eq!(call.result().unwrap(), worker);
                }
                for worker in &idle {
                    kill(*worker, libc::SIGKILL);
                    eventually("it has ended", || !is_alive(*worker));
                }
                let start = Instant::now();
                if timed {
                    pool.shutdown_timeout(Duration::from_secs(15), false)
                        .unwrap();
                } else {
                    pool.shutdown(true, false).unwrap();
                }
                assert!(start.elapsed() < Duration::from_secs(5));
                // At once, not after a while.
                let left: Vec<_> = children().difference(&before).copied().collect();
                assert!(left.is_empty(), "{left:?} of {idle:?}");
            }
        }
    });
}

// contract: X1, M9
#[test]
fn a_shutdown_that_waits_cancelled_items_whose_worker_was_held_up() {
    alone(|| {
        for workers in [1, 2] {
            let pool = ProcessPoolExecutor::new(workers).unwrap();
            let slow = |n: u32| {
                thread::sleep(Duration::from_millis(15));
                n
            };
            let results = pool.map(slow, 0..20).unwrap();
            pool.shutdown(false, false).unwrap();
            let results: Vec<_> = results.map(Result::unwrap).collect();
            assert_eq!(results, (0..20).collect::<Vec<_>>());
        }
    });
}

// contract: X3, M9
#[test]
fn a_map_that_began_during_a_cancelling_shutdown_kept_its_worker_busy_for_ever() {
    alone(|| {
        for _ in 0..100 {
            let pool = one();
            pid_of(&pool);
            let handle = pool.handle();
            thread::scope(|s| {
                s.spawn(|| handle.shutdown(false, true).unwrap());
                if let Ok(results) = pool.map(|n: u32| n, 0..50) {
                    results.for_each(drop);
                }
            });
            let report = pool.shutdown_timeout(Duration::from_secs(20), false);
            assert_eq!(report.unwrap().still_running, 0);
        }
    });
}

// contract: P3, M7
#[test]
fn two_chunks_of_a_worker_that_died_came_back_in_the_wrong_order() {
    fn run((file, n): (String, u32)) -> u32 {
        note(&file, n);
        if n == 1 {
            std::process::abort();
        }
        n
    }
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        let options = MapOptions::new().keep_going(true).chunksize(4);
        let items = (0..20).map(|n| (folder.file("ran"), n));
        let results: Vec<_> = pool.map_with(options, run, items).unwrap().collect();
        assert!(
            results
                .iter()
                .enumerate()
                .all(|(n, got)| got.is_ok() == (n != 1))
        );
        assert_eq!(noted(folder.file("ran")), (0..20).collect::<Vec<_>>());
    });
}
