//! The items of one map on their way: encoded, cut into chunks when a worker has time for one, and their results.
//!
//! In the pool's queue are tickets, as many as there are workers. A worker that takes one cuts chunks until nothing is left, each as large
//! as it can do in about a millisecond by what the items before took.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use concurrent_futures_core::{
    executor::MapOptions,
    future::{CancelledBy, TaskError},
};

use super::{
    board::MOST_ITEMS,
    function::Function,
    parcel::Limits,
    wire::{self, CALL_PREFIX, ITEM_PREFIX},
};

/// How long a chunk is to take.
const CHUNK_NANOS: f64 = 1e6;
/// How long a chunk is to take when there are only few items left.
const LEAST_NANOS: f64 = 5e4;
/// How many times larger a chunk may be than what is known of the items.
const GROWTH: usize = 8;
/// How many results are taken at a time at the most.
const AT_ONCE: usize = 4096;
/// The most bytes of a chunk, if it has more than one item.
const CHUNK_BYTES: usize = 256 * 1024;

/// Items that wait, one behind the other: how many, and their frames' bytes.
#[derive(Debug, Default)]
struct Run {
    first: u64,
    count: usize,
    bytes: Vec<u8>,
    /// Before this they were taken.
    at: usize,
    attempts: u32,
}

/// Items on their way to a worker.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) first: u64,
    pub(crate) count: usize,
    /// How often its first item was tried before; of others it is none.
    pub(crate) attempts: u32,
    /// The body of a call's frame.
    pub(crate) body: Vec<u8>,
}

/// What has come of an item.
#[derive(Debug)]
pub(crate) enum Got {
    /// Short ones need no memory of their own.
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
    Error(TaskError),
}

const SHORT: usize = 22;

impl Got {
    fn value(bytes: &[u8]) -> Self {
        match u8::try_from(bytes.len()) {
            Ok(length) if bytes.len() <= SHORT => {
                let mut short = [0; SHORT];
                short[..bytes.len()].copy_from_slice(bytes);
                Self::Short(length, short)
            }
            _ => Self::Long(bytes.into()),
        }
    }
}

#[derive(Debug)]
struct State {
    pending: VecDeque<Run>,
    /// How many items were ever added.
    added: u64,
    /// What has come, and was not taken: in the order of the input, where `first` is the number of the first, or as it came.
    results: VecDeque<Option<Got>>,
    first: u64,
    ordered: bool,
    /// Tickets that may still cut.
    tickets: usize,
    /// How long an item takes, and of how many that is known.
    nanos: Option<(f64, usize)>,
    /// Whether somebody waits for a result.
    waiting: bool,
    closed: bool,
    cancelled: bool,
}

/// What a map and its tickets share.
pub(crate) struct Feed {
    state: Mutex<State>,
    came: Condvar,
    function: Function,
    pub(crate) limits: Limits,
    chunksize: Option<usize>,
    workers: usize,
    /// Whether items are added as results are taken.
    pub(crate) is_buffered: bool,
    /// Submits so many more tickets, if it can without waiting; false if not.
    more: More,
}

type More = Box<dyn Fn(&Arc<Feed>, usize) -> bool + Send + Sync>;

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

/// Why a wait for results ended without one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dry {
    TimedOut,
    /// Items wait, and nobody has a ticket any more.
    NoTicket,
    /// There are no items left.
    Over,
}

