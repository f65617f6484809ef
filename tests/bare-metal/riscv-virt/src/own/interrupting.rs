//! Interrupt handlers that submit while harts work.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use checks::{Board, Verdict, expect};
use concurrent_futures_core::{
    future::{Future, SubmitError},
    platform::InterruptUnpark,
};

use super::pools::{Pool, Track, close, gives, spawn, spin};
use crate::{
    board::Virt,
    clint,
    harts::{HELPERS, call, on_every_hart, parked, soon},
    platform::Harts,
    spawner::HartSpawner,
    start::{HARTS, hart},
};

/// The timers of all harts submit, whatever these are doing; the first one submits too, and takes results.
pub(super) fn submit_while_working() -> Verdict {
    const TICKS: u32 = 400;
    const CALLS: u32 = 2000;
    /// Between interrupts of a hart, in ticks.
    const PERIOD: u32 = 1000;
    static POOL: Pool<8> = Pool::with_workers(3, HartSpawner);
    static TICKED: [AtomicU32; HARTS] = [const { AtomicU32::new(0) }; HARTS];
    static RAN: AtomicU32 = AtomicU32::new(0);
    static REFUSED: AtomicU32 = AtomicU32::new(0);
    static FORGOTTEN: AtomicU32 = AtomicU32::new(0);
    static TRACK: Track = Track::new();

    fn tick() -> bool {
        let count = TICKED[hart()].fetch_add(1, Ordering::Relaxed) + 1;
        let tracked = TRACK.value();
        let submitted = POOL.interrupt_side().submit_detached(move || {
            let _tracked = tracked;
            RAN.fetch_add(count, Ordering::Relaxed);
        });
        if let Err(refused) = submitted {
            REFUSED.fetch_add(count, Ordering::Relaxed);
            // Whoever drops it drops it here.
            core::mem::forget(refused);
            FORGOTTEN.fetch_add(1, Ordering::Relaxed);
        }
        count < TICKS
    }
    expect!(
        on_every_hart(|| clint::every(PERIOD, tick)),
        "a hart did not come back"
    );
    expect!(
        POOL.start() == HELPERS.len(),
        "not as many workers as harts"
    );
    let mut sum = 0;
    for call in 0..CALLS {
        let future = spawn(&POOL, move || call)?;
        sum += future.result().map_err(|_| "another outcome")?;
    }
    expect!(sum == (0..CALLS).sum(), "another sum");
    let ticked = || {
        TICKED
            .iter()
            .all(|ticked| ticked.load(Ordering::Relaxed) == TICKS)
    };
    expect!(soon(ticked), "a timer has stopped");
    close(&POOL)?;
    let all = HARTS as u32 * (1..=TICKS).sum::<u32>();
    let counted = RAN.load(Ordering::Relaxed) + REFUSED.load(Ordering::Relaxed);
    expect!(counted == all, "calls of handlers got lost");
    expect!(
        TRACK.alive() == FORGOTTEN.load(Ordering::Relaxed),
        "a closure was not dropped, or twice"
    );
    expect!(
        TRACK.dropped_in_handler() == 0,
        "something was dropped in a handler"
    );
    Ok(())
}

/// Handlers start no worker, so where there is none nobody would run what they submit.
pub(super) fn before_the_first_worker() -> Verdict {
    static POOL: Pool<2> = Pool::with_workers(3, HartSpawner);
    let submit = || {
        let mut outcome = None;
        Virt::interrupt(&mut || outcome = Some(POOL.interrupt_side().submit_detached(|| ())));
        outcome
    };
    expect!(
        matches!(submit(), Some(Err(SubmitError::NoWorker(_)))),
        "it is taken, or refused for something else"
    );
    expect!(POOL.free_slots() == 2, "it keeps its slot");
    expect!(parked() == HELPERS.len(), "a handler starts a worker");
    let outcome = spawn(&POOL, || 8).map(Future::result);
    expect!(matches!(outcome, Ok(Ok(8))), "a thread starts none");
    expect!(
        matches!(submit(), Some(Ok(()))),
        "refused, and there is one"
    );
    close(&POOL)
}

/// Nobody but an interrupt wakes the workers: of several one, and one that may be on its way to sleep.
pub(super) fn wakes_workers() -> Verdict {
    static THREE: Pool<2> = Pool::with_workers(3, HartSpawner);
    static ONE: Pool<2> = Pool::with_workers(1, HartSpawner);
    static RAN: AtomicU32 = AtomicU32::new(0);
    for (pool, rounds) in [(&THREE, 2000), (&ONE, 10_000)] {
        let before = RAN.load(Ordering::Relaxed);
        pool.start();
        for round in 1..=rounds {
            let mut refused = false;
            Virt::interrupt(&mut || {
                let submitted = pool.interrupt_side().submit_detached(|| {
                    RAN.fetch_add(1, Ordering::Relaxed);
                });
                refused = submitted.is_err();
            });
            expect!(!refused, "a call is refused, and a slot is free");
            let ran = || RAN.load(Ordering::Relaxed) - before == round;
            expect!(soon(|| ran() && pool.free_slots() > 0), "nobody runs it");
            spin(round as usize % 128);
        }
        close(pool)?;
    }
    Ok(())
}

