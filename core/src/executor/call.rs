//! The kinds of call: how each runs, and how it comes back if it is refused.

use crate::{
    future::TaskError,
    task::{Call, Local},
};

/// A call as it was given to `submit` or `spawn`.
pub(super) trait Given: Call {
    /// What the submitter gets back.
    type Back;

    /// Whether only a worker, with its local value, can run it.
    const NEEDS_LOCAL: bool = false;

    fn give_back(self) -> Self::Back;
}

/// Whether `Err` counts as a failure.
pub(super) trait Judge<R> {
    fn failed(output: &R) -> bool;
}

/// Only a panic is a failure.
pub(super) struct AnyValue;

impl<R> Judge<R> for AnyValue {
    fn failed(_: &R) -> bool {
        false
    }
}

/// `Err` is a failure.
pub(super) struct OnlyOk;

impl<T, E> Judge<Result<T, E>> for OnlyOk {
    fn failed(output: &Result<T, E>) -> bool {
        output.is_err()
    }
}

/// A closure that takes nothing.
pub(super) struct Closure<F, J>(pub(super) F, pub(super) core::marker::PhantomData<J>);

impl<R, F: FnOnce() -> R, J: Judge<R>> Call for Closure<F, J> {
    type Output = R;

    #[inline]
    fn call(self, _: Local) -> Result<R, TaskError> {
        Ok((self.0)())
    }

    #[inline]
    fn failed(output: &R) -> bool {
        J::failed(output)
    }
}

impl<R, F: FnOnce() -> R, J: Judge<R>> Given for Closure<F, J> {
    type Back = F;

    fn give_back(self) -> F {
        self.0
    }
}

/// A function and its arguments.
pub(super) struct Applied<F, A, J>(
    pub(super) F,
    pub(super) A,
    pub(super) core::marker::PhantomData<J>,
);

impl<A, R, F: FnOnce(A) -> R, J: Judge<R>> Call for Applied<F, A, J> {
    type Output = R;

    #[inline]
    fn call(self, _: Local) -> Result<R, TaskError> {
        Ok((self.0)(self.1))
    }

    #[inline]
    fn failed(output: &R) -> bool {
        J::failed(output)
    }
}

impl<A, R, F: FnOnce(A) -> R, J: Judge<R>> Given for Applied<F, A, J> {
    type Back = (F, A);

    fn give_back(self) -> (F, A) {
        (self.0, self.1)
    }
}

/// A closure that borrows the worker-local value.
pub(super) struct WithLocal<F, L>(pub(super) F, pub(super) core::marker::PhantomData<fn(&L)>);

impl<L: 'static, R, F: FnOnce(&L) -> R> Call for WithLocal<F, L> {
    type Output = R;

    #[inline]
    fn call(self, local: Local) -> Result<R, TaskError> {
        // SAFETY: a call of this kind is only submitted to pools whose local value is an `L`, and run by their workers only,
        // who keep the value for as long as they run calls.
        let local = unsafe { local.0.cast::<L>().as_ref() };
        Ok((self.0)(local))
    }
}

impl<L: 'static, R, F: FnOnce(&L) -> R> Given for WithLocal<F, L> {
    type Back = F;

    const NEEDS_LOCAL: bool = true;

    fn give_back(self) -> F {
        self.0
    }
}

/// A worker-local value of this type, and what counts as a failure.
pub(super) type AndJudge<L, J> = (fn(&L), J);

/// A call that runs elsewhere: what is called here gets the outcome from where the worker has put it.
pub(super) struct Arrival<F, L, J>(
    pub(super) F,
    pub(super) core::marker::PhantomData<AndJudge<L, J>>,
);

impl<L: 'static, R, F, J> Call for Arrival<F, L, J>
where
    F: FnOnce(&L) -> Result<R, TaskError>,
    J: Judge<R>,
{
    type Output = R;

    fn call(self, local: Local) -> Result<R, TaskError> {
        // SAFETY: as for `WithLocal`.
        let local = unsafe { local.0.cast::<L>().as_ref() };
        (self.0)(local)
    }

    fn failed(output: &R) -> bool {
        J::failed(output)
    }
}

impl<L: 'static, R, F, J> Given for Arrival<F, L, J>
where
    F: FnOnce(&L) -> Result<R, TaskError>,
    J: Judge<R>,
{
    type Back = ();

    const NEEDS_LOCAL: bool = true;

    fn give_back(self) {}
}