impl Feed {
    pub(crate) fn new(
        function: Function,
        limits: Limits,
        options: MapOptions,
        workers: usize,
        ordered: bool,
        more: More,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                pending: VecDeque::new(),
                added: 0,
                results: VecDeque::new(),
                first: 0,
                ordered,
                tickets: 0,
                nanos: None,
                waiting: false,
                closed: false,
                cancelled: false,
            }),
            came: Condvar::new(),
            function,
            limits,
            chunksize: options.asked_chunksize(),
            workers,
            is_buffered: options.asked_buffer_size().is_some(),
            more,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody else's code runs inside.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds encoded items, and says how many tickets there should be more.
    pub(crate) fn add(&self, count: usize, bytes: &[u8]) -> usize {
        let mut state = self.state();
        let first = state.added;
        state.added += count as u64;
        match state.pending.back_mut() {
            Some(last) if last.first + last.count as u64 == first && last.attempts == 0 => {
                last.count += count;
                last.bytes.extend_from_slice(bytes);
            }
            _ => state.pending.push_back(Run::new(first, count, bytes, 0)),
        }
        self.wanted(&state)
    }

    /// Adds an item that cannot travel.
    pub(crate) fn add_failed(&self, error: TaskError) {
        let mut state = self.state();
        let item = state.added;
        state.added += 1;
        state.put(item, Got::Error(error));
    }

    /// How many tickets there should be more.
    pub(crate) fn wanted_now(&self) -> usize {
        self.wanted(&self.state())
    }

    fn wanted(&self, state: &State) -> usize {
        let items = state.pending.iter().map(|run| run.count).sum::<usize>();
        self.workers.min(items).saturating_sub(state.tickets)
    }

    /// What was added last, and nobody will run, was never taken in.
    pub(crate) fn withdraw_last(&self) {
        let mut state = self.state();
        while let Some(last) = state.pending.back()
            && last.first + last.count as u64 == state.added
        {
            state.added = last.first;
            state.pending.pop_back();
        }
    }

    /// Takes what has come next, as much as has, to `ready`, which is empty; waits for it until `deadline`, for ever if there is none.
    pub(crate) fn next(
        &self,
        wait: bool,
        deadline: Option<Instant>,
        ready: &mut VecDeque<Option<Got>>,
    ) -> Result<(), Dry> {
        let mut state = self.state();
        loop {
            let came = state.results.iter().take(AT_ONCE);
            let came = came.take_while(|got| got.is_some()).count();
            if came > 0 {
                if came == state.results.len() {
                    std::mem::swap(ready, &mut state.results);
                } else {
                    ready.extend(state.results.drain(..came));
                }
                state.first += came as u64;
                return Ok(());
            }
            if state.tickets == 0 && !state.pending.is_empty() {
                return Err(Dry::NoTicket);
            }
            if state.first == state.added {
                return Err(Dry::Over);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !wait || left.is_some_and(|left| left.is_zero()) {
                return Err(Dry::TimedOut);
            }
            state.waiting = true;
            state = match left {
                None => self
                    .came
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = self.came.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.waiting = false;
        }
    }

    /// How many items have no result that was taken.
    pub(crate) fn outstanding(&self) -> u64 {
        let state = self.state();
        state.added - state.first
    }

    /// What no worker has started is cancelled, now and later, because the pool is shut down.
    pub(crate) fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        self.fail(state, || TaskError::Cancelled(CancelledBy::Shutdown));
    }

    /// Items that wait get errors for results, made one by one.
    pub(crate) fn fail_pending(&self, error: impl Fn() -> TaskError) {
        self.fail(self.state(), error);
    }

    fn fail(&self, mut state: MutexGuard<'_, State>, error: impl Fn() -> TaskError) {
        let pending = std::mem::take(&mut state.pending);
        for run in pending {
            for item in run.first..run.first + run.count as u64 {
                state.put(item, Got::Error(error()));
            }
        }
        self.tell(state);
    }

    /// Nobody wants results any more: what waits is dropped.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let dropped = (
            std::mem::take(&mut state.pending),
            std::mem::take(&mut state.results),
        );
        drop(state);
        drop(dropped);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    fn tell(&self, state: MutexGuard<'_, State>) {
        let tell = state.waiting
            && (matches!(state.results.front(), Some(Some(_)))
                || state.tickets == 0 && !state.pending.is_empty());
        drop(state);
        if tell {
            self.came.notify_one();
        }
    }
}

impl State {
    fn put(&mut self, item: u64, got: Got) {
        if self.closed {
            return;
        }
        if !self.ordered {
            self.results.push_back(Some(got));
            return;
        }
        let Some(place) = item
            .checked_sub(self.first)
            .and_then(|at| usize::try_from(at).ok())
        else {
            return;
        };
        if self.results.len() == place {
            self.results.push_back(Some(got));
            return;
        }
        if self.results.len() < place {
            self.results.resize_with(place + 1, || None);
        }
        self.results[place] = Some(got);
    }
}

/// The right to cut chunks of a feed.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) feed: Arc<Feed>,
    /// Whether it is counted; changes under the feed's lock.
    valid: AtomicBool,
}

impl Ticket {
    /// One more ticket.
    pub(crate) fn new(feed: &Arc<Feed>) -> Arc<Self> {
        feed.state().tickets += 1;
        Arc::new(Self {
            feed: Arc::clone(feed),
            valid: AtomicBool::new(true),
        })
    }

    fn set(&self, state: &mut State, valid: bool) {
        match (self.valid.swap(valid, Ordering::Relaxed), valid) {
            (true, false) => state.tickets -= 1,
            (false, true) => state.tickets += 1,
            _ => {}
        }
    }

    /// Items for a worker that can take at most so many; `None` if there are none, and the ticket is not valid any more.
    pub(crate) fn cut(&self, most: usize) -> Option<Chunk> {
        let feed = &self.feed;
        let mut state = feed.state();
        let waiting = state.pending.iter().map(|run| run.count).sum::<usize>();
        let size = match (feed.chunksize, state.nanos) {
            (Some(size), _) => size,
            (None, None) => 1,
            (None, Some((nanos, known))) => {
                let in_time = (CHUNK_NANOS / nanos.max(1.0)) as usize;
                // Towards the end in smaller pieces, so that all workers come to it together.
                let least = (LEAST_NANOS / nanos.max(1.0)) as usize;
                in_time
                    .min(known * GROWTH)
                    .min(least.max(waiting / (2 * feed.workers)))
            }
        };
        let size = size.clamp(1, most.clamp(1, MOST_ITEMS));
        let Some(run) = state.pending.front_mut() else {
            self.set(&mut state, false);
            return None;
        };
        let chunk = run.cut(size, feed.function);
        if run.count == 0 {
            state.pending.pop_front();
        }
        self.set(&mut state, true);
        Some(chunk)
    }

