//! The checks on QEMU's machine `mps2-an386`, with an allocator.

#![no_std]
#![no_main]

use checks::{Check, Verdict, expect};
use embedded_alloc::LlffHeap;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

const OWN: &[Check] = &[Check {
    lines: "T5",
    sentence: "nothing that the checks allocated is left",
    run: nothing_is_left,
}];

fn nothing_is_left() -> Verdict {
    expect!(HEAP.used() == 0, "something is");
    Ok(())
}

#[cortex_m_rt::entry]
fn main() -> ! {
    // SAFETY: once, before anything is allocated; the machine has 4 MiB, of which `memory.x` gives the first two to the program and its
    // stack.
    unsafe { HEAP.init(0x2020_0000, 0x0010_0000) };
    cortex_m_support::main(25_000_000, OWN)
}
