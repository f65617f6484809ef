//! The input side of a map: makes calls of items.

use super::MapOptions;
use crate::{
    executor::{
        Handle,
        call::{Closure, Judge},
        handle::WAIT_FOR_ROOM,
    },
    future::{Future, SubmitError},
    platform::{Clock, Deadline, Platform},
    scheduler::Backend,
    sync::Shared,
};

type Submit<B, F, A, R> = fn(&Handle<B>, &Shared<F>, A) -> Result<Future<R>, SubmitError<()>>;

/// The input side of a map: makes calls of items.
pub(super) struct Feed<B: Backend, F, I: Iterator, R> {
    handle: Handle<B>,
    function: Shared<F>,
    submit: Submit<B, F, I::Item, R>,
    /// `None` once it is exhausted, or not to be consumed any more.
    pub(super) input: Option<I>,
    pub(super) refused: Option<SubmitError<()>>,
    most: usize,
    pub(super) deadline: Deadline,
    keep_going: bool,
}

pub(super) fn submit_item<B, F, A, R, J>(
    handle: &Handle<B>,
    function: &Shared<F>,
    item: A,
) -> Result<Future<R>, SubmitError<()>>
where
    B: Backend<Cargo = ()>,
    F: Fn(A) -> R + Send + Sync + 'static,
    A: Send + 'static,
    R: Send + 'static,
    J: Judge<R>,
{
    let function = function.clone();
    let call = Closure(move || function(item), core::marker::PhantomData::<J>);
    // SAFETY: everything is `'static` and `Send`.
    unsafe { handle.submit_call(call, WAIT_FOR_ROOM) }.map_err(SubmitError::without_inner)
}

impl<B: Backend, F, I: Iterator, R> Feed<B, F, I, R> {
    pub(super) fn new(
        handle: Handle<B>,
        options: MapOptions,
        function: F,
        input: I,
        submit: Submit<B, F, I::Item, R>,
    ) -> Self {
        let now = <B::Platform as Platform>::Clock::now();
        Self {
            handle,
            function: Shared::new(function),
            submit,
            input: Some(input),
            refused: None,
            most: options.buffer_size.unwrap_or(usize::MAX),
            deadline: options
                .timeout
                .map_or(Deadline::Never, |timeout| Deadline::after(now, timeout)),
            keep_going: options.keep_going,
        }
    }

    /// Submits one more call, if there is input and `outstanding` leaves room for it.
    pub(super) fn next_call(&mut self, outstanding: usize) -> Option<Future<R>> {
        if outstanding >= self.most {
            return None;
        }
        let Some(item) = self.input.as_mut()?.next() else {
            self.input = None;
            return None;
        };
        match (self.submit)(&self.handle, &self.function, item) {
            Ok(future) => Some(future),
            Err(refused) => {
                self.input = None;
                self.refused = Some(refused);
                None
            }
        }
    }

    /// What is left of the input.
    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        self.input
            .as_ref()
            .map_or((0, Some(0)), Iterator::size_hint)
    }

    /// Whether this outcome is the last one.
    pub(super) fn ends_with(&self, future: &Future<R>) -> bool {
        !self.keep_going && (future.failed() || future.cancelled())
    }
}

/// Ends a map whose input unwinds.
pub(super) struct EndOnDrop<'a, M>(pub(super) &'a mut M, pub(super) fn(&mut M));

impl<M> Drop for EndOnDrop<'_, M> {
    fn drop(&mut self) {
        (self.1)(self.0);
    }
}

pub(super) fn plus((low, high): (usize, Option<usize>), more: usize) -> (usize, Option<usize>) {
    (
        low.saturating_add(more),
        high.and_then(|high| high.checked_add(more)),
    )
}
