//! What the Cortex-M machines share: their [`Platform`](concurrent_futures_core::platform::Platform), an interrupt that
//! software pends, a timer, and text through semihosting.

#![no_std]

mod board;
mod clock;
#[cfg(feature = "open-lock")]
mod open_lock;
mod platform;
mod semihosting;

use checks::Check;

pub use board::CortexM;
pub use clock::TickClock;
pub use platform::{Core, Token};
pub use semihosting::{exit, print};

/// Runs the checks, and then the machine's own, on a core whose SysTick counts at `hertz`; ends the machine.
pub fn main(hertz: u32, own: &[Check]) -> ! {
    clock::start(hertz);
    semihosting::exit(checks::run::<CortexM>(own))
}
