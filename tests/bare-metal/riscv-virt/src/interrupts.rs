//! Masking this hart's interrupts, waiting for one, and state that belongs to one hart and its interrupt handler.

use core::arch::asm;

use concurrent_futures_core::platform::InterruptMask;

use crate::start::{HARTS, hart};

/// Bits of `mie` and `mip`.
pub(crate) const SOFTWARE: usize = 1 << 3;
pub(crate) const TIMER: usize = 1 << 7;
/// The bit of `mstatus` that lets interrupts through.
const MIE: usize = 1 << 3;

/// Lets this hart's software and timer interrupts through. Once, when its handler and its stack are ready.
pub(crate) fn enable() {
    // SAFETY: the handler for both is installed.
    unsafe { asm!("csrs mie, {}", in(reg) SOFTWARE | TIMER, options(nostack)) };
    unmask();
}

/// Masks this hart's interrupts; says whether they were let through before.
///
/// No option says that this leaves memory alone: nothing may move across it.
#[inline]
pub(crate) fn mask() -> bool {
    let before: usize;
    // SAFETY: only delays interrupts.
    unsafe { asm!("csrrci {}, mstatus, {}", out(reg) before, const MIE, options(nostack)) };
    before & MIE != 0
}

/// Lets this hart's interrupts through again.
#[inline]
pub(crate) fn unmask() {
    // SAFETY: whoever masked them comes here at the end of the section, or `enable` does.
    unsafe { asm!("csrsi mstatus, {}", const MIE, options(nostack)) };
}

/// Runs `section` without interrupts on this hart. It may be inside another such section, or in a handler.
#[inline]
pub(crate) fn masked<R>(section: impl FnOnce() -> R) -> R {
    let before = mask();
    let result = section();
    if before {
        unmask();
    }
    result
}

/// The interrupts of the calling hart.
#[derive(Debug)]
pub(crate) struct ThisHart;

// SAFETY: that is what `masked` does.
unsafe impl InterruptMask for ThisHart {
    #[inline]
    fn masked<R>(section: impl FnOnce() -> R) -> R {
        masked(section)
    }
}

/// Waits until an interrupt is pending, which may be one that is masked: nothing is lost between a look and this.
pub(crate) fn wait_for_interrupt() {
    // SAFETY: only waits.
    unsafe { asm!("wfi", options(nostack)) };
}

/// What each hart has for itself and its interrupt handler.
pub(crate) struct PerHart<T>([T; HARTS]);

// SAFETY: every element is lent on its own hart only, where masked interrupts keep the handler out.
unsafe impl<T: Send> Sync for PerHart<T> {}

impl<T> PerHart<T> {
    pub(crate) const fn new(values: [T; HARTS]) -> Self {
        Self(values)
    }

    pub(crate) fn with<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        masked(|| section(&self.0[hart()]))
    }
}
