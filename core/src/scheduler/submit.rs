//! Taking a call in.

use super::{Backend, Pool, Workers, idle::Rouse, producers::NoRoom};
use crate::{
    future::{BrokenExecutor, CancelledBy},
    platform::{Clock, Current, Deadline, Platform, SpawnError, Spawner},
    queue::{Policy, Queue},
    task::{Local, Started, Task, header::Raw},
};

/// What the submitter asks for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// What to do when the queue is full; the pool's own policy if none.
    pub(crate) policy: Option<Policy>,
    /// Whether the call borrows the worker-local value, so that only a worker can run it.
    pub(crate) needs_local: bool,
}

/// Why a call was not taken.
pub(crate) enum Why {
    Broken(BrokenExecutor),
    ShutDown,
    Full,
    NoWorker,
}

/// A call that was not taken, and where it is.
pub(crate) enum Refused {
    /// Here: it never was in the queue.
    Back(Why, Task),
    /// Maybe still in the queue, CANCELLED; the call itself is to be moved out by the submitter.
    Withdrawn(Why),
}

impl<B: Backend> Pool<B> {
    /// Why the pool takes no calls, if it does not.
    #[inline]
    pub(crate) fn refusal(&self) -> Option<Why> {
        self.idle.census().is_closed().then(|| self.why_closed())
    }

    #[cold]
    fn why_closed(&self) -> Why {
        self.end.with(|end| match &end.broken {
            Some(broken) => Why::Broken(broken.clone()),
            None => Why::ShutDown,
        })
    }

    /// What fills the queue of a pool that was closed meanwhile may be what is left of a call that was taken back.
    #[cold]
    fn why_full(&self) -> Why {
        self.refusal().unwrap_or(Why::Full)
    }

