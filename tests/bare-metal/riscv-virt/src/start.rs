//! From reset to Rust: a stack for every hart, zeroed memory, interrupts.

use core::arch::{asm, global_asm};

/// How many harts the machine has; `link.x` has a stack for each.
pub(crate) const HARTS: usize = 4;

// All harts come here at once. The first one zeroes the memory that must be zero, while the others sleep with interrupts
// masked, until it sends each a software interrupt.
global_asm!(
    ".section .text.start, \"ax\"",
    ".global _start",
    "_start:",
    "    csrw mstatus, zero",
    "    csrw mie, zero",
    "    csrr s0, mhartid",
    "    li   t0, {harts}",
    "    bgeu s0, t0, 5f",
    "    la   sp, __stacks",
    "    addi t0, s0, 1",
    "    slli t0, t0, 16",
    "    add  sp, sp, t0",
    "    la   t0, trap_entry",
    "    csrw mtvec, t0",
    "    li   t0, {software}",
    "    csrw mie, t0",
    "    slli s1, s0, 2",
    "    li   t0, {msip}",
    "    add  s1, s1, t0",
    "    bnez s0, 3f",
    // The first hart.
    "    la   t0, __bss_start",
    "    la   t1, __bss_end",
    "1:  bgeu t0, t1, 2f",
    "    sw   zero, 0(t0)",
    "    addi t0, t0, 4",
    "    j    1b",
    "2:  fence iorw, iorw",
    "    li   t0, 1",
    "    sw   t0, 4(s1)",
    "    sw   t0, 8(s1)",
    "    sw   t0, 12(s1)",
    "    j    4f",
    // The others.
    "3:  wfi",
    "    csrr t0, mip",
    "    andi t0, t0, {software}",
    "    beqz t0, 3b",
    "    sw   zero, 0(s1)",
    "    fence iorw, iorw",
    "4:  mv   a0, s0",
    "    call {enter}",
    "5:  wfi",
    "    j    5b",
    harts = const HARTS,
    software = const crate::interrupts::SOFTWARE,
    msip = const crate::clint::MSIP,
    enter = sym enter,
);

/// Which hart this is.
pub(crate) fn hart() -> usize {
    let hart: usize;
    // SAFETY: reads a register that always exists and never changes.
    unsafe { asm!("csrr {}, mhartid", out(reg) hart, options(nomem, nostack, preserves_flags)) };
    hart
}

extern "C" fn enter(hart: usize) -> ! {
    crate::interrupts::enable();
    match hart {
        0 => crate::main(),
        _ => crate::harts::serve(hart),
    }
}