    /// Nobody will cut with it any more.
    pub(crate) fn end(&self) {
        let mut state = self.feed.state();
        self.set(&mut state, false);
        self.feed.tell(state);
    }

    /// So many items of a chunk were run, in this time.
    pub(crate) fn took(&self, items: usize, nanos: u64) {
        if items > 0 {
            let new = nanos as f64 / items as f64;
            let mut state = self.feed.state();
            let (old, known) = state.nanos.unwrap_or((new, 0));
            state.nanos = Some((f64::midpoint(old, new), known.max(items)));
        }
    }

    /// What has come of the items of one chunk.
    pub(crate) fn results(&self) -> Results<'_> {
        Results {
            feed: &self.feed,
            state: Some(self.feed.state()),
        }
    }

    /// An item has failed.
    pub(crate) fn fail(&self, item: u64, error: TaskError) {
        let mut state = self.feed.state();
        state.put(item, Got::Error(error));
        self.feed.tell(state);
    }

    /// Whoever has it does not cut for a while: others may have to. False, and it stays valid, if no others can be had: then the items
    /// wait for whoever has it.
    pub(crate) fn pause(&self) -> bool {
        let wanted = {
            let state = self.feed.state();
            let own = usize::from(self.valid.load(Ordering::Relaxed));
            let items = state.pending.iter().map(|run| run.count).sum::<usize>();
            self.feed
                .workers
                .min(items)
                .saturating_sub(state.tickets - own)
        };
        let paused = wanted == 0 || (self.feed.more)(&self.feed, wanted);
        if paused {
            self.end();
        }
        paused
    }

    /// These items of a chunk come back, ahead of all others; the first was tried so often.
    pub(crate) fn give_back(&self, chunk: &Chunk, items: Range<usize>, attempts: u32) {
        let mut state = self.feed.state();
        if state.closed || items.is_empty() {
            return;
        }
        let mut rest = &chunk.body[CALL_PREFIX..];
        let mut next = |count: usize| {
            let before = rest;
            for _ in 0..count {
                // They were written by this side.
                let _ = wire::read_item(&mut rest);
            }
            &before[..before.len() - rest.len()]
        };
        next(items.start);
        let first = chunk.first + items.start as u64;
        let alone = if attempts > 0 { 1 } else { items.len() };
        let runs = [
            Run::new(first, alone, next(alone), attempts),
            Run::new(
                first + alone as u64,
                items.len() - alone,
                next(items.len() - alone),
                0,
            ),
        ];
        for run in runs.into_iter().rev().filter(|run| run.count > 0) {
            state.pending.push_front(run);
        }
        if state.cancelled {
            self.feed
                .fail(state, || TaskError::Cancelled(CancelledBy::Shutdown));
        } else {
            self.set(&mut state, true);
        }
    }
}

impl Run {
    fn new(first: u64, count: usize, bytes: &[u8], attempts: u32) -> Self {
        Self {
            first,
            count,
            bytes: bytes.to_vec(),
            at: 0,
            attempts,
        }
    }

    /// At most `size` items of it, from the beginning, and of a limited length.
    fn cut(&mut self, size: usize, function: Function) -> Chunk {
        let mut rest = &self.bytes[self.at..];
        let mut count = 0;
        let size = size.min(self.count);
        while count < size {
            let before = rest;
            if wire::read_item(&mut rest).is_err() {
                break;
            }
            let length = self.bytes.len() - self.at - rest.len();
            if count > 0 && length > CHUNK_BYTES {
                rest = before;
                break;
            }
            count += 1;
        }
        let length = self.bytes.len() - self.at - rest.len();
        let mut body = Vec::with_capacity(CALL_PREFIX + length);
        wire::begin_call(function, &mut body);
        body.extend_from_slice(&self.bytes[self.at..self.at + length]);
        let chunk = Chunk {
            first: self.first,
            count,
            attempts: self.attempts,
            body,
        };
        self.first += count as u64;
        self.count -= count;
        self.at += length;
        if self.at > self.bytes.len() / 2 && self.at > CHUNK_BYTES {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        chunk
    }
}

/// Appends one item as [`wire`] has it; its encoded bytes are appended by `encode`.
pub(crate) fn push_item<E>(
    bytes: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; ITEM_PREFIX]);
    if let Err(error) = encode(bytes) {
        bytes.truncate(start);
        return Err(error);
    }
    let length = wire::length_of(bytes.len() - start - ITEM_PREFIX);
    bytes[start..start + ITEM_PREFIX].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Puts results in, many at a time; whoever waits is told when it is dropped.
pub(crate) struct Results<'a> {
    feed: &'a Feed,
    state: Option<MutexGuard<'a, State>>,
}

impl Results<'_> {
    pub(crate) fn value(&mut self, item: u64, bytes: &[u8]) {
        if let Some(state) = &mut self.state {
            state.put(item, Got::value(bytes));
        }
    }
}

impl Drop for Results<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            self.feed.tell(state);
        }
    }
}

#[cfg(test)]
mod tests;
