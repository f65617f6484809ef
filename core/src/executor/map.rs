//! One call per item of an input, results in order or as they come.

use alloc::collections::VecDeque;
use core::{fmt, iter::FusedIterator, time::Duration};

use super::{
    Handle,
    call::{AnyValue, Closure, Judge, OnlyOk},
    handle::WAIT_FOR_ROOM,
};
use crate::{
    future::{Future, NotYet, SubmitError, TaskError, Until, WaitSet},
    platform::{Clock, Deadline, Platform},
    scheduler::Backend,
    sync::Shared,
};

/// How a map goes about its input.
///
/// ```
/// use concurrent_futures::MapOptions;
/// use std::time::Duration;
///
/// let careful = MapOptions::new().buffer_size(64).timeout(Duration::from_secs(10)).keep_going(true);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MapOptions {
    buffer_size: Option<usize>,
    timeout: Option<Duration>,
    keep_going: bool,
}

impl MapOptions {
    /// All input at once, no timeout, the first failure is the end.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer_size: None,
            timeout: None,
            keep_going: false,
        }
    }

    /// Never more than this many calls whose results were not yielded, and just as many while there is input: the input is
    /// consumed as results are taken, and may be endless. None is as one.
    #[must_use]
    pub const fn buffer_size(mut self, calls: usize) -> Self {
        self.buffer_size = Some(if calls == 0 { 1 } else { calls });
        self
    }

    /// How long after the start of the map results are waited for. One that is ready is yielded even later.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether to yield every outcome, instead of ending with the first failure.
    #[must_use]
    pub const fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = keep_going;
        self
    }
}

/// Why a map has no result for an item.
#[derive(Debug)]
#[non_exhaustive]
pub enum MapError {
    /// The call has no value.
    Task(TaskError),
    /// The time was over; this is the last item.
    TimedOut,
    /// The pool takes no more calls; this is the last item, and the rest of the input was not consumed.
    Refused(SubmitError<()>),
    /// This context must not wait; this is the last item.
    WouldBlock,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(error) => fmt::Display::fmt(error, f),
            Self::TimedOut => f.write_str(
                "the time was over before all results were there; the calls that had not started were cancelled",
            ),
            Self::Refused(error) => write!(f, "the map stopped: {error}"),
            Self::WouldBlock => f.write_str("this context must not wait for the results of a map"),
        }
    }
}

impl core::error::Error for MapError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Task(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::TimedOut | Self::WouldBlock => None,
        }
    }
}

impl From<NotYet> for MapError {
    fn from(not_yet: NotYet) -> Self {
        match not_yet {
            NotYet::TimedOut => Self::TimedOut,
            NotYet::WouldBlock => Self::WouldBlock,
        }
    }
}

type Submit<B, F, A, R> = fn(&Handle<B>, &Shared<F>, A) -> Result<Future<R>, SubmitError<()>>;

/// The input side of a map: makes calls of items.
struct Feed<B: Backend, F, I: Iterator, R> {
    handle: Handle<B>,
    function: Shared<F>,
    submit: Submit<B, F, I::Item, R>,
    /// `None` once it is exhausted, or not to be consumed any more.
    input: Option<I>,
    refused: Option<SubmitError<()>>,
    most: usize,
    deadline: Deadline,
    keep_going: bool,
}

fn submit_item<B, F, A, R, J>(
    handle: &Handle<B>,
    function: &Shared<F>,
    item: A,
) -> Result<Future<R>, SubmitError<()>>
where
    B: Backend,
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
    fn new(
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
    fn next_call(&mut self, outstanding: usize) -> Option<Future<R>> {
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
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.input
            .as_ref()
            .map_or((0, Some(0)), Iterator::size_hint)
    }

    /// Whether this outcome is the last one.
    fn ends_with(&self, future: &Future<R>) -> bool {
        !self.keep_going && (future.failed() || future.cancelled())
    }
}

fn plus((low, high): (usize, Option<usize>), more: usize) -> (usize, Option<usize>) {
    (
        low.saturating_add(more),
        high.and_then(|high| high.checked_add(more)),
    )
}

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

    fn fill(&mut self) {
        while let Some(future) = self.feed.next_call(self.pending.len()) {
            self.pending.push_back(future);
        }
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

    fn fill(&mut self) {
        while let Some(future) = self.feed.next_call(self.pending.len()) {
            self.pending.insert(future);
        }
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
