//! When a worker has ended: what becomes of each call that was with it.

use std::ops::ControlFlow;

use concurrent_futures_core::future::{
    BrokenExecutor, BrokenKind, CancelledBy, Ended, TaskError, TimedOut, WorkerDied,
};
use concurrent_futures_core::scheduler::Started;
use rustix::process::Signal;

use super::{
    carry::Carrying,
    child::Child,
    owner::Processes,
    settings::{OnDeath, Verdict},
    watch::Why,
    window::{Hold, Load},
};

impl Carrying<'_, '_> {
    /// No process can be had.
    pub(super) fn without_worker(&mut self) -> ControlFlow<()> {
        match self.shared().verdict() {
            Some(verdict) => self.give_up(&verdict),
            None => self.abandon(|| TaskError::NoWorker),
        }
        ControlFlow::Break(())
    }

    /// There is to be no worker any more.
    fn give_up(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Asked(_) => self.abandon(|| TaskError::Cancelled(CancelledBy::Shutdown)),
            Verdict::Broken(cause) => {
                self.worker.break_down(broken(cause));
                self.abandon(|| TaskError::Broken(broken(cause)));
            }
        }
    }

    /// Nobody runs what this worker has begun.
    fn abandon(&mut self, error: impl Fn() -> TaskError) {
        for (started, _) in std::mem::take(&mut self.again) {
            self.fail(started, error());
        }
        if let Some(active) = self.active.take() {
            // Whoever waits for the items finds that nobody cuts them any more.
            active.ticket.end();
            self.worker.finish(active.started, false);
        }
    }

    pub(super) fn fail(&mut self, started: Started<'_, Processes>, error: TaskError) {
        if let Some(parcel) = started.cargo() {
            parcel.discharge();
        }
        // Another process is started before this one takes a call again.
        self.worker.fail(started, error, false);
    }

    /// Waits for a worker that has ended, fails the call that it was running, and puts back what it had not started. `Break` if there is not
    /// to be another.
    pub(super) fn bury(&mut self, child: Child) -> ControlFlow<()> {
        let (pid, index, ready) = (child.pid(), child.index, child.ready);
        let unfit = child.unfit.clone();
        let board = std::sync::Arc::clone(&child.board);
        let why = child.watch.ending.clone();
        let ended = child.bury();
        let expected = why.is_some();
        let verdict = self.verdict((index, pid), ended, ready, expected, unfit);

        let mut unstarted = Vec::new();
        // Each goes ahead of all, so the first is the last.
        for sent in std::mem::take(&mut self.window).into_iter().rev() {
            let was_started = board.slot(sent.call).started() as usize;
            match sent.load {
                Load::Call { hold, attempts, .. } if was_started > 0 => {
                    let Some(started) = hold.into_started() else {
                        continue;
                    };
                    if self.may_try_again(&verdict, &why, attempts, sent.retries) {
                        self.again.push_front((started, attempts + 1));
                    } else {
                        self.fail(started, error(&verdict, &why, pid, ended));
                    }
                }
                Load::Call { hold, attempts, .. } => match hold {
                    // It was tried before, and not yet again.
                    Hold::Started(started) => self.again.push_front((started, attempts)),
                    Hold::Unstarted(_) if hold.is_reclaimed() => unstarted.push(hold),
                    hold => hold.pass(),
                },
                Load::Chunk {
                    ticket,
                    chunk,
                    replies,
                    items,
                } => {
                    board.slot(sent.call).recall();
                    let attempts = if replies == 0 { chunk.attempts } else { 0 };
                    if was_started <= replies {
                        ticket.give_back(&chunk, replies..items, attempts);
                    } else if self.may_try_again(&verdict, &why, attempts, sent.retries) {
                        ticket.give_back(&chunk, replies..items, attempts + 1);
                    } else {
                        let item = chunk.first + replies as u64;
                        ticket.fail(item, error(&verdict, &why, pid, ended));
                        ticket.give_back(&chunk, replies + 1..items, 0);
                    }
                }
            }
        }
        for hold in unstarted {
            self.give_back(hold);
        }
        match verdict {
            None => ControlFlow::Continue(()),
            Some(verdict) => {
                self.give_up(&verdict);
                ControlFlow::Break(())
            }
        }
    }

    /// Why there is to be no worker any more, if that is so.
    fn verdict(
        &self,
        (index, pid): (u64, u32),
        ended: Ended,
        ready: bool,
        expected: bool,
        unfit: Option<String>,
    ) -> Option<Verdict> {
        let shared = self.shared();
        if let Some(verdict) = shared.verdict() {
            return Some(verdict);
        }
        let cause = if let Some(why) = unfit {
            why
        } else if !ready && !expected && shared.was_not_ready(index) {
            let advice = if shared.settings.initializer.is_some() {
                "Does its initializer end the process?"
            } else {
                "If this program's `main` has run in them, call `concurrent_futures::init_worker()` at its beginning"
            };
            format!(
                "its worker processes end before they are ready; the last, {pid}, {ended}, and may have said why on its standard error. {advice}"
            )
        } else if ready && !expected && shared.settings.on_death == OnDeath::Break {
            format!("its worker process {pid} {ended}")
        } else {
            return None;
        };
        let verdict = Verdict::Broken(cause);
        shared.end_all(verdict.clone(), Signal::KILL);
        Some(verdict)
    }

    fn may_try_again(
        &self,
        verdict: &Option<Verdict>,
        why: &Option<Why>,
        attempts: u32,
        retries: u32,
    ) -> bool {
        verdict.is_none() && why.is_none() && attempts < retries
    }
}

fn broken(cause: &str) -> BrokenExecutor {
    BrokenExecutor::new(BrokenKind::ProcessPool, cause)
}

/// What a call fails with that was running.
fn error(verdict: &Option<Verdict>, why: &Option<Why>, pid: u32, ended: Ended) -> TaskError {
    let reason = match (verdict, why) {
        (_, Some(Why::TimedOut(limit))) => {
            return TaskError::TimedOut(TimedOut::new(*limit, pid));
        }
        (Some(Verdict::Broken(cause)), _) => return TaskError::Broken(broken(cause)),
        (Some(Verdict::Asked(what)), _) => Some((*what).to_owned()),
        (None, Some(Why::Protocol(error))) => Some(error.to_string()),
        (None, Some(Why::Channel)) => Some("it closed its channel and went on".to_owned()),
        (None, None) => None,
    };
    TaskError::WorkerDied(WorkerDied::new(pid, ended, reason))
}
