//! One call per item of an input, results in order or as they come.

mod feed;
mod ordered;
mod unordered;

pub use ordered::Map;
pub use unordered::MapUnordered;

use core::{fmt, time::Duration};

use super::Handle;
use crate::{
    future::{NotYet, SubmitError, TaskError},
    scheduler::Backend,
};

impl<B: Backend<Cargo = ()>> Handle<B> {
    /// Calls `f` with every item of `input`, and yields the results in the order of the input.
    ///
    /// All calls are submitted before this returns, waiting for room if the queue is full. See [`map_with`](Self::map_with) for
    /// inputs that are large or endless, and for a timeout.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let squares = pool.map(|n: u32| n * n, [1, 2, 3])?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError`] if the pool takes no calls. What was submitted is cancelled then.
    ///
    /// # Cancel behaviour
    /// Dropping the iterator cancels what has not started. An error of one call, too, and it is the last item.
    pub fn map<A, R, F, I>(
        &self,
        f: F,
        input: I,
    ) -> Result<Map<B, F, I::IntoIter, R>, SubmitError<()>>
    where
        A: Send + 'static,
        R: Send + 'static,
        F: Fn(A) -> R + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        self.map_with(MapOptions::new(), f, input)
    }

    /// As [`map`](Self::map), with a bound on outstanding calls, a timeout, or going on after errors.
    ///
    /// ```
    /// use concurrent_futures::{MapOptions, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let endless = pool.map_with(MapOptions::new().buffer_size(8), |n: u64| n * n, 1..)?;
    /// assert_eq!(endless.take(3).collect::<Result<Vec<_>, _>>()?, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_with<A, R, F, I>(
        &self,
        options: MapOptions,
        f: F,
        input: I,
    ) -> Result<Map<B, F, I::IntoIter, R>, SubmitError<()>>
    where
        A: Send + 'static,
        R: Send + 'static,
        F: Fn(A) -> R + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Map::any_value(self.clone(), options, f, input.into_iter())
    }

    /// As [`map`](Self::map), for functions that return `Result`: the first `Err` is yielded, cancels the rest and ends the
    /// iterator.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// let parsed: Vec<_> = pool.map_result(str::parse::<u8>, ["1", "x", "3"])?.collect();
    /// assert_eq!(parsed.len(), 2);
    /// assert!(parsed[1].as_ref().unwrap().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`map`](Self::map).
    #[expect(
        clippy::type_complexity,
        reason = "a result inside a future, or a map, is what it is"
    )]
    pub fn map_result<A, T, E, F, I>(
        &self,
        f: F,
        input: I,
    ) -> Result<Map<B, F, I::IntoIter, Result<T, E>>, SubmitError<()>>
    where
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: Fn(A) -> Result<T, E> + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        self.map_result_with(MapOptions::new(), f, input)
    }

    /// As [`map_result`](Self::map_result), with the options of [`map_with`](Self::map_with).
    ///
    /// # Errors
    /// As [`map`](Self::map).
    #[expect(
        clippy::type_complexity,
        reason = "a result inside a future, or a map, is what it is"
    )]
    pub fn map_result_with<A, T, E, F, I>(
        &self,
        options: MapOptions,
        f: F,
        input: I,
    ) -> Result<Map<B, F, I::IntoIter, Result<T, E>>, SubmitError<()>>
    where
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: Fn(A) -> Result<T, E> + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Map::only_ok(self.clone(), options, f, input.into_iter())
    }

    /// As [`map_with`](Self::map_with), and yields the results as they come.
    ///
    /// ```
    /// use concurrent_futures::{MapOptions, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let mut squares = pool.map_unordered(MapOptions::new(), |n: u32| n * n, [1, 2, 3])?.collect::<Result<Vec<_>, _>>()?;
    /// squares.sort();
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_unordered<A, R, F, I>(
        &self,
        options: MapOptions,
        f: F,
        input: I,
    ) -> Result<MapUnordered<B, F, I::IntoIter, R>, SubmitError<()>>
    where
        A: Send + 'static,
        R: Send + 'static,
        F: Fn(A) -> R + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        MapUnordered::new(self.clone(), options, f, input.into_iter())
    }
}

/// How a map goes about its input.
///
/// ```
/// use concurrent_futures::MapOptions;
/// use std::time::Duration;
///
/// let careful = MapOptions::new().buffer_size(64).timeout(Duration::from_secs(10)).keep_going(true);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MapOptions {
    buffer_size: Option<usize>,
    timeout: Option<Duration>,
    keep_going: bool,
    chunksize: Option<usize>,
}

impl MapOptions {
    /// All input at once, no timeout, the first failure is the end.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer_size: None,
            timeout: None,
            keep_going: false,
            chunksize: None,
        }
    }

    /// Never more than this many calls whose results were not yielded, and just as many while there is input: the input is
    /// consumed as results are taken, and may be endless. None is as one.
    #[must_use]
    pub const fn buffer_size(mut self, calls: usize) -> Self {
        self.buffer_size = Some(if calls == 0 { 1 } else { calls });
        self
    }

    /// How long after the start of the map results are waited for. One that is ready is yielded even later.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether to yield every outcome, instead of ending with the first failure.
    #[must_use]
    pub const fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = keep_going;
        self
    }

    /// How many items travel together to where they are called, for executors in other processes; none is as one. Without this they
    /// choose by the time that calls take. The results are as those of single calls. Pools of threads send nothing anywhere, and take no
    /// notice.
    #[must_use]
    pub const fn chunksize(mut self, items: usize) -> Self {
        self.chunksize = Some(if items == 0 { 1 } else { items });
        self
    }

    /// What was asked for by [`buffer_size`](Self::buffer_size).
    #[must_use]
    pub const fn asked_buffer_size(&self) -> Option<usize> {
        self.buffer_size
    }

    /// What was asked for by [`timeout`](Self::timeout).
    #[must_use]
    pub const fn asked_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What was asked for by [`keep_going`](Self::keep_going).
    #[must_use]
    pub const fn asked_keep_going(&self) -> bool {
        self.keep_going
    }

    /// What was asked for by [`chunksize`](Self::chunksize).
    #[must_use]
    pub const fn asked_chunksize(&self) -> Option<usize> {
        self.chunksize
    }
}

/// Why a map has no result for an item.
#[derive(Debug)]
#[non_exhaustive]
pub enum MapError {
    /// The call has no value.
    Task(TaskError),
    /// The time was over; this is the last item.
    TimedOut,
    /// The pool takes no more calls; this is the last item, and the rest of the input was not consumed.
    Refused(SubmitError<()>),
    /// This context must not wait; this is the last item.
    WouldBlock,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(error) => fmt::Display::fmt(error, f),
            Self::TimedOut => f.write_str(
                "the time was over before all results were there; the calls that had not started were cancelled",
            ),
            Self::Refused(error) => write!(f, "the map stopped: {error}"),
            Self::WouldBlock => f.write_str("this context must not wait for the results of a map"),
        }
    }
}

impl core::error::Error for MapError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Task(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::TimedOut | Self::WouldBlock => None,
        }
    }
}

impl From<NotYet> for MapError {
    fn from(not_yet: NotYet) -> Self {
        match not_yet {
            NotYet::TimedOut => Self::TimedOut,
            NotYet::WouldBlock => Self::WouldBlock,
        }
    }
}
