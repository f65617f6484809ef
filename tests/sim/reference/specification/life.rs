//! The life of a call, as the specification is told of it: submitted, refused or accepted, started, ended, dropped.

use concurrent_futures::{Policy, TaskState};

use super::{By, Call, Form, Gives, Id, Part, Refusal, Spec, Stamp, Submission, Wrong};

impl Spec {
    // Submitting.

    pub(crate) fn submits(&mut self, gives: Gives, by: By) -> Id {
        let submits = self.stamp();
        self.cancelling += usize::from(self.policy == Policy::DiscardOldest);
        self.calls.push(Call {
            gives,
            by,
            submits,
            submission: Submission::Going,
            started: None,
            ended: None,
            closures_dropped: 0,
            outcomes_made: 0,
            outcomes_dropped: 0,
            callbacks: Vec::new(),
            callbacks_dropped: 0,
            state: TaskState::Pending,
            outcome: None,
            over: None,
            // Of an item, its map asks.
            cancel_asked: by == By::Map,
            cancel_said: None,
            withdrawn: false,
            keeping: None,
            unwanted: false,
        });
        self.calls.len() - 1
    }

    pub(crate) fn accepted(&mut self, id: Id) {
        self.log.push(format!("accepted {id}"));
        let now = self.stamp();
        self.cancelling -= usize::from(self.policy == Policy::DiscardOldest);
        let call = &mut self.calls[id];
        call.submission = Submission::Accepted(now);
        let (submits, is_call) = (call.submits, call.gives != Gives::Promised);
        let late = self.closed.is_some_and(|closed| closed < submits);
        let late = late && is_call && !self.is_wrong(Wrong::ShutdownTakesCalls);
        self.demand(!late, "S2", || {
            format!("call {id} was accepted after the pool was closed")
        });
    }

    /// A submit of `id` is over, and nobody was told how: a map was dropped before it could say.
    pub(crate) fn accepted_or_not(&mut self, id: Id) {
        let call = &mut self.calls[id];
        if call.started.is_some() || call.closures_dropped == 0 {
            return self.accepted(id);
        }
        call.submission = Submission::Unknown;
        self.cancelling -= usize::from(self.policy == Policy::DiscardOldest);
    }

    /// A submit of `id` gave an error; `came_back` says whether with its closure.
    pub(crate) fn refused(&mut self, id: Id, why: Refusal, form: Form, came_back: bool) {
        self.log.push(format!("refused {id}: {why:?}"));
        let now = self.stamp();
        self.cancelling -= usize::from(self.policy == Policy::DiscardOldest);
        self.calls[id].submission = Submission::Refused;
        self.calls[id].withdrawn = why != Refusal::Full;
        let submits = self.calls[id].submits;
        let is_late = self.closed.is_some_and(|closed| closed < submits);
        let (broken, closes) = (self.initializer_failed, self.closes.is_some());
        let may_be = match (why, form) {
            (Refusal::Broken, _) => broken,
            (Refusal::ShutDown, _) => closes && !self.is_wrong(Wrong::ShutdownTakesCalls),
            (Refusal::NoWorker, _) => self.refusals && !is_late,
            (Refusal::Full, Form::NeverBlocks) => !is_late,
            (Refusal::Full, Form::WaitsForRoom) => false,
            (Refusal::Full, Form::ByPolicy(waited)) => match self.policy {
                Policy::Reject => !is_late,
                Policy::BlockTimeout(time) => waited >= time && !is_late,
                _ => false,
            },
        };
        self.demand(may_be, "S2, S3", || {
            format!("submitting call {id} {form:?} gave {why:?}, and no reason for it")
        });
        let is_first = why == Refusal::Broken || self.broken_seen.is_none_or(|seen| seen > submits);
        self.demand(is_first, "S2", || {
            format!("call {id}: {why:?} of a pool known to be broken")
        });
        if why == Refusal::Broken {
            self.broken_seen.get_or_insert(now);
        }
        if why == Refusal::Full {
            let claims = self.claims;
            let entries = self.calls.iter().enumerate().filter(|(other, call)| {
                *other != id
                    && call.gives != Gives::Promised
                    && call.submits < now
                    && (call.submission != Submission::Refused || call.withdrawn)
                    && (claims || call.started.is_none_or(|started| started > submits))
            });
            let entries = entries.count();
            let capacity = self.capacity;
            self.demand(entries >= capacity, "S3", || {
                format!("call {id} found no room behind at most {entries} of {capacity}")
            });
        }
        let dropped = self.calls[id].closures_dropped;
        self.demand(dropped == 0 || !came_back, "S2", || {
            format!("the closure of call {id}, which was refused, did not come back")
        });
    }

