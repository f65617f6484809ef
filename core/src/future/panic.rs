//! A panic as a value.

use core::fmt;

#[cfg(feature = "alloc")]
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
};
#[cfg(feature = "alloc")]
use core::any::Any;

#[cfg(feature = "alloc")]
use super::Refused;

/// What a platform caught: the payload that user code panicked with, and where if it knows.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct PanicPayload {
    payload: Box<dyn Any + Send>,
    location: Option<String>,
}

/// What a platform caught. Without an allocator only the fact.
#[cfg(not(feature = "alloc"))]
#[derive(Debug)]
pub struct PanicPayload(());

impl PanicPayload {
    /// What `catch_unwind` gave, and the place of the panic if it is known.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn new(payload: Box<dyn Any + Send>, location: Option<String>) -> Self {
        Self { payload, location }
    }

    /// The fact that user code panicked, and nothing of what with.
    #[must_use]
    pub fn unknown() -> Self {
        #[cfg(feature = "alloc")]
        return Self::new(Box::new(()), None);
        #[cfg(not(feature = "alloc"))]
        Self(())
    }
}

#[cfg(feature = "alloc")]
struct Caught {
    message: String,
    location: Option<String>,
    /// The worker process that it happened in, and its stack there.
    worker: Option<(u32, String)>,
    payload: Refused<Box<dyn Any + Send>>,
}

/// A panic of a call, a callback or a drop: message, place if known, and the payload itself.
///
/// ```
/// use concurrent_futures::{TaskError, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let Err(TaskError::Panicked(panic)) = pool.spawn(|| std::panic::panic_any(7))?.result() else { unreachable!() };
/// assert_eq!(*panic.into_payload().downcast::<i32>().unwrap(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Panic {
    #[cfg(feature = "alloc")]
    caught: Box<Caught>,
    #[cfg(not(feature = "alloc"))]
    _caught: PanicPayload,
}

#[cfg(feature = "alloc")]
impl Panic {
    /// The message, if the payload is text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.caught.message
    }

    /// `file:line:column` of the panic, where the executor was asked to record it.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.caught.location.as_deref()
    }

    /// A panic in the worker process of this number, whose stack was this. The payload is the message.
    #[must_use]
    pub fn in_worker(
        pid: u32,
        message: String,
        location: Option<String>,
        backtrace: String,
    ) -> Self {
        Self {
            caught: Box::new(Caught {
                payload: Refused::new(Box::new(message.clone())),
                message,
                location,
                worker: Some((pid, backtrace)),
            }),
        }
    }

    /// The number of the worker process that it happened in, if it was in another process.
    #[must_use]
    pub fn worker_pid(&self) -> Option<u32> {
        self.caught.worker.as_ref().map(|(pid, _)| *pid)
    }

    /// The stack in the worker process, as text, if it was in another process.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        self.caught.worker.as_ref().map(|(_, stack)| &**stack)
    }

    /// The payload, to look into or to go on unwinding with (`std::panic::resume_unwind`).
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.caught.payload.into_inner()
    }
}

impl From<PanicPayload> for Panic {
    #[cfg(feature = "alloc")]
    fn from(caught: PanicPayload) -> Self {
        let PanicPayload { payload, location } = caught;
        let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
            (*text).to_owned()
        } else if let Some(text) = payload.downcast_ref::<String>() {
            text.clone()
        } else {
            "a payload that is no text".to_string()
        };
        Self {
            caught: Box::new(Caught {
                message,
                location,
                worker: None,
                payload: Refused::new(payload),
            }),
        }
    }

    #[cfg(not(feature = "alloc"))]
    fn from(caught: PanicPayload) -> Self {
        Self { _caught: caught }
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("panicked")?;
        #[cfg(feature = "alloc")]
        {
            if let Some(location) = self.location() {
                write!(f, " at {location}")?;
            }
            if let Some(pid) = self.worker_pid() {
                write!(f, " in worker process {pid}")?;
            }
            write!(f, ": {}", self.message())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panic({self})")
    }
}
