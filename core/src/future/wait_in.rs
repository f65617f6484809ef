//! Waiting for a slice of futures, without an allocator.

use core::{pin::pin, time::Duration};

use super::{
    AsFuture, ReturnWhen, Until,
    block::{Registered, claim, pump, strands},
    wait::{deadline, is_pumped, wait_for_each},
};
use crate::{
    platform::{CallEvent, Current, Deadline, Point, Runtime},
    task::waiters::{Node, Role},
};

/// Waits for some or all of `futures`, at most for `timeout`, and sorts them in place: those that are done, and the others, each in the
/// order in which they were.
///
/// It is [`wait`](fn@super::wait) where there is no allocator, and for whoever wants to keep a slice. A timeout is no error. Where waiting is
/// not allowed, or there is no clock for the timeout, it returns at once. On a worker of their pool, futures that nobody has started are run
/// here if there is no timeout. A future that is in the slice twice, by reference, stays there twice.
///
/// While it waits for the first of several it is registered with all of them by nodes on its stack, of some hundred bytes each: for many,
/// or on a small stack, [`wait`](fn@super::wait) and [`WaitSet`](super::WaitSet) need less.
///
/// ```
/// use concurrent_futures::{ReturnWhen, ThreadPoolExecutor};
/// use concurrent_futures_core::future::wait_in;
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let mut futures = [pool.spawn(|| 6)?, pool.spawn(|| 7)?];
/// let (done, not_done) = wait_in(&mut futures, ReturnWhen::AllCompleted, None);
/// assert_eq!((done.len(), not_done.len()), (2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait_in<F: AsFuture>(
    futures: &mut [F],
    return_when: ReturnWhen,
    timeout: Option<Duration>,
) -> (&mut [F], &mut [F]) {
    if let Some(first) = futures.first() {
        let deadline = deadline(first, timeout);
        if return_when == ReturnWhen::AllCompleted && !futures.iter().any(is_pumped) {
            wait_for_each(futures, deadline);
        } else {
            wait_for_one(futures, deadline, return_when);
        }
    }
    let mut done = 0;
    for index in 0..futures.len() {
        if let Some(sorted) = futures.get_mut(done..=index)
            && sorted.last().is_some_and(|last| last.as_future().done())
        {
            sorted.rotate_right(1);
            done += 1;
        }
    }
    futures.split_at_mut(done)
}

/// Until one is enough, or all are done, and running calls where that is the waiter's part.
fn wait_for_one<F: AsFuture>(futures: &[F], deadline: Deadline, return_when: ReturnWhen) {
    let Some(first) = futures.first() else {
        return;
    };
    let runtime = first.as_future().raw().runtime();
    let mut turn = 0;
    while !is_over(futures, return_when) {
        let current = runtime.current();
        if matches!(current, Current::MustNotBlock) || deadline.is_over(|| runtime.now()) {
            return;
        }
        let mut calls = futures.iter().map(|future| future.as_future().raw());
        if (deadline == Deadline::Never && calls.clone().any(claim))
            || calls
                .clone()
                .any(|raw| !raw.state().load().is_done() && pump(raw))
        {
            continue;
        }
        if deadline == Deadline::Never && calls.any(|raw| strands(raw, current)) {
            return;
        }
        if runtime.relax(turn) {
            turn += 1;
            continue;
        }
        runtime.point(Point::AboutToWait);
        park(futures, None, runtime, deadline, return_when);
    }
}

/// Whether one is enough, or all are done.
fn is_over<F: AsFuture>(futures: &[F], return_when: ReturnWhen) -> bool {
    futures.iter().any(|future| return_when.is_enough(future))
        || futures.iter().all(|future| future.as_future().done())
}

/// Registers with the rest of the futures, one on each frame, and parks once. `first` is one that this is registered with.
fn park<F: AsFuture>(
    futures: &[F],
    first: Option<&F>,
    runtime: &'static dyn Runtime,
    deadline: Deadline,
    return_when: ReturnWhen,
) {
    let Some((future, rest)) = futures.split_first() else {
        if let Some(first) = first {
            let address = first.as_future().raw().address();
            runtime.observe(CallEvent::AwaitedAmong, address);
            runtime.park(deadline);
        }
        return;
    };
    let raw = future.as_future().raw();
    if raw.state().load().is_done() {
        // For ever: if it is not enough now, it never is.
        if !return_when.is_enough(future) {
            park(rest, first, runtime, deadline, return_when);
        }
        return;
    }
    let node = pin!(Node::new(Role::Observer(runtime.unparker().into_waker())));
    // If it is done since: look again.
    if let Some(_registered) = Registered::new(raw, node.as_ref(), Until::Done) {
        // Where all have to be done, it is enough to wait for any.
        let rest = match return_when {
            ReturnWhen::AllCompleted => &[],
            _ => rest,
        };
        park(rest, first.or(Some(future)), runtime, deadline, return_when);
    }
}
