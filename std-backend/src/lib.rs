//! Python's `concurrent.futures` for Rust: run calls on threads or in processes, get their outcomes as futures.
//!
//! ```
//! use concurrent_futures::{ThreadPoolExecutor, as_completed};
//!
//! let pool = ThreadPoolExecutor::new(4)?;
//! let power = pool.submit(|(base, exponent)| u64::pow(base, exponent), (3, 35))?;
//! let squares = pool.map(|n: u64| n * n, 1..=3)?;
//! let futures = ["a", "b"].map(|word| pool.spawn(move || word.to_uppercase())).into_iter().collect::<Result<Vec<_>, _>>()?;
//!
//! assert_eq!(power.result()?, 50_031_545_098_999_707);
//! assert_eq!(squares.collect::<Result<Vec<_>, _>>()?, [1, 4, 9]);
//! for future in as_completed(futures) {
//!     assert!(["A", "B"].contains(&&*future.result()?));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The scheduling lives in [`concurrent_futures_core`], which is `no_std`; this crate adds threads, and worker processes
//! ([`ProcessPoolExecutor`], feature `process`, on by default, for Linux).

#[cfg(all(feature = "process", not(target_os = "linux")))]
compile_error!(
    "the feature `process` of concurrent-futures is for Linux; elsewhere depend on it with `default-features = false, features = [\"serde\"]`"
);

mod builder;
mod exit;
mod panic_location;
mod parker;
mod platform;
#[cfg(all(feature = "process", target_os = "linux"))]
mod process;
#[cfg(cf_fuzz)]
pub use process::fuzz;
mod spawner;
mod thread_pool;

pub use builder::{BuildError, ThreadPoolBuilder};
pub use concurrent_futures_core as core;
#[cfg(feature = "serde")]
pub use concurrent_futures_core::executor::{Executor, Payload};
#[cfg(feature = "sim")]
pub use concurrent_futures_core::sim;
pub use concurrent_futures_core::{
    executor::{Handle, Map, MapError, MapOptions, MapUnordered, Scope, ScopedFuture},
    future::{
        AsCompleted, AsCompletedTimeout, AsFuture, BrokenExecutor, BrokenKind, CancelOnDrop,
        CancelledBy, CodecError, CodecStage, Done, Ended, ErrorReport, Future, FutureId,
        InvalidState, Panic, Promise, Refused, ResultError, ReturnWhen, Split, SubmitError,
        TaskError, TaskState, TimedOut, Timeout, WaitSet, WorkerDied, as_completed,
        as_completed_timeout, wait,
    },
    queue::{Policy, Ring},
    scheduler::{Backend, ShutdownError, ShutdownReport, Stats},
    task::Task,
};
pub use parker::ThreadParker;
pub use platform::{StdClock, StdLock, StdPlatform};
#[cfg(all(feature = "process", target_os = "linux"))]
pub use process::{
    CallOptions, ChildOutput, OnDeath, ProcessMap, ProcessMapUnordered, ProcessPoolBuilder,
    ProcessPoolExecutor, ProcessPoolHandle, init_worker,
};
pub use spawner::ThreadSpawner;
pub use thread_pool::{ThreadPoolExecutor, ThreadPoolHandle, Threads, WorkerInit};

/// Runs every call at once, in the caller.
pub type InlineExecutor = concurrent_futures_core::executor::InlineExecutor<StdPlatform>;

/// A pool of zero workers: whoever waits, or asks, runs the calls.
pub type PumpExecutor<Q = Ring<Task>> =
    concurrent_futures_core::executor::PumpExecutor<StdPlatform, Q>;

/// A promise and its future: an outcome that the program sets by hand.
///
/// ```
/// let (promise, future) = concurrent_futures::promise();
/// promise.set(7)?;
/// assert_eq!(future.result()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn promise<T: Send + 'static>() -> (Promise<T>, Future<T>) {
    concurrent_futures_core::future::promise::<StdPlatform, T>()
}

#[cfg(all(doctest, feature = "sim"))]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;
