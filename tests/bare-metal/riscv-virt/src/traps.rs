//! The trap handler: software interrupts wake, timer interrupts are the source of calls, everything else ends the program.

use core::{
    arch::{asm, global_asm},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    board, clint,
    start::{HARTS, hart},
};

// Interrupts are masked until `mret`, so that one handler at a time runs on a hart, on the stack of what it interrupted.
global_asm!(
    ".section .text.trap, \"ax\"",
    ".balign 4",
    ".global trap_entry",
    "trap_entry:",
    "    addi sp, sp, -64",
    "    sw ra,  0(sp)",
    "    sw t0,  4(sp)",
    "    sw t1,  8(sp)",
    "    sw t2, 12(sp)",
    "    sw t3, 16(sp)",
    "    sw t4, 20(sp)",
    "    sw t5, 24(sp)",
    "    sw t6, 28(sp)",
    "    sw a0, 32(sp)",
    "    sw a1, 36(sp)",
    "    sw a2, 40(sp)",
    "    sw a3, 44(sp)",
    "    sw a4, 48(sp)",
    "    sw a5, 52(sp)",
    "    sw a6, 56(sp)",
    "    sw a7, 60(sp)",
    "    csrr a0, mcause",
    "    call {trap}",
    "    lw ra,  0(sp)",
    "    lw t0,  4(sp)",
    "    lw t1,  8(sp)",
    "    lw t2, 12(sp)",
    "    lw t3, 16(sp)",
    "    lw t4, 20(sp)",
    "    lw t5, 24(sp)",
    "    lw t6, 28(sp)",
    "    lw a0, 32(sp)",
    "    lw a1, 36(sp)",
    "    lw a2, 40(sp)",
    "    lw a3, 44(sp)",
    "    lw a4, 48(sp)",
    "    lw a5, 52(sp)",
    "    lw a6, 56(sp)",
    "    lw a7, 60(sp)",
    "    addi sp, sp, 64",
    "    mret",
    trap = sym trap,
);

const SOFTWARE_INTERRUPT: usize = 1 << 31 | 3;
const TIMER_INTERRUPT: usize = 1 << 31 | 7;

static INSIDE: [AtomicBool; HARTS] = [const { AtomicBool::new(false) }; HARTS];

/// Whether the caller is this hart's interrupt handler.
pub(crate) fn inside() -> bool {
    // Relaxed: only this hart reads and writes it.
    INSIDE[hart()].load(Ordering::Relaxed)
}

extern "C" fn trap(cause: usize) {
    // Relaxed: as above.
    INSIDE[hart()].store(true, Ordering::Relaxed);
    match cause {
        SOFTWARE_INTERRUPT => {
            clint::clear();
            board::interrupted();
        }
        TIMER_INTERRUPT => clint::expired(),
        _ => {
            let address: usize;
            // SAFETY: reads a register.
            unsafe { asm!("csrr {}, mepc", out(reg) address, options(nomem, nostack)) };
            panic!("trap {cause:#x} at {address:#x}");
        }
    }
    INSIDE[hart()].store(false, Ordering::Relaxed);
}
