//! What a review found wrong with long calls, items behind them, limits of time, and turns; each is named after what went wrong.

use std::{
    process,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{
    CallOptions, CancelledBy, Future, MapError, MapOptions, OnDeath, ProcessPoolExecutor, TaskError,
};
use concurrent_futures_tests::eventually;
use serde_bytes::ByteBuf;

use crate::{
    help::{Folder, ProcessGate, alone, hold, kill, note, noted, one, one_with, pass, pid, pid_of},
    limits::ignore_sigterm,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(15);
/// A short call.
const BRIEF: Duration = Duration::from_micros(100);
/// After this a call is a long one for its pool.
const LONG: Duration = Duration::from_millis(30);

/// Two workers, and both are there.
fn both() -> ProcessPoolExecutor {
    let (pool, gate) = (ProcessPoolExecutor::new(2).unwrap(), ProcessGate::new());
    let held = [gate.hold_on(&pool), gate.hold_on(&pool)];
    gate.open();
    for (call, _) in held {
        call.result().unwrap();
    }
    pool
}

// contract: P3, P5
#[test]
fn a_call_that_ran_for_long_never_ran_again_when_its_worker_died() {
    alone(|| {
        for window in [1, 64] {
            let gate = ProcessGate::new();
            let retries = one_with().on_death(OnDeath::Retry(1)).window(window);
            let pool = retries.build().unwrap();
            pid_of(&pool);
            let (call, worker) = gate.hold_on(&pool);
            let behind = pool.submit(pid, ()).unwrap();
            eventually("the pool has looked", || call.running());
            thread::sleep(LONG);
            kill(worker, libc::SIGKILL);
            let next = gate.wait_for(2)[1];
            assert_ne!(next, worker);
            gate.open();
            assert_eq!(call.result().unwrap(), next);
            assert_eq!(behind.result().unwrap(), next);
            assert_eq!(gate.arrived(), [worker, next]);
        }
    });
}

/// The outcome of a call, which is not to take long any more.
#[track_caller]
fn in_time<T>(call: Future<T>) -> Result<T, TaskError> {
    assert!(call.wait_timeout(PATIENCE), "it did not end");
    call.result()
}

fn hold_at_nought((gate, file, n): (String, String, u32)) -> u32 {
    note(file, n);
    if n == 0 {
        hold(gate);
    }
    n
}

// contract: P4, P5, M7
#[test]
fn items_behind_one_that_took_too_long_ran_twice() {
    alone(|| {
        for workers in [1, 2] {
            for ordered in [true, false] {
                let (gate, folder) = (ProcessGate::new(), Folder::new());
                let limit = Duration::from_millis(300);
                let pool = ProcessPoolExecutor::builder()
                    .max_workers(workers)
                    .timeout(limit);
                let pool = pool.build().unwrap();
                let options = MapOptions::new().chunksize(6).keep_going(true);
                let items = (0..30).map(|n| (gate.key(), folder.file("ran"), n));
                let outcomes: Vec<_> = if ordered {
                    let map = pool.map_with(options, hold_at_nought, items).unwrap();
                    map.take(60).collect()
                } else {
                    let map = pool.map_unordered(options, hold_at_nought, items).unwrap();
                    map.take(60).collect()
                };
                let mut came: Vec<_> = outcomes
                    .into_iter()
                    .map(|outcome| match outcome {
                        Ok(n) => n,
                        Err(MapError::Task(TaskError::TimedOut(late))) => {
                            assert_eq!(late.limit(), limit);
                            assert_eq!([late.pid()], *gate.arrived());
                            0
                        }
                        other => panic!("{other:?}"),
                    })
                    .collect();
                if !ordered {
                    came.sort_unstable();
                }
                let each: Vec<_> = (0..30).collect();
                assert_eq!(came, each, "one outcome each, with {workers} workers");
                let mut ran = noted(folder.file("ran"));
                ran.sort_unstable();
                assert_eq!(ran, each, "each once, with {workers} workers");
            }
        }
    });
}

// contract: P5, M1
#[test]
fn items_behind_a_long_one_waited_for_it_beside_an_idle_worker() {
    alone(|| {
        let pool = both();
        for ordered in [false, true] {
            let (gate, folder) = (ProcessGate::new(), Folder::new());
            let options = MapOptions::new().chunksize(6);
            let items = (0..12).map(|n| (gate.key(), folder.file("ran"), n));
            if ordered {
                let map = pool.map_with(options, hold_at_nought, items).unwrap();
                eventually("all others run", || noted(folder.file("ran")).len() == 12);
                gate.open();
                let all: Vec<_> = map.map(Result::unwrap).collect();
                assert_eq!(all, (0..12).collect::<Vec<_>>());
            } else {
                let options = options.timeout(PATIENCE);
                let mut map = pool.map_unordered(options, hold_at_nought, items).unwrap();
                let mut others: Vec<_> = map.by_ref().take(11).map(Result::unwrap).collect();
                others.sort_unstable();
                assert_eq!(others, (1..12).collect::<Vec<_>>());
                gate.open();
                assert_eq!(map.next().unwrap().unwrap(), 0);
                assert!(map.next().is_none());
            }
            assert_eq!(gate.arrived().len(), 1);
        }
    });
}

/// Shuts a pool down that cancels, while a worker runs an item that has run so long, with others in the same chunk, the next, and none.
fn cancelled_beside_one_that_ran(so_long: Duration) {
    for chunksize in [None, Some(1), Some(2), Some(5)] {
        let (pool, gate, folder) = (one(), ProcessGate::new(), Folder::new());
        let options = MapOptions::new().keep_going(true);
        let mut options = options.timeout(Duration::from_secs(5));
        if let Some(chunksize) = chunksize {
            options = options.chunksize(chunksize);
        }
        let items = (0..5).map(|n| (gate.key(), folder.file("ran"), n));
        let mut map = pool.map_unordered(options, hold_at_nought, items).unwrap();
        gate.wait_for(1);
        thread::sleep(so_long);
        pool.shutdown(false, true).unwrap();
        for n in 0..4 {
            let outcome = map.next().unwrap();
            let is_cancelled = matches!(
                outcome,
                Err(MapError::Task(TaskError::Cancelled(CancelledBy::Shutdown)))
            );
            assert!(
                is_cancelled,
                "{n} others, then {outcome:?} with {options:?}"
            );
        }
        gate.open();
        assert_eq!(map.next().unwrap().unwrap(), 0);
        assert!(map.next().is_none());
        drop(pool);
        assert_eq!(noted(folder.file("ran")), [0]);
    }
}

// contract: X3, X7, P5
#[test]
fn items_that_a_shutdown_cancelled_were_told_when_a_long_one_was_over() {
    alone(|| cancelled_beside_one_that_ran(LONG));
}

// contract: X3, X7, P5
#[test]
fn items_that_a_shutdown_cancelled_were_told_when_one_was_over_that_had_just_begun() {
    alone(|| cancelled_beside_one_that_ran(Duration::ZERO));
}

static TOLD: AtomicBool = AtomicBool::new(false);

extern "C" fn remember(_: i32) {
    TOLD.store(true, Ordering::Relaxed);
}

fn end_when_told(_: ()) -> u32 {
    let handler = remember as extern "C" fn(i32);
    // SAFETY: the handler only stores to an atomic.
    unsafe { libc::signal(libc::SIGTERM, handler as usize) };
    while !TOLD.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(1));
    }
    process::id()
}

