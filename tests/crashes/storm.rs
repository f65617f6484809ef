//! Workers that are killed all the time, at random.

use std::{
    env, process,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{MapError, MapOptions, OnDeath, ProcessPoolExecutor, TaskError};
use concurrent_futures_tests::{eventually, left::parent_of};

use crate::{
    common::{Folder, alone},
    roles::plays,
    sys::{self, Counters},
};

const CALLS: u32 = 10_000;
const WORKERS: usize = 3;
/// Where workers find the file of counters.
const FILE: &str = "CRASHES_COUNTERS";
/// One counter for each call, and one in which a worker that has just begun a call leaves its number.
const COUNTERS: usize = CALLS as usize + 1;

/// In a worker: the counters of its pool.
fn counters() -> &'static [AtomicU32] {
    static OPEN: LazyLock<Counters> =
        LazyLock::new(|| Counters::open(env::var_os(FILE).unwrap(), COUNTERS));
    OPEN.all()
}

/// In a worker: a call begins, and takes so many microseconds.
fn begin(micros: u64) {
    let begin = Instant::now();
    counters()[COUNTERS - 1].store(process::id(), Ordering::Relaxed);
    while begin.elapsed() < Duration::from_micros(micros) {}
}

/// A pool, and what its calls count.
struct Storm {
    pool: ProcessPoolExecutor,
    counters: Counters,
    _folder: Folder,
}

impl Storm {
    fn new(workers: usize, on_death: OnDeath) -> Self {
        let folder = Folder::new();
        let counters = Counters::open(folder.path("counters"), COUNTERS);
        let builder = ProcessPoolExecutor::builder().max_workers(workers);
        let builder = builder
            .on_death(on_death)
            .env(FILE, folder.path("counters"));
        Self {
            pool: builder.build().unwrap(),
            counters,
            _folder: folder,
        }
    }

    /// Every few milliseconds, as long as `body` runs, kills a worker that has begun a call since the last time; how many. (Three in a row
    /// that had not begun would break the pool.)
    fn rages_during<R>(&self, seed: u64, body: impl FnOnce() -> R) -> (R, u32) {
        let over = AtomicBool::new(false);
        let killer = || {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut killed = 0;
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_micros(random.u64(500..5_000)));
                let begun = &self.counters.all()[COUNTERS - 1];
                let worker = begun.swap(0, Ordering::Relaxed);
                let is_own = self.pool.worker_pids().contains(&worker)
                    && parent_of(worker) == Some(process::id());
                killed += u32::from(is_own && sys::kill(worker, libc::SIGKILL));
            }
            killed
        };
        let start = Instant::now();
        let (result, killed) = thread::scope(|s| {
            let killer = s.spawn(killer);
            let end = End(&over);
            let result = body();
            drop(end);
            (result, killer.join().unwrap())
        });
        println!("{killed} workers killed in {:?}", start.elapsed());
        assert!(killed > 20, "{killed} is no storm");
        (result, killed)
    }
}

/// Ends the killing, also when the test panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Counts its run, and gives its number back.
fn count(n: u32) -> u32 {
    counters()[n as usize].fetch_add(1, Ordering::SeqCst);
    begin(150);
    n
}

/// Ten thousand calls amid kills: what the calls gave, how often each ran, how many workers were killed.
fn ten_thousand(on_death: OnDeath, seed: u64) -> (Vec<Result<u32, TaskError>>, Vec<u32>, u32) {
    let storm = Storm::new(WORKERS, on_death);
    let reported: Arc<Vec<AtomicU32>> = Arc::new((0..CALLS).map(|_| AtomicU32::new(0)).collect());
    let submit = |n: u32| {
        let future = storm.pool.submit(count, n).unwrap();
        let reported = Arc::clone(&reported);
        future.add_done_callback(move |_| {
            reported[n as usize].fetch_add(1, Ordering::SeqCst);
        });
        (n, future)
    };
    let (outcomes, killed) = storm.rages_during(seed, || {
        let mut all = thread::scope(|s| {
            let half = |first| (first..CALLS).step_by(2).map(submit).collect::<Vec<_>>();
            let halves = [0, 1].map(|first| s.spawn(move || half(first)));
            halves
                .map(|half| half.join().unwrap())
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
        });
        all.sort_by_key(|(n, _)| *n);
        all.into_iter().map(|(_, future)| future.result()).collect()
    });
    storm.pool.shutdown(true, false).unwrap();
    assert!(
        reported
            .iter()
            .all(|times| times.load(Ordering::SeqCst) == 1)
    );
    let ran = storm.counters.all()[..CALLS as usize].iter();
    let ran = ran.map(|times| times.load(Ordering::SeqCst)).collect();
    (outcomes, ran, killed)
}

