//! What a call brings along for the worker that it goes to, and who may still take it back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use concurrent_futures_core::scheduler::Cargo;

use super::{board::Board, feed::Ticket};

/// How often and for how long a call may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: u32,
}

/// What a call brings along.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) limits: Limits,
    state: Mutex<State>,
}

/// What is to be done elsewhere.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// One call: the body of its frame.
    Call(Arc<Vec<u8>>),
    /// As many items of a map as there are.
    Ticket(Arc<Ticket>),
}

#[derive(Debug)]
enum State {
    /// With the pool.
    Here(Load),
    /// With a worker, under this number.
    Lent(Load, Arc<Board>, u32),
    /// Cancelled, or done: nothing is kept of it, though its future may be.
    Over,
}

impl State {
    /// Whether nobody will start it; not even the worker that has it, from now on.
    fn is_unstarted(&self) -> bool {
        match self {
            Self::Here(_) => true,
            Self::Lent(_, board, call) => board.slot(*call).revoke(),
            Self::Over => false,
        }
    }

    fn load(&self) -> Option<Load> {
        match self {
            Self::Here(load) | Self::Lent(load, ..) => Some(load.clone()),
            Self::Over => None,
        }
    }
}

impl Parcel {
    pub(crate) fn new(load: Load, limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::new(State::Here(load)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done; nothing if it was cancelled.
    pub(crate) fn load(&self) -> Option<Load> {
        self.state().load()
    }

    /// Notes that a worker may start it from now on, under this number. False if it was cancelled.
    pub(crate) fn lend(&self, board: &Arc<Board>, call: u32) -> bool {
        let mut state = self.state();
        let Some(load) = state.load() else {
            return false;
        };
        *state = State::Lent(load, Arc::clone(board), call);
        true
    }

    /// Takes it back from a worker that has not started it; false if it has, or if it was cancelled.
    pub(crate) fn reclaim(&self) -> bool {
        let mut state = self.state();
        match state.load() {
            Some(load) if state.is_unstarted() => {
                *state = State::Here(load);
                true
            }
            _ => false,
        }
    }

    /// It will not be sent again: nothing of it is kept.
    pub(crate) fn discharge(&self) {
        *self.state() = State::Over;
    }
}

impl Cargo for Parcel {
    fn recall(&self) -> bool {
        let mut state = self.state();
        let over = matches!(*state, State::Over) || state.is_unstarted();
        if over {
            *state = State::Over;
        }
        over
    }
}

#[cfg(test)]
mod tests;
