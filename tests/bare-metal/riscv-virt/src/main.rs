//! The checks on four harts without an operating system: besides what all machines check, what needs real parallelism.
//!
//! Runs in QEMU's `virt` machine: `-machine virt -smp 4 -bios none`. The machine switches itself off.

#![no_std]
#![no_main]

mod board;
mod clint;
mod critical;
mod harts;
mod interrupts;
mod own;
mod platform;
mod spawner;
mod start;
mod traps;

/// What the first hart runs.
fn main() -> ! {
    clint::start();
    board::finish(checks::run::<board::Virt>(own::ALL))
}
