//! Waiting for several: what `wait`, `as_completed` and sets give back.

use std::time::Duration;

use concurrent_futures::{ReturnWhen, TaskState};

use super::{Id, Spec, Stamp};

/// What a `wait` was given, and how.
pub(crate) struct Awaited {
    /// Each once, in order.
    pub(crate) ids: Vec<Id>,
    pub(crate) when: ReturnWhen,
    pub(crate) timeout: Option<Duration>,
    /// Those known to be over when it began.
    over: Vec<Id>,
}

/// What `as_completed` or a set was given, and what it has handed back.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) ids: Vec<Id>,
    /// Those that were over before they were given, and when they had been.
    over: Vec<(Id, Stamp)>,
    back: Vec<Id>,
}

impl Spec {
    fn each_once(ids: &[Id]) -> Vec<Id> {
        let mut distinct = Vec::new();
        for id in ids {
            if !distinct.contains(id) {
                distinct.push(*id);
            }
        }
        distinct
    }

    fn over_among(&self, ids: &[Id]) -> Vec<Id> {
        let over = |id: &&Id| self.calls[**id].is_over();
        ids.iter().filter(over).copied().collect()
    }

    pub(crate) fn is_over(&self, id: Id) -> bool {
        self.calls[id].is_over()
    }

    /// Whether a wait, that takes the outcome or not, has nothing to wait for: callbacks may hold up a taker.
    pub(crate) fn is_over_for(&self, id: Id, takes: bool) -> bool {
        let call = &self.calls[id];
        call.is_over() && (!takes || call.callbacks.is_empty())
    }

    // Waiting for several.

    pub(crate) fn awaits(
        &self,
        ids: &[Id],
        when: ReturnWhen,
        timeout: Option<Duration>,
    ) -> Awaited {
        let ids = Self::each_once(ids);
        Awaited {
            over: self.over_among(&ids),
            ids,
            when,
            timeout,
        }
    }

    /// `wait` split what it was given; of those that are done it was asked, after that, whether they failed.
    pub(crate) fn split(
        &mut self,
        awaited: &Awaited,
        (done, not_done): (&[Id], &[Id]),
        any_failed: bool,
        waited: Duration,
    ) {
        self.log.push(format!("split {done:?} {not_done:?}"));
        let mut rest = awaited.ids.clone();
        for part in [done, not_done] {
            let mut at = 0;
            let in_order = part.iter().all(|id| {
                let found = awaited.ids[at..].iter().position(|given| given == id);
                at += found.map_or(0, |found| found + 1);
                found.is_some()
            });
            self.demand(in_order, "W1", || format!("{part:?} of {:?}", awaited.ids));
        }
        rest.retain(|id| done.contains(id) == not_done.contains(id));
        let is_split = rest.is_empty() && done.len() + not_done.len() == awaited.ids.len();
        self.demand(is_split, "W1, F6", || {
            format!("{done:?} and {not_done:?} of {:?}", awaited.ids)
        });
        let late = awaited.over.iter().find(|id| not_done.contains(id));
        self.demand(late.is_none(), "W2", || {
            format!("call {late:?} was done before the wait")
        });
        let is_enough = not_done.is_empty()
            || match awaited.when {
                ReturnWhen::AllCompleted => false,
                ReturnWhen::FirstCompleted => !done.is_empty(),
                ReturnWhen::FirstException => any_failed,
            };
        let is_late = awaited.timeout.is_some_and(|timeout| waited >= timeout);
        self.demand(is_enough || is_late, "W2, W3", || {
            let (when, timeout) = (awaited.when, awaited.timeout);
            format!("{when:?} within {timeout:?} gave {done:?} and {not_done:?} after {waited:?}")
        });
    }

    /// To be asked before `as_completed` is given these.
    pub(crate) fn gathers(&self, ids: &[Id]) -> Gathered {
        let ids = Self::each_once(ids);
        let over = self
            .over_among(&ids)
            .into_iter()
            .map(|id| (id, 0))
            .collect();
        Gathered {
            over,
            ids,
            back: Vec::new(),
        }
    }

    /// It was given all of them.
    pub(crate) fn entered(&mut self, gathered: &mut Gathered) {
        let now = self.stamp();
        for (_, entered) in &mut gathered.over {
            *entered = now;
        }
    }

    /// One more was inserted into a set.
    pub(crate) fn inserted(&mut self, gathered: &mut Gathered, id: Id, said: bool, was_over: bool) {
        let is_new = !gathered.ids.contains(&id);
        self.demand(said == is_new, "W4", || {
            format!("inserting call {id} said {said}")
        });
        if is_new {
            gathered.ids.push(id);
            let now = self.stamp();
            gathered.over.extend(was_over.then_some((id, now)));
        }
    }

    /// One was handed back; it has to be looked at by now.
    pub(crate) fn handed_back(&mut self, gathered: &mut Gathered, id: Id, keeps_ids: bool) {
        self.log.push(format!("handed back {id}"));
        let (is_one, again) = (gathered.ids.contains(&id), gathered.back.contains(&id));
        self.demand(is_one && !again, "A1, F6", || {
            format!("call {id} was handed back again")
        });
        let call = &self.calls[id];
        let is_over = call.is_over();
        // It was not done before that.
        let ended = call.ended.filter(|_| call.state == TaskState::Finished);
        self.demand(is_over, "A1", || {
            format!("call {id} was handed back before it was done")
        });
        gathered.over.retain(|(other, _)| *other != id);
        let first = gathered
            .over
            .iter()
            .find(|(_, entered)| ended.is_some_and(|at| at > *entered));
        self.demand(first.is_none(), "A1", || {
            format!("call {id} was handed back before one that was done at entry: {first:?}")
        });
        if keeps_ids {
            gathered.back.push(id);
        } else {
            gathered.ids.retain(|other| *other != id);
        }
    }

    /// There are no more.
    pub(crate) fn gathered(&mut self, gathered: &Gathered) {
        let (all, back) = (gathered.ids.len(), gathered.back.len());
        self.demand(all == back, "A1", || {
            format!("{back} of {all} were handed back")
        });
    }

    /// Time was over, with so many pending.
    pub(crate) fn gave_up(
        &mut self,
        gathered: &Gathered,
        (pending, total): (usize, usize),
        waited: Duration,
        timeout: Duration,
    ) {
        let left: Vec<_> = gathered
            .ids
            .iter()
            .filter(|id| !gathered.back.contains(id))
            .collect();
        let counts = pending == left.len() && total == gathered.ids.len();
        self.demand(counts, "A2", || {
            format!("{pending} of {total} are pending, not {left:?}")
        });
        self.demand(waited >= timeout, "A2", || {
            format!("{timeout:?} were over after {waited:?}")
        });
        let early = gathered.over.first();
        self.demand(early.is_none(), "A2", || {
            format!("call {early:?} was done, and not yielded")
        });
    }
}
