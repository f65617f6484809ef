//! Why there is no value: one type per operation.

use core::fmt;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, string::String};

#[cfg(feature = "alloc")]
use super::{CodecError, TimedOut, WorkerDied};
use super::{Future, panic::Panic};

/// A value that only its owner can reach, so that an error which carries it is `Sync` whatever the value is.
pub struct Refused<T>(T);

// SAFETY: `&Refused<T>` gives no access to the value.
unsafe impl<T: Send> Sync for Refused<T> {}

impl<T> Refused<T> {
    /// Wraps `value`.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused(..)")
    }
}

/// Who cancelled a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelledBy {
    /// Somebody called `cancel`, or dropped what cancels on drop.
    Caller,
    /// The executor was shut down with `cancel_futures`.
    Shutdown,
    /// A full queue made room by its policy.
    Discarded,
}

impl fmt::Display for CancelledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "by the caller",
            Self::Shutdown => "by the shutdown of its executor",
            Self::Discarded => "to make room in a full queue",
        })
    }
}

/// What kind of executor broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BrokenKind {
    /// A pool of threads: its initializer failed.
    // Not 0, so that "none of them" is 0: a pool in a `static` is nothing but zeros.
    ThreadPool = 1,
    /// A pool of processes.
    ProcessPool,
}

/// The executor can run no more calls, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenExecutor {
    kind: BrokenKind,
    #[cfg(feature = "alloc")]
    #[expect(
        clippy::box_collection,
        reason = "one word, so that every outcome is small"
    )]
    cause: Box<String>,
}

impl BrokenExecutor {
    /// An executor of `kind` broke for `cause`.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn new(kind: BrokenKind, cause: impl Into<String>) -> Self {
        Self {
            kind,
            cause: Box::new(cause.into()),
        }
    }

    /// An executor of `kind` broke. Without an allocator nobody says why.
    #[cfg(not(feature = "alloc"))]
    pub(crate) const fn new(kind: BrokenKind, _cause: &'static str) -> Self {
        Self { kind }
    }

    /// What kind of executor broke.
    #[must_use]
    pub fn kind(&self) -> BrokenKind {
        self.kind
    }

    /// What broke it, in words.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }
}

impl fmt::Display for BrokenExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            BrokenKind::ThreadPool => "the thread pool is broken",
            BrokenKind::ProcessPool => "the process pool is broken",
        })?;
        #[cfg(feature = "alloc")]
        write!(f, ": {}", self.cause)?;
        f.write_str("; make a new one")
    }
}

impl core::error::Error for BrokenExecutor {}

/// Why a call has no value.
///
/// ```
/// use concurrent_futures::{TaskError, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// match pool.spawn(|| -> u32 { panic!("no luck") })?.result() {
///     Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "no luck"),
///     other => unreachable!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// The call was cancelled before it started.
    Cancelled(CancelledBy),
    /// The call panicked.
    Panicked(Panic),
    /// Whoever should have set the outcome went away without doing so.
    Abandoned,
    /// The worker process that ran the call ended.
    #[cfg(feature = "alloc")]
    WorkerDied(WorkerDied),
    /// The call ran for too long, and its worker process was ended for it.
    #[cfg(feature = "alloc")]
    TimedOut(TimedOut),
    /// The arguments or the result could not travel between processes.
    #[cfg(feature = "alloc")]
    Codec(CodecError),
    /// The executor broke before the call started.
    Broken(BrokenExecutor),
    /// No worker was left to run the call, and the platform refused to start one.
    NoWorker,
    /// The outcome was taken from this future before, by awaiting it.
    Consumed,
    /// The call has no outcome yet, and this context must not wait for it.
    WouldBlock,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(by) => write!(f, "the call was cancelled {by}"),
            Self::Panicked(panic) => write!(f, "the call {panic}"),
            Self::Abandoned => f.write_str(
                "the call will never have an outcome: whoever should have set it went away",
            ),
            #[cfg(feature = "alloc")]
            Self::WorkerDied(death) => fmt::Display::fmt(death, f),
            #[cfg(feature = "alloc")]
            Self::TimedOut(timed_out) => fmt::Display::fmt(timed_out, f),
            #[cfg(feature = "alloc")]
            Self::Codec(codec) => fmt::Display::fmt(codec, f),
            Self::Broken(broken) => fmt::Display::fmt(broken, f),
            Self::NoWorker => f.write_str(
                "no worker was left to run the call and the platform refused to start one; submit it again",
            ),
            Self::Consumed => {
                f.write_str("the outcome was taken before; keep what the first `.await` returned")
            }
            Self::WouldBlock => f.write_str(
                "the call has no outcome yet and this context must not wait; poll or await it",
            ),
        }
    }
}

impl core::error::Error for TaskError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Broken(broken) => Some(broken),
            #[cfg(feature = "alloc")]
            Self::WorkerDied(death) => Some(death),
            #[cfg(feature = "alloc")]
            Self::TimedOut(timed_out) => Some(timed_out),
            #[cfg(feature = "alloc")]
            Self::Codec(codec) => Some(codec),
            _ => None,
        }
    }
}

/// Why a bounded wait for an outcome brought none.
///
/// ```
/// use concurrent_futures::{ResultError, promise};
/// use std::time::Duration;
///
/// let (promise, future) = promise::<u32>();
/// let Err(ResultError::Unfinished(future)) = future.result_timeout(Duration::ZERO) else { unreachable!() };
/// promise.set(7)?;
/// assert_eq!(future.result()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum ResultError<T> {
    /// The call is over, without a value.
    Task(TaskError),
    /// The time was over before the call was: here is its future, untouched.
    Unfinished(Future<T>),
    /// This context must not wait: here is the future, untouched.
    WouldBlock(Future<T>),
}

