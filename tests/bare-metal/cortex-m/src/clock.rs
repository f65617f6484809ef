//! SysTick: a tick each millisecond, and an alarm at a chosen cycle.

use core::{
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
};

use concurrent_futures_core::platform::{Clock, CriticalLock, Ticks, Time};
use cortex_m::{
    Peripherals,
    peripheral::{SCB, SYST, syst::SystClkSource},
};
use cortex_m_rt::exception;
use critical_section::Mutex;

/// Counts milliseconds in 32 bits; starts short of their end, so that it wraps while the checks run.
static TICKS: AtomicU32 = AtomicU32::new(u32::MAX - 20);
/// SysTick's cycles for a tick.
static PERIOD: AtomicU32 = AtomicU32::new(0);
/// What the next interrupt of SysTick calls instead of counting.
static ALARM: Mutex<Cell<Option<fn()>>> = Mutex::new(Cell::new(None));
/// What extends the counter.
static TIME: Ticks<CriticalLock> = Ticks::new(1000);

/// Time by the tick.
#[derive(Debug)]
pub struct TickClock;

impl Clock for TickClock {
    fn now() -> Option<Time> {
        Some(TIME.time(ticks()))
    }
}

/// The counter, which wraps.
pub(crate) fn ticks() -> u32 {
    TICKS.load(Ordering::Relaxed)
}

/// Starts ticking; SysTick counts at `hertz`.
pub(crate) fn start(hertz: u32) {
    let Some(Peripherals {
        SYST: mut timer, ..
    }) = Peripherals::take()
    else {
        return;
    };
    PERIOD.store(hertz / 1000, Ordering::Relaxed);
    timer.set_clock_source(SystClkSource::Core);
    count_down(hertz / 1000);
    timer.enable_interrupt();
    timer.enable_counter();
}

/// The next interrupt of SysTick is `cycles` from now, and calls `handler`. Time stands still until then.
pub(crate) fn alarm(cycles: u32, handler: fn()) {
    critical_section::with(|inside| {
        ALARM.borrow(inside).set(Some(handler));
        count_down(cycles);
    });
}

fn count_down(cycles: u32) {
    // SAFETY: SysTick is this module's; the registers are written whole, by the only thread or its handler.
    let timer = unsafe { &*SYST::PTR };
    // SAFETY: any 24 bits are a count.
    unsafe { timer.rvr.write(cycles) };
    // SAFETY: any value clears the counter, which then loads `cycles`.
    unsafe { timer.cvr.write(0) };
}

#[exception]
fn SysTick() {
    let alarm = critical_section::with(|inside| ALARM.borrow(inside).take());
    if let Some(handler) = alarm {
        count_down(PERIOD.load(Ordering::Relaxed));
        // A short alarm may have rung again.
        SCB::clear_pendst();
        handler();
    } else {
        // A load and a store: nobody else writes.
        TICKS.store(ticks().wrapping_add(1), Ordering::Relaxed);
    }
}
