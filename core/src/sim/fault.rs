//! What can be wrong with a run, and how it is told.

use alloc::{borrow::ToOwned, boxed::Box, format, string::String};
use core::fmt;

use super::{
    schedule::Schedule,
    trace::{Trace, Who},
};
use crate::sync::Essential;

/// What a panic said, and where.
#[derive(Clone)]
pub(super) struct Caught {
    pub(super) message: String,
    pub(super) place: Option<String>,
}

/// What was wrong with a run. Each says in words who or what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Everybody waits, and nobody will wake anybody.
    Deadlock(String),
    /// Somebody sleeps although what it sleeps for is there.
    LostWakeUp(String),
    /// A call waits to be started, or somebody for room in a queue, for longer than the bound, while others go on.
    Starved(String),
    /// The run has more steps than the limit: it goes round for ever, or is long.
    Endless(String),
    /// All is over, and a future will never be finished.
    NeverFinished(String),
    /// All is over, and something is left: a call, what it would run, its outcome, workers.
    Leaked(String),
    /// An executor has more workers than it may.
    TooManyWorkers(String),
    /// The handler of an interrupt is about to wait, or to take a lock, which whoever it interrupts may hold.
    WaitsInInterrupt(String),
    /// Nothing was heard for long: somebody blocks on what the simulator does not know, such as a mutex or a channel of the standard
    /// library, or computes.
    Stuck(String),
    /// The body, or a thread that it spawned, panicked.
    Panicked(String),
    /// The body did something else than when the schedule was made.
    Unrepeatable(String),
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
            Self::WaitsInInterrupt(_) => "waits in an interrupt",
            Self::Stuck(_) => "stuck",
            Self::Panicked(_) => "panicked",
            Self::Unrepeatable(_) => "unrepeatable",
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
            | Self::WaitsInInterrupt(text)
            | Self::Stuck(text)
            | Self::Panicked(text)
            | Self::Unrepeatable(text) => text,
        }
    }

    /// `who` panicked. The place comes last, by which two are told from each other.
    pub(super) fn panicked(who: Who, panic: &Caught, then: &str) -> Self {
        let place = panic.place.as_deref().unwrap_or("an unknown place");
        Self::Panicked(format!("{who}: {}{then}, at {place}", panic.message))
    }

    /// The schedule does something that is not possible.
    pub(super) fn unrepeatable(does: &str) -> Self {
        Self::Unrepeatable(format!(
            "the schedule {does}: the body does not do the same each time, or is not the one that the schedule is of"
        ))
    }

    /// Whether a shorter run with `other` shows the same: a panic has to come from the same place.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Panicked(here), Self::Panicked(there)) => {
                let place = |text: &str| text.rsplit(", at ").next().map(ToOwned::to_owned);
                place(here) == place(there)
            }
            _ => self.name() == other.name(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.details())
    }
}

/// A run that went wrong, and how to have it again. Displayed as a report, with `{:?}` too, so that it can be unwrapped.
#[derive(Clone)]
pub struct Failure(pub(super) Box<Report>);

#[derive(Clone)]
pub(super) struct Report {
    pub(super) fault: Fault,
    pub(super) seed: Option<u64>,
    pub(super) runs: usize,
    pub(super) schedule: Schedule,
    /// Whether the schedule leads to it again; none of a run by hand.
    pub(super) repeats: Option<bool>,
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
        if let Some(repeats) = report.repeats {
            let schedule = &report.schedule;
            write!(
                f,
                "\n  its schedule, for a replay with the same settings: \"{schedule}\""
            )?;
            if !repeats {
                write!(
                    f,
                    "\n  which did something else when it was tried: the body depends on more than its schedule"
                )?;
            }
        }
        writeln!(f)?;
        report.trace.show(f, LONGEST)
    }
}

/// How many turns a report shows: of more, the first and the last.
const LONGEST: usize = 200;

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Failure {}
