//! Carrying calls to a worker and their outcomes back, until nothing is left with it.
//!
//! The scheduler gives a call that it took. Of a map, another chunk is sent behind the one that runs, so that the worker never waits for the
//! next; of calls, a few more while they are short, if the pool's builder asked for a window. What turns out to be long has nothing waiting
//! behind it for more than some milliseconds: what was not started is taken back, and put where other workers find it.

use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use super::{
    board::SLOTS,
    child::Child,
    owner::{Owner, Processes},
    parcel::{Content, Limits, Parcel},
    settings::Shared,
    ticket::Ticket,
    window::{Hold, Load, Sent},
};
use concurrent_futures_core::scheduler::{Started, Taken, Worker};

/// How long calls that wait behind another in a worker may take together.
const WINDOW_NANOS: f64 = 2e5;
/// How many chunks of one map are with a worker: one that runs, and the next.
const CHUNKS: usize = 2;

/// A map whose items are cut for this worker.
pub(super) struct Active<'a> {
    pub(super) started: Started<'a, Processes>,
    pub(super) ticket: Arc<Ticket>,
}

/// One stretch of work of one worker.
pub(crate) struct Carrying<'w, 'a> {
    pub(super) worker: &'w Worker<'a, Processes>,
    pub(super) owner: &'w Owner,
    pub(super) window: VecDeque<Sent<'a>>,
    /// Calls whose worker died, to be sent again, and how often they were tried.
    pub(super) again: VecDeque<(Started<'a, Processes>, u32)>,
    pub(super) active: Option<Active<'a>>,
    /// Whether a chunk of it was cut since it was begun with.
    has_cut: bool,
    /// How long calls took lately.
    pub(super) nanos: Option<f64>,
}

impl<'w, 'a> Carrying<'w, 'a> {
    pub(crate) fn new(worker: &'w Worker<'a, Processes>) -> Self {
        Self {
            worker,
            owner: worker.local(),
            window: VecDeque::new(),
            again: VecDeque::new(),
            active: None,
            has_cut: false,
            nanos: None,
        }
    }

    pub(super) fn shared(&self) -> &'w Shared {
        &self.owner.shared
    }

    /// Carries calls until there are none, or there can be no worker.
    pub(crate) fn carry(mut self, first: Taken<'a, Processes>) -> ControlFlow<()> {
        let mut first = Some(first);
        loop {
            if self.owner.staff().is_err() {
                drop(first);
                return self.without_worker();
            }
            if let Some(first) = first.take() {
                self.accept(first);
            }
            self.fill();
            if self.window.is_empty() {
                let done = self.is_done();
                if self.dismiss().is_break() {
                    return ControlFlow::Break(());
                }
                if done {
                    return ControlFlow::Continue(());
                }
                continue;
            }
            let mut child = self.owner.child.borrow_mut().take();
            let alive = match &mut child {
                Some(child) => self.exchange(child),
                None => false,
            };
            if alive {
                *self.owner.child.borrow_mut() = child;
            } else if let Some(child) = child
                && self.bury(child).is_break()
            {
                return ControlFlow::Break(());
            }
        }
    }

    /// How many more items the worker may run before it is replaced.
    fn left(&self) -> usize {
        let served = self
            .owner
            .child
            .borrow()
            .as_ref()
            .map_or(0, |child| child.served);
        let most = self
            .shared()
            .settings
            .max_tasks_per_child
            .unwrap_or(u64::MAX);
        usize::try_from(most.saturating_sub(served)).unwrap_or(usize::MAX)
    }

    /// Whether nothing is left to be done for anybody.
    pub(super) fn is_done(&self) -> bool {
        self.window.is_empty() && self.active.is_none() && self.again.is_empty()
    }

    /// Ends a worker with which nothing is left, if it has done what it may, or is to end. It takes a while.
    fn dismiss(&mut self) -> ControlFlow<()> {
        let is_ending = |child: &Child| child.watch.ending.is_some();
        let used_up = self.left() == 0;
        let mut child = self.owner.child.borrow_mut();
        if !used_up && !child.as_ref().is_some_and(is_ending) {
            return ControlFlow::Continue(());
        }
        let gone = child.take();
        drop(child);
        self.worker.busy();
        match gone {
            Some(child) if is_ending(&child) => self.bury(child),
            Some(child) => {
                child.stop();
                ControlFlow::Continue(())
            }
            None => ControlFlow::Continue(()),
        }
    }

