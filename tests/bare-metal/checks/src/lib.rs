//! The contract's promises, checked on a machine without an operating system.
//!
//! A firmware implements [`Board`] and calls [`run`], which prints a line for each check and one for them all. What is printed is
//! the same each time. A check that never ends is found by whoever runs the machine.

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

mod awaiting;
mod calls;
mod clock;
mod interrupts;
mod pools;
mod promises;
mod several;
mod shutdown;
mod tracked;
mod waiting;
#[cfg(feature = "alloc")]
mod with_alloc;

use core::fmt;

use concurrent_futures_core::platform::{ConstLock, InterruptUnpark};

pub use pools::Pools;

/// What an interrupt handler calls.
pub type Handler<'a> = dyn FnMut() + Send + 'a;

/// A machine: what the checks need of it.
pub trait Board: 'static {
    /// Where calls run.
    type Platform: InterruptUnpark<Lock: ConstLock>;

    /// The machine's pools: a `static`.
    fn pools() -> &'static Pools<Self::Platform>;

    /// Prints a line.
    fn print(line: fmt::Arguments<'_>);

    /// Whether an interrupt handler is calling, as the hardware says.
    fn in_handler() -> bool;

    /// Calls `handler` once, from an interrupt handler of the calling core, and returns after that.
    fn interrupt(handler: &mut Handler<'_>);

    /// Calls `handler` once, from the interrupt handler of a timer of the calling core, `cycles` from now: wherever the program is
    /// then. Where the emulator counts instructions a cycle is at most one long, and until then the time may stand still.
    fn alarm(cycles: u32, handler: fn());

    /// The counter that the clock is made of. It wraps soon after the start.
    fn ticks() -> u32;
}

/// A promise of the contract and how to check it.
#[derive(Debug)]
pub struct Check {
    /// The lines of the contract.
    pub lines: &'static str,
    /// What is promised.
    pub sentence: &'static str,
    /// Looks whether it is kept.
    pub run: fn() -> Verdict,
}

/// What a check found: what it saw instead of what was promised.
pub type Verdict = Result<(), &'static str>;

/// Ends a check with what was seen, unless what it expects is so.
#[macro_export]
macro_rules! expect {
    ($expected:expr, $instead:literal) => {
        if !$expected {
            return Err($instead);
        }
    };
}

/// A list of checks: lines of the contract, a sentence, and the function that looks.
macro_rules! checks {
    ($($lines:literal $sentence:literal $run:expr;)*) => {
        &[$($crate::Check { lines: $lines, sentence: $sentence, run: $run }),*]
    };
}
use checks;

/// Runs all checks on `B`, and then the machine's own; says whether all promises are kept.
#[must_use]
pub fn run<B: Board>(own: &[Check]) -> bool {
    let mut count = 0_usize;
    let mut failed = 0_usize;
    for check in [
        clock::all::<B>(),
        promises::all::<B>(),
        waiting::all::<B>(),
        awaiting::all::<B>(),
        calls::all::<B>(),
        several::all::<B>(),
        interrupts::all::<B>(),
        shutdown::all::<B>(),
        #[cfg(feature = "alloc")]
        with_alloc::all::<B>(),
        own,
    ]
    .into_iter()
    .flatten()
    {
        count += 1;
        match (check.run)() {
            Ok(()) => B::print(format_args!("ok   {}: {}", check.lines, check.sentence)),
            Err(seen) => {
                failed += 1;
                B::print(format_args!(
                    "FAIL {}: {}: {seen}",
                    check.lines, check.sentence
                ));
            }
        }
    }
    if failed == 0 {
        B::print(format_args!("OK {count} checks"));
    } else {
        B::print(format_args!("FAILED {failed}"));
    }
    failed == 0
}

/// Runs `code` in an interrupt handler and returns what it returned.
pub(crate) fn in_handler<B: Board, R: Send>(code: impl FnOnce() -> R + Send) -> R {
    let mut code = Some(code);
    let mut result = None;
    B::interrupt(&mut || result = code.take().map(|code| code()));
    match result {
        Some(result) => result,
        None => panic!("the handler was not called"),
    }
}
