//! Results in the order of the input.

use alloc::collections::VecDeque;
use core::{fmt, iter::FusedIterator};

use super::{
    MapError, MapOptions,
    feed::{EndOnDrop, Feed, plus, submit_item},
};
use crate::{
    executor::{
        Handle,
        call::{AnyValue, OnlyOk},
    },
    future::{Future, SubmitError, Until},
    scheduler::Backend,
};

/// The results of a map, in the order of its input. See [`Handle::map`].
///
/// Its length is known where the input's is: that many items are left if no call fails.
pub struct Map<B: Backend, F, I: Iterator, R> {
    feed: Feed<B, F, I, R>,
    pending: VecDeque<Future<R>>,
}

impl<B: Backend, F, I: Iterator, R> Map<B, F, I, R> {
    pub(super) fn any_value(
        handle: Handle<B>,
        options: MapOptions,
        function: F,
        input: I,
    ) -> Result<Self, SubmitError<()>>
    where
        B: Backend<Cargo = ()>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        I::Item: Send + 'static,
        R: Send + 'static,
    {
        let submit = submit_item::<B, F, I::Item, R, AnyValue>;
        Self::start(Feed::new(handle, options, function, input, submit))
    }

    fn start(feed: Feed<B, F, I, R>) -> Result<Self, SubmitError<()>> {
        // Whatever happens from here, a panic of the input included, the drop of the map cancels what was submitted.
        let mut map = Self {
            feed,
            pending: VecDeque::new(),
        };
        map.fill();
        match map.feed.refused.take() {
            Some(refused) => Err(refused),
            None => Ok(map),
        }
    }

    /// Submits as many calls as may be outstanding. A panic of the input ends the map at once.
    fn fill(&mut self) {
        let unwinding = EndOnDrop(self, Self::end);
        while let Some(future) = unwinding.0.feed.next_call(unwinding.0.pending.len()) {
            unwinding.0.pending.push_back(future);
        }
        core::mem::forget(unwinding);
    }

    fn end(&mut self) {
        self.feed.input = None;
        self.feed.refused = None;
        for future in self.pending.drain(..) {
            future.cancel();
        }
    }
}

impl<B: Backend, F, I: Iterator, T, E> Map<B, F, I, Result<T, E>> {
    pub(super) fn only_ok(
        handle: Handle<B>,
        options: MapOptions,
        function: F,
        input: I,
    ) -> Result<Self, SubmitError<()>>
    where
        B: Backend<Cargo = ()>,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let submit = submit_item::<B, F, I::Item, Result<T, E>, OnlyOk>;
        Self::start(Feed::new(handle, options, function, input, submit))
    }
}

impl<B: Backend, F, I: Iterator, R> Iterator for Map<B, F, I, R> {
    type Item = Result<R, MapError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.fill();
        let Some(future) = self.pending.pop_front() else {
            return self.feed.refused.take().map(MapError::Refused).map(Err);
        };
        if let Err(not_yet) = future.block(Until::Done, self.feed.deadline) {
            future.cancel();
            self.end();
            return Some(Err(not_yet.into()));
        }
        if self.feed.ends_with(&future) {
            self.end();
        }
        Some(future.result().map_err(MapError::Task))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        plus(self.feed.size_hint(), self.pending.len())
    }
}

impl<B: Backend, F, I: ExactSizeIterator, R> ExactSizeIterator for Map<B, F, I, R> {}

impl<B: Backend, F, I: Iterator, R> FusedIterator for Map<B, F, I, R> {}

impl<B: Backend, F, I: Iterator, R> Drop for Map<B, F, I, R> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<B: Backend, F, I: Iterator, R> fmt::Debug for Map<B, F, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
