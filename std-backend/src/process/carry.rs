//! Carrying calls to a worker and their outcomes back, until nothing is left with it.
//!
//! The scheduler gives a call that it took. As long as calls are short, a few more are taken and sent behind it, so that the worker never
//! waits for the next. One that turns out to be long has nothing waiting behind it for more than some milliseconds: what was not started
//! is taken back, and put where other workers find it.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use concurrent_futures_core::{
    future::TaskError,
    scheduler::{Started, Taken, Worker},
};
use rustix::process::Signal;

use super::{
    board::SLOTS,
    child::Child,
    codec,
    failure::Failure,
    feed::Ticket,
    owner::{Owner, Processes},
    parcel::{Limits, Load as Cargo, Parcel},
    settings::Shared,
    window::{Hold, Load, Sent, send},
    wire::{Frame, Kind, WireError},
};

/// How long calls that wait behind another in a worker may take together.
const WINDOW_NANOS: f64 = 2e5;
/// How many chunks of one map are with a worker: one that runs, and the next.
const CHUNKS: usize = 2;
/// How often a worker is looked at that has not answered, and has more to do than one call.
const TICK: Duration = Duration::from_millis(1);
/// How long a worker that closed its channel may take to end.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// A map whose items are cut for this worker.
pub(super) struct Active<'a> {
    pub(super) started: Started<'a, Processes>,
    pub(super) ticket: Arc<Ticket>,
}

/// Why this side ended the worker.
#[derive(Clone, Debug)]
pub(super) enum Why {
    TimedOut(Duration),
    Protocol(WireError),
    Channel,
}

/// How far the worker was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    call: u32,
    started: u32,
}

