//! The machine: what it prints, how it ends, and its interrupts as the common checks use them.

use core::{
    fmt::{self, Write},
    panic::PanicInfo,
    sync::atomic::{AtomicPtr, Ordering},
};

use checks::{Board, Handler, Pools};

use crate::{
    clint,
    interrupts::wait_for_interrupt,
    platform::Harts,
    start::{HARTS, hart},
    traps,
};

const UART: usize = 0x1000_0000;
/// The device that ends the emulation.
const FINISHER: usize = 0x0010_0000;
const PASS: u32 = 0x5555;
const FAIL: u32 = 1 << 16 | 0x3333;

/// How long a check may take, in seconds: some take two or three, if the host has nothing else to do. A defect is to be noticed sooner.
const PATIENCE: u32 = if cfg!(feature = "plant") { 5 } else { 60 };

struct Uart;

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the transmit register, which the emulator empties at once.
            unsafe { core::ptr::with_exposed_provenance_mut::<u8>(UART).write_volatile(byte) };
        }
        Ok(())
    }
}

fn line(text: fmt::Arguments<'_>) {
    // The UART takes everything.
    let _ = writeln!(Uart, "{text}");
}

/// Ends the emulation.
pub(crate) fn finish(good: bool) -> ! {
    let code = if good { PASS } else { FAIL };
    // SAFETY: the device's only register.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(FINISHER).write_volatile(code) };
    loop {
        wait_for_interrupt();
    }
}

/// A check did not come to an end.
pub(crate) fn hung() -> ! {
    line(format_args!("FAIL the next check does not end"));
    finish(false)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line(format_args!("PANIC {}", info.message()));
    finish(false)
}

/// QEMU's `virt`.
pub(crate) struct Virt;

/// What the software interrupt of each hart is to call: a `&mut Handler` in the frame of [`Board::interrupt`].
static HANDLERS: [AtomicPtr<()>; HARTS] = [const { AtomicPtr::new(core::ptr::null_mut()) }; HARTS];

impl Board for Virt {
    type Platform = Harts;

    fn pools() -> &'static Pools<Harts> {
        static POOLS: Pools<Harts> = Pools::new();
        &POOLS
    }

    fn print(text: fmt::Arguments<'_>) {
        line(text);
        clint::watch(PATIENCE);
    }

    fn in_handler() -> bool {
        traps::inside()
    }

    fn interrupt(mut handler: &mut Handler<'_>) {
        let place = &HANDLERS[hart()];
        place.store(core::ptr::from_mut(&mut handler).cast(), Ordering::Release);
        clint::raise(hart());
        // The interrupt comes some instructions later.
        while !place.load(Ordering::Acquire).is_null() {
            core::hint::spin_loop();
        }
    }

    fn alarm(cycles: u32, handler: fn()) {
        clint::once(cycles, handler);
    }

    fn ticks() -> u32 {
        // It counts on while a hart sleeps, and nothing that ticks would wake it. Of such a clock only the wrap is of interest.
        clint::now() as u32 & 1 << 31
    }
}

/// The software interrupt of this hart.
pub(crate) fn interrupted() {
    let place = &HANDLERS[hart()];
    let handler: *mut &mut Handler<'_> = place.load(Ordering::Acquire).cast();
    // SAFETY: `interrupt` put it there on this hart, and waits until it is gone.
    if let Some(handler) = unsafe { handler.as_mut() } {
        handler();
        place.store(core::ptr::null_mut(), Ordering::Release);
    }
}
