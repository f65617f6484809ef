//! Maps over pools of processes, as users hold them.

use std::{
    collections::VecDeque, fmt, iter::FusedIterator, marker::PhantomData, sync::Arc, time::Instant,
};

use concurrent_futures_core::{
    executor::{MapError, MapOptions, Payload},
    future::{BrokenExecutor, CodecStage, Future, Refused, SubmitError, TaskError},
    queue::Policy,
};

use super::{
    codec,
    feed::{Dry, Feed, Got, Ticket, push_item},
    function::Function,
    handle::ProcessPoolHandle,
    parcel::{Load, Parcel},
};

/// How many items, and bytes of them, are added to the feed at a time.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 64 * 1024;

/// The results of a map, in the order of its input. See [`ProcessPoolHandle::map`].
pub struct ProcessMap<I, A, R>(Inner<I, A, R>);

/// The results of a map, as they come. See [`ProcessPoolHandle::map_unordered`].
pub struct ProcessMapUnordered<I, A, R>(Inner<I, A, R>);

struct Inner<I, A, R> {
    handle: ProcessPoolHandle,
    feed: Arc<Feed>,
    failed: fn(&R) -> bool,
    /// `None` once it is exhausted, or not to be consumed any more.
    input: Option<I>,
    options: MapOptions,
    deadline: Option<Instant>,
    tickets: Vec<Future<()>>,
    /// What has come, and was not yielded.
    ready: VecDeque<Got>,
    refused: Option<SubmitError<()>>,
    over: bool,
    items: PhantomData<fn(A)>,
}

impl<I: Iterator<Item = A>, A: Payload, R: Payload> Inner<I, A, R> {
    fn start(
        handle: &ProcessPoolHandle,
        options: MapOptions,
        f: fn(A) -> R,
        failed: fn(&R) -> bool,
        input: I,
        ordered: bool,
    ) -> Result<Self, SubmitError<()>> {
        let function = Function::of(f).ok_or(SubmitError::UnknownFunction(Refused::new(())))?;
        let feed = Feed::new(
            function,
            handle.map_limits(),
            options.asked_chunksize(),
            handle.workers(),
            ordered,
        );
        // Whatever happens from here, a panic of the input included, the drop of the map cancels what was submitted.
        let mut map = Self {
            handle: handle.clone(),
            feed: Arc::new(feed),
            failed,
            input: Some(input),
            options,
            deadline: options
                .asked_timeout()
                .and_then(|timeout| Instant::now().checked_add(timeout)),
            tickets: Vec::new(),
            ready: VecDeque::new(),
            refused: None,
            over: false,
            items: PhantomData,
        };
        map.fill();
        match map.refused.take() {
            Some(refused) => Err(refused),
            None => Ok(map),
        }
    }

    /// How many more items may be outstanding.
    fn room(&self) -> usize {
        let Some(most) = self.options.asked_buffer_size() else {
            return usize::MAX;
        };
        let outstanding = self.feed.outstanding() + self.ready.len() as u64;
        most.saturating_sub(usize::try_from(outstanding).unwrap_or(usize::MAX))
    }

    /// Consumes as much of the input as may be outstanding.
    fn fill(&mut self) {
        let mut bytes = Vec::new();
        // The first item sets the workers going.
        let mut batch = 1;
        while self.input.is_some() && self.refused.is_none() {
            let room = self.room().min(batch);
            if room == 0 {
                return;
            }
            bytes.clear();
            let mut count = 0;
            while count < room && bytes.len() < BATCH_BYTES {
                let Some(item) = self.next_input() else { break };
                let encoded = push_item(&mut bytes, |bytes| {
                    codec::encode(&item, bytes, CodecStage::EncodeArguments)
                });
                if let Err(error) = encoded {
                    self.input = None;
                    self.refused = Some(SubmitError::Codec(error, Refused::new(())));
                    break;
                }
                count += 1;
            }
            if count > 0 {
                let wanted = self.feed.add(count, &bytes);
                self.submit_tickets(wanted);
            }
            batch = BATCH;
        }
    }

