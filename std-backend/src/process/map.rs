//! Maps over pools of processes, as users hold them.

use std::{
    collections::VecDeque,
    fmt,
    iter::FusedIterator,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use concurrent_futures_core::{
    executor::{MapError, MapOptions, Payload},
    future::{BrokenExecutor, CodecStage, Future, Panic, Refused, SubmitError, TaskError},
    platform::Platform,
    queue::Policy,
};

use super::{
    codec,
    feed::{Dry, Feed, Got},
    function::Function,
    handle::ProcessPoolHandle,
    owner::Owner,
    parcel::{Content, Parcel},
    run::push_item,
    ticket::Ticket,
};
use crate::platform::StdPlatform;

/// How many items, and bytes of them, are added to the feed at a time at the most, and how long collecting them may take.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 64 * 1024;
const BATCH_TIME: Duration = Duration::from_micros(200);

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
    /// How many items are added to the feed at a time.
    batch: usize,
    options: MapOptions,
    deadline: Option<Instant>,
    tickets: Vec<Future<()>>,
    /// What has come, and was not yielded.
    ready: VecDeque<Option<Got>>,
    refused: Option<SubmitError<()>>,
    /// Whether there ever was a ticket.
    has_submitted: bool,
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
        let own = handle.clone();
        let more = move |feed: &Arc<Feed>, wanted| {
            (0..wanted).all(|_| submit(&own, feed, Policy::Reject).is_ok())
        };
        let feed = Feed::new(
            function,
            handle.map_limits(),
            options,
            handle.workers(),
            ordered,
            Box::new(more),
        );
        let feed = Arc::new(feed);
        handle.register(&feed);
        // Whatever happens from here, a panic of the input included, the drop of the map cancels what was submitted.
        let mut map = Self {
            handle: handle.clone(),
            feed,
            failed,
            input: Some(input),
            batch: 1,
            options,
            deadline: options
                .asked_timeout()
                .and_then(|timeout| Instant::now().checked_add(timeout)),
            tickets: Vec::new(),
            ready: VecDeque::new(),
            refused: None,
            has_submitted: false,
            over: false,
            items: PhantomData,
        };
        map.fill();
        match map.refused.take() {
            // If some were taken, their results come first.
            Some(refused) if !map.has_submitted => Err(refused),
            refused => {
                map.refused = refused;
                Ok(map)
            }
        }
    }

    /// Consumes as much of the input as may be outstanding. A panic of the input, or of an item's `Serialize`, ends the map at once.
    fn fill(&mut self) {
        let mut end = End(Some(Arc::clone(&self.feed)));
        let mut bytes = Vec::new();
        while let Some(input) = &mut self.input {
            let room = room(&self.options, &self.feed, self.ready.len()).min(self.batch);
            if room == 0 {
                break;
            }
            bytes.clear();
            let (mut count, mut failed) = (0, None);
            let began = Instant::now();
            while count < room && bytes.len() < BATCH_BYTES {
                let Some(item) = input.next() else {
                    self.input = None;
                    break;
                };
                let encoded = push_item(&mut bytes, |bytes| {
                    codec::encode(&item, bytes, CodecStage::EncodeArguments)
                });
                if let Err(error) = encoded {
                    failed = Some(TaskError::Codec(error));
                    break;
                }
                count += 1;
            }
            // Workers need not wait for an input that takes its time.
            self.batch = if began.elapsed() < BATCH_TIME {
                (2 * self.batch).min(BATCH)
            } else {
                self.batch.div_ceil(2)
            };
            if count > 0 {
                let wanted = self.feed.add(count, &bytes);
                if let Err(refused) = self.submit_tickets(wanted) {
                    self.input = None;
                    self.refused = Some(refused);
                    break;
                }
            }
            if let Some(error) = failed {
                self.feed.add_failed(error);
            }
        }
        end.0 = None;
    }

    fn submit_tickets(&mut self, wanted: usize) -> Result<(), SubmitError<()>> {
        // Those that are over, and went well, have nothing to tell.
        if self.tickets.len() > 2 * self.handle.workers() {
            self.tickets
                .retain(|ticket| !ticket.done() || ticket.cancelled() || ticket.failed());
        }
        for _ in 0..wanted {
            let ticket = submit(&self.handle, &self.feed, Policy::Block)?;
            self.tickets.push(ticket);
            self.has_submitted = true;
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Result<R, MapError>> {
        if self.over {
            return None;
        }
        if self.input.is_some() {
            // If it panics.
            self.over = true;
            self.fill();
            self.over = false;
        }
        loop {
            if let Some(outcome) = self.next_ready() {
                return Some(outcome);
            }
            // On a thread of the pool nobody may be left to bring it.
            let may_wait = !self.handle.pool().is_worker();
            match self.feed.next(may_wait, self.deadline, &mut self.ready) {
                Ok(()) => {}
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

    /// The outcome of an item that has come.
    fn next_ready(&mut self) -> Option<Result<R, MapError>> {
        // Where it is: most are short, and moving one takes as long as decoding it.
        let got = self.ready.front_mut()?;
        let outcome = match got {
            Some(Got::Short(length, bytes)) => decode(&bytes[..usize::from(*length)]),
            Some(Got::Long(bytes)) => decode(bytes),
            Some(Got::Error(_)) | None => match got.take() {
                Some(Got::Error(error)) => Err(error),
                _ => Err(TaskError::Abandoned),
            },
        };
        self.ready.pop_front();
        let failed = outcome.as_ref().map_or(true, self.failed);
        if failed && !self.options.asked_keep_going() {
            self.end();
        }
        Some(outcome.map_err(MapError::Task))
    }

    /// Items wait, and nobody cuts them: those who would were cancelled, or failed, or had no worker any more, or are held up.
    fn look_after_tickets(&mut self) {
        if self.refused.is_some() {
            // They were added last, and nobody was found for them. Others can be there only if their worker is gone.
            self.feed.withdraw_last();
            return self.feed.fail_pending(|| TaskError::NoWorker);
        }
        let (done, tickets) = std::mem::take(&mut self.tickets)
            .into_iter()
            .partition(Future::done);
        self.tickets = tickets;
        let done: Vec<Future<()>> = done;
        for ticket in done {
            if let Err(error) = ticket.result() {
                return self.feed.fail_pending(|| again(&error));
            }
        }
        let error = match self.submit_tickets(self.feed.wanted_now()) {
            Ok(()) => return,
            Err(SubmitError::Broken(broken, _)) => TaskError::Broken(broken),
            Err(SubmitError::ShutDown(_)) => return self.feed.cancel(),
            Err(_) => TaskError::NoWorker,
        };
        self.feed.fail_pending(|| again(&error));
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

/// Ends a map that unwinds.
struct End(Option<Arc<Feed>>);

impl Drop for End {
    fn drop(&mut self) {
        if let Some(feed) = &self.0 {
            feed.close();
        }
    }
}

/// How many more items may be outstanding.
fn room(options: &MapOptions, feed: &Feed, ready: usize) -> usize {
    let Some(most) = options.asked_buffer_size() else {
        return usize::MAX;
    };
    let outstanding = usize::try_from(feed.outstanding()).unwrap_or(usize::MAX);
    most.saturating_sub(outstanding.saturating_add(ready))
}

/// Submits a ticket.
fn submit(
    handle: &ProcessPoolHandle,
    feed: &Arc<Feed>,
    policy: Policy,
) -> Result<Future<()>, SubmitError<()>> {
    let ticket = Ticket::new(feed);
    let guard = Guard(Arc::clone(&ticket));
    let parcel = Parcel::new(Content::Ticket(ticket), feed.limits);
    let arrive = move |_: &Owner| {
        drop(guard);
        Ok(())
    };
    handle.pool().submit_cargo(parcel, arrive, Some(policy))
}

/// The result of an item. Whatever its `Deserialize` does is the outcome of this item alone.
fn decode<R: Payload>(bytes: &[u8]) -> Result<R, TaskError> {
    match StdPlatform::catch(|| codec::decode_result(bytes)) {
        Ok(decoded) => decoded.map_err(TaskError::Codec),
        Err(payload) => Err(TaskError::Panicked(Panic::from(payload))),
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
