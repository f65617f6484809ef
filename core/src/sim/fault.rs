//! What can be wrong with a run, and how it is told.

use alloc::{boxed::Box, string::String};
use core::fmt;

use super::{schedule::Schedule, trace::Trace};
use crate::sync::Essential;

/// What was wrong with a run. Each says in words who or what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Everybody waits, and nobody will wake anybody.
    Deadlock(String),
    /// Somebody sleeps although what it sleeps for is there.
    LostWakeUp(String),
    /// Somebody, or a call, has waited for longer than the bound while others went on.
    Starved(String),
    /// The run has more steps than the limit: it goes round for ever, or is long.
    Endless(String),
    /// All is over, and a future will never be finished.
    NeverFinished(String),
    /// All is over, and something is left: a call, what it would run, its outcome, workers.
    Leaked(String),
    /// An executor has more workers than it may.
    TooManyWorkers(String),
    /// Nothing was heard for long: somebody blocks on what the simulator does not know, such as a mutex or a channel of the standard
    /// library, or computes.
    Stuck(String),
    /// The body, or a thread that it spawned, panicked.
    Panicked(String),
}

impl Fault {
    /// The kind in words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deadlock(_) => "deadlock",
            Self::LostWakeUp(_) => "lost wake-up",
            Self::Starved(_) => "starved",
            Self::Endless(_) => "endless",
            Self::NeverFinished(_) => "never finished",
            Self::Leaked(_) => "leaked",
            Self::TooManyWorkers(_) => "too many workers",
            Self::Stuck(_) => "stuck",
            Self::Panicked(_) => "panicked",
        }
    }

    /// Who or what it was, in words.
    #[must_use]
    pub fn details(&self) -> &str {
        match self {
            Self::Deadlock(text)
            | Self::LostWakeUp(text)
            | Self::Starved(text)
            | Self::Endless(text)
            | Self::NeverFinished(text)
            | Self::Leaked(text)
            | Self::TooManyWorkers(text)
            | Self::Stuck(text)
            | Self::Panicked(text) => text,
        }
    }

    /// Whether a shorter run with `other` shows the same: a panic has to be the same one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Panicked(here), Self::Panicked(there)) => here == there,
            _ => self.name() == other.name(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.details())
    }
}

/// A run that went wrong, and how to have it again.
#[derive(Clone, Debug)]
pub struct Failure(pub(super) Box<Report>);

#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) fault: Fault,
    pub(super) seed: Option<u64>,
    pub(super) runs: usize,
    pub(super) schedule: Schedule,
    pub(super) trace: Trace,
    /// How many switches the run had that was found, if a shorter one replaced it.
    pub(super) shortened_from: Option<usize>,
    pub(super) without: Option<Essential>,
}

impl Failure {
    /// What was wrong.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// The seed of the walk that found it, if it was one of those.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.0.seed
    }

    /// How many runs there were, up to the one that found it.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.0.runs
    }

    /// The choices that lead to it, shortened where that was possible: see [`Walk::Replay`](super::Walk::Replay).
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.0.schedule
    }

    /// What happened in the shortened run.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.0.trace
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &*self.0;
        writeln!(f, "{}", report.fault)?;
        if let Some(step) = report.without {
            writeln!(f, "  explored without the essential step {step:?}")?;
        }
        write!(f, "  found in run {}", report.runs)?;
        if let Some(seed) = report.seed {
            write!(f, ", with seed {seed}")?;
        }
        if let Some(switches) = report.shortened_from {
            let now = report.trace.switches();
            write!(f, "; shortened from {switches} switches to {now}")?;
        }
        writeln!(f, "\n  its schedule, for a replay: \"{}\"", report.schedule)?;
        write!(f, "{}", report.trace)
    }
}

impl core::error::Error for Failure {}