    /// A panic of the input ends the map at once.
    fn next_input(&mut self) -> Option<A> {
        struct End<'a>(&'a Feed);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.close();
            }
        }
        let input = self.input.as_mut()?;
        let end = End(&self.feed);
        let item = input.next();
        std::mem::forget(end);
        if item.is_none() {
            self.input = None;
        }
        item
    }

    fn submit_tickets(&mut self, wanted: usize) {
        for _ in 0..wanted {
            let ticket = Ticket::new(&self.feed);
            let guard = Guard(Arc::clone(&ticket));
            let parcel = Parcel::new(Load::Ticket(ticket), self.handle.map_limits());
            let arrive = move |_: &super::owner::Owner| {
                drop(guard);
                Ok(())
            };
            let submitted = self
                .handle
                .pool()
                .submit_cargo(parcel, arrive, Some(Policy::Block));
            match submitted {
                Ok(future) => self.tickets.push(future),
                Err(refused) => {
                    self.input = None;
                    self.refused.get_or_insert(refused);
                    return;
                }
            }
        }
    }

    fn next(&mut self) -> Option<Result<R, MapError>> {
        if self.over {
            return None;
        }
        self.fill();
        loop {
            if let Some(got) = self.ready.pop_front() {
                return Some(self.outcome(got));
            }
            // On a thread of the pool nobody may be left to bring it.
            let may_wait = !self.handle.pool().is_worker();
            match self.feed.next(may_wait, self.deadline, &mut self.ready) {
                Ok(got) => return Some(self.outcome(got)),
                Err(Dry::Over) => {
                    self.over = true;
                    return self.refused.take().map(MapError::Refused).map(Err);
                }
                Err(Dry::NoTicket) => self.look_after_tickets(),
                Err(Dry::TimedOut) => {
                    self.end();
                    return Some(Err(if may_wait {
                        MapError::TimedOut
                    } else {
                        MapError::WouldBlock
                    }));
                }
            }
        }
    }

    fn outcome(&mut self, got: Got) -> Result<R, MapError> {
        let outcome = match &got {
            Got::Short(length, bytes) => codec::decode_result::<R>(&bytes[..usize::from(*length)]),
            Got::Long(bytes) => codec::decode_result::<R>(bytes),
            Got::Error(_) => {
                let Got::Error(error) = got else {
                    unreachable!()
                };
                if !self.options.asked_keep_going() {
                    self.end();
                }
                return Err(MapError::Task(error));
            }
        };
        let outcome = outcome.map_err(|error| MapError::Task(TaskError::Codec(error)));
        let failed = outcome.as_ref().map_or(true, self.failed);
        if failed && !self.options.asked_keep_going() {
            self.end();
        }
        outcome
    }

    /// Items wait, and nobody cuts them: those who would were cancelled, or failed, or had no worker any more.
    fn look_after_tickets(&mut self) {
        for ticket in std::mem::take(&mut self.tickets) {
            if let Err(error) = ticket.result() {
                return self.feed.fail_pending(|| again(&error));
            }
        }
        let wanted = self.feed.wanted_now();
        self.submit_tickets(wanted);
        if let Some(refused) = &self.refused {
            let error = match refused {
                SubmitError::Broken(broken, _) => TaskError::Broken(broken.clone()),
                SubmitError::ShutDown(_) => return self.feed.cancel(),
                _ => TaskError::NoWorker,
            };
            self.feed.fail_pending(|| again(&error));
        }
    }

    fn end(&mut self) {
        self.over = true;
        self.input = None;
        self.refused = None;
        self.feed.close();
        self.ready.clear();
        for ticket in self.tickets.drain(..) {
            ticket.cancel();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.over {
            return (0, Some(0));
        }
        let (low, high) = self
            .input
            .as_ref()
            .map_or((0, Some(0)), Iterator::size_hint);
        let more = usize::try_from(self.feed.outstanding()).unwrap_or(usize::MAX);
        let more = more.saturating_add(self.ready.len());
        (
            low.saturating_add(more),
            high.and_then(|high| high.checked_add(more)),
        )
    }
}

/// The same error once more, of those that a ticket can have.
fn again(error: &TaskError) -> TaskError {
    match error {
        TaskError::Cancelled(by) => TaskError::Cancelled(*by),
        TaskError::Broken(broken) => {
            TaskError::Broken(BrokenExecutor::new(broken.kind(), broken.cause()))
        }
        TaskError::NoWorker => TaskError::NoWorker,
        _ => TaskError::Abandoned,
    }
}

/// Whatever becomes of the call that has this, its ticket is not valid after it.
struct Guard(Arc<Ticket>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<I, A, R> Drop for Inner<I, A, R> {
    fn drop(&mut self) {
        self.feed.close();
        for ticket in self.tickets.drain(..) {
            ticket.cancel();
        }
    }
}

macro_rules! iterator {
    ($map:ident) => {
        impl<I: Iterator<Item = A>, A: Payload, R: Payload> Iterator for $map<I, A, R> {
            type Item = Result<R, MapError>;

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<I: ExactSizeIterator<Item = A>, A: Payload, R: Payload> ExactSizeIterator
            for $map<I, A, R>
        {
        }

        impl<I: Iterator<Item = A>, A: Payload, R: Payload> FusedIterator for $map<I, A, R> {}

        impl<I, A, R> fmt::Debug for $map<I, A, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($map))
                    .field("outstanding", &self.0.feed.outstanding())
                    .finish_non_exhaustive()
            }
        }
    };
}

iterator!(ProcessMap);
iterator!(ProcessMapUnordered);

impl<I: Iterator<Item = A>, A: Payload, R: Payload> ProcessMap<I, A, R> {
    pub(super) fn start(
        handle: &ProcessPoolHandle,
        options: MapOptions,
        f: fn(A) -> R,
        failed: fn(&R) -> bool,
        input: I,
    ) -> Result<Self, SubmitError<()>> {
        Inner::start(handle, options, f, failed, input, true).map(Self)
    }
}

impl<I: Iterator<Item = A>, A: Payload, R: Payload> ProcessMapUnordered<I, A, R> {
    pub(super) fn start(
        handle: &ProcessPoolHandle,
        options: MapOptions,
        f: fn(A) -> R,
        input: I,
    ) -> Result<Self, SubmitError<()>> {
        Inner::start(handle, options, f, |_| false, input, false).map(Self)
    }
}
