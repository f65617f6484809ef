//! What interrupt handlers do with static pools, for models: these have no static pools, but others with the same queue.

use alloc::boxed::Box;
use core::{marker::PhantomData, ptr::NonNull};

use super::{
    Handle,
    call::{AnyValue, Closure},
    submit::{post_cell, submit_cell},
};
use crate::{
    future::{Future, SubmitError},
    platform::{InterruptUnpark, Lock},
    queue::Inbox,
    scheduler::{Backend, Pool, Wanted},
    task::{
        Boxed, Call, Task, allocate,
        cell::{Cell, Storage},
        header::Raw,
    },
};

/// What a call in a box keeps so that it may leave the queue when it is cancelled, as one in a slot does.
struct Removable<B: Backend>(Pool<B>);

impl<C, B, L, const N: usize> Storage<C> for Removable<B>
where
    C: Call,
    B: Backend<Queue = Inbox<Task, L, N>>,
    L: Lock,
{
    fn unqueue(&self, raw: Raw) {
        self.0.unqueue(raw);
    }

    unsafe fn free(cell: NonNull<Cell<C, Self>>) {
        // SAFETY: the cell is not freed yet.
        let kept = unsafe { &raw mut (*cell.as_ptr()).storage };
        // SAFETY: nobody uses the cell any more, and it is never dropped as a whole: its memory stays, as for others in models.
        unsafe { kept.drop_in_place() };
    }
}

impl<B, L, const N: usize> Handle<B>
where
    B: Backend<Queue = Inbox<Task, L, N>>,
    L: Lock,
{
    /// As for a static pool: starts the workers.
    #[must_use]
    pub fn start(&self) -> usize {
        self.pool().start_all()
    }

    /// As for a static pool: submits a call that leaves the queue when it is cancelled.
    ///
    /// # Errors
    /// As for others.
    pub fn spawn_removable<R, F>(&self, f: F) -> Result<Future<R>, SubmitError<F>>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        let (pool, call) = (self.pool(), Closure(f, PhantomData::<AnyValue>));
        let cell = Cell::new::<B::Platform>(call, Some(pool.owner()), Removable(pool.clone()));
        let cell = NonNull::from(Box::leak(Box::new(cell)));
        // SAFETY: the two references that a new cell has go to where it is submitted.
        let raw = unsafe { Cell::raw(cell) };
        let wanted = Wanted {
            policy: None,
            needs_local: false,
        };
        // SAFETY: the cell is new, and of this type; everything in it is `Send` and `'static`.
        unsafe { submit_cell::<B, Closure<F, AnyValue>, Removable<B>>(pool, raw, wanted) }
    }

    /// As [`InterruptSide`](super::InterruptSide) does once it has a slot, but that the call is in a box.
    ///
    /// # Errors
    /// As there.
    pub fn post_detached<F>(&self, f: F) -> Result<(), SubmitError<F>>
    where
        B::Platform: InterruptUnpark,
        F: FnOnce() + Send + 'static,
    {
        let call = Closure(f, PhantomData::<AnyValue>);
        let raw = allocate::<B::Platform, _, _>(call, Some(self.pool().owner()), ());
        // SAFETY: the cell is new, and of this type; everything in it is `Send` and `'static`.
        unsafe { post_cell::<_, Closure<_, AnyValue>, Boxed, _, _>(self.pool(), raw) }
    }
}
