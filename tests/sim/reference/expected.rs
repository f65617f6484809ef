//! What happens, event by event, where one thread uses one worker and nobody interferes: computed from the operations alone.
//!
//! By the schedule in which whoever runs goes on until it has to wait, the worker has its turn only when the thread waits, and then runs
//! all that is queued before the thread goes on.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use concurrent_futures::{
    CancelledBy, Policy,
    sim::{Failure, Schedule, Simulation, Walk},
};

use super::{
    calls::gives,
    operations::{Case, Kind, Op, Pick, Reaction, Simple, Stay, Waiting},
    perform,
    specification::{Gives, Id, Refusal, Seen},
};

/// A call, and whether it is over.
struct Call {
    gives: Gives,
    outcome: Option<Seen>,
    callbacks: Vec<usize>,
    registered: usize,
}

#[derive(Default)]
struct Expected {
    log: Vec<String>,
    calls: Vec<Call>,
    /// What is in the queue: cancelled calls keep their place.
    queue: VecDeque<Id>,
    /// The futures that are there.
    futures: BTreeMap<Id, ()>,
    closed: bool,
    ran: usize,
    cancelled: usize,
}

impl Expected {
    fn of(case: &Case) -> Vec<String> {
        let mut expected = Self::default();
        for op in &case.threads[0] {
            expected.perform(case, op);
        }
        expected.log
    }

    fn tell(&mut self, event: String) {
        self.log.push(event);
    }

    fn pick(&self, pick: Pick) -> Option<Id> {
        let at = usize::from(pick.0).checked_rem(self.futures.len())?;
        self.futures.keys().nth(at).copied()
    }