    /// Takes on and sends as much as the worker is to have at a time.
    fn fill(&mut self) {
        while self.may_send() && self.window.len() < SLOTS && self.left() > 0 {
            if let Some((started, attempts)) = self.again.pop_front() {
                self.send_call(Hold::Started(started), attempts);
            } else if let Some(active) = &self.active {
                let ticket = Arc::clone(&active.ticket);
                if !self.cut(&ticket) {
                    return;
                }
            } else if self.window.len() >= self.allowed() {
                return;
            } else if let Some(taken) = self.worker.take() {
                self.accept(taken);
            } else {
                return;
            }
        }
    }

    fn may_send(&self) -> bool {
        let child = self.owner.child.borrow();
        child.as_ref().is_some_and(|child| child.watch.may_send())
    }

    /// How many calls may be with the worker: more than one only if they are short, and there are more than all workers together have begun.
    fn allowed(&self) -> usize {
        let settings = &self.shared().settings;
        let Some(nanos) = self.nanos else { return 1 };
        let in_time = (WINDOW_NANOS / nanos.max(1.0)) as usize;
        let share = self.worker.waiting() / settings.max_workers + 1;
        settings.window.min(in_time).min(share).max(1)
    }

    /// Sends a call that was taken, or begins with the items of a map.
    fn accept(&mut self, taken: Taken<'a, Processes>) {
        let ticket = match taken.cargo().and_then(Parcel::content) {
            Some(Content::Ticket(ticket)) => ticket,
            _ => return self.send_call(Hold::Unstarted(taken), 0),
        };
        // A ticket that was cancelled is of no use; its map knows.
        if let Some(started) = taken.start() {
            self.active = Some(Active { started, ticket });
            self.has_cut = false;
        }
    }

    /// Sends more items of a map; false if there are enough with the worker.
    fn cut(&mut self, ticket: &Arc<Ticket>) -> bool {
        let out = |sent: &&Sent<'_>| matches!(sent.load, Load::Chunk { .. });
        let out = self.window.iter().filter(out).count();
        if out >= CHUNKS {
            return false;
        }
        // Items of a map that are added as results are taken are not ahead of calls that were submitted before.
        let enough = ticket.feed.is_buffered && self.worker.waiting() > 0 && self.has_cut;
        if enough && out > 0 {
            return false;
        }
        let chunk = if enough && ticket.pause() {
            None
        } else {
            ticket.cut(self.left())
        };
        let Some(chunk) = chunk else {
            if out > 0 {
                return false;
            }
            if let Some(active) = self.active.take() {
                self.worker.finish(active.started, self.is_done());
            }
            return true;
        };
        self.has_cut = true;
        let load = Load::Chunk {
            ticket: Arc::clone(ticket),
            items: chunk.count,
            chunk,
            replies: 0,
        };
        self.offer(load, ticket.feed.limits);
        true
    }

    fn send_call(&mut self, hold: Hold<'a>, attempts: u32) {
        let cargo = hold.cargo();
        let Some((Content::Call(body), limits)) =
            cargo.and_then(|cargo| cargo.content().zip(Some(cargo.limits)))
        else {
            // Cancelled: all that is left is to pass it.
            hold.pass();
            return;
        };
        let load = Load::Call {
            hold,
            body,
            attempts,
        };
        self.offer(load, limits);
    }

    fn offer(&mut self, load: Load<'a>, limits: Limits) {
        let mut child = self.owner.child.borrow_mut();
        let Some(child) = &mut *child else { return };
        if self.window.is_empty() {
            child.watch.next();
        }
        match Sent::offer(child, load, limits) {
            Ok(sent) => self.window.push_back(sent),
            Err(cancelled) => cancelled.pass(),
        }
        if self.shared().offered_in_vain() {
            self.take_back(child);
        }
    }
}
