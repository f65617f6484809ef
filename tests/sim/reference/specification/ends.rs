//! Callbacks, promises, shutdowns, maps and scopes, and what must hold in the end.

use std::time::Duration;

use concurrent_futures::{CancelledBy, ErrorReport, Policy, ShutdownReport, TaskState};

use super::{Call, Callback, Gives, Id, Seen, Spec, Stamp, Submission};
use crate::reference::operations::Keeping;

impl Spec {
    // Callbacks.

    pub(crate) fn registers(&mut self, id: Id, panics: bool) -> usize {
        let registers = self.stamp();
        let callbacks = &mut self.calls[id].callbacks;
        callbacks.push(Callback {
            registers,
            registered: None,
            called: None,
            over: false,
            panics,
        });
        callbacks.len() - 1
    }

    pub(crate) fn registered(&mut self, id: Id, callback: usize) {
        let now = self.stamp();
        let call = &mut self.calls[id];
        call.callbacks[callback].registered = Some(now);
        let (this, over) = (&call.callbacks[callback], call.over);
        let late = over.is_some_and(|over| over < this.registers) && !this.over;
        self.demand(!late, "C2", || {
            format!("call {id} was done, and callback {callback} was not called at once")
        });
    }

    pub(crate) fn called(&mut self, id: Id, callback: usize, state: TaskState, inline: bool) {
        self.log.push(format!("callback {callback} of {id}"));
        self.looked(id, state);
        let now = self.stamp();
        let call = &mut self.calls[id];
        let is_over = call.is_over();
        let this = &mut call.callbacks[callback];
        let again = this.called.replace((now, inline)).is_some();
        let registers = this.registers;
        // One that was listed comes after all that were registered before it.
        let before = call.callbacks.iter().position(|other| {
            !inline && other.called.is_none() && other.registered.is_some_and(|at| at < registers)
        });
        self.demand(!again, "C1", || {
            format!("callback {callback} of call {id} was called twice")
        });
        self.demand(is_over, "C1", || {
            format!("callback {callback} of call {id} saw {state:?}")
        });
        self.demand(before.is_none(), "C1", || {
            format!("callback {callback} of call {id} was called before {before:?}")
        });
    }

    pub(crate) fn called_back(&mut self, id: Id, callback: usize) {
        self.calls[id].callbacks[callback].over = true;
    }

    // Promises.

    /// Somebody sets or drops the promise.
    pub(crate) fn keeps(&mut self, id: Id, how: Keeping) {
        let now = self.stamp();
        let call = &mut self.calls[id];
        call.keeping = Some(how);
        call.ended = Some(now);
    }

    /// It was set, or not; a dropped one does not say.
    pub(crate) fn kept(&mut self, id: Id, how: Keeping, was_set: Option<bool>) {
        let call = &self.calls[id];
        let (said, asked) = (call.cancel_said, call.cancel_asked);
        let contradicts = said.zip(was_set).is_some_and(|(said, set)| said == set);
        let lost = was_set == Some(false) && !asked;
        self.demand(!contradicts && !lost, "F2, K1", || {
            format!("{how:?} promise {id}: {was_set:?}, and cancel() said {said:?}")
        });
    }

    // Shutting down.

    /// A shutdown, or the drop of the pool, begins. Gives when, for its end.
    pub(crate) fn shuts_down(&mut self, cancels: bool) -> Stamp {
        let now = self.stamp();
        self.closes.get_or_insert(now);
        if cancels {
            self.cancels_all.get_or_insert(now);
            self.cancelling += 1;
        }
        now
    }