// contract: P4
#[test]
fn a_call_was_killed_with_the_grace_of_the_one_before() {
    alone(|| {
        let gate = ProcessGate::new();
        let grace = Duration::from_millis(400);
        let pool = one_with().grace(grace).build().unwrap();
        let short = CallOptions::new().timeout(Duration::from_millis(100));
        let late = pool.submit_with(short, end_when_told, ()).unwrap();
        let next = pool.submit(hold, gate.key()).unwrap();
        let outcome = late.result();
        assert!(
            matches!(outcome, Ok(_) | Err(TaskError::TimedOut(_))),
            "{outcome:?}"
        );
        gate.wait_for(1);
        assert!(!next.wait_timeout(grace + grace / 2), "it was killed");
        gate.open();
        assert_eq!([next.result().unwrap()], *gate.arrived());
    });
}

// contract: P4, X1
#[test]
fn the_longest_limits_of_all_were_panics() {
    alone(|| {
        let limit = Duration::from_millis(50);
        let pool = one_with().timeout(limit).grace(Duration::MAX);
        let pool = pool.build().unwrap();
        // One that ends when it is asked to, and one that does not.
        let gate = ProcessGate::new();
        let call = pool.submit(hold, gate.key()).unwrap();
        let ended = in_time(call);
        assert!(matches!(ended, Err(TaskError::TimedOut(_))), "{ended:?}");
        let call = pool.submit(ignore_sigterm, gate.key()).unwrap();
        gate.wait_for(2);
        assert!(!call.wait_timeout(4 * limit));
        gate.open();
        let ended = in_time(call);
        assert!(
            matches!(ended, Ok(_) | Err(TaskError::TimedOut(_))),
            "{ended:?}"
        );
        pid_of(&pool);
        let report = pool.shutdown_timeout(PATIENCE, false).unwrap();
        assert_eq!((report.still_running, report.still_queued), (0, 0));

        let gate = ProcessGate::new();
        let pool = one_with().timeout(Duration::MAX).grace(Duration::MAX);
        let pool = pool.build().unwrap();
        let (call, worker) = gate.hold_on(&pool);
        let own = CallOptions::new().timeout(Duration::MAX);
        let behind = pool.submit_with(own, pid, ()).unwrap();
        let options = MapOptions::new().timeout(Duration::MAX);
        let map = pool.map_with(options, |n: u32| n, 0..10).unwrap();
        thread::sleep(LONG);
        gate.open();
        assert_eq!(call.result_timeout(Duration::MAX).unwrap(), worker);
        assert_eq!(behind.result().unwrap(), worker);
        assert_eq!(map.map(Result::unwrap).sum::<u32>(), 45);
        let report = pool.shutdown_timeout(Duration::MAX, false).unwrap();
        assert_eq!((report.still_running, report.still_queued), (0, 0));
    });
}

