//! The trait that all executors share, and what can travel between them.

use serde::{Serialize, de::DeserializeOwned};

use super::{Handle, InlineExecutor, MapError, MapOptions, Pool, PumpExecutor};
use crate::{
    future::{Future, SubmitError},
    platform::Platform,
    queue::TaskQueue,
    scheduler::{Backend, ShutdownError, ShutdownReport},
};

/// What can be an argument or a result on every executor: it can be sent to another thread, and to another process.
///
/// Implemented for everything that has the three properties.
pub trait Payload: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {}

/// Runs calls somewhere: the interface of every executor, for code that does not care where.
///
/// It takes plain functions and arguments that can travel, because an executor may be in another process.
///
/// ```
/// use concurrent_futures::{Executor, InlineExecutor, ThreadPoolExecutor};
///
/// fn sum_of_squares<E: Executor>(executor: &E, numbers: Vec<u64>) -> Result<u64, Box<dyn std::error::Error>> {
///     let mut sum = 0;
///     for square in executor.map(|n: u64| n * n, numbers)? {
///         sum += square?;
///     }
///     Ok(sum)
/// }
///
/// assert_eq!(sum_of_squares(&ThreadPoolExecutor::new(2)?, vec![3, 4])?, 25);
/// assert_eq!(sum_of_squares(&InlineExecutor::new(), vec![3, 4])?, 25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Executor {
    /// Calls `f(args)` somewhere.
    ///
    /// # Errors
    /// [`SubmitError`] with the function and its arguments, if the executor is broken, shut down or full, in this order.
    #[expect(
        clippy::type_complexity,
        reason = "the function and its arguments come back as they were given"
    )]
    fn submit<A: Payload, R: Payload>(
        &self,
        f: fn(A) -> R,
        args: A,
    ) -> Result<Future<R>, SubmitError<(fn(A) -> R, A)>>;

    /// As [`submit`](Self::submit); an `Err` counts as a failure of the call.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    #[expect(
        clippy::type_complexity,
        reason = "the function and its arguments come back as they were given"
    )]
    fn submit_result<A: Payload, T: Payload, E: Payload>(
        &self,
        f: fn(A) -> Result<T, E>,
        args: A,
    ) -> Result<Future<Result<T, E>>, SubmitError<(fn(A) -> Result<T, E>, A)>>;

    /// Calls `f` with every item of `input`; results in the order of the input.
    ///
    /// # Errors
    /// [`SubmitError`] if the executor takes no calls.
    fn map<A: Payload, R: Payload, I: IntoIterator<Item = A>>(
        &self,
        f: fn(A) -> R,
        input: I,
    ) -> Result<impl Iterator<Item = Result<R, MapError>>, SubmitError<()>> {
        self.map_with(MapOptions::new(), f, input)
    }

    /// As [`map`](Self::map), with options.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    fn map_with<A: Payload, R: Payload, I: IntoIterator<Item = A>>(
        &self,
        options: MapOptions,
        f: fn(A) -> R,
        input: I,
    ) -> Result<impl Iterator<Item = Result<R, MapError>>, SubmitError<()>>;

    /// A place at which others may come between, in a test on the simulator: to be put between two accesses to something that callers
    /// and calls share without this library's help. It does nothing elsewhere.
    fn step(&self) {}

    /// Takes no more calls. With `cancel_futures`, cancels those that have not started; with `wait`, returns when all is over.
    ///
    /// # Errors
    /// [`ShutdownError`] if it was to wait and must not; the executor is closed all the same.
    fn shutdown(&self, wait: bool, cancel_futures: bool) -> Result<ShutdownReport, ShutdownError>;
}

impl<B: Backend<Cargo = ()>> Executor for Handle<B> {
    fn submit<A: Payload, R: Payload>(
        &self,
        f: fn(A) -> R,
        args: A,
    ) -> Result<Future<R>, SubmitError<(fn(A) -> R, A)>> {
        Handle::submit(self, f, args)
    }

    fn submit_result<A: Payload, T: Payload, E: Payload>(
        &self,
        f: fn(A) -> Result<T, E>,
        args: A,
    ) -> Result<Future<Result<T, E>>, SubmitError<(fn(A) -> Result<T, E>, A)>> {
        Handle::submit_result(self, f, args)
    }

    fn map_with<A: Payload, R: Payload, I: IntoIterator<Item = A>>(
        &self,
        options: MapOptions,
        f: fn(A) -> R,
        input: I,
    ) -> Result<impl Iterator<Item = Result<R, MapError>>, SubmitError<()>> {
        Handle::map_with(self, options, f, input)
    }

    fn step(&self) {
        Handle::step(self);
    }

    fn shutdown(&self, wait: bool, cancel_futures: bool) -> Result<ShutdownReport, ShutdownError> {
        Handle::shutdown(self, wait, cancel_futures)
    }
}

crate::executor_by_handle!([B: Backend<Cargo = ()>] Pool<B>);
crate::executor_by_handle!([P: Platform] InlineExecutor<P>);
crate::executor_by_handle!([P: Platform, Q: TaskQueue] PumpExecutor<P, Q>);