fn calls() {
    let (outcomes, ran, killed) = ten_thousand(OnDeath::Fail, 1);
    let mut failed = 0;
    for (n, (outcome, ran)) in (0..).zip(outcomes.into_iter().zip(ran)) {
        match outcome {
            Ok(value) => assert_eq!((value, ran), (n, 1)),
            Err(TaskError::WorkerDied(death)) => {
                assert!(ran <= 1, "{n} ran {ran} times: {death}");
                failed += 1;
            }
            Err(other) => panic!("{n}: {other:?}"),
        }
    }
    assert!(
        failed <= killed,
        "{failed} calls failed, {killed} workers were killed"
    );
}

fn calls_again() {
    let (outcomes, ran, killed) = ten_thousand(OnDeath::Retry(1000), 2);
    for (n, outcome) in (0..).zip(outcomes) {
        assert_eq!(outcome.unwrap(), n);
    }
    assert!(ran.iter().all(|times| *times >= 1));
    let again: u32 = ran.iter().map(|times| times - 1).sum();
    assert!(
        again <= killed,
        "{again} ran again, {killed} workers were killed"
    );
}

/// A map of a hundred thousand items amid kills: its outcomes in order.
fn hundred_thousand(on_death: OnDeath, seed: u64) -> (Vec<Result<u64, MapError>>, u32) {
    let storm = Storm::new(WORKERS, on_death);
    let (outcomes, killed) = storm.rages_during(seed, || {
        let options = MapOptions::new().keep_going(true);
        let square: fn(u64) -> u64 = |n| {
            begin(20);
            n * n
        };
        let map = storm.pool.map_with(options, square, 0..100_000).unwrap();
        map.collect::<Vec<_>>()
    });
    storm.pool.shutdown(true, false).unwrap();
    assert_eq!(outcomes.len(), 100_000);
    (outcomes, killed)
}

fn map() {
    let (outcomes, killed) = hundred_thousand(OnDeath::Fail, 3);
    let mut failed = 0;
    for (n, outcome) in (0..).zip(outcomes) {
        match outcome {
            Ok(value) => assert_eq!(value, n * n),
            Err(MapError::Task(TaskError::WorkerDied(_))) => failed += 1,
            Err(other) => panic!("{n}: {other:?}"),
        }
    }
    assert!(
        failed <= killed,
        "{failed} items failed, {killed} workers were killed"
    );
}

fn map_again() {
    let (outcomes, _) = hundred_thousand(OnDeath::Retry(1000), 4);
    for (n, outcome) in (0..).zip(outcomes) {
        assert_eq!(outcome.unwrap(), n * n);
    }
}

fn order() {
    let storm = Storm::new(1, OnDeath::Fail);
    // The first counter says how many have begun, each of the others when its call did.
    let note: fn(u32) -> u32 = |n| {
        let turn = counters()[0].fetch_add(1, Ordering::SeqCst) + 1;
        counters()[n as usize].store(turn, Ordering::SeqCst);
        begin(150);
        n
    };
    let (futures, killed) = storm.rages_during(5, || {
        let submit = |n| storm.pool.submit(note, n).unwrap();
        let futures: Vec<_> = (1..3_000).map(submit).collect();
        for future in &futures {
            future.wait();
        }
        futures
    });
    storm.pool.shutdown(true, false).unwrap();
    let turns = storm.counters.all()[1..3_000].iter();
    let turns: Vec<u32> = turns.map(|turn| turn.load(Ordering::SeqCst)).collect();
    let mut last = 0;
    let mut failed = 0;
    for (n, (future, turn)) in (1..).zip(futures.into_iter().zip(turns)) {
        match future.result() {
            Ok(value) => assert_eq!(value, n),
            Err(TaskError::WorkerDied(_)) => failed += 1,
            Err(other) => panic!("{n}: {other:?}"),
        }
        // Zero if it was killed on its very first steps.
        assert!(
            turn == 0 || turn > last,
            "{n} began as number {turn}, after {last}"
        );
        last = last.max(turn);
    }
    assert!(
        failed <= killed,
        "{failed} calls failed, {killed} workers were killed"
    );
}

