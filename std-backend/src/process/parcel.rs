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
    pub(crate) load: Load,
    pub(crate) limits: Limits,
    whereabouts: Mutex<Whereabouts>,
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
enum Whereabouts {
    /// With the pool.
    Here,
    /// With a worker, under this number.
    Lent(Arc<Board>, u32),
    /// Nowhere: it will never run.
    Withdrawn,
}

impl Parcel {
    pub(crate) fn new(load: Load, limits: Limits) -> Self {
        Self {
            load,
            limits,
            whereabouts: Mutex::new(Whereabouts::Here),
        }
    }

    fn whereabouts(&self) -> MutexGuard<'_, Whereabouts> {
        self.whereabouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a worker may start it from now on, under this number. False if it was withdrawn.
    pub(crate) fn lend(&self, board: &Arc<Board>, call: u32) -> bool {
        let mut whereabouts = self.whereabouts();
        let free = !matches!(*whereabouts, Whereabouts::Withdrawn);
        if free {
            *whereabouts = Whereabouts::Lent(Arc::clone(board), call);
        }
        free
    }

    /// Takes it back from a worker that has not started it; false if it has, or if it was withdrawn.
    pub(crate) fn reclaim(&self) -> bool {
        let mut whereabouts = self.whereabouts();
        let back = whereabouts.is_unstarted();
        if back {
            *whereabouts = Whereabouts::Here;
        }
        back
    }
}

impl Whereabouts {
    /// Whether nobody will start it; not even the worker that has it, from now on.
    fn is_unstarted(&self) -> bool {
        match self {
            Self::Here => true,
            Self::Lent(board, call) => board.slot(*call).recall().is_some(),
            Self::Withdrawn => false,
        }
    }
}

impl Cargo for Parcel {
    fn recall(&self) -> bool {
        let mut whereabouts = self.whereabouts();
        let withdrawn =
            matches!(*whereabouts, Whereabouts::Withdrawn) || whereabouts.is_unstarted();
        if withdrawn {
            *whereabouts = Whereabouts::Withdrawn;
        }
        withdrawn
    }
}

#[cfg(test)]
mod tests;
