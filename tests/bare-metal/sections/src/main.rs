//! The longest critical section, in instructions: for how long an interrupt may have to wait.

#![no_std]
#![no_main]

mod stopwatch;
mod workload;

use core::arch::asm;

use cortex_m::{Peripherals, peripheral::syst::SystClkSource};
use cortex_m_support::{exit, print};

use workload::Pool;

static EIGHT: Pool<8> = Pool::new();
static SIXTEEN: Pool<16> = Pool::new();
static THIRTY_TWO: Pool<32> = Pool::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    let Some(Peripherals {
        SYST: mut timer, ..
    }) = Peripherals::take()
    else {
        exit(false)
    };
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(0x00ff_ffff);
    timer.clear_current();
    timer.enable_counter();

    // What measuring itself takes, and sections of known length, or nothing that follows means anything.
    let overhead = measured(0, section::<0>);
    let known = [
        measured(overhead, section::<0>),
        measured(overhead, section::<10>),
        measured(overhead, section::<100>),
    ];
    if known != [0, 10, 100] {
        print(format_args!(
            "the stopwatch is wrong: 0, 10 and 100 are {known:?}"
        ));
        exit(false);
    }
    let good =
        report(overhead, &EIGHT) && report(overhead, &SIXTEEN) && report(overhead, &THIRTY_TWO);
    exit(good)
}

/// Prints a row for each part of the workload: slots, what was done, instructions of the longest section.
fn report<const N: usize>(overhead: u32, pool: &'static Pool<N>) -> bool {
    stopwatch::start();
    workload::run(pool, |part| {
        let longest = stopwatch::stop().saturating_sub(overhead);
        print(format_args!("{N} {part} {longest}"));
        stopwatch::start();
    })
}

/// The longest section of `workload`, in instructions.
fn measured(overhead: u32, workload: impl FnOnce()) -> u32 {
    stopwatch::start();
    workload();
    stopwatch::stop() - overhead
}

/// A section of `N` instructions.
#[inline(never)]
fn section<const N: usize>() {
    critical_section::with(|_| {
        // SAFETY: they do nothing.
        unsafe {
            asm!(".rept {n}", "nop", ".endr", n = const N, options(nomem, nostack, preserves_flags))
        };
    });
}
