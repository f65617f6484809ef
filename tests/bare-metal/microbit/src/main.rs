//! The checks on QEMU's machine `microbit`.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    cortex_m_support::main(16_000_000, &[])
}
