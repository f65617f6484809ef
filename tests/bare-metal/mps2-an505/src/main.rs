//! The checks on QEMU's machine `mps2-an505`.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    cortex_m_support::main(20_000_000, &[])
}
