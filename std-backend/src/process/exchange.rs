//! One exchange with a worker: sends, waits, takes in; and looks at one that has not answered for a while.

use std::time::{Duration, Instant};

use concurrent_futures_core::future::CancelledBy;
use rustix::process::Signal;

use super::{
    carry::{Carrying, Progress, Why},
    child::Child,
    parcel::Parcel,
    window::{Hold, Load, send},
};

/// How often a worker is looked at that has not answered, and has more to do than one call.
const TICK: Duration = Duration::from_millis(1);
/// How long a worker that closed its channel may take to end.
const LAST_BREATH: Duration = Duration::from_secs(1);

impl Carrying<'_, '_> {
    /// Sends, waits, and takes in what has come, once. False if the worker is not to be used any more.
    pub(super) fn exchange(&mut self, child: &mut Child) -> bool {
        let all_sent = match send(child, self.window.iter_mut()) {
            Ok(all_sent) => all_sent,
            Err(_) => return self.lost(child),
        };
        let happened = match child.wait(!all_sent, self.patience()) {
            Ok(happened) => happened,
            Err(_) => return self.lost(child),
        };
        let mut at_end = false;
        if happened.readable {
            match child.receive(&mut self.owner.inbox.borrow_mut()) {
                Ok(Some(0)) | Err(_) => at_end = true,
                Ok(_) => {}
            }
        } else if !happened.ended && !happened.writable {
            self.look(child);
        }
        if let Err(error) = self.take_in(child) {
            self.end(child, Why::Protocol(error), Signal::KILL);
            return self.lost(child);
        }
        if happened.ended || at_end {
            return self.lost(child);
        }
        true
    }

    /// The worker has ended, or is as good as that: takes in what there is.
    fn lost(&mut self, child: &mut Child) -> bool {
        if !child.ends_within(Some(LAST_BREATH)) {
            self.end(child, Why::Channel, Signal::KILL);
            child.ends_within(None);
        }
        loop {
            let received = child.receive(&mut self.owner.inbox.borrow_mut());
            if !matches!(received, Ok(Some(1..))) {
                break;
            }
        }
        child.collect(&mut self.owner.inbox.borrow_mut());
        // What is not of the protocol was sent by a process that is not there any more.
        let _ = self.take_in(child);
        false
    }

    /// Has the worker ended for a reason, unless that was done before.
    fn end(&mut self, child: &Child, why: Why, signal: Signal) {
        if self.ending.is_none() {
            self.ending = Some((why, None));
        }
        child.signal(signal);
    }

    /// How long to wait for something to happen.
    fn patience(&self) -> Option<Duration> {
        let head = self.window.front()?;
        if let Some((_, kill_at)) = &self.ending {
            let left = kill_at.map(|at| at.saturating_duration_since(Instant::now()));
            return Some(left.unwrap_or(TICK).max(TICK));
        }
        match (self.settled, head.timeout) {
            (true, None) => None,
            (true, Some(limit)) => Some(limit.saturating_sub(self.since.elapsed()).max(TICK)),
            // It starts, or reads something large.
            (false, _) if self.progress.is_some_and(|progress| progress.started == 0) => {
                Some(10 * TICK)
            }
            (false, _) => Some(TICK),
        }
    }

    /// The worker has not answered for a while: looks at how far it is.
    fn look(&mut self, child: &mut Child) {
        child.collect(&mut self.owner.inbox.borrow_mut());
        if self.take_in(child).is_err() {
            return;
        }
        if let Some((_, kill_at)) = &self.ending {
            if kill_at.is_some_and(|at| at <= Instant::now()) {
                child.signal(Signal::KILL);
            }
            return;
        }
        let Some(head) = self.window.front_mut() else {
            return;
        };
        let progress = Progress {
            call: head.call,
            started: child.board.slot(head.call).started(),
        };
        if progress.started > 0
            && let Load::Call { hold, .. } = &mut head.load
        {
            hold.start();
        }
        let closed = matches!(&head.load, Load::Chunk { ticket, .. } if ticket.feed.is_closed());
        if self.progress != Some(progress) {
            if self
                .progress
                .is_some_and(|before| before.call == progress.call)
            {
                self.since = Instant::now();
            }
            self.progress = Some(progress);
            self.settled = false;
        } else if progress.started > 0 && !self.settled {
            self.take_back(child);
            self.settled = true;
        }
        if self.shared().is_cancelled() {
            self.take_back(child);
        } else if closed {
            self.take_back_items(child, 0);
        }
        let timeout = self.window.front().and_then(|head| head.timeout);
        if let Some(limit) = timeout
            && progress.started > 0
            && self.since.elapsed() >= limit
        {
            let grace = self.shared().settings.grace;
            let kill_at = grace.map(|grace| Instant::now() + grace);
            self.ending = Some((Why::TimedOut(limit), kill_at));
            child.signal(if grace.is_some() {
                Signal::TERM
            } else {
                Signal::KILL
            });
        }
    }

    /// Takes back what the worker has not started: for others to run, or to be cancelled if the pool was shut down so.
    fn take_back(&mut self, child: &mut Child) {
        for at in (0..self.window.len()).rev() {
            self.take_back_items(child, at);
            let Load::Call { hold, .. } = &mut self.window[at].load else {
                continue;
            };
            if let Hold::Unstarted(taken) = hold
                && taken.cargo().is_some_and(Parcel::reclaim)
                && let Hold::Unstarted(taken) = hold.take()
            {
                child.served = child.served.saturating_sub(1);
                if self.owner.shared.is_cancelled() {
                    taken.cancel(CancelledBy::Shutdown);
                } else {
                    taken.give_back();
                }
            }
        }
    }

    fn take_back_items(&mut self, child: &mut Child, at: usize) {
        let sent = &mut self.window[at];
        let Load::Chunk { ticket, chunk, .. } = &sent.load else {
            return;
        };
        if let Some(items) = child.board.slot(sent.call).recall() {
            child.served = child
                .served
                .saturating_sub(u64::from(items.end - items.start));
            ticket.give_back(chunk, items.start as usize, 0);
        }
    }
}