impl<T> ResultError<T> {
    /// The future, if the call was not over.
    pub fn into_future(self) -> Option<Future<T>> {
        match self {
            Self::Task(_) => None,
            Self::Unfinished(future) | Self::WouldBlock(future) => Some(future),
        }
    }
}

impl<T> fmt::Debug for ResultError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(error) => f.debug_tuple("Task").field(error).finish(),
            Self::Unfinished(future) => f.debug_tuple("Unfinished").field(future).finish(),
            Self::WouldBlock(future) => f.debug_tuple("WouldBlock").field(future).finish(),
        }
    }
}

impl<T> fmt::Display for ResultError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(error) => fmt::Display::fmt(error, f),
            Self::Unfinished(_) => {
                f.write_str("the time was over before the call was; wait again or cancel it")
            }
            Self::WouldBlock(_) => {
                f.write_str("this context must not wait for a call; poll or await it")
            }
        }
    }
}

impl<T> core::error::Error for ResultError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Task(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an executor did not take a call. The call comes back.
///
/// ```
/// use concurrent_futures::{SubmitError, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// pool.shutdown(true, false)?;
/// match pool.spawn(|| 6 * 7) {
///     Err(SubmitError::ShutDown(call)) => assert_eq!(call.into_inner()(), 42),
///     other => unreachable!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum SubmitError<F> {
    /// The executor is broken, and why.
    Broken(BrokenExecutor, Refused<F>),
    /// The executor was shut down.
    ShutDown(Refused<F>),
    /// The queue is full, and the policy is not to wait, or not any longer.
    Full(Refused<F>),
    /// There is no worker, and the platform refused to start one.
    NoWorker(Refused<F>),
    /// The arguments cannot travel to where calls run.
    #[cfg(feature = "alloc")]
    Codec(CodecError, Refused<F>),
    /// The function is not in the main program, so that a worker could not find it: it is in a shared library.
    UnknownFunction(Refused<F>),
}

impl<F> SubmitError<F> {
    /// The call that was not taken.
    pub fn into_inner(self) -> F {
        match self {
            Self::Broken(_, call)
            | Self::ShutDown(call)
            | Self::Full(call)
            | Self::NoWorker(call)
            | Self::UnknownFunction(call) => call.into_inner(),
            #[cfg(feature = "alloc")]
            Self::Codec(_, call) => call.into_inner(),
        }
    }

    /// The same error with something else, or nothing, for the call.
    pub fn map<G>(self, change: impl FnOnce(F) -> G) -> SubmitError<G> {
        let change = |call: Refused<F>| Refused::new(change(call.into_inner()));
        match self {
            Self::Broken(broken, call) => SubmitError::Broken(broken, change(call)),
            Self::ShutDown(call) => SubmitError::ShutDown(change(call)),
            Self::Full(call) => SubmitError::Full(change(call)),
            Self::NoWorker(call) => SubmitError::NoWorker(change(call)),
            #[cfg(feature = "alloc")]
            Self::Codec(codec, call) => SubmitError::Codec(codec, change(call)),
            Self::UnknownFunction(call) => SubmitError::UnknownFunction(change(call)),
        }
    }

    /// The same error without the call, which is dropped.
    pub fn without_inner(self) -> SubmitError<()> {
        self.map(drop)
    }
}

impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken, call) => {
                f.debug_tuple("Broken").field(broken).field(call).finish()
            }
            Self::ShutDown(call) => f.debug_tuple("ShutDown").field(call).finish(),
            Self::Full(call) => f.debug_tuple("Full").field(call).finish(),
            Self::NoWorker(call) => f.debug_tuple("NoWorker").field(call).finish(),
            #[cfg(feature = "alloc")]
            Self::Codec(codec, call) => f.debug_tuple("Codec").field(codec).field(call).finish(),
            Self::UnknownFunction(call) => f.debug_tuple("UnknownFunction").field(call).finish(),
        }
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken, _) => fmt::Display::fmt(broken, f),
            Self::ShutDown(_) => f.write_str("the executor was shut down and takes no more calls"),
            Self::Full(_) => f.write_str(
                "the executor has no room for the call; wait, give it a larger capacity or more slots, or choose another policy",
            ),
            Self::NoWorker(_) => f.write_str(
                "the executor has no worker and the platform refused to start one; free threads or memory and submit again",
            ),
            #[cfg(feature = "alloc")]
            Self::Codec(codec, _) => fmt::Display::fmt(codec, f),
            Self::UnknownFunction(_) => f.write_str(
                "the function is not part of the main program, so worker processes cannot find it; wrap it in a function of the program",
            ),
        }
    }
}

impl<F> core::error::Error for SubmitError<F> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Broken(broken, _) => Some(broken),
            #[cfg(feature = "alloc")]
            Self::Codec(codec, _) => Some(codec),
            _ => None,
        }
    }
}

/// The future has an outcome already, or was cancelled: the value that came too late.
pub struct InvalidState<T>(Refused<T>);

impl<T> InvalidState<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Refused::new(value))
    }

    /// The value that was not set.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T> fmt::Debug for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InvalidState").field(&self.0).finish()
    }
}

impl<T> fmt::Display for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the future was cancelled before this outcome was set")
    }
}

impl<T> core::error::Error for InvalidState<T> {}
