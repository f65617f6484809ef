//! What a call brings along for the worker that it goes to, and who may still take it back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use concurrent_futures_core::scheduler::Cargo;

use super::{board::Board, ticket::Ticket};

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
pub(crate) enum Content {
    /// One call: the body of its frame.
    Call(Arc<Vec<u8>>),
    /// As many items of a map as there are.
    Ticket(Arc<Ticket>),
}

#[derive(Debug)]
enum State {
    /// With the pool.
    Here(Content),
    /// With a worker, under this number.
    Lent(Content, Arc<Board>, u32),
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

    fn content(&self) -> Option<Content> {
        match self {
            Self::Here(content) | Self::Lent(content, ..) => Some(content.clone()),
            Self::Over => None,
        }
    }
}

impl Parcel {
    pub(crate) fn new(content: Content, limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::new(State::Here(content)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done; nothing if it was cancelled.
    pub(crate) fn content(&self) -> Option<Content> {
        self.state().content()
    }

    /// Notes that a worker may start it from now on, under this number. False if it was cancelled.
    pub(crate) fn lend(&self, board: &Arc<Board>, call: u32) -> bool {
        let mut state = self.state();
        let Some(content) = state.content() else {
            return false;
        };
        *state = State::Lent(content, Arc::clone(board), call);
        true
    }

    /// Takes it back from a worker that has not started it; false if it has, or if it was cancelled.
    pub(crate) fn reclaim(&self) -> bool {
        let mut state = self.state();
        match state.content() {
            Some(content) if state.is_unstarted() => {
                *state = State::Here(content);
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
