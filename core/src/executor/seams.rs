//! For owners of workers that run calls elsewhere: submitting what such a worker takes along, and working a queue by hand.

use core::{marker::PhantomData, ptr::NonNull};

use super::{
    Handle,
    call::{AnyValue, Arrival, OnlyOk},
    handle::LocalOf,
};
use crate::{
    future::{Future, SubmitError, TaskError},
    queue::Policy,
    scheduler::{Backend, Cargo, Taken},
    task::Keep,
};

/// What a call brings along for workers that run it elsewhere.
struct Brought<C>(C);

impl<C: Cargo> Keep for Brought<C> {
    const IS_ELSEWHERE: bool = true;

    fn cargo(&self) -> NonNull<()> {
        NonNull::from(&self.0).cast()
    }

    fn recall(&self) -> bool {
        self.0.recall()
    }
}

impl<B: Backend> Handle<B> {
    /// Submits a call that runs elsewhere, with what it brings along for the worker that takes it there. When its outcome is back,
    /// `arrive` makes a value of it, on that worker.
    ///
    /// A full queue goes by `policy`, or by the pool's own without one.
    ///
    /// # Errors
    /// [`SubmitError`] if the pool is broken, shut down or full, in this order.
    ///
    /// # Cancel behaviour
    /// The call can be cancelled until a worker starts it, or its [`Cargo`] refuses. `arrive` is dropped then.
    pub fn submit_cargo<R, F>(
        &self,
        cargo: B::Cargo,
        arrive: F,
        policy: Option<Policy>,
    ) -> Result<Future<R>, SubmitError<()>>
    where
        R: Send + 'static,
        F: FnOnce(&LocalOf<B>) -> Result<R, TaskError> + Send + 'static,
    {
        let call = Arrival(arrive, PhantomData::<(fn(&LocalOf<B>), AnyValue)>);
        // SAFETY: everything is `'static` and `Send`; the pool's local value and its cargo are of just these types.
        unsafe { self.submit_boxed(call, policy, Brought(cargo)) }
    }

    /// As [`submit_cargo`](Self::submit_cargo), for functions that return `Result`: an `Err` counts as a failure of the call.
    ///
    /// # Errors
    /// As there.
    pub fn submit_cargo_result<T, E, F>(
        &self,
        cargo: B::Cargo,
        arrive: F,
        policy: Option<Policy>,
    ) -> Result<Future<Result<T, E>>, SubmitError<()>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&LocalOf<B>) -> Result<Result<T, E>, TaskError> + Send + 'static,
    {
        let call = Arrival(arrive, PhantomData::<(fn(&LocalOf<B>), OnlyOk)>);
        // SAFETY: as for `submit_cargo`.
        unsafe { self.submit_boxed(call, policy, Brought(cargo)) }
    }

    /// Whether the calling thread is a worker of this pool, or looks after one.
    #[must_use]
    pub fn is_worker(&self) -> bool {
        self.pool().own_context().is_some()
    }
}

impl<B: Backend<Initializer = ()>> Handle<B> {
    /// Takes the call that would be run next out of the queue.
    pub fn take(&self) -> Option<Taken<'_, B>> {
        let task = self.pool().take()?;
        Some(Taken::new(self.pool(), task))
    }
}
