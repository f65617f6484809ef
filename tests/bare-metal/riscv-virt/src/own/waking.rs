//! Whether a parked hart wakes.

use core::{
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    time::Duration,
};

use checks::{Verdict, expect};
use concurrent_futures_core::platform::{Clock, Parker, Platform};

use crate::{
    clint,
    harts::on_every_hart,
    platform::{Harts, MachineTime, wake},
    start::{HARTS, hart},
};

pub(super) fn early() -> Verdict {
    Harts::with_parker(|parker| {
        parker.unparker().unpark();
        parker.park();
    });
    Ok(())
}

pub(super) fn from_a_handler() -> Verdict {
    const TIMES: u32 = 500;
    static WOKEN: AtomicU32 = AtomicU32::new(0);
    for round in 0..TIMES {
        // Sometimes before it sleeps, sometimes after.
        clint::once(round * 2, || {
            WOKEN.fetch_add(1, Ordering::Relaxed);
            wake(hart());
        });
        Harts::with_parker(Parker::park);
    }
    expect!(WOKEN.load(Ordering::Relaxed) == TIMES, "it woke by itself");
    Ok(())
}

pub(super) fn around() -> Verdict {
    const ROUNDS: usize = 3000;
    static TURN: AtomicUsize = AtomicUsize::new(0);
    static TAKEN: [AtomicUsize; HARTS] = [const { AtomicUsize::new(0) }; HARTS];
    expect!(
        on_every_hart(|| {
            for round in 0..ROUNDS {
                let mine = round * HARTS + hart();
                while TURN.load(Ordering::Acquire) != mine {
                    Harts::with_parker(Parker::park);
                }
                TAKEN[hart()].fetch_add(1, Ordering::Relaxed);
                TURN.store(mine + 1, Ordering::Release);
                wake((hart() + 1) % HARTS);
            }
        }),
        "a hart did not come back"
    );
    let all = TAKEN
        .iter()
        .all(|taken| taken.load(Ordering::Relaxed) == ROUNDS);
    expect!(all, "a hart took more turns than its own");
    Ok(())
}

pub(super) fn until() -> Verdict {
    const NAP: Duration = Duration::from_millis(2);
    static EARLY: AtomicU32 = AtomicU32::new(0);
    expect!(
        on_every_hart(|| {
            // Whatever token is left from before.
            crate::platform::forget_token();
            for _ in 0..10 {
                let deadline = MachineTime::now().and_then(|now| now.checked_add(NAP));
                let Some(deadline) = deadline else { return };
                Harts::with_parker(|parker| parker.park_until(deadline));
                let early = MachineTime::now().is_none_or(|now| now < deadline);
                EARLY.fetch_add(early.into(), Ordering::Relaxed);
            }
        }),
        "a hart did not come back"
    );
    expect!(EARLY.load(Ordering::Relaxed) == 0, "too early");
    Ok(())
}

pub(super) fn time() -> Verdict {
    static BACKWARDS: AtomicU32 = AtomicU32::new(0);
    expect!(
        on_every_hart(|| {
            let mut last = MachineTime::now();
            for _ in 0..20_000 {
                let now = MachineTime::now();
                BACKWARDS.fetch_add((now < last).into(), Ordering::Relaxed);
                last = now;
            }
        }),
        "a hart did not come back"
    );
    expect!(BACKWARDS.load(Ordering::Relaxed) == 0, "it does");
    Ok(())
}