    fn pick_all(&self, picks: &[Pick]) -> Vec<Id> {
        let mut ids = Vec::new();
        for id in picks.iter().filter_map(|pick| self.pick(*pick)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    fn is_over(&self, id: Id) -> bool {
        self.calls[id].outcome.is_some()
    }

    /// A call is over: its callbacks.
    fn end(&mut self, id: Id, outcome: Seen) {
        self.calls[id].outcome = Some(outcome);
        for callback in std::mem::take(&mut self.calls[id].callbacks) {
            self.tell(format!("callback {callback} of {id}"));
        }
    }

    fn run(&mut self, id: Id) {
        self.tell(format!("started {id}"));
        let outcome = match self.calls[id].gives {
            Gives::Panic => Seen::Panicked(format!("call {id}")),
            Gives::Err | Gives::Failure => Seen::Err(id),
            Gives::Value | Gives::Promised => Seen::Value(id),
        };
        self.ran += usize::from(self.closed);
        self.end(id, outcome);
    }

    /// The worker has its turn.
    fn turn(&mut self) {
        while let Some(id) = self.queue.pop_front() {
            if !self.is_over(id) {
                self.run(id);
            }
        }
    }

    fn cancel(&mut self, id: Id, by: CancelledBy) -> bool {
        let is_pending = !self.is_over(id);
        if is_pending {
            self.end(id, Seen::Cancelled(by));
        }
        is_pending
    }

    fn submit(&mut self, case: &Case, simple: Simple, never_blocks: bool) {
        let id = self.calls.len();
        let errs_fail = simple == Simple::Fails && !never_blocks;
        self.calls.push(Call {
            gives: gives(simple, errs_fail),
            outcome: None,
            callbacks: Vec::new(),
            registered: 0,
        });
        if self.closed {
            return self.tell(format!("refused {id}: {:?}", Refusal::ShutDown));
        }
        let mut runs_here = false;
        if self.queue.len() == case.pool.capacity {
            match case.pool.policy {
                Policy::Reject => return self.tell(format!("refused {id}: {:?}", Refusal::Full)),
                _ if never_blocks => {
                    return self.tell(format!("refused {id}: {:?}", Refusal::Full));
                }
                Policy::RunInCaller => runs_here = true,
                Policy::DiscardOldest => {
                    if let Some(oldest) = self.queue.pop_front() {
                        self.cancel(oldest, CancelledBy::Discarded);
                    }
                }
                _ => self.turn(),
            }
        }
        if runs_here {
            self.run(id);
        } else {
            self.queue.push_back(id);
        }
        self.futures.insert(id, ());
        self.tell(format!("accepted {id}"));
    }

    fn wait(&mut self, id: Id, how: Waiting) {
        if !self.is_over(id) {
            if how.timeout() == Some(0) {
                return self.tell(format!("timed out {id}"));
            }
            self.turn();
        }
        if matches!(how, Waiting::Take | Waiting::TakeFor(_)) {
            self.futures.remove(&id);
        }
        if matches!(how, Waiting::Wait | Waiting::WaitFor(_)) {
            return;
        }
        if let Some(seen) = &self.calls[id].outcome {
            self.tell(format!("saw {id}: {seen:?}"));
        }
    }

    fn shut_down(&mut self, stay: Stay, cancel: bool) {
        self.closed = true;
        if cancel {
            while let Some(id) = self.queue.pop_front() {
                let cancelled = self.cancel(id, CancelledBy::Shutdown);
                self.cancelled += usize::from(cancelled);
            }
        }
        if stay == Stay::Forever {
            self.turn();
        }
        let queued = self.queue.iter().filter(|id| !self.is_over(**id)).count();
        let (ran, cancelled) = (self.ran, self.cancelled);
        self.tell(format!("report {ran} {cancelled} 0 {queued}"));
    }

    fn perform(&mut self, case: &Case, op: &Op) {
        match op {
            Op::Submit(Kind::Simple(simple)) => self.submit(case, *simple, false),
            Op::TrySubmit(simple) => self.submit(case, *simple, true),
            Op::Cancel(pick) => {
                if let Some(id) = self.pick(*pick) {
                    self.cancel(id, CancelledBy::Caller);
                    let said = matches!(self.calls[id].outcome, Some(Seen::Cancelled(_)));
                    self.tell(format!("cancelled {id}: {said}"));
                }
            }
            Op::Look(_) => {}
            Op::Sleep(_) => self.turn(),
            Op::Wait(pick, how) => {
                if let Some(id) = self.pick(*pick) {
                    self.wait(id, *how);
                }
            }
            Op::Callback(pick, Reaction::Notes | Reaction::Panics) => {
                if let Some(id) = self.pick(*pick) {
                    let number = self.calls[id].registered;
                    self.calls[id].registered += 1;
                    if self.is_over(id) {
                        self.tell(format!("callback {number} of {id}"));
                    } else {
                        self.calls[id].callbacks.push(number);
                    }
                }
            }
            Op::Drop(pick) => {
                if let Some(id) = self.pick(*pick) {
                    self.futures.remove(&id);
                }
            }
            Op::WaitForMany(picks, _, None) => {
                let ids = self.pick_all(picks);
                self.tell(format!("split {ids:?} []"));
            }
            Op::AsCompleted(picks, take, None) => {
                for id in self.pick_all(picks).into_iter().take(*take) {
                    self.tell(format!("handed back {id}"));
                }
            }
            Op::ShutDown(stay, cancel) => {
                self.shut_down(*stay, *cancel);
            }
            Op::DropPool => {
                self.closed = true;
                self.turn();
            }
            other => unreachable!("{other:?} is no sequential operation"),
        }
    }
}

/// Runs the case by the schedule in which nobody interferes: just what is expected happens.
pub(crate) fn check(case: &Case) -> Result<usize, Failure> {
    let expected = Expected::of(case);
    let case = Arc::new(case.clone());
    let explored = Simulation::new()
        .walk(Walk::Replay(Schedule::default()))
        .explore(move || {
            let log = perform::logged(&case);
            assert_eq!(log, expected, "what happened, and what was expected");
        })?;
    Ok(explored.runs())
}