    // What calls do.

    pub(crate) fn started(&mut self, id: Id) {
        self.log.push(format!("started {id}"));
        let now = self.stamp();
        let call = &mut self.calls[id];
        let first = call.started.replace(now).is_none();
        let (dropped, said) = (call.closures_dropped, call.cancel_said);
        let cancelled = call.state == TaskState::Cancelled || said == Some(true);
        let (submits, by, unwanted) = (call.submits, call.by, call.unwanted);
        let accepted = match call.submission {
            Submission::Accepted(accepted) => Some(accepted),
            Submission::Going | Submission::Unknown => None,
            Submission::Refused => Some(usize::MAX),
        };
        self.demand(first && dropped == 0, "S1", || {
            format!("call {id} ran twice")
        });
        self.demand(!cancelled, "K1", || {
            format!("call {id} ran after it was cancelled")
        });
        let refused = accepted == Some(usize::MAX);
        self.demand(!refused, "S2", || {
            format!("call {id} ran after it was refused")
        });
        let runs_here = self.policy == Policy::RunInCaller && accepted.is_none();
        let late = self.waited.is_some() && !runs_here;
        self.demand(!late, "X6", || {
            format!("call {id} ran after a shutdown had waited")
        });
        // A worker that had taken it may be just about to start it: one for each of them.
        let is_late = |end: Option<Stamp>| end.is_some() && accepted.is_some();
        if let (Some(from), true) = (self.cancels_all, is_late(self.cancelled_all)) {
            self.late_starts += usize::from(accepted.is_some_and(|accepted| accepted < from));
        }
        self.unwanted_starts += usize::from(unwanted);
        let (late, unwanted) = (self.late_starts, self.unwanted_starts);
        let (workers, maps) = (self.workers, self.maps_over);
        self.demand(late <= workers, "X3", || {
            format!("call {id} is number {late} to start after a shutdown that cancels")
        });
        self.demand(unwanted <= workers * maps, "M5", || {
            format!("call {id} is number {unwanted} to start after its map was dropped")
        });
        self.start_in_order(id, submits, by);
    }

    fn start_in_order(&mut self, id: Id, submits: Stamp, by: By) {
        // Whoever was refused a worker may be in the middle of failing a call that would have been next.
        let is_busy = self.cancelling > 0 || self.refusals;
        let plain = self.workers == 1 && !self.claims && !is_busy;
        if !plain || by == By::Inside || self.policy == Policy::RunInCaller {
            return;
        }
        let before = self.calls.iter().position(|other| {
            other.by != By::Inside
                && other.gives != Gives::Promised
                && matches!(other.submission, Submission::Accepted(at) if at < submits)
                && other.started.is_none()
                && other.closures_dropped == 0
        });
        self.demand(before.is_none(), "S4", || {
            format!("call {id} started before call {before:?}, submitted earlier")
        });
    }

    pub(crate) fn ended(&mut self, id: Id) {
        let now = self.stamp();
        self.calls[id].ended = Some(now);
    }

    pub(crate) fn made(&mut self, id: Id) {
        self.calls[id].outcomes_made += 1;
    }

    pub(crate) fn dropped(&mut self, part: Part, id: Id) {
        let call = &mut self.calls[id];
        let (count, most) = match part {
            Part::Closure => (&mut call.closures_dropped, 1),
            Part::Outcome => (&mut call.outcomes_dropped, 1),
            Part::Callback => (&mut call.callbacks_dropped, call.callbacks.len()),
        };
        *count += 1;
        let twice = *count > most;
        self.demand(!twice, "T5", || {
            format!("{part:?} of call {id} was dropped twice")
        });
    }

    pub(crate) fn initializer_failed(&mut self) {
        let now = self.stamp();
        self.initializer_failed = true;
        self.closes.get_or_insert(now);
    }
}
