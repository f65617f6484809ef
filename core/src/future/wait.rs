//! Waiting for many futures at once.

#[cfg(feature = "alloc")]
use alloc::{collections::BTreeSet, vec::Vec};
use core::time::Duration;

#[cfg(feature = "alloc")]
use super::WaitSet;
use super::{Future, Until, claim};
use crate::platform::{Current, Deadline};

/// What [`wait`] and its like take: a future, or something that leads to one.
pub trait AsFuture {
    /// What the call returns.
    type Output;

    /// The future.
    fn as_future(&self) -> &Future<Self::Output>;
}

impl<T> AsFuture for Future<T> {
    type Output = T;

    fn as_future(&self) -> &Self {
        self
    }
}

impl<F: AsFuture> AsFuture for &F {
    type Output = F::Output;

    fn as_future(&self) -> &Future<F::Output> {
        (**self).as_future()
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<F: AsFuture> AsFuture for alloc::sync::Arc<F> {
    type Output = F::Output;

    fn as_future(&self) -> &Future<F::Output> {
        (**self).as_future()
    }
}

/// When [`wait`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ReturnWhen {
    /// As soon as any is done.
    FirstCompleted,
    /// As soon as any has failed, or all are done. A cancelled call did not fail.
    FirstException,
    /// When all are done.
    #[default]
    AllCompleted,
}

impl ReturnWhen {
    /// Whether `future` is one for which a wait returns, whatever the others are.
    pub(super) fn is_enough<F: AsFuture>(self, future: &F) -> bool {
        match self {
            Self::FirstCompleted => future.as_future().done(),
            Self::FirstException => future.as_future().failed(),
            Self::AllCompleted => false,
        }
    }
}

/// Until when a wait for several lasts: no time at all where waiting is not allowed.
pub(super) fn deadline<F: AsFuture>(first: &F, timeout: Option<Duration>) -> Deadline {
    let runtime = first.as_future().raw().runtime();
    match timeout {
        _ if matches!(runtime.current(), Current::MustNotBlock) => Deadline::Now,
        Some(timeout) => runtime.deadline(timeout),
        None => Deadline::Never,
    }
}

/// Whether whoever waits for the call of `future` runs calls of its pool.
pub(super) fn is_pumped<F: AsFuture>(future: &F) -> bool {
    future.as_future().raw().header().vtable.is_pumped
}

/// What [`wait`] was given, in two parts, each in the order in which it was given.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct Split<F> {
    /// Those that are done.
    pub done: Vec<F>,
    /// The others.
    pub not_done: Vec<F>,
}

/// Waits for some or all of `futures`, at most for `timeout`, and hands them back by whether they are done.
///
/// Takes futures of any executors by value, by reference or in an `Arc`; each distinct one comes back once. A timeout is no
/// error. Where waiting is not allowed, or there is no clock for the timeout, it returns at once. On a worker of their pool,
/// futures that nobody has started are run here if there is no timeout.
///
/// ```
/// use concurrent_futures::{ReturnWhen, Split, ThreadPoolExecutor, wait};
/// use std::time::Duration;
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let futures = (0..4).map(|n| pool.spawn(move || n)).collect::<Result<Vec<_>, _>>()?;
/// let Split { done, not_done } = wait(futures, ReturnWhen::AllCompleted, Some(Duration::from_secs(60)));
/// assert_eq!((done.len(), not_done.len()), (4, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "alloc")]
pub fn wait<I>(futures: I, return_when: ReturnWhen, timeout: Option<Duration>) -> Split<I::Item>
where
    I: IntoIterator,
    I::Item: AsFuture,
{
    let mut futures: Vec<I::Item> = futures.into_iter().collect();
    if futures.len() > 1 {
        let mut seen = BTreeSet::new();
        futures.retain(|future| seen.insert(future.as_future().id()));
    }
    if let Some(first) = futures.first()
        && !futures.iter().any(|future| return_when.is_enough(future))
    {
        let deadline = deadline(first, timeout);
        if return_when == ReturnWhen::AllCompleted && !futures.iter().any(is_pumped) {
            wait_for_each(&futures, deadline);
        } else {
            // All of them, those included that were done a moment ago: that moment may have been after the look above.
            wait_for_one(&futures, deadline, return_when);
        }
    }
    let (done, not_done) = futures
        .into_iter()
        .partition(|future| future.as_future().done());
    Split { done, not_done }
}

/// One after the other: all have to be done anyway, and nothing needs to be registered but with the one.
pub(super) fn wait_for_each<F: AsFuture>(futures: &[F], deadline: Deadline) {
    if deadline == Deadline::Never {
        // All of them first: one that runs elsewhere may be waiting for what only this worker can run.
        for future in futures {
            claim(future.as_future().raw());
        }
    }
    for future in futures {
        let future = future.as_future();
        if future.block(Until::Done, deadline).is_err() {
            return;
        }
    }
}

/// As they come, until one is enough, and running calls where that is the waiter's part.
#[cfg(feature = "alloc")]
fn wait_for_one<F: AsFuture>(futures: &[F], deadline: Deadline, return_when: ReturnWhen) {
    let mut set: WaitSet<&F> = futures.iter().collect();
    while let Ok(Some(future)) = set.wait_next(deadline) {
        if return_when.is_enough(&future) {
            return;
        }
    }
}
