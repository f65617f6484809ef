//! A virtual thread, as the run knows it.

use alloc::{boxed::Box, vec::Vec};
use core::{ptr::NonNull, task::Waker, time::Duration};

use crate::{
    platform::{Point, WorkerContext},
    sim::{
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
    pub(super) at: Option<Point>,
    /// Since which step it is in its state.
    pub(super) since: usize,
    /// Not begun yet.
    pub(super) life: Option<Life>,
    pub(super) fiber: Option<Fiber>,
    pub(super) suspender: Option<Suspender>,
    /// It was suspended while it was unwinding.
    pub(super) unwinds: bool,
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
            since: step,
            life: Some(life),
            fiber: None,
            suspender: None,
            unwinds: false,
            joiners: Vec::new(),
        }
    }

    /// Came to a step of a protocol.
    pub(super) fn reach(&mut self, point: Point) {
        self.at = Some(point);
        if point != Point::AboutToWait {
            self.awaits = None;
        }
    }

    /// Whether it is a worker that sleeps until there is work.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Parked(_))
            && self.awaits.is_none()
            && self.at == Some(Point::AboutToPark)
    }
}
