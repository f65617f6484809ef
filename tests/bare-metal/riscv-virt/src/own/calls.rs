//! Calls on harts in parallel.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use checks::{Verdict, expect};
use concurrent_futures_core::{
    executor::StaticPool,
    future::{Future, SubmitError, TaskError},
};

use super::pools::{Pool, Track, close, gives, spawn, spin};
use crate::{
    harts::{HELPERS, on_every_hart},
    platform::Harts,
    spawner::HartSpawner,
    start::HARTS,
};

/// Three calls of which none ends before all run.
pub(super) fn at_the_same_time() -> Verdict {
    static POOL: Pool<4> = Pool::with_workers(3, HartSpawner);
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    for round in 1..=200 {
        let all = round * HELPERS.len();
        let meet = move || {
            RUNNING.fetch_add(1, Ordering::AcqRel);
            while RUNNING.load(Ordering::Acquire) < all {
                core::hint::spin_loop();
            }
        };
        let mut futures = [const { None }; HELPERS.end - HELPERS.start];
        for future in &mut futures {
            *future = Some(spawn(&POOL, meet)?);
        }
        for future in futures.into_iter().flatten() {
            expect!(future.result().is_ok(), "another outcome");
        }
    }
    close(&POOL)
}

pub(super) fn exactly_once() -> Verdict {
    const CALLS: usize = 3000;
    const AT_A_TIME: usize = 12;
    static POOL: Pool<16> = Pool::with_workers(3, HartSpawner);
    static RAN: [AtomicU32; CALLS] = [const { AtomicU32::new(0) }; CALLS];
    fn take(place: &mut Option<(usize, Future<usize>)>) -> Verdict {
        if let Some((call, future)) = place.take() {
            gives(future, call * call)?;
        }
        Ok(())
    }
    let mut window = [const { None }; AT_A_TIME];
    for call in 0..CALLS {
        let place = &mut window[call % AT_A_TIME];
        take(place)?;
        let future = spawn(&POOL, move || {
            RAN[call].fetch_add(1, Ordering::Relaxed);
            call * call
        })?;
        *place = Some((call, future));
    }
    for place in &mut window {
        take(place)?;
    }
    let once = RAN.iter().all(|ran| ran.load(Ordering::Relaxed) == 1);
    expect!(once, "a call ran twice, or never");
    close(&POOL)
}

/// There is one slot: no call is refused once the outcome before it was taken.
pub(super) fn slot_again() -> Verdict {
    static POOL: Pool<1> = Pool::with_workers(1, HartSpawner);
    for round in 0..5000 {
        let future = POOL
            .spawn(move || round)
            .map_err(|_| "the slot is not free")?;
        // Every other time without a wait, which a worker would have to end.
        while round % 2 == 0 && !future.done() {
            core::hint::spin_loop();
        }
        gives(future, round)?;
    }
    close(&POOL)
}

/// Four harts submit, and each runs what waits while it waits itself.
pub(super) fn pumped_by_all() -> Verdict {
    const CALLS: usize = 500;
    static POOL: StaticPool<Harts, 6, 32> = StaticPool::new();
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static WRONG: AtomicUsize = AtomicUsize::new(0);
    fn one(call: usize) -> Result<usize, TaskError> {
        let mut square = move || {
            RAN.fetch_add(1, Ordering::Relaxed);
            call * call
        };
        loop {
            match POOL.spawn(square) {
                Ok(future) => return future.result(),
                Err(SubmitError::Full(refused)) => square = refused.into_inner(),
                Err(_) => return Err(TaskError::Abandoned),
            }
            POOL.run_one();
        }
    }
    expect!(
        on_every_hart(|| {
            for call in 0..CALLS {
                let wrong = !matches!(one(call), Ok(value) if value == call * call);
                WRONG.fetch_add(wrong.into(), Ordering::Relaxed);
            }
        }),
        "a hart did not come back"
    );
    expect!(WRONG.load(Ordering::Relaxed) == 0, "another outcome");
    expect!(
        RAN.load(Ordering::Relaxed) == CALLS * HARTS,
        "not each call ran once"
    );
    expect!(POOL.run_until_idle() == 0, "a call was left");
    Ok(())
}

/// Workers sleep after each round, as there is nothing to do, and have to be woken for the next.
pub(super) fn idle_again_and_again() -> Verdict {
    static POOL: Pool<4> = Pool::with_workers(3, HartSpawner);
    for round in 0..3000 {
        let mut futures = [const { None }; HELPERS.end - HELPERS.start];
        // One, two, or three at once.
        for future in futures.iter_mut().take(1 + round % 3) {
            *future = Some(spawn(&POOL, move || round)?);
        }
        for future in futures.into_iter().flatten() {
            gives(future, round)?;
        }
        // Until they sleep, or on the way there.
        spin(round % 50 * 10);
    }
    close(&POOL)
}

/// The only worker has just looked for work in vain, and is on its way to sleep, when the next call comes.
pub(super) fn just_before_it_sleeps() -> Verdict {
    static POOL: Pool<2> = Pool::with_workers(1, HartSpawner);
    for round in 0..20_000 {
        let future = spawn(&POOL, move || round)?;
        // Not a wait: to wake from one takes longer than the way to sleep.
        while !future.done() {
            core::hint::spin_loop();
        }
        gives(future, round)?;
        spin(round % 128);
    }
    close(&POOL)
}

/// A call waits for a call of its own pool, which has one worker.
pub(super) fn nested() -> Verdict {
    static POOL: Pool<4> = Pool::with_workers(1, HartSpawner);
    let outer = spawn(&POOL, || {
        spawn(&POOL, || 21).map(|inner| inner.result().map_or(0, |n| 2 * n))
    })?;
    expect!(matches!(outer.result(), Ok(Ok(42))), "another outcome");
    close(&POOL)
}

pub(super) fn cancel_or_run() -> Verdict {
    const ROUNDS: usize = 4000;
    static POOL: Pool<4> = Pool::with_workers(3, HartSpawner);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static TRACK: Track = Track::new();
    let mut cancelled = 0;
    for round in 0..ROUNDS {
        let tracked = TRACK.value();
        let future = spawn(&POOL, move || {
            drop(tracked);
            RAN.fetch_add(1, Ordering::Relaxed);
        })?;
        spin(round % 64 * 4);
        let told = future.cancel();
        cancelled += usize::from(told);
        match future.result() {
            Ok(()) => expect!(!told, "it ran, and says that it is cancelled"),
            Err(TaskError::Cancelled(_)) => {
                expect!(told, "it is cancelled, and says that it is not")
            }
            Err(_) => return Err("another outcome"),
        }
        expect!(TRACK.alive() == 0, "the closure was not dropped");
    }
    close(&POOL)?;
    let ran = RAN.load(Ordering::Relaxed);
    expect!(
        ran + cancelled == ROUNDS,
        "a call both ran and was cancelled, or neither"
    );
    Ok(())
}
