//! Workers that come late, or not at all, and go.

use core::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use checks::{Verdict, expect};
use concurrent_futures_core::future::{CancelledBy, SubmitError, TaskError};

use super::pools::{Pool, Track, close, gives, spawn};
use crate::{
    harts::{self, HELPERS, all_parked, call, parked, soon},
    spawner::HartSpawner,
};

/// Harts that do something else until this is open.
static GATE: AtomicBool = AtomicBool::new(false);

fn busy() {
    while !GATE.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
}

pub(super) fn no_hart_is_free() -> Verdict {
    static POOL: Pool<2> = Pool::with_workers(3, HartSpawner);
    static TRACK: Track = Track::new();
    GATE.store(false, Ordering::Release);
    for _ in HELPERS {
        expect!(call(busy), "a hart is not free");
    }
    expect!(POOL.start() == 0, "a worker without a hart");
    let tracked = TRACK.value();
    let refused = POOL.spawn(move || drop(tracked));
    let Err(SubmitError::NoWorker(refused)) = refused else {
        return Err("a call that nobody will run is taken");
    };
    expect!(TRACK.alive() == 1, "the closure was dropped");
    drop(refused.into_inner());
    expect!(
        POOL.stats().workers == 0,
        "a worker that was not started is counted"
    );
    GATE.store(true, Ordering::Release);
    expect!(all_parked(), "a hart did not come back");
    // Nothing is wrong for good.
    gives(spawn(&POOL, || 6)?, 6)?;
    close(&POOL)
}

pub(super) fn fewer_harts_than_workers() -> Verdict {
    static POOL: Pool<4> = Pool::with_workers(4, HartSpawner);
    GATE.store(false, Ordering::Release);
    for _ in HELPERS.skip(1) {
        expect!(call(busy), "a hart is not free");
    }
    expect!(POOL.start() == 1, "not one worker for one hart");
    for round in 0..200 {
        gives(spawn(&POOL, move || round)?, round)?;
    }
    GATE.store(true, Ordering::Release);
    close(&POOL)
}

/// All workers are late: until they come a call waits, and can be cancelled.
pub(super) fn late() -> Verdict {
    static POOL: Pool<4> = Pool::with_workers(2, HartSpawner);
    static RAN: AtomicU32 = AtomicU32::new(0);
    harts::withhold(2);
    let run = || RAN.fetch_add(1, Ordering::Relaxed);
    let first = spawn(&POOL, run)?;
    let second = spawn(&POOL, run)?;
    let third = spawn(&POOL, run)?;
    expect!(
        !first.wait_timeout(Duration::from_millis(2)),
        "somebody ran it"
    );
    expect!(second.cancel(), "it cannot be cancelled");
    let report = POOL.shutdown_timeout(Duration::from_millis(1), false);
    expect!(report.is_ok(), "it may not wait");
    harts::withhold(0);
    harts::deliver();
    expect!(
        first.result().is_ok() && third.result().is_ok(),
        "another outcome"
    );
    expect!(
        matches!(
            second.result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ),
        "another outcome"
    );
    expect!(RAN.load(Ordering::Relaxed) == 2, "not each call ran once");
    close(&POOL)
}

/// The only worker does not come, and then it is certain that it never will: nobody waits for ever.
pub(super) fn lost() -> Verdict {
    static POOL: Pool<4> = Pool::with_workers(2, HartSpawner);
    harts::withhold(1);
    let waiting = spawn(&POOL, || 7)?;
    expect!(
        !waiting.wait_timeout(Duration::from_millis(2)),
        "somebody ran it"
    );
    harts::lose();
    expect!(
        matches!(waiting.result(), Err(TaskError::NoWorker)),
        "another outcome"
    );
    expect!(
        POOL.stats().workers == 0,
        "a worker that never lived is counted"
    );
    gives(spawn(&POOL, || 7)?, 7)?;
    close(&POOL)
}

/// One of two workers does not come. It counts as one that looks for work, so that a call may be left to it: until it comes or its
/// life is dropped.
pub(super) fn one_lost() -> Verdict {
    static POOL: Pool<4> = Pool::with_workers(2, HartSpawner);
    harts::withhold(1);
    expect!(POOL.start() == 2, "not two workers");
    let waiting = spawn(&POOL, || 8)?;
    harts::lose();
    gives(waiting, 8)?;
    expect!(
        POOL.stats().workers == 1,
        "a worker that never lived is counted"
    );
    for round in 0..200 {
        gives(spawn(&POOL, move || round)?, round)?;
    }
    close(&POOL)
}

pub(super) fn shutdown() -> Verdict {
    static POOL: Pool<8> = Pool::with_workers(3, HartSpawner);
    static RAN: AtomicU32 = AtomicU32::new(0);
    static TRACK: Track = Track::new();
    GATE.store(false, Ordering::Release);
    // Each worker has one, and as many wait.
    let mut running = [const { None }; 3];
    for future in &mut running {
        *future = Some(spawn(&POOL, || {
            RAN.fetch_add(1, Ordering::Relaxed);
            busy();
        })?);
    }
    let all = || RAN.load(Ordering::Relaxed) == 3;
    expect!(soon(all), "not all workers run");
    let mut waiting = [const { None }; 3];
    for future in &mut waiting {
        let tracked = TRACK.value();
        *future = Some(spawn(&POOL, move || drop(tracked))?);
    }
    expect!(POOL.shutdown(false, true).is_ok(), "it is not shut down");
    expect!(TRACK.alive() == 0, "a closure that was cancelled is alive");
    for future in waiting.into_iter().flatten() {
        let outcome = future.result();
        expect!(
            matches!(outcome, Err(TaskError::Cancelled(CancelledBy::Shutdown))),
            "another outcome"
        );
    }
    expect!(parked() == 0, "a worker that runs a call is gone");
    let tracked = TRACK.value();
    let late = POOL.spawn(move || drop(tracked));
    expect!(
        matches!(late, Err(SubmitError::ShutDown(_))),
        "a pool that is shut down takes a call"
    );
    drop(late);
    expect!(TRACK.alive() == 0, "the late call was not handed back");
    GATE.store(true, Ordering::Release);
    for future in running.into_iter().flatten() {
        expect!(future.result().is_ok(), "a running call was touched");
    }
    close(&POOL)
}

/// A worker that shuts its own pool down cannot wait for itself.
pub(super) fn shutdown_from_a_worker() -> Verdict {
    static POOL: Pool<2> = Pool::with_workers(2, HartSpawner);
    let refused = spawn(&POOL, || POOL.shutdown(true, false).is_err())?;
    expect!(matches!(refused.result(), Ok(true)), "it waits for itself");
    expect!(
        matches!(POOL.spawn(|| ()), Err(SubmitError::ShutDown(_))),
        "it is not closed"
    );
    close(&POOL)
}

/// One pool after another on the same harts.
pub(super) fn again() -> Verdict {
    static POOLS: [Pool<4>; 40] = [const { Pool::with_workers(3, HartSpawner) }; 40];
    for (number, pool) in POOLS.iter().enumerate() {
        let first = spawn(pool, move || number)?;
        let second = spawn(pool, move || number + 1)?;
        gives(first, number)?;
        // Some are shut down while a call may run, or wait.
        if number % 2 == 0 {
            close(pool)?;
        }
        gives(second, number + 1)?;
        close(pool)?;
    }
    Ok(())
}