/// One stretch of work of one worker.
pub(crate) struct Carrying<'w, 'a> {
    pub(super) worker: &'w Worker<'a, Processes>,
    pub(super) owner: &'w Owner,
    pub(super) window: VecDeque<Sent<'a>>,
    /// Calls whose worker died, to be sent again, and how often they were tried.
    pub(super) again: VecDeque<(Started<'a, Processes>, u32)>,
    pub(super) active: Option<Active<'a>>,
    /// How long calls took lately.
    nanos: Option<f64>,
    progress: Option<Progress>,
    since: Instant,
    pub(super) ending: Option<(Why, Option<Instant>)>,
    /// Whether what runs there is long, and what was behind it was taken back: nothing more is sent until it is over.
    settled: bool,
}

impl<'w, 'a> Carrying<'w, 'a> {
    pub(crate) fn new(worker: &'w Worker<'a, Processes>) -> Self {
        Self {
            worker,
            owner: worker.local(),
            window: VecDeque::new(),
            again: VecDeque::new(),
            active: None,
            nanos: None,
            progress: None,
            since: Instant::now(),
            ending: None,
            settled: false,
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
                self.give_up(|| TaskError::NoWorker);
                return ControlFlow::Break(());
            }
            if let Some(first) = first.take() {
                self.accept(first);
            }
            self.fill();
            if self.window.is_empty() {
                if !self.retire() && self.active.is_none() {
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

    /// Ends a worker that has done what it may, and nothing is left with it; says whether it did.
    fn retire(&mut self) -> bool {
        if self.left() > 0 {
            return false;
        }
        let child = self.owner.child.borrow_mut().take();
        if let Some(child) = child {
            child.stop();
        }
        true
    }

    /// Takes on and sends as much as the worker is to have at a time.
    fn fill(&mut self) {
        while !self.settled && self.window.len() < SLOTS && self.left() > 0 {
            if let Some(active) = &self.active {
                let ticket = Arc::clone(&active.ticket);
                if !self.cut(&ticket) {
                    return;
                }
            } else if let Some((started, attempts)) = self.again.pop_front() {
                self.send_call(Hold::Started(started), attempts);
            } else if self.window.len() >= self.allowed() {
                return;
            } else if let Some(taken) = self.worker.take() {
                self.accept(taken);
            } else {
                return;
            }
        }
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
        let ticket = match taken.cargo().map(|cargo| &cargo.load) {
            Some(Cargo::Call(_)) => return self.send_call(Hold::Unstarted(taken), 0),
            Some(Cargo::Ticket(ticket)) => Arc::clone(ticket),
            None => return,
        };
        // A ticket that was cancelled is of no use; its map knows.
        if let Some(started) = taken.start() {
            self.active = Some(Active { started, ticket });
        }
    }

    /// Sends more items of a map; false if there are enough with the worker.
    fn cut(&mut self, ticket: &Arc<Ticket>) -> bool {
        let out = |sent: &&Sent<'_>| matches!(sent.load, Load::Chunk { .. });
        let out = self.window.iter().filter(out).count();
        if out >= CHUNKS {
            return false;
        }
        if self.shared().is_cancelled() {
            ticket.feed.cancel();
        }
        let Some(chunk) = ticket.cut(self.left()) else {
            if out > 0 {
                return false;
            }
            if let Some(active) = self.active.take() {
                self.owner.arrived(&(0..0));
                self.worker.finish(active.started, self.window.is_empty());
            }
            return true;
        };
        let load = Load::Chunk {
            ticket: Arc::clone(ticket),
            chunk,
            replies: 0,
        };
        self.offer(load, ticket.feed.limits);
        true
    }

    fn send_call(&mut self, hold: Hold<'a>, attempts: u32) {
        let cargo: Option<&Parcel> = match &hold {
            Hold::Unstarted(taken) => taken.cargo(),
            Hold::Started(started) => started.cargo(),
            Hold::Nothing => None,
        };
        let Some(Parcel {
            load: Cargo::Call(body),
            limits,
            ..
        }) = cargo
        else {
            return;
        };
        let (body, limits) = (Arc::clone(body), *limits);
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
            self.since = Instant::now();
            self.progress = None;
        }
        let sent = Sent::offer(child, load, limits);
        if let Load::Call {
            hold: Hold::Unstarted(taken),
            ..
        } = &sent.load
            && !taken
                .cargo()
                .is_some_and(|cargo| cargo.lend(&child.board, sent.call))
        {
            // Cancelled: nobody will ever start it. Dropping it passes it.
            child.board.slot(sent.call).recall();
            child.served -= 1;
            if let Load::Call { hold, .. } = sent.load {
                hold.into_started();
            }
            return;
        }
        self.window.push_back(sent);
    }

    /// Sends, waits, and takes in what has come, once. False if the worker is not to be used any more.
    fn exchange(&mut self, child: &mut Child) -> bool {
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
        } else if !happened.ended {
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
        if closed || self.shared().is_cancelled() {
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

    /// Takes back what the worker has not started, for others to run.
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
                taken.give_back();
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

    /// Deals with every frame that is there in full.
    fn take_in(&mut self, child: &mut Child) -> Result<(), WireError> {
        loop {
            let frame = self.owner.inbox.borrow_mut().next()?;
            let Some(frame) = frame else { return Ok(()) };
            match frame.header.kind {
                Kind::Ready => {
                    child.ready = true;
                    self.shared().was_ready();
                }
                Kind::Unfit => {
                    let inbox = self.owner.inbox.borrow();
                    let why = String::from_utf8_lossy(inbox.body(frame.body)).into_owned();
                    child.unfit = Some(why);
                }
                Kind::Value | Kind::Failure | Kind::End => self.replied(child, &frame)?,
                kind => return Err(WireError::Unexpected(kind)),
            }
        }
    }

    /// A reply to the call that was sent first: the worker goes through them in order.
    fn replied(&mut self, child: &Child, frame: &Frame) -> Result<(), WireError> {
        match self.window.front() {
            Some(head) if head.call == frame.header.call => match head.load {
                Load::Call { .. } => self.call_replied(child, frame),
                Load::Chunk { .. } => self.items_replied(child, frame),
            },
            _ => Err(WireError::Unexpected(frame.header.kind)),
        }
    }

    fn call_replied(&mut self, child: &Child, frame: &Frame) -> Result<(), WireError> {
        let kind = frame.header.kind;
        let Some(Sent {
            load: Load::Call { hold, .. },
            ..
        }) = self.window.front_mut()
        else {
            return Err(WireError::Unexpected(kind));
        };
        let hold = hold.take();
        if frame.header.last {
            if kind != Kind::End {
                let took = frame.header.nanos as f64;
                self.nanos = Some(self.nanos.map_or(took, |old| f64::midpoint(old, took)));
            }
            self.pop();
        }
        let Some(started) = hold.into_started() else {
            return Ok(());
        };
        match kind {
            Kind::Value => {
                self.owner.arrived(&frame.body);
                let last = self.window.is_empty() && self.active.is_none();
                self.worker.finish(started, last);
                Ok(())
            }
            Kind::Failure => {
                started.fail(failure(self.owner, child, frame));
                Ok(())
            }
            _ => {
                drop(started);
                Err(WireError::Unexpected(kind))
            }
        }
    }

    fn items_replied(&mut self, child: &Child, frame: &Frame) -> Result<(), WireError> {
        let Some(Sent { load, .. }) = self.window.front_mut() else {
            return Err(WireError::Unexpected(frame.header.kind));
        };
        let Load::Chunk {
            ticket,
            chunk,
            replies,
        } = load
        else {
            return Err(WireError::Unexpected(frame.header.kind));
        };
        let expected = |frame: &Frame, replies: usize| {
            let item = frame.header.item as usize;
            if item == replies && item < chunk.count {
                Ok(chunk.first + item as u64)
            } else {
                Err(WireError::Unexpected(frame.header.kind))
            }
        };
        let mut frame = frame.clone();
        match frame.header.kind {
            Kind::Value => {
                // As many as there are, at once.
                let mut inbox = self.owner.inbox.borrow_mut();
                let mut results = ticket.results();
                loop {
                    let item = expected(&frame, *replies)?;
                    results.value(item, inbox.body(frame.body.clone()));
                    *replies += 1;
                    match inbox.next_value(frame.header.call)? {
                        Some(next) if !frame.header.last => frame = next,
                        Some(next) => return Err(WireError::Unexpected(next.header.kind)),
                        None => break,
                    }
                }
            }
            Kind::Failure => {
                let item = expected(&frame, *replies)?;
                *replies += 1;
                ticket.fail(item, failure(self.owner, child, &frame));
            }
            _ => {}
        }
        if frame.header.last {
            ticket.took(*replies, frame.header.nanos);
            self.pop();
        }
        Ok(())
    }

    fn pop(&mut self) {
        self.window.pop_front();
        self.settled = false;
        self.progress = None;
        self.since = Instant::now();
    }
}

/// What a worker said of a call that has no result.
fn failure(owner: &Owner, child: &Child, frame: &Frame) -> TaskError {
    let inbox = owner.inbox.borrow();
    match codec::decode_result::<Failure>(inbox.body(frame.body.clone())) {
        Ok(failure) => failure.into_error(child.pid()),
        Err(error) => TaskError::Codec(error),
    }
}
