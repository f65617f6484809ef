//! The smallest useful firmware: a super-loop over a pool of eight slots, which submits, takes results, and runs what an interrupt
//! handler submits. What it takes of the memory is the price of the library.

#![no_std]
#![no_main]

mod platform;

use core::{
    panic::PanicInfo,
    sync::atomic::{AtomicU32, Ordering},
};

use concurrent_futures_core::{executor::StaticPool, future::Future};
use cortex_m::{
    Peripherals,
    asm::wfi,
    peripheral::{SYST, syst::SystClkSource},
};
use cortex_m_rt::{entry, exception};

use platform::Core;

/// Eight calls, each with 16 bytes of captures or of outcome.
static POOL: StaticPool<Core, 8, 16> = StaticPool::new();

/// What the calls came to; a device would move a motor.
static SUM: AtomicU32 = AtomicU32::new(0);

#[entry]
fn main() -> ! {
    if let Some(peripherals) = Peripherals::take() {
        start(peripherals.SYST);
    }
    let mut last: Option<Future<u32>> = None;
    loop {
        while POOL.run_one() {}
        last = match last {
            // Nothing to do, and nothing to wait for but the next interrupt.
            Some(future) if !future.done() => Some(future),
            over => {
                let outcome = over.and_then(|future| future.result().ok());
                let before = outcome.unwrap_or_default();
                let next = POOL.submit(filtered, (before, SUM.load(Ordering::Relaxed)));
                // A full pool is no reason to stop.
                next.ok()
            }
        };
        // What comes after the last look and before this waits for the next tick.
        wfi();
    }
}

/// The interrupts of this device, none of which is used: what a device crate brings.
// SAFETY: the place of the table, where the hardware looks, and its name are those that cortex-m-rt asks for; the elements have its shape.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Option<unsafe extern "C" fn()>; 43] = [None; 43];

fn filtered((before, sample): (u32, u32)) -> u32 {
    before - before / 8 + sample / 8
}

fn start(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(12_499);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// A sample each millisecond: too much to do for a handler, so the loop does it.
#[exception]
fn SysTick() {
    let sample = SYST::get_current();
    let queued = POOL.interrupt_side().submit_detached(move || {
        SUM.store(
            SUM.load(Ordering::Relaxed).wrapping_add(sample),
            Ordering::Relaxed,
        );
    });
    if queued.is_err() {
        // The sample is lost.
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        wfi();
    }
}
