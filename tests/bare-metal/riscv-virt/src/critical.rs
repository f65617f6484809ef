//! The program's critical section, for four harts: interrupts masked, then a lock that spins.

use core::{
    hint::spin_loop,
    sync::atomic::{AtomicUsize, Ordering},
};

use critical_section::RawRestoreState;

use crate::{interrupts, start::hart};

struct AllHarts;
critical_section::set_impl!(AllHarts);

/// The hart inside, counted from one; nobody is zero.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

// What `release` has to do.
const STAY: RawRestoreState = 0;
const LEAVE_MASKED: RawRestoreState = 1;
const LEAVE_AND_UNMASK: RawRestoreState = 2;

// SAFETY: one hart at a time holds the lock, and its interrupts are masked as long: nobody else is inside. Acquire and Release
// order the sections.
unsafe impl critical_section::Impl for AllHarts {
    unsafe fn acquire() -> RawRestoreState {
        // Before the lock: an interrupt handler that spun for the lock of the code it interrupted would spin for ever.
        let unmasked = interrupts::mask();
        let this = hart() + 1;
        // Relaxed: no other hart ever writes the number of this one.
        if INSIDE.load(Ordering::Relaxed) == this {
            return STAY;
        }
        while INSIDE
            .compare_exchange_weak(0, this, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            spin_loop();
        }
        if unmasked {
            LEAVE_AND_UNMASK
        } else {
            LEAVE_MASKED
        }
    }

    unsafe fn release(restore: RawRestoreState) {
        if restore == STAY {
            return;
        }
        INSIDE.store(0, Ordering::Release);
        if restore == LEAVE_AND_UNMASK {
            interrupts::unmask();
        }
    }
}