    /// It is over; `waited` says that nobody is left to run anything.
    pub(crate) fn shut_down(
        &mut self,
        begun: Stamp,
        cancels: bool,
        waited: bool,
        report: Option<ShutdownReport>,
    ) {
        let now = self.stamp();
        self.closed.get_or_insert(now);
        if cancels {
            self.cancelled_all.get_or_insert(now);
            self.cancelling -= 1;
        }
        let early = |call: &Call| matches!(call.submission, Submission::Accepted(at) if at < begun);
        let is_call = |call: &Call| call.gives != Gives::Promised;
        if waited {
            self.waited.get_or_insert(now);
            let left = |call: &Call| early(call) && is_call(call) && !call.is_settled();
            // Another thread may be in the middle of dropping what it cancelled, or of failing what a refused worker would have run.
            let is_busy = self.cancelling > 0 || self.refusals;
            let left = self.calls.iter().position(left).filter(|_| !is_busy);
            self.demand(left.is_none(), "X2, X6", || {
                format!("call {left:?} was left by a shutdown that waited")
            });
        }
        let Some(report) = report else { return };
        self.log.push(format!(
            "report {} {} {} {}",
            report.ran, report.cancelled, report.still_running, report.still_queued
        ));
        let closes = self.closes.unwrap_or(0);
        let may_count = |call: &&Call| {
            is_call(call) && call.started.is_some() && call.over.is_none_or(|over| over > closes)
        };
        let closed = self.closed.unwrap_or(now);
        let must_count = |call: &&Call| {
            is_call(call)
                && call.started.is_some_and(|at| at > closed)
                && (call.over.is_some() || (waited && early(call)))
        };
        let most = self.calls.iter().filter(may_count).count();
        let least = self.calls.iter().filter(must_count).count();
        self.demand((least..=most).contains(&report.ran), "X1", || {
            format!("{report:?}, where {least} to {most} ran")
        });
        let gone = |call: &&Call| {
            is_call(call) && call.started.is_none() && call.submission != Submission::Refused
        };
        let gone = self.calls.iter().filter(gone).count();
        let cancelled = report.cancelled;
        let counts = cancelled <= gone && (cancelled == 0 || self.cancels_all.is_some());
        self.demand(counts, "X1", || {
            format!("{report:?}, where {gone} did not start")
        });
        let going = |call: &&Call| call.submission == Submission::Going;
        let going = self.calls.iter().filter(going).count();
        let is_empty = report.still_running == 0 && report.still_queued <= going;
        self.demand(!waited || is_empty, "X1, X6", || {
            format!("{report:?} after waiting")
        });
        let most = self.workers;
        self.demand(report.still_running <= most, "X1", || {
            format!("{report:?} of {most} workers")
        });
    }

    /// A bounded shutdown returned, with workers left, after this long.
    pub(crate) fn gave_up_shutdown(&mut self, waited: Duration, timeout: Duration) {
        self.demand(waited >= timeout, "X1", || {
            format!("a shutdown waited {waited:?} of {timeout:?}, and somebody is left")
        });
    }

    // Maps and scopes.

    /// A map has consumed one more item: `outstanding` of at most `most` now.
    pub(crate) fn consumed(&mut self, outstanding: usize, most: Option<usize>) {
        let within = most.is_none_or(|most| outstanding <= most);
        self.demand(within, "M2", || {
            format!("{outstanding} of at most {most:?} are outstanding")
        });
    }

    /// A map without order yielded an outcome whose call nobody can tell.
    pub(crate) fn saw_some(&mut self, seen: &Seen) {
        let may_be = match seen {
            Seen::Cancelled(CancelledBy::Shutdown) => self.cancels_all.is_some(),
            Seen::Cancelled(CancelledBy::Discarded) => self.policy == Policy::DiscardOldest,
            Seen::Broken => self.initializer_failed,
            Seen::NoWorker => self.refusals,
            _ => false,
        };
        self.demand(may_be, "M1", || format!("a map gave {seen:?}"));
    }

    /// A scope with these calls returned: nothing is left of them.
    pub(crate) fn scope_over(&mut self, ids: &[Id]) {
        for id in ids {
            let call = &self.calls[*id];
            let (closures, made) = (call.closures_dropped, call.outcomes_made);
            let is_clean = closures == 1 && made == call.outcomes_dropped;
            self.demand(is_clean, "T7", || {
                format!("something of call {id} outlived its scope")
            });
        }
    }