/// So fast that its results never stop coming, for a while; then at times not so fast.
fn large(n: u32) -> ByteBuf {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let start = Instant::now();
    let not_so_fast = BEGAN.get_or_init(|| start).elapsed() > MUCH && n.is_multiple_of(500);
    let time = if not_so_fast { LONG } else { BRIEF };
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
    ByteBuf::from(vec![n as u8; 65_000])
}

/// Much more than one item takes, much less than all do.
const MUCH: Duration = Duration::from_millis(400);

// contract: P4, P10
#[test]
fn the_time_of_an_item_with_a_large_result_was_that_of_all_before() {
    alone(|| {
        let pool = one_with().timeout(MUCH).build().unwrap();
        let worker = pid_of(&pool);
        let options = MapOptions::new().chunksize(20_000).keep_going(true);
        let start = Instant::now();
        let mut came = 0;
        for (n, bytes) in (0..).zip(pool.map_with(options, large, 0..8000).unwrap()) {
            let bytes = bytes.unwrap_or_else(|error| panic!("{n}: {error}"));
            assert!(bytes.len() == 65_000 && bytes[0] == n as u8);
            came += 1;
        }
        assert_eq!(came, 8000);
        assert!(start.elapsed() > MUCH + LONG, "it says nothing");
        assert_eq!(pid_of(&pool), worker);
    });
}

fn begin_slowly((file, gate): (String, String)) -> Result<(), String> {
    note(&file, process::id());
    if noted(&file).len() > 1 {
        pass(gate);
    }
    Ok(())
}

// contract: P5, P4
#[test]
fn a_call_waited_for_the_initializer_of_its_worker_beside_an_idle_one() {
    alone(|| {
        let (gate, slow, folder) = (ProcessGate::new(), ProcessGate::new(), Folder::new());
        let pool = ProcessPoolExecutor::builder()
            .max_workers(2)
            .initializer(begin_slowly, (folder.file("began"), slow.key()))
            .build()
            .unwrap();
        let first = pid_of(&pool);
        let (held, worker) = gate.hold_on(&pool);
        assert_eq!(worker, first);
        let call = pool.submit(pid, ()).unwrap();
        eventually("the other worker begins", || {
            noted(folder.file("began")).len() == 2
        });
        thread::sleep(LONG);
        assert!(!call.done());
        gate.open();
        assert_eq!(held.result().unwrap(), first);
        assert_eq!(in_time(call).unwrap(), first);
        slow.open();
    });
}

fn die_once(file: String) -> usize {
    note(&file, process::id());
    let tries = noted(&file).len();
    if tries == 1 {
        // Until what is behind it has been sent.
        thread::sleep(Duration::from_millis(1));
        process::abort();
    }
    tries
}

/// How many items of the endless maps may be outstanding.
const BUFFER: usize = 100;

/// Goes on with an endless map until a call is done, and fails if there is more to do before than was there when it was submitted.
#[track_caller]
fn until<T>(call: &Future<T>, map: &mut impl Iterator) {
    let items = map.take_while(|_| !call.done()).take(5 * BUFFER).count();
    assert!(items < 5 * BUFFER, "it had no turn");
}

fn brief(n: u64) -> u64 {
    thread::sleep(BRIEF);
    n
}

// contract: P3, M2
#[test]
fn a_call_was_never_tried_again_beside_an_endless_map() {
    alone(|| {
        for window in [1, 64] {
            let (gate, folder) = (ProcessGate::new(), Folder::new());
            let pool = one_with().on_death(OnDeath::Retry(1)).window(window);
            let pool = pool.build().unwrap();
            let (held, _) = gate.hold_on(&pool);
            // Short ones, so that the worker has more than one at a time.
            let short: Vec<_> = (0..60).map(|_| pool.submit(pid, ()).unwrap()).collect();
            let call = pool.submit(die_once, folder.file("tries")).unwrap();
            let options = MapOptions::new().buffer_size(BUFFER);
            let mut map = pool.map_with(options, brief, 0..).unwrap();
            gate.open();
            until(&call, &mut map);
            assert_eq!(call.result().unwrap(), 2);
            assert!(map.next().unwrap().is_ok(), "the map goes on");
            drop((map, held));
            assert!(short.into_iter().all(|call| call.result().is_ok()));
        }
    });
}

// contract: M2, S4
#[test]
fn a_call_never_ran_beside_an_endless_map_that_was_there_before() {
    alone(|| {
        for chunksize in [None, Some(1), Some(10)] {
            let pool = one();
            let mut options = MapOptions::new().buffer_size(BUFFER);
            if let Some(chunksize) = chunksize {
                options = options.chunksize(chunksize);
            }
            let mut map = pool.map_with(options, brief, 0..).unwrap();
            let begun = map.by_ref().take(50).map(Result::unwrap);
            assert!(begun.eq(0..50));
            for _ in 0..20 {
                let call = pool.submit(pid, ()).unwrap();
                until(&call, &mut map);
                call.result().unwrap();
            }
            assert!(map.next().unwrap().is_ok(), "the map goes on");
        }
    });
}
