//! Results as they come.

use core::{fmt, iter::FusedIterator};

use super::{
    MapError, MapOptions,
    feed::{EndOnDrop, Feed, plus, submit_item},
};
use crate::{
    executor::{Handle, call::AnyValue},
    future::{Future, SubmitError, WaitSet},
    scheduler::Backend,
};

/// The results of a map, as they come. See [`Handle::map_unordered`].
pub struct MapUnordered<B: Backend, F, I: Iterator, R> {
    feed: Feed<B, F, I, R>,
    pending: WaitSet<Future<R>>,
    over: bool,
}

impl<B: Backend, F, I: Iterator, R> MapUnordered<B, F, I, R> {
    pub(super) fn new(
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
        let mut map = Self {
            feed: Feed::new(handle, options, function, input, submit),
            pending: WaitSet::new(),
            over: false,
        };
        map.fill();
        match map.feed.refused.take() {
            Some(refused) => Err(refused),
            None => Ok(map),
        }
    }

    /// As [`Map::fill`].
    fn fill(&mut self) {
        let unwinding = EndOnDrop(self, Self::end);
        while let Some(future) = unwinding.0.feed.next_call(unwinding.0.pending.len()) {
            unwinding.0.pending.insert(future);
        }
        core::mem::forget(unwinding);
    }

    fn end(&mut self) {
        self.over = true;
        self.feed.input = None;
        self.feed.refused = None;
        for future in self.pending.futures() {
            future.cancel();
        }
    }
}

impl<B: Backend, F, I: Iterator, R> Iterator for MapUnordered<B, F, I, R> {
    type Item = Result<R, MapError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        self.fill();
        let future = match self.pending.wait_next(self.feed.deadline) {
            Ok(Some(future)) => future,
            Ok(None) => return self.feed.refused.take().map(MapError::Refused).map(Err),
            Err(not_yet) => {
                self.end();
                return Some(Err(not_yet.into()));
            }
        };
        if self.feed.ends_with(&future) {
            self.end();
        }
        Some(future.result().map_err(MapError::Task))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.over {
            return (0, Some(0));
        }
        plus(self.feed.size_hint(), self.pending.len())
    }
}

impl<B: Backend, F, I: ExactSizeIterator, R> ExactSizeIterator for MapUnordered<B, F, I, R> {}

impl<B: Backend, F, I: Iterator, R> FusedIterator for MapUnordered<B, F, I, R> {}

impl<B: Backend, F, I: Iterator, R> Drop for MapUnordered<B, F, I, R> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<B: Backend, F, I: Iterator, R> fmt::Debug for MapUnordered<B, F, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapUnordered")
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