    // In the end.

    /// All is over: nothing happens any more.
    pub(crate) fn finish(&mut self) {
        let may_fail = self.initializer_failed || self.refusals;
        for id in 0..self.calls.len() {
            let call = &self.calls[id];
            let (ran, ended) = (call.started.is_some(), call.ended.is_some());
            let is_call = call.gives != Gives::Promised;
            let refused = call.submission == Submission::Refused;
            let justified = refused
                || call.cancel_asked
                || self.cancels_all.is_some()
                || self.policy == Policy::DiscardOldest
                || may_fail;
            let said = call.cancel_said;
            let dropped = call.closures_dropped;
            let (made, gone) = (call.outcomes_made, call.outcomes_dropped);
            let (callbacks, over) = (call.callbacks.len(), call.callbacks_dropped);
            let called = call
                .callbacks
                .iter()
                .filter(|callback| callback.over)
                .count();
            self.demand(call_is_over(ran, ended, is_call), "F5", || {
                format!("call {id} began, and did not end")
            });
            self.demand(!is_call || ran || justified, "X2", || {
                format!("call {id} never ran, and nobody cancelled it")
            });
            let lied = is_call && said == Some(false) && !ran && !may_fail;
            self.demand(!lied, "K1", || {
                format!("cancel() of call {id} said false, and it never ran")
            });
            self.demand(!is_call || dropped == 1, "K2, T5", || {
                format!("the closure of call {id} was dropped {dropped} times")
            });
            self.demand(made == gone, "T5", || {
                format!("of {made} outcomes of call {id} {gone} were dropped")
            });
            self.demand(called == callbacks, "C1", || {
                format!("{called} of {callbacks} callbacks of call {id} ran")
            });
            self.demand(over == callbacks, "C5", || {
                format!("{over} of {callbacks} callbacks of call {id} were dropped")
            });
        }
        if self.has_hook {
            self.finish_hook();
        }
    }

    fn finish_hook(&mut self) {
        let calls = || {
            self.calls
                .iter()
                .filter(|call| call.gives != Gives::Promised)
        };
        let panicked: usize = calls()
            .map(|call| {
                call.callbacks
                    .iter()
                    .filter(|callback| callback.panics)
                    .count()
            })
            .sum();
        let failed = |call: &&Call| {
            call.outcome.is_none()
                && call.ended.is_some()
                && matches!(call.gives, Gives::Panic | Gives::Failure)
        };
        let unread = calls().filter(failed).count();
        // One that never ran, and whose future nobody looked at, may have been cancelled, or failed with its pool.
        let unknown = |call: &&Call| {
            call.outcome.is_none() && call.ended.is_none() && call.submission != Submission::Refused
        };
        let unknown = calls().filter(unknown).count();
        let told = (
            self.hooked.callbacks,
            self.hooked.unread,
            self.hooked.others,
        );
        self.demand(told.0 == panicked, "C4", || {
            format!("the hook heard of {} of {panicked} panics", told.0)
        });
        self.demand((unread..=unread + unknown).contains(&told.1), "S7", || {
            format!(
                "the hook heard of {} failures, where {unread} were not read",
                told.1
            )
        });
        self.demand(told.2 == 0, "C4", || {
            format!("the hook heard of {} other things", told.2)
        });
    }

    /// The hook was told.
    pub(crate) fn hooked(&mut self, report: &ErrorReport<'_>) {
        match report {
            ErrorReport::CallbackPanicked(_) => self.hooked.callbacks += 1,
            ErrorReport::Unread(_) => self.hooked.unread += 1,
            _ => self.hooked.others += 1,
        }
    }
}

/// Whether what began has ended.
fn call_is_over(ran: bool, ended: bool, is_call: bool) -> bool {
    !is_call || ran == ended
}
