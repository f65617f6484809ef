//! The checks on QEMU's machine `lm3s6965evb`.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    cortex_m_support::main(12_500_000, &[])
}