/// A handler of one hart submits until the first one has shut the pool down, a worker of which is on a third.
pub(super) fn until_shutdown() -> Verdict {
    const ROUNDS: usize = 100;
    static POOLS: [Pool<4>; ROUNDS] = [const { Pool::with_workers(1, HartSpawner) }; ROUNDS];
    static ROUND: AtomicUsize = AtomicUsize::new(0);
    static ACCEPTED: AtomicU32 = AtomicU32::new(0);
    static RAN: AtomicU32 = AtomicU32::new(0);
    static TRACK: Track = Track::new();
    /// Whether the pool is open.
    fn submit() -> bool {
        let mut error = None;
        Virt::interrupt(&mut || {
            let tracked = TRACK.value();
            let call = move || {
                let _tracked = tracked;
                RAN.fetch_add(1, Ordering::Relaxed);
            };
            let pool = &POOLS[ROUND.load(Ordering::Acquire)];
            error = pool.interrupt_side().submit_detached(call).err();
            ACCEPTED.fetch_add(error.is_none().into(), Ordering::Relaxed);
        });
        !matches!(error, Some(SubmitError::ShutDown(_)))
    }
    for (round, pool) in POOLS.iter().enumerate() {
        ROUND.store(round, Ordering::Release);
        let before = ACCEPTED.load(Ordering::Relaxed);
        pool.start();
        expect!(call(|| while submit() {}), "no hart is free");
        expect!(
            soon(|| ACCEPTED.load(Ordering::Relaxed) > before),
            "no call is taken"
        );
        spin(round * 7);
        close(pool)?;
    }
    expect!(
        ACCEPTED.load(Ordering::Relaxed) == RAN.load(Ordering::Relaxed),
        "a call that was taken did not run, or one that was not"
    );
    expect!(TRACK.alive() == 0, "a closure was not dropped");
    expect!(
        TRACK.dropped_in_handler() == 0,
        "something was dropped in a handler"
    );
    Ok(())
}

pub(super) fn full_gives_back() -> Verdict {
    static POOL: Pool<1> = Pool::with_workers(1, HartSpawner);
    static GATE: AtomicBool = AtomicBool::new(false);
    static TRACK: Track = Track::new();
    let running = spawn(&POOL, || {
        while !GATE.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    })?;
    let mut back = None;
    Virt::interrupt(&mut || {
        let tracked = TRACK.value();
        let submitted = POOL.interrupt_side().submit_detached(move || drop(tracked));
        if let Err(SubmitError::Full(refused)) = submitted {
            back = Some(refused.into_inner());
        }
    });
    let Some(back) = back else {
        return Err("it is not refused");
    };
    expect!(TRACK.alive() == 1, "the closure was dropped");
    back();
    expect!(TRACK.alive() == 0, "it is not the closure");
    expect!(
        TRACK.dropped_in_handler() == 0,
        "something was dropped in the handler"
    );
    GATE.store(true, Ordering::Release);
    expect!(running.result().is_ok(), "another outcome");
    close(&POOL)
}

/// What is left of a worker that has ended is its number.
pub(super) fn unpark_ended() -> Verdict {
    static POOLS: [Pool<2>; 2] = [const { Pool::with_workers(3, HartSpawner) }; 2];
    let [first, second] = &POOLS;
    expect!(
        first.start() == HELPERS.len(),
        "not as many workers as harts"
    );
    close(first)?;
    Virt::interrupt(&mut || HELPERS.for_each(<Harts as InterruptUnpark>::unpark));
    expect!(
        second.start() == HELPERS.len(),
        "not as many workers as harts"
    );
    Virt::interrupt(&mut || HELPERS.for_each(<Harts as InterruptUnpark>::unpark));
    gives(spawn(second, || 5)?, 5)?;
    close(second)?;
    // From a handler too a closed pool is an error.
    let mut closed = false;
    Virt::interrupt(&mut || {
        let late = second.interrupt_side().submit_detached(|| ());
        closed = matches!(late, Err(SubmitError::ShutDown(_)));
    });
    expect!(closed, "a pool that is shut down takes a call");
    Ok(())
}
