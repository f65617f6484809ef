//! One exchange with a worker: sends, waits, takes in; and looks at one that has not answered for a while.

use std::{thread, time::Duration};

use concurrent_futures_core::future::CancelledBy;
use rustix::process::Signal;

use super::{
    carry::Carrying,
    child::{Child, Happened},
    watch::{Progress, Why},
    window::{Hold, Load, send},
    wire::WireError,
};

/// How long a worker that closed its channel may take to end.
const LAST_BREATH: Duration = Duration::from_secs(1);
/// How often to look for an answer before sleeping.
const LOOKS: u32 = 20;

impl Carrying<'_, '_> {
    /// Sends, waits, and takes in what has come, once. False if the worker is not to be used any more.
    pub(super) fn exchange(&mut self, child: &mut Child) -> bool {
        let limit = self.window.front().and_then(|head| head.timeout);
        let Ok(all_sent) = send(child, self.window.iter_mut()) else {
            return self.lost(child);
        };
        let happened = if all_sent && !child.watch.settled && self.answered_soon(child) {
            Ok(Happened::SOMETHING)
        } else {
            child.wait(!all_sent, child.watch.patience(limit))
        };
        let Ok(happened) = happened else {
            return self.lost(child);
        };
        let mut at_end = false;
        if happened.readable {
            match child.receive(&mut self.owner.inbox.borrow_mut()) {
                Ok(Some(0)) | Err(_) => at_end = true,
                Ok(_) => {}
            }
        }
        let mut taken_in = self.take_in(child);
        let nothing = happened == Happened::default();
        let unwanted = self.window.front().is_some_and(
            |head| matches!(&head.load, Load::Chunk { ticket, .. } if ticket.feed.is_closed()),
        );
        if taken_in.is_ok() && (nothing || unwanted || child.watch.is_due(limit)) {
            taken_in = self.look(child);
        }
        self.goes_on(child, taken_in) && (!happened.ended && !at_end || self.lost(child))
    }

    /// Whether the worker is to be used any more after what it has sent.
    fn goes_on(&mut self, child: &mut Child, taken_in: Result<(), WireError>) -> bool {
        match taken_in {
            Ok(()) => true,
            Err(error) => {
                child.watch.end(Why::Protocol(error), None);
                child.signal(Signal::KILL);
                self.lost(child)
            }
        }
    }

    /// Looks a few times whether something has come, and gives its processor away in between: a short call is over by then, and nobody had to be
    /// woken.
    fn answered_soon(&self, child: &mut Child) -> bool {
        (0..LOOKS).any(|_| {
            let came = child.receive(&mut self.owner.inbox.borrow_mut());
            if matches!(came, Ok(None)) {
                thread::yield_now();
            }
            matches!(came, Ok(Some(1..)))
        })
    }

    /// The worker has ended, or is as good as that: takes in what there is.
    fn lost(&mut self, child: &mut Child) -> bool {
        if !child.ends_within(Some(LAST_BREATH)) {
            child.watch.end(Why::Channel, None);
        }
        // Nobody else that has the channel goes on writing to it.
        child.signal(Signal::KILL);
        child.ends_within(None);
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

    /// The worker has not answered for a while: looks at how far it is.
    fn look(&mut self, child: &mut Child) -> Result<(), WireError> {
        child.collect(&mut self.owner.inbox.borrow_mut());
        self.take_in(child)?;
        if child.watch.is_overdue() {
            child.signal(Signal::KILL);
        }
        let Some(head) = self.window.front_mut() else {
            return Ok(());
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
        let limit = head.timeout;
        let unwanted = matches!(&head.load, Load::Chunk { ticket, .. } if ticket.feed.is_closed());
        let stuck = child.watch.is_stuck(progress);
        // One that only begins its life need not hold up what another could run now.
        let others =
            progress.started > 0 || self.worker.others_sleep() || self.shared().is_cancelled();
        if stuck && others && !child.watch.settled {
            self.take_back(child);
            // What is behind may have begun just before it was taken back.
            let slot = |call| child.board.slot(call).started();
            let settled = slot(progress.call) == progress.started
                && self.window.iter().skip(1).all(|sent| slot(sent.call) == 0);
            child.watch.settled = settled;
            if let Some(active) = &self.active {
                active.ticket.pause();
            }
        } else if unwanted {
            self.take_back_items(child, 0);
        }
        if let Some(limit) = limit
            && child.watch.ending.is_none()
            && child.watch.is_over(limit)
        {
            self.take_back(child);
            let grace = self.shared().settings.grace;
            child.watch.end(Why::TimedOut(limit), grace);
            child.signal(grace.map_or(Signal::KILL, |_| Signal::TERM));
        }
        Ok(())
    }

    /// Takes back what the worker has not started: for others to run, or to be cancelled if the pool was shut down so.
    pub(super) fn take_back(&mut self, child: &mut Child) {
        for at in (0..self.window.len()).rev() {
            self.take_back_items(child, at);
            if let Load::Call { hold, .. } = &mut self.window[at].load
                && hold.is_reclaimed()
            {
                child.served = child.served.saturating_sub(1);
                let hold = hold.take();
                self.give_back(hold);
            }
        }
    }

    /// A call that is the pool's again.
    pub(super) fn give_back(&mut self, hold: Hold<'_>) {
        if let Hold::Unstarted(taken) = hold {
            if self.shared().is_cancelled() {
                taken.cancel(CancelledBy::Shutdown);
            } else {
                taken.give_back();
            }
        }
    }

    fn take_back_items(&mut self, child: &mut Child, at: usize) {
        let sent = &mut self.window[at];
        let Load::Chunk {
            ticket,
            chunk,
            items,
            ..
        } = &mut sent.load
        else {
            return;
        };
        // A shutdown may have taken them back already.
        let slot = child.board.slot(sent.call);
        slot.recall();
        let first = slot.started() as usize;
        if first < *items {
            child.served = child.served.saturating_sub((*items - first) as u64);
            ticket.give_back(chunk, first..*items, 0);
            *items = first;
        }
    }
}