/// One worker is killed once, at any moment of a map or of many calls: the rest has to be run by its successor.
fn once(with_calls: bool) {
    let mut random = fastrand::Rng::with_seed(99);
    for round in 0..100 {
        let again = with_calls || round % 2 == 0;
        let storm = Storm::new(
            1,
            if again {
                OnDeath::Retry(9)
            } else {
                OnDeath::Fail
            },
        );
        let pool = &storm.pool;
        let work: fn(u64) -> u64 = |n| {
            begin(20);
            n
        };
        thread::scope(|s| {
            let working = s.spawn(move || {
                if with_calls {
                    let calls: Vec<_> = (0..1_000).map(|n| pool.submit(work, n).unwrap()).collect();
                    return (0..)
                        .zip(calls)
                        .all(|(n, call)| call.result().unwrap() == n);
                }
                let options = MapOptions::new().keep_going(true);
                let options = [options, options.chunksize(50), options.chunksize(1)][round % 3];
                let map = pool.map_with(options, work, 0..2_000).unwrap();
                let values: Vec<_> = map.map(|outcome| outcome.ok()).collect();
                let failed = values.iter().filter(|value| value.is_none()).count();
                let right = (0..)
                    .zip(&values)
                    .all(|(n, value)| value.is_none_or(|v| v == n));
                right && values.len() == 2_000 && failed <= usize::from(!again)
            });
            eventually("it has begun", || {
                storm.counters.all()[COUNTERS - 1].load(Ordering::Relaxed) != 0
            });
            let moment = Duration::from_micros(random.u64(..30_000));
            thread::sleep(moment);
            for worker in pool.worker_pids() {
                sys::kill(worker, libc::SIGKILL);
            }
            let start = Instant::now();
            while !working.is_finished() {
                if start.elapsed() > Duration::from_secs(5) {
                    println!("round {round}: hangs since a kill {moment:?} after the begin");
                    // There is no other way to end the hanging threads.
                    process::exit(1);
                }
                thread::sleep(Duration::from_micros(200));
            }
            assert!(working.join().unwrap());
        });
    }
}

pub(crate) fn play(role: &str) {
    match role {
        "calls" => calls(),
        "calls again" => calls_again(),
        "map" => map(),
        "map again" => map_again(),
        "order" => order(),
        "once, calls" => once(true),
        "once, map" => once(false),
        other => panic!("no such role: {other}"),
    }
}

// All of these run in another process, which can be ended if it hangs.

// contract: P3
#[test]
fn ten_thousand_calls_amid_kills_have_one_outcome_each() {
    alone(|| plays("storm", "calls"));
}

// contract: P3
#[test]
fn ten_thousand_calls_amid_kills_that_are_tried_again_all_have_a_value() {
    alone(|| plays("storm", "calls again"));
}

// contract: P3, M7
#[test]
fn a_large_map_amid_kills_has_one_outcome_for_each_item() {
    alone(|| plays("storm", "map"));
}

// contract: P3, M7
#[test]
fn a_large_map_amid_kills_whose_items_are_tried_again_has_a_value_for_each() {
    alone(|| plays("storm", "map again"));
}

// contract: P3, S4
#[test]
fn calls_start_in_order_amid_kills() {
    alone(|| plays("storm", "order"));
}

// contract: P3
#[test]
fn calls_go_on_after_a_kill_at_any_moment() {
    alone(|| plays("storm", "once, calls"));
}

// contract: P3, M7
#[test]
fn a_map_goes_on_after_a_kill_at_any_moment() {
    alone(|| plays("storm", "once, map"));
}