    /// Takes a call in, and sees to it that somebody will run it. `raw` is the same call.
    #[inline]
    pub(crate) fn submit(&self, task: Task, raw: Raw, wanted: Wanted) -> Result<(), Refused> {
        let census = self.idle.census();
        if census.is_closed() {
            return Err(Refused::Back(self.why_closed(), task));
        }
        if B::WORKERS == Workers::Submitter {
            self.run_as_worker(task);
            return Ok(());
        }
        if census.total() == 0 && B::WORKERS == Workers::Own && !self.start_first() {
            return Err(Refused::Back(Why::NoWorker, task));
        }
        if let Err(task) = self.queue.push(task) {
            match self.make_room(task, wanted) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(refused) => return Err(refused),
            }
        }
        let (rouse, census) = self.idle.pushed();
        if census.is_closed() {
            return self.withdraw(raw, Why::ShutDown);
        }
        // A worker that searched a moment ago may have the call already: it took it before it stopped searching.
        if B::WORKERS == Workers::Own && rouse && self.has_work() {
            return self.find_worker(raw);
        }
        Ok(())
    }

    /// There are no workers: starts the first one, before anything depends on it.
    #[cold]
    fn start_first(&self) -> bool {
        match self.idle.rouse(|| self.idle.census().total() == 0) {
            Rouse::Start => self.start_worker().is_ok(),
            Rouse::Sleeper(unparker) => {
                unparker.unpark();
                true
            }
            Rouse::Nobody | Rouse::Closed => self.idle.max_workers() > 0,
        }
    }

    #[cold]
    fn find_worker(&self, raw: Raw) -> Result<(), Refused> {
        match self.idle.rouse(|| self.has_work()) {
            Rouse::Nobody => Ok(()),
            Rouse::Sleeper(unparker) => {
                unparker.unpark();
                Ok(())
            }
            Rouse::Start => match self.start_worker() {
                Ok(()) => Ok(()),
                // The refused worker is counted until it is dropped, which looks after what others pushed.
                Err(_refused) if self.idle.census().total() > 1 => Ok(()),
                Err(_refused) => self.withdraw(raw, Why::NoWorker),
            },
            Rouse::Closed => self.withdraw(raw, Why::ShutDown),
        }
    }

    /// Wakes or starts a worker for calls that somebody else pushed.
    #[cold]
    pub(super) fn rouse(&self) {
        match self.idle.rouse(|| self.has_work()) {
            Rouse::Nobody | Rouse::Closed => {}
            Rouse::Sleeper(unparker) => unparker.unpark(),
            // Refused: the pool runs smaller, which is this worker at least.
            Rouse::Start => drop(self.start_worker()),
        }
    }

    /// Starts a worker that is counted already. Dropping the error takes it off the census.
    #[cold]
    pub(super) fn start_worker(&self) -> Result<(), SpawnError> {
        self.spawner.spawn(self.entry())
    }

    /// The pool was closed, or has no worker, after the call was pushed: takes it back, unless somebody runs it already.
    #[cold]
    fn withdraw(&self, raw: Raw, why: Why) -> Result<(), Refused> {
        let withdrawn = raw.locked(|| {
            // SAFETY: the submitter has the consumer's reference.
            let recalled = unsafe { (raw.header().vtable.recall)(raw.as_ptr()) };
            let withdrawn = recalled && raw.state().cancel(CancelledBy::Caller).is_ok();
            if withdrawn {
                self.owner.husk_made();
            }
            withdrawn
        });
        if !withdrawn {
            return Ok(());
        }
        raw.unqueue();
        // Where there are no workers, nobody else may pass what is left of it.
        while B::WORKERS == Workers::Waiter && self.pump() {}
        // A pool that broke says so rather than that it was shut down.
        Err(Refused::Withdrawn(match why {
            Why::ShutDown => self.why_closed(),
            why => why,
        }))
    }

    /// The queue is full. `Ok(true)` once the call is in it, `Ok(false)` if it was dealt with otherwise.
    #[cold]
    fn make_room(&self, task: Task, wanted: Wanted) -> Result<bool, Refused> {
        let context = self.own_context();
        let local = context.and_then(|context| context.local()).map(Local);
        let may_run = local.is_some() || !wanted.needs_local;
        let policy = wanted.policy.unwrap_or(self.policy());
        let deadline = match policy {
            Policy::Reject => return Err(Refused::Back(self.why_full(), task)),
            Policy::RunInCaller if may_run => {
                self.run_here(task, local);
                return Ok(false);
            }
            Policy::DiscardOldest => match self.discard_for(task) {
                Ok(()) => return Ok(true),
                Err(task) => {
                    return self.wait_for_room(task, Deadline::Never, local, context.is_some());
                }
            },
            Policy::BlockTimeout(timeout) => {
                Deadline::after(<B::Platform as Platform>::Clock::now(), timeout)
            }
            Policy::Block | Policy::RunInCaller => Deadline::Never,
        };
        self.wait_for_room(task, deadline, local, context.is_some())
    }

    /// Cancels the oldest call that waits until there is room.
    fn discard_for(&self, mut task: Task) -> Result<(), Task> {
        while let Some(oldest) = self.take() {
            oldest.cancel(&self.owner, CancelledBy::Discarded);
            match self.queue.push(task) {
                Ok(()) => return Ok(()),
                Err(back) => task = back,
            }
        }
        Err(task)
    }

    fn wait_for_room(
        &self,
        task: Task,
        deadline: Deadline,
        local: Option<Local>,
        is_worker: bool,
    ) -> Result<bool, Refused> {
        if is_worker {
            // Nobody but this worker may be left to make room.
            return match local {
                Some(_) => {
                    self.run_here(task, local);
                    Ok(false)
                }
                None => Err(Refused::Back(self.why_full(), task)),
            };
        }
        if matches!(B::Platform::current(), Current::MustNotBlock) {
            return Err(Refused::Back(self.why_full(), task));
        }
        if B::WORKERS == Workers::Waiter {
            return self.pump_for_room(task, deadline);
        }
        let closed = || self.idle.census().is_closed();
        match self.producers.push(&self.queue, task, deadline, closed) {
            Ok(()) => Ok(true),
            Err((NoRoom::TimedOut, task)) => Err(Refused::Back(self.why_full(), task)),
            Err((NoRoom::Closed, task)) => Err(Refused::Back(self.why_closed(), task)),
        }
    }

    /// Where nobody else need come to make room, the submitter does.
    fn pump_for_room(&self, mut task: Task, deadline: Deadline) -> Result<bool, Refused> {
        loop {
            self.pump();
            match self.queue.push(task) {
                Ok(()) => return Ok(true),
                Err(back) => task = back,
            }
            if self.idle.census().is_closed() {
                return Err(Refused::Back(self.why_closed(), task));
            }
            if deadline.is_over(<B::Platform as Platform>::Clock::now) {
                return Err(Refused::Back(self.why_full(), task));
            }
        }
    }

    /// Runs the call on the submitting thread.
    fn run_here(&self, task: Task, local: Option<Local>) {
        if let Started::Run(running) = task.start(&self.owner) {
            let ran = running.run(local.unwrap_or(Local::NONE));
            self.owner.ran();
            ran.finish(self.hook(), &mut || ());
        }
    }
}
