//! The items of one map on their way: encoded, cut into chunks when a worker has time for one, and their results.
//!
//! In the pool's queue are tickets, as many as there are workers. A worker that takes one cuts chunks until nothing is left, each as large
//! as it can do in about a millisecond by what the items before took.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use concurrent_futures_core::{
    executor::MapOptions,
    future::{CancelledBy, TaskError},
};

use super::{function::Function, parcel::Limits, run::Run};

/// How many results are taken at a time at the most.
const AT_ONCE: usize = 4096;

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
    pub(super) fn value(bytes: &[u8]) -> Self {
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

/// What changes of a feed.
#[derive(Debug)]
pub(super) struct State {
    pub(super) pending: VecDeque<Run>,
    /// How many items were ever added.
    pub(super) added: u64,
    /// What has come, and was not taken: in the order of the input, where `first` is the number of the first, or as it came.
    pub(super) results: VecDeque<Option<Got>>,
    pub(super) first: u64,
    pub(super) ordered: bool,
    /// Tickets that may still cut.
    pub(super) tickets: usize,
    /// How long an item takes, and of how many that is known.
    pub(super) nanos: Option<(f64, usize)>,
    /// Whether somebody waits for a result.
    pub(super) waiting: bool,
    pub(super) closed: bool,
    pub(super) cancelled: bool,
}

/// What a map and its tickets share.
pub(crate) struct Feed {
    state: Mutex<State>,
    came: Condvar,
    pub(super) function: Function,
    pub(crate) limits: Limits,
    pub(super) chunksize: Option<usize>,
    pub(super) workers: usize,
    /// Whether items are added as results are taken.
    pub(crate) is_buffered: bool,
    /// Submits so many more tickets, if it can without waiting; false if not.
    pub(super) more: More,
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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

    pub(super) fn fail(&self, mut state: MutexGuard<'_, State>, error: impl Fn() -> TaskError) {
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

    pub(super) fn tell(&self, state: MutexGuard<'_, State>) {
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
    pub(super) fn put(&mut self, item: u64, got: Got) {
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

#[cfg(test)]
mod tests;
