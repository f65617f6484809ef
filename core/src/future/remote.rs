//! What can go wrong with a call only because it runs in another process.

use alloc::{boxed::Box, string::String};
use core::{fmt, time::Duration};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// It exited, with this status.
    Exited(i32),
    /// A signal of this number ended it: 9 is SIGKILL, 11 a segmentation fault, 6 an abort.
    Signal(i32),
    /// Nobody can tell: somebody else has waited for it.
    Unknown,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Signal(signal) => match name(*signal) {
                Some(name) => write!(f, "was ended by signal {signal} ({name})"),
                None => write!(f, "was ended by signal {signal}"),
            },
            Self::Unknown => f.write_str("ended, and its status is lost"),
        }
    }
}

/// What a signal is called, where the common ones are numbered alike, and what it often means.
fn name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        4 => "SIGILL",
        6 => "SIGABRT: an abort, or no memory",
        8 => "SIGFPE",
        9 => "SIGKILL: from outside, or the system had no memory",
        11 => "SIGSEGV: a bad address, or a stack that was too small",
        15 => "SIGTERM",
        _ => return None,
    })
}

/// A worker process ended before the call that it was running did. Nothing is known of how far the call came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerDied(Box<Death>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Death {
    pid: u32,
    ended: Ended,
    why: Option<String>,
}

impl WorkerDied {
    /// The process of this number ended so; `why`, if this side had a reason to end it.
    #[must_use]
    pub fn new(pid: u32, ended: Ended, why: Option<String>) -> Self {
        Self(Box::new(Death { pid, ended, why }))
    }

    /// The number that the process had.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// How it ended.
    #[must_use]
    pub fn ended(&self) -> Ended {
        self.0.ended
    }

    /// Why the executor ended it, if it did.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.0.why.as_deref()
    }
}

impl fmt::Display for WorkerDied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the worker process {} {} while it ran the call",
            self.0.pid, self.0.ended
        )?;
        if let Some(why) = &self.0.why {
            write!(f, ", because {why}")?;
        }
        Ok(())
    }
}

impl core::error::Error for WorkerDied {}

/// The call ran for longer than it was allowed to; its worker was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedOut(Box<(Duration, u32)>);

impl TimedOut {
    /// `limit` was over, and the process of this number was ended for it.
    #[must_use]
    pub fn new(limit: Duration, pid: u32) -> Self {
        Self(Box::new((limit, pid)))
    }

    /// How long the call was allowed to run.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.0.0
    }

    /// The number that the process had.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.1
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, pid) = &*self.0;
        write!(
            f,
            "the call ran for longer than its limit of {limit:?}; its worker process {pid} was ended"
        )
    }
}

impl core::error::Error for TimedOut {}

/// Where a value could not travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecStage {
    /// The arguments, where the call was submitted.
    EncodeArguments,
    /// The arguments, where the call runs.
    DecodeArguments,
    /// The result, where the call ran.
    EncodeResult,
    /// The result, back where the call was submitted.
    DecodeResult,
}

impl fmt::Display for CodecStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncodeArguments => "the arguments cannot be encoded",
            Self::DecodeArguments => "the arguments cannot be decoded in the worker",
            Self::EncodeResult => "the result cannot be encoded in the worker",
            Self::DecodeResult => "the result cannot be decoded",
        })
    }
}

/// Arguments or a result could not travel to another process, or back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError(Box<(CodecStage, String)>);

impl CodecError {
    /// It failed there, for this reason.
    #[must_use]
    pub fn new(stage: CodecStage, reason: impl Into<String>) -> Self {
        Self(Box::new((stage, reason.into())))
    }

    /// Where it failed.
    #[must_use]
    pub fn stage(&self) -> CodecStage {
        self.0.0
    }

    /// What the serialisation said.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.1
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, reason) = &*self.0;
        write!(f, "{stage}: {reason}")
    }
}

impl core::error::Error for CodecError {}
