//! Futures in the order in which they are done.

use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;

use super::{AsFuture, WaitSet};
use crate::platform::Deadline;

/// The time was over before all futures were done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// How many were not done.
    pub pending: usize,
    /// How many there were.
    pub total: usize,
}

impl Timeout {
    pub(super) const fn new(pending: usize, total: usize) -> Self {
        Self { pending, total }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the time was over with {} of {} calls unfinished; wait again or cancel them",
            self.pending, self.total
        )
    }
}

impl core::error::Error for Timeout {}

/// Hands the futures back in the order in which they are done, those done already first; each distinct one once.
///
/// It is an iterator, which waits, and a [`Stream`], which does not: with `StreamExt` in scope write
/// `StreamExt::next(&mut completed)`, because both have a `next`. Dropping it early cancels nothing.
///
/// # Panics
/// `next` does in a context that must not block; use it as a stream there.
///
/// ```
/// use concurrent_futures::{ThreadPoolExecutor, as_completed};
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let futures = (0..4).map(|n| pool.spawn(move || n)).collect::<Result<Vec<_>, _>>()?;
/// let mut results = vec![];
/// for future in as_completed(futures) {
///     results.push(future.result()?);
/// }
/// results.sort();
/// assert_eq!(results, [0, 1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<I>(futures: I) -> AsCompleted<I::Item>
where
    I: IntoIterator,
    I::Item: AsFuture,
{
    AsCompleted {
        set: futures.into_iter().collect(),
    }
}

/// As [`as_completed`], for at most `timeout` from this call: after what was done in time, one [`Timeout`] and the end.
///
/// The clock is that of the first future, and starts when `futures` has given it.
pub fn as_completed_timeout<I>(futures: I, timeout: Duration) -> AsCompletedTimeout<I::Item>
where
    I: IntoIterator,
    I::Item: AsFuture,
{
    let mut set = WaitSet::new();
    // With no future there is nothing to wait for.
    let mut deadline = Deadline::Never;
    for future in futures {
        if set.is_empty() {
            deadline = future.as_future().raw().runtime().deadline(timeout);
        }
        set.insert(future);
    }
    AsCompletedTimeout {
        deadline,
        total: set.len(),
        over: false,
        set,
    }
}

/// See [`as_completed`].
#[derive(Debug)]
pub struct AsCompleted<F: AsFuture> {
    set: WaitSet<F>,
}

impl<F: AsFuture> Iterator for AsCompleted<F> {
    type Item = F;

    fn next(&mut self) -> Option<F> {
        self.set.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.set.len(), Some(self.set.len()))
    }
}

impl<F: AsFuture> ExactSizeIterator for AsCompleted<F> {}

impl<F: AsFuture> core::iter::FusedIterator for AsCompleted<F> {}

impl<F: AsFuture> Stream for AsCompleted<F> {
    type Item = F;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F>> {
        self.set.poll_next(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Iterator::size_hint(self)
    }
}

/// See [`as_completed_timeout`].
#[derive(Debug)]
pub struct AsCompletedTimeout<F: AsFuture> {
    set: WaitSet<F>,
    deadline: Deadline,
    total: usize,
    over: bool,
}

impl<F: AsFuture> Iterator for AsCompletedTimeout<F> {
    type Item = Result<F, Timeout>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.set.wait_next(self.deadline) {
            Ok(future) => future.map(Ok),
            Err(_) => {
                self.over = true;
                Some(Err(Timeout::new(self.set.len(), self.total)))
            }
        }
    }
}

impl<F: AsFuture> core::iter::FusedIterator for AsCompletedTimeout<F> {}
