//! Waiting for many futures at once.

use alloc::{collections::BTreeSet, vec::Vec};
use core::time::Duration;

use super::{Future, Until, WaitSet, claim};
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

#[cfg(target_has_atomic = "ptr")]
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

/// What [`wait`] was given, in two parts, each in the order in which it was given.
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
    let enough = |future: &&I::Item| match return_when {
        ReturnWhen::FirstCompleted => future.as_future().done(),
        ReturnWhen::FirstException => future.as_future().failed(),
        ReturnWhen::AllCompleted => false,
    };
    if let Some(first) = futures.first()
        && !futures.iter().any(|future| enough(&future))
    {
        let runtime = first.as_future().raw().runtime();
        let deadline = match timeout {
            _ if matches!(runtime.current(), Current::MustNotBlock) => Deadline::Now,
            Some(timeout) => runtime.deadline(timeout),
            None => Deadline::Never,
        };
        let pumped = |future: &I::Item| future.as_future().raw().header().vtable.is_pumped;
        if return_when == ReturnWhen::AllCompleted && !futures.iter().any(pumped) {
            wait_for_each(&futures, deadline);
        } else {
            // All of them, those included that were done a moment ago: that moment may have been after the look above.
            wait_for_one(&futures, deadline, enough);
        }
    }
    let (done, not_done) = futures
        .into_iter()
        .partition(|future| future.as_future().done());
    Split { done, not_done }
}

/// One after the other: all have to be done anyway, and nothing needs to be registered but with the one.
fn wait_for_each<F: AsFuture>(futures: &[F], deadline: Deadline) {
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
fn wait_for_one<F: AsFuture>(futures: &[F], deadline: Deadline, enough: impl Fn(&&F) -> bool) {
    let mut set: WaitSet<&F> = futures.iter().collect();
    while let Ok(Some(future)) = set.wait_next(deadline) {
        if enough(&future) {
            return;
        }
    }
}
