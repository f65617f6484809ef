//! Models of the real types, explored by loom (`--cfg cf_model`) or by shuttle (`--cfg cf_shuttle`).
//!
//! Loom goes through all interleavings, up to a number of preemptions, and through what weak memory allows; so its models are
//! small. Shuttle draws schedules of larger ones, on a machine whose memory is sequentially consistent.
//!
//! Every model must hold, and with an essential step switched off the model that needs it must fail, for the reason that is
//! expected. Each exploration is a process of its own: the program runs them all, and with `NAME [ESSENTIAL]` one.

#[cfg(cf_model)]
mod by_loom;
#[cfg(cf_shuttle)]
mod by_shuttle;
mod counts;
mod harness;

#[cfg(cf_model)]
use by_loom as explorer;
#[cfg(all(cf_shuttle, not(cf_model)))]
use by_shuttle as explorer;

fn main() -> std::process::ExitCode {
    harness::main(&explorer::models(), explorer::REMOVALS, explorer::explore)
}
