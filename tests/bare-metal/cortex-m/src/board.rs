//! The core as the checks see it.

use core::sync::atomic::{AtomicPtr, Ordering};

use checks::{Board, Handler, Pools};
use cortex_m::{asm, peripheral::SCB};
use cortex_m_rt::exception;

use crate::{Core, clock, platform, semihosting};

/// A Cortex-M machine.
#[derive(Debug)]
pub struct CortexM;

/// What PendSV is to call: a `&mut Handler` in the frame of [`Board::interrupt`].
static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

impl Board for CortexM {
    type Platform = Core;

    fn pools() -> &'static Pools<Core> {
        static POOLS: Pools<Core> = Pools::new();
        &POOLS
    }

    fn print(line: core::fmt::Arguments<'_>) {
        semihosting::print(line);
    }

    fn in_handler() -> bool {
        platform::in_handler()
    }

    fn interrupt(mut handler: &mut Handler<'_>) {
        HANDLER.store(core::ptr::from_mut(&mut handler).cast(), Ordering::Release);
        SCB::set_pendsv();
        asm::dsb();
        asm::isb();
        assert!(
            HANDLER.load(Ordering::Acquire).is_null(),
            "the interrupt did not come"
        );
    }

    fn alarm(cycles: u32, handler: fn()) {
        clock::alarm(cycles, handler);
    }

    fn ticks() -> u32 {
        clock::ticks()
    }
}

#[exception]
fn PendSV() {
    let handler: *mut &mut Handler<'_> = HANDLER.load(Ordering::Acquire).cast();
    // SAFETY: `interrupt` pended this, and does not go on before it is over.
    if let Some(handler) = unsafe { handler.as_mut() } {
        handler();
    }
    HANDLER.store(core::ptr::null_mut(), Ordering::Release);
}
