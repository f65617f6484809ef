//! A critical section that measures itself: how long interrupts were off, in instructions.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use cortex_m::{peripheral::SYST, register::primask};
use critical_section::RawRestoreState;

/// Nanoseconds of a count of SysTick on this machine, and of an instruction, by the emulator's `-icount shift=10`: a count is less than a
/// tenth of an instruction, so that instructions are counted exactly.
const COUNT: u32 = 80;
const INSTRUCTION: u32 = 1 << 10;
/// SysTick has 24 bits, and counts down.
const MASK: u32 = 0x00ff_ffff;

/// What SysTick showed when interrupts went off.
static SINCE: AtomicU32 = AtomicU32::new(0);
/// The longest section since [`start`], in counts of SysTick.
static LONGEST: AtomicU32 = AtomicU32::new(0);
static RUNNING: AtomicBool = AtomicBool::new(false);

struct Stopwatch;
critical_section::set_impl!(Stopwatch);

// SAFETY: interrupts are off on the only core, from the first `acquire` to its own `release`.
unsafe impl critical_section::Impl for Stopwatch {
    #[inline(never)]
    unsafe fn acquire() -> RawRestoreState {
        let were_on = primask::read().is_active();
        cortex_m::interrupt::disable();
        if were_on {
            SINCE.store(SYST::get_current(), Ordering::Relaxed);
        }
        RawRestoreState::from(were_on)
    }

    #[inline(never)]
    unsafe fn release(were_on: RawRestoreState) {
        if were_on == 0 {
            return;
        }
        let took = SINCE
            .load(Ordering::Relaxed)
            .wrapping_sub(SYST::get_current())
            & MASK;
        if RUNNING.load(Ordering::Relaxed) {
            LONGEST.store(LONGEST.load(Ordering::Relaxed).max(took), Ordering::Relaxed);
        }
        // SAFETY: they were on when the outermost section began, which ends here.
        unsafe { cortex_m::interrupt::enable() };
    }
}

/// Begins anew.
pub(crate) fn start() {
    LONGEST.store(0, Ordering::Relaxed);
    RUNNING.store(true, Ordering::Relaxed);
}

/// The longest section since [`start`] in instructions, those included that measure.
pub(crate) fn stop() -> u32 {
    RUNNING.store(false, Ordering::Relaxed);
    (LONGEST.load(Ordering::Relaxed) * COUNT + INSTRUCTION / 2) / INSTRUCTION
}
