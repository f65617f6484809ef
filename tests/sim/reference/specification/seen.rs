//! What somebody saw of a call: its state, its outcome, whether it was cancelled.

use std::time::Duration;

use concurrent_futures::{CancelledBy, Policy, TaskState};

use super::{Gives, Id, Seen, Spec, Wrong};
use crate::reference::operations::Keeping;

impl Spec {
    // What is seen of them.

    pub(crate) fn looked(&mut self, id: Id, state: TaskState) {
        let now = self.stamp();
        let may_fail = self.initializer_failed || self.refusals;
        let call = &mut self.calls[id];
        let before = std::mem::replace(&mut call.state, state);
        let follows = match before {
            TaskState::Pending => true,
            TaskState::Running => matches!(state, TaskState::Running | TaskState::Finished),
            TaskState::Finished | TaskState::Cancelled => state == before,
        };
        let (started, ended) = (call.started.is_some(), call.ended.is_some());
        let (dropped, promised) = (call.closures_dropped > 0, call.gives == Gives::Promised);
        let is_true = promised
            || match state {
                TaskState::Pending => !started,
                TaskState::Running => started || !dropped || may_fail,
                TaskState::Finished => ended || (!started && may_fail),
                TaskState::Cancelled => !started,
            };
        if call.is_over() {
            call.over.get_or_insert(now);
        }
        self.demand(follows, "F1", || {
            format!("call {id} went from {before:?} to {state:?}")
        });
        self.demand(is_true, "F3", || {
            format!(
                "call {id} is {state:?}, started: {started}, ended: {ended}, dropped: {dropped}"
            )
        });
    }

    /// `done()` said so.
    pub(crate) fn done(&mut self, id: Id, done: bool) {
        let over = self.calls[id].is_over();
        self.demand(done || !over, "F1", || {
            format!("call {id} is not done any more")
        });
    }

    /// `failed()` said so.
    pub(crate) fn failed(&mut self, id: Id, failed: bool) {
        let call = &self.calls[id];
        let may_fail = self.initializer_failed || self.refusals;
        let may_be = match call.gives {
            Gives::Promised => true,
            _ if call.state == TaskState::Cancelled => !failed,
            Gives::Panic | Gives::Failure => {
                if call.state == TaskState::Finished {
                    failed
                } else {
                    !failed || call.ended.is_some() || may_fail
                }
            }
            Gives::Value | Gives::Err => !failed || (may_fail && call.started.is_none()),
        };
        self.demand(may_be, "R8", || {
            format!("of call {id}, failed() is {failed}")
        });
    }

    pub(crate) fn saw(&mut self, id: Id, seen: Seen) {
        self.log.push(format!("saw {id}: {seen:?}"));
        let state = match seen {
            Seen::Cancelled(_) => TaskState::Cancelled,
            _ => TaskState::Finished,
        };
        self.looked(id, state);
        let call = &self.calls[id];
        let (started, ended) = (call.started.is_some(), call.ended.is_some());
        let gives = call.gives;
        let may_be = match &seen {
            Seen::Value(of) => {
                let is_set = call.keeping == Some(Keeping::Sets);
                *of == id && (is_set || (gives == Gives::Value && ended))
            }
            Seen::Err(of) => *of == id && matches!(gives, Gives::Err | Gives::Failure) && ended,
            Seen::Panicked(text) => gives == Gives::Panic && ended && *text == format!("call {id}"),
            Seen::Cancelled(CancelledBy::Caller) => call.cancel_asked && !started,
            Seen::Cancelled(CancelledBy::Shutdown) => self.cancels_all.is_some() && !started,
            Seen::Cancelled(_) => self.policy == Policy::DiscardOldest && !started,
            Seen::Abandoned => call.keeping.is_some_and(|how| how != Keeping::Sets),
            Seen::Broken => self.initializer_failed && !started,
            Seen::NoWorker => self.refusals && !started,
            Seen::Other(_) => false,
        };
        let may_be = may_be
            && !(self.is_wrong(Wrong::FailuresAreCancelled) && matches!(seen, Seen::Panicked(_)));
        let call = &mut self.calls[id];
        let before = call.outcome.replace(seen.clone());
        let said = call.cancel_said;
        self.demand(may_be, "R3, S5", || {
            format!("call {id}, which gives {gives:?}, gave {seen:?}; started: {started}, ended: {ended}")
        });
        let same = before.as_ref().is_none_or(|before| *before == seen);
        self.demand(same, "F2", || {
            format!("call {id} gave {before:?}, and then {seen:?}")
        });
        let was_cancelled = state == TaskState::Cancelled;
        self.demand(said.is_none_or(|said| said == was_cancelled), "K1", || {
            format!("cancel() of call {id} said {said:?}, and it gave {seen:?}")
        });
    }

    /// The outcome was moved out: all callbacks registered until then have run, and are dropped.
    pub(crate) fn took(&mut self, id: Id) {
        let call = &self.calls[id];
        let late = call.callbacks.iter().position(|callback| !callback.over);
        let kept = call.callbacks.len() > call.callbacks_dropped;
        self.demand(late.is_none(), "C1", || {
            format!("the outcome of call {id} was taken before callback {late:?} had run")
        });
        self.demand(!kept, "C5", || format!("a callback of call {id} was kept"));
    }

    /// The time of a bounded wait was over, after `waited`.
    pub(crate) fn timed_out(
        &mut self,
        id: Id,
        was_over: bool,
        waited: Duration,
        timeout: Duration,
    ) {
        self.log.push(format!("timed out {id}"));
        self.demand(waited >= timeout, "R1", || {
            format!("a wait of {timeout:?} for call {id} was over after {waited:?}")
        });
        self.demand(!was_over, "R2", || {
            format!("call {id} was over before a wait that timed out")
        });
    }

    // Cancelling.

    pub(crate) fn cancels(&mut self, id: Id) {
        self.calls[id].cancel_asked = true;
        self.cancelling += 1;
    }

    pub(crate) fn cancelled(&mut self, id: Id, said: bool) {
        self.log.push(format!("cancelled {id}: {said}"));
        self.cancelling -= 1;
        let alone = self.cancelling == 0;
        let never_true = self.is_wrong(Wrong::CancelIsNeverTrue);
        let call = &mut self.calls[id];
        let before = call.cancel_said.replace(said);
        let (started, dropped) = (call.started.is_some(), call.closures_dropped > 0);
        let is_call = call.gives != Gives::Promised;
        self.demand(before.is_none_or(|before| before == said), "K1", || {
            format!("cancel() of call {id} said {before:?}, and then {said}")
        });
        self.demand(!(said && (started || never_true)), "K1", || {
            format!("cancel() of call {id} said true, and it ran: {started}")
        });
        self.demand(!(said && alone && is_call) || dropped, "K2", || {
            format!("call {id} was cancelled, and its closure is still there")
        });
        if said {
            self.looked(id, TaskState::Cancelled);
        } else if self.calls[id].state == TaskState::Cancelled {
            self.demand(false, "K1", || {
                format!("cancel() of call {id}, which is cancelled, said false")
            });
        }
    }

    /// A map may cancel its items now.
    pub(crate) fn ends_map(&mut self) {
        self.cancelling += 1;
    }

    /// That is over; whether the map is, and which are its items.
    pub(crate) fn ended_map(&mut self, dropped: Option<&[Id]>) {
        self.cancelling -= 1;
        let Some(ids) = dropped else { return };
        self.maps_over += 1;
        for id in ids {
            let call = &mut self.calls[*id];
            call.unwanted = call.started.is_none();
        }
    }
}
