//! The interrupt controller next to the harts: software interrupts from any hart to any, and a timer for each.

use core::{arch::asm, cell::Cell};

use crate::{
    interrupts::PerHart,
    start::{HARTS, hart},
};

/// A word for each hart: one raises its software interrupt.
pub(crate) const MSIP: usize = 0x0200_0000;
/// Two words for each hart: its timer interrupt is pending from this time on.
const MTIMECMP: usize = 0x0200_4000;
/// Two words: the time.
const MTIME: usize = 0x0200_BFF8;

/// How often `mtime` counts in a second.
pub(crate) const HERTZ: u32 = 10_000_000;

fn write(address: usize, value: u32) {
    // SAFETY: callers name a register of the controller, which takes any word.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(value) };
}

fn read(address: usize) -> u32 {
    // SAFETY: as above; reading has no effect.
    unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_volatile() }
}

/// Orders accesses of memory and of devices, which the fences of `core` do not: they are for memory alone.
fn fence() {
    // SAFETY: only orders.
    unsafe { asm!("fence iorw, iorw", options(nostack)) };
}

/// Raises the software interrupt of `hart`. What was written before is there when it comes.
pub(crate) fn raise(hart: usize) {
    fence();
    write(MSIP + 4 * hart, 1);
}

/// Takes this hart's software interrupt back. Whoever raises it from now on raises it again: what is read afterwards
/// was read too early for nobody.
pub(crate) fn clear() {
    write(MSIP + 4 * hart(), 0);
    fence();
}

/// Sets the time short of where its low word wraps, so that it does while the checks run. Before anybody looks at it.
pub(crate) fn start() {
    write(MTIME, u32::MAX - HERTZ / 2);
    fence();
}

/// Ticks since the machine began, but for those that [`start`] skipped.
pub(crate) fn now() -> u64 {
    loop {
        let high = read(MTIME + 4);
        let low = read(MTIME);
        // The low word may have wrapped in between.
        if read(MTIME + 4) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// What one timer is used for; a time that never comes where it is not.
#[derive(Clone, Copy)]
struct Alarms {
    /// This hart is parked and wants to go on.
    parked: u64,
    /// The next interrupt of [`every`].
    tick: u64,
    period: u64,
    source: fn() -> bool,
    /// The alarm of [`once`].
    alarm: u64,
    handler: fn(),
    /// The program has hung.
    watchdog: u64,
}

const NEVER: u64 = u64::MAX;

static ALARMS: PerHart<Cell<Alarms>> = PerHart::new(
    [const {
        Cell::new(Alarms {
            parked: NEVER,
            tick: NEVER,
            period: 0,
            source: || false,
            alarm: NEVER,
            handler: || (),
            watchdog: NEVER,
        })
    }; HARTS],
);

fn change(change: impl FnOnce(&mut Alarms)) {
    ALARMS.with(|cell| {
        let mut alarms = cell.get();
        change(&mut alarms);
        cell.set(alarms);
        let first = [alarms.parked, alarms.tick, alarms.alarm, alarms.watchdog]
            .into_iter()
            .fold(NEVER, u64::min);
        let register = MTIMECMP + 8 * hart();
        // In between neither word may name a time that has come.
        write(register + 4, u32::MAX);
        write(register, first as u32);
        write(register + 4, (first >> 32) as u32);
        fence();
    });
}

/// Wakes this hart at `deadline`; inside a section without interrupts, which it ends from `wfi`.
pub(crate) fn wake_at(deadline: u64) {
    change(|alarms| alarms.parked = deadline);
}

/// Interrupts this hart every `period` ticks, and calls `source` in the handler, until that says false.
pub(crate) fn every(period: u32, source: fn() -> bool) {
    let period = u64::from(period);
    change(|alarms| {
        alarms.tick = now() + period;
        alarms.period = period;
        alarms.source = source;
    });
}

/// Calls `handler` in this hart's interrupt handler, `delay` ticks from now.
pub(crate) fn once(delay: u32, handler: fn()) {
    change(|alarms| {
        alarms.alarm = now() + u64::from(delay);
        alarms.handler = handler;
    });
}

/// Ends the program with a failure unless this is called again within `seconds`.
pub(crate) fn watch(seconds: u32) {
    change(|alarms| alarms.watchdog = now() + u64::from(seconds) * u64::from(HERTZ));
}

/// The timer interrupt.
pub(crate) fn expired() {
    let alarms = ALARMS.with(Cell::get);
    let time = now();
    if time >= alarms.watchdog {
        crate::board::hung();
    }
    // What is due is taken away first: a handler may set the next alarm.
    change(|alarms| {
        if time >= alarms.parked {
            alarms.parked = NEVER;
        }
        if time >= alarms.alarm {
            alarms.alarm = NEVER;
        }
    });
    if time >= alarms.alarm {
        (alarms.handler)();
    }
    if time >= alarms.tick {
        let go_on = (alarms.source)();
        // From now: a machine that is late does not have to catch up.
        change(|alarms| alarms.tick = if go_on { now() + alarms.period } else { NEVER });
    }
}

/// Whether this hart's ticks go on.
pub(crate) fn ticking() -> bool {
    ALARMS.with(|cell| cell.get().tick != NEVER)
}
