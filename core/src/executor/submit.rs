//! A call in its cell, on its way to a pool, and back if the pool refuses it.

use super::call::Given;
use crate::{
    future::{Future, Refused as RefusedCall, SubmitError},
    platform::{InterruptUnpark, Lock},
    queue::Inbox,
    scheduler::{Backend, Pool, Refused, Wanted, Why},
    task::{
        Task,
        cell::{Cell, Storage},
        header::Raw,
    },
};

/// Submits a call that is in a cell, and makes its future.
///
/// # Safety
/// `raw` is of a new `Cell<C, S>`, both of whose references are this function's from here. Whatever the call and its output borrow outlives
/// the cell, and all of it is `Send`.
#[inline]
pub(super) unsafe fn submit_cell<B: Backend, C: Given, S: Storage<C>>(
    pool: &Pool<B>,
    raw: Raw,
    wanted: Wanted,
) -> Result<Future<C::Output>, SubmitError<C::Back>> {
    // SAFETY: a new cell has a reference for its producer.
    let task = unsafe { Task::new(raw) };
    match pool.submit(task, raw, wanted) {
        // SAFETY: a new cell has a reference for its consumer.
        Ok(()) => Ok(unsafe { Future::new(raw) }),
        // SAFETY: as for this function.
        Err(refused) => Err(unsafe { take_back::<C, S>(raw, refused) }),
    }
}

/// Submits a call that is in a cell, and that nobody waits for, from an interrupt handler.
///
/// # Safety
/// As for [`submit_cell`].
pub(super) unsafe fn post_cell<B, C, S, L, const N: usize>(
    pool: &Pool<B>,
    raw: Raw,
) -> Result<(), SubmitError<C::Back>>
where
    B: Backend<Queue = Inbox<Task, L, N>>,
    B::Platform: InterruptUnpark,
    C: Given,
    S: Storage<C>,
    L: Lock,
{
    raw.state().detach();
    // SAFETY: a new cell has a reference for its producer.
    let task = unsafe { Task::new(raw) };
    match pool.post(task, raw) {
        Ok(()) => {
            raw.release();
            Ok(())
        }
        // SAFETY: as for this function.
        Err(refused) => Err(unsafe { take_back::<C, S>(raw, refused) }),
    }
}

pub(super) fn refuse<F>(why: Why, call: F) -> SubmitError<F> {
    let call = RefusedCall::new(call);
    match why {
        Why::Broken(broken) => SubmitError::Broken(broken, call),
        Why::ShutDown => SubmitError::ShutDown(call),
        Why::Full => SubmitError::Full(call),
        Why::NoWorker => SubmitError::NoWorker(call),
    }
}

/// Moves a refused call out of its cell, and lets the cell go.
///
/// # Safety
/// `raw` is of a `Cell<C, S>` that was refused just now, and the consumer's reference is this function's from here.
#[cold]
pub(super) unsafe fn take_back<C: Given, S: Storage<C>>(
    raw: Raw,
    refused: Refused,
) -> SubmitError<C::Back> {
    let (why, queued) = match refused {
        Refused::Back(why, task) => {
            task.forget();
            (why, false)
        }
        Refused::Withdrawn(why) => (why, true),
    };
    // SAFETY: this thread is alone with the cell, or moved its state away from PENDING.
    let call = unsafe { Cell::<C, S>::take_call(raw) };
    if !queued {
        // The queue's reference.
        raw.release();
    }
    raw.release();
    refuse(why, call.give_back())
}
