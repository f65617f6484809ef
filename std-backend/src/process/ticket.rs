//! The right to cut chunks of a feed, and to put their results in.

use std::{
    ops::Range,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use concurrent_futures_core::future::{CancelledBy, TaskError};

use super::{
    board::MOST_ITEMS,
    feed::{Feed, Got, State},
    run::{Chunk, Run},
    wire::{self, CALL_PREFIX},
};

/// How long a chunk is to take.
const CHUNK_NANOS: f64 = 1e6;
/// How long a chunk is to take when there are only few items left.
const LEAST_NANOS: f64 = 5e4;
/// How many times larger a chunk may be than what is known of the items.
pub(crate) const GROWTH: usize = 8;

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
