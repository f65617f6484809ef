//! A virtual thread, as the run knows it.

use alloc::{boxed::Box, vec::Vec};
use core::{ptr::NonNull, task::Waker, time::Duration};

use crate::{
    platform::{Point, WorkerContext},
    sim::{
        fault::Caught,
        fiber::{Fiber, Suspender},
        trace::Who,
    },
};

pub(in crate::sim) type Life = Box<dyn FnOnce()>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Parked(Option<Duration>),
    Ended,
}

/// How it stands with a virtual thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stands {
    /// It was started, and has done nothing yet.
    NotBegun,
    /// It can go on. Its latest step was this point, if it was one.
    Ready(Option<Point>),
    /// It waits to be woken.
    Parked,
    /// Its life is over.
    Ended,
}

/// A virtual thread.
pub(super) struct Thread {
    pub(super) who: Who,
    pub(super) state: State,
    pub(super) token: bool,
    pub(super) waker: Waker,
    /// The innermost context that it entered.
    pub(super) worker: Option<NonNull<WorkerContext>>,
    /// Whose worker it is.
    pub(super) executor: Option<usize>,
    /// The address of the call that it waits for.
    pub(super) awaits: Option<usize>,
    /// The last point of a protocol that it came to.
    pub(super) at: Option<Point>,
    /// The point that its latest step was, if it was one.
    pub(super) latest: Option<Point>,
    /// In which turn it looked at something last, and how often in a row.
    pub(super) looked: (usize, usize),
    /// Since which step it is in its state.
    pub(super) since: usize,
    /// Not begun yet.
    pub(super) life: Option<Life>,
    pub(super) fiber: Option<Fiber>,
    pub(super) suspender: Option<Suspender>,
    /// What it panics with.
    pub(super) panic: Option<Caught>,
    /// It was suspended while it was unwinding, as far as one can tell.
    pub(super) unwinds: bool,
    /// It waits for one of several.
    pub(super) among: bool,
    /// Who is to be woken when it ends.
    pub(super) joiners: Vec<usize>,
}

impl Thread {
    pub(super) fn new(
        who: Who,
        executor: Option<usize>,
        waker: Waker,
        life: Life,
        step: usize,
    ) -> Self {
        Self {
            who,
            state: State::Ready,
            token: false,
            waker,
            worker: None,
            executor,
            awaits: None,
            at: None,
            latest: None,
            looked: (0, 0),
            since: step,
            life: Some(life),
            fiber: None,
            suspender: None,
            panic: None,
            unwinds: false,
            among: false,
            joiners: Vec::new(),
        }
    }

    /// Whether it is a worker that sleeps until there is work.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Parked(_))
            && self.awaits.is_none()
            && self.at == Some(Point::AboutToPark)
    }
}
