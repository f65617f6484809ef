//! Whether locks keep four harts and their interrupt handlers apart.

use core::sync::atomic::{AtomicU32, Ordering};

use checks::{Verdict, expect};
use concurrent_futures_core::platform::{CriticalLock, Lock};

use crate::{
    clint,
    harts::on_every_hart,
    platform::HartLock,
    start::{HARTS, hart},
};

/// How often each hart counts, and how often its interrupt handler does.
const CALM: u32 = 20_000;
const HANDLED: u32 = 20;
/// From one interrupt to the next, in ticks.
const PERIOD: u32 = 2000;

/// A count that loses some if two count at once.
static COUNT: AtomicU32 = AtomicU32::new(0);
static INTERRUPTS: [AtomicU32; HARTS] = [const { AtomicU32::new(0) }; HARTS];

fn count_one() {
    // Relaxed: the lock that this is called in is what is checked.
    let count = COUNT.load(Ordering::Relaxed);
    COUNT.store(count + 1, Ordering::Relaxed);
}

/// Runs `part` on every hart, and looks at the count.
fn count(part: fn()) -> Verdict {
    COUNT.store(0, Ordering::Relaxed);
    expect!(on_every_hart(part), "a hart did not come back");
    let all = (CALM + HANDLED) * HARTS as u32;
    expect!(COUNT.load(Ordering::Relaxed) == all, "some were lost");
    Ok(())
}

/// Counts, and is interrupted as it does: `tick` counts too.
fn part(count_once: fn(), tick: fn() -> bool) {
    INTERRUPTS[hart()].store(0, Ordering::Relaxed);
    clint::every(PERIOD, tick);
    for _ in 0..CALM {
        count_once();
    }
    while clint::ticking() {
        core::hint::spin_loop();
    }
}

/// Says whether the ticks of this hart go on.
fn ticked() -> bool {
    INTERRUPTS[hart()].fetch_add(1, Ordering::Relaxed) + 1 < HANDLED
}

pub(super) fn platform_lock() -> Verdict {
    static LOCK: HartLock = HartLock::new();
    fn locked() {
        LOCK.with(count_one);
    }
    count(|| {
        part(locked, || {
            locked();
            ticked()
        });
    })
}

pub(super) fn critical_section() -> Verdict {
    static LOCK: CriticalLock = CriticalLock::new();
    fn locked() {
        LOCK.with(count_one);
    }
    count(|| {
        part(locked, || {
            locked();
            ticked()
        });
    })
}

pub(super) fn nested() -> Verdict {
    fn locked() {
        critical_section::with(|_| {
            critical_section::with(|_| ());
            count_one();
        });
    }
    count(|| {
        part(locked, || {
            locked();
            ticked()
        });
    })
}
