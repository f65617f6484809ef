//! Why a worker has no result for a call, on its way to the pool.

use concurrent_futures_core::future::{CodecError, CodecStage, Panic, TaskError};
use serde::{Deserialize, Serialize};

/// What a [`Failure`](super::wire::Kind::Failure) frame carries.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// The arguments could not be read.
    Arguments(String),
    /// The result could not be written.
    Result(String),
    /// The call panicked.
    Panic {
        message: String,
        location: Option<String>,
        backtrace: String,
    },
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        let reason = error.reason().to_owned();
        match error.stage() {
            CodecStage::DecodeArguments => Self::Arguments(reason),
            _ => Self::Result(reason),
        }
    }
}

impl Failure {
    /// What is said of an initializer that failed so.
    pub(crate) fn about_initializer(&self) -> String {
        match self {
            Self::Arguments(reason) | Self::Result(reason) => format!("the initializer: {reason}"),
            Self::Panic {
                message, location, ..
            } => {
                let place = location
                    .as_ref()
                    .map_or_else(String::new, |at| format!(" at {at}"));
                format!("the initializer panicked{place}: {message}")
            }
        }
    }

    /// What the future of the call gets.
    pub(crate) fn into_error(self, pid: u32) -> TaskError {
        match self {
            Self::Arguments(reason) => {
                TaskError::Codec(CodecError::new(CodecStage::DecodeArguments, reason))
            }
            Self::Result(reason) => {
                TaskError::Codec(CodecError::new(CodecStage::EncodeResult, reason))
            }
            Self::Panic {
                message,
                location,
                backtrace,
            } => TaskError::Panicked(Panic::in_worker(pid, message, location, backtrace)),
        }
    }
}
