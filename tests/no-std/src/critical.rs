//! The program's critical section: it has one thread and no interrupts, so counting is enough.

use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::RawRestoreState;

struct Single;
critical_section::set_impl!(Single);

static DEPTH: AtomicU32 = AtomicU32::new(0);
static ENTERED: AtomicU32 = AtomicU32::new(0);

// SAFETY: there is one thread and no interrupt, so nobody else could be inside.
unsafe impl critical_section::Impl for Single {
    unsafe fn acquire() -> RawRestoreState {
        DEPTH.fetch_add(1, Ordering::Relaxed);
        ENTERED.fetch_add(1, Ordering::Relaxed);
    }

    unsafe fn release((): RawRestoreState) {
        DEPTH.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many critical sections are open.
#[unsafe(no_mangle)]
pub extern "C" fn critical_depth() -> u32 {
    DEPTH.load(Ordering::Relaxed)
}

/// Whether there was any.
#[unsafe(no_mangle)]
pub extern "C" fn critical_entered() -> bool {
    ENTERED.load(Ordering::Relaxed) > 0
}
