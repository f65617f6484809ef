//! What is wrong with a run.

use alloc::{format, string::String, vec::Vec};

use super::{MAIN, Outcome, State, World, thread::Thread};
use crate::{platform::Point, sim::fault::Fault, sim::trace::Who};

impl World {
    /// Looks at those who have waited for long, while others go on.
    pub(super) fn lose_patience(&mut self) {
        /// How often: it is a look at everything.
        const EVERY: usize = 64;
        if self.steps > self.rules.max_steps {
            let text = format!(
                "not over after {} steps: {}",
                self.rules.max_steps,
                self.reasons()
            );
            self.blame(Fault::Endless(text));
        } else if self.steps.is_multiple_of(EVERY)
            && let Some(fault) = self.waiting_for_long()
        {
            self.blame(fault);
        }
    }

    fn waiting_for_long(&self) -> Option<Fault> {
        let patience = self.rules.patience;
        let since = self.steps.checked_sub(patience)?;
        let long = |index: &usize| {
            let thread = &self.threads[*index];
            thread.state == State::Parked(None) && thread.since < since
        };
        let parked: Vec<usize> = (0..self.threads.len()).filter(long).collect();
        let waiting = self.book.waiting_since_before(since);
        // There may be a call, or room, at this very moment; a call that has waited for as long is another matter.
        let lost = |index: &&usize| {
            let thread = &self.threads[**index];
            let is_long = thread.awaits.is_some() || (thread.is_idle() && waiting.is_some());
            is_long && self.is_lost(thread)
        };
        if let Some(lost) = parked.iter().find(lost) {
            return Some(Fault::LostWakeUp(format!(
                "what it waits for was there for {patience} steps of others: {}",
                self.reason(*lost)
            )));
        }
        if let Some(circle) = parked.iter().find_map(|index| self.circle(*index)) {
            return Some(Fault::Deadlock(circle));
        }
        let blocked = |index: &&usize| self.threads[**index].at == Some(Point::ListedBlocked);
        if let Some(blocked) = parked.iter().find(blocked) {
            return Some(Fault::Starved(format!(
                "{} for {patience} steps of others",
                self.reason(*blocked)
            )));
        }
        let call = waiting?;
        Some(Fault::Starved(format!(
            "nobody has started call {call} for {patience} steps of others: {}",
            self.reasons()
        )))
    }

    /// Whether what the parked `thread` waits for is there.
    fn is_lost(&self, thread: &Thread) -> bool {
        if thread.is_idle() {
            return thread
                .executor
                .is_some_and(|executor| self.book.queued(executor) > 0);
        }
        if let Some(address) = thread.awaits.filter(|_| !thread.among) {
            let standing = self.book.standing(address);
            // Whoever ended it may be waiting in one of its callbacks.
            let told = standing.by.is_none_or(|by| {
                self.threads[by].state == State::Ended || self.threads[by].is_idle()
            });
            return standing.is_over && told;
        }
        thread.awaits.is_none()
            && thread.at == Some(Point::ListedBlocked)
            && self.book.has_room_everywhere()
    }

    /// Why `index`, and those that it waits for, wait for each other in a circle, if they do.
    fn circle(&self, index: usize) -> Option<String> {
        let mut way = alloc::vec![index];
        loop {
            let thread = &self.threads[*way.last()?];
            let waits = thread.state == State::Parked(None) && !thread.among;
            let standing = self.book.standing(thread.awaits.filter(|_| waits)?);
            let next = standing.by.filter(|_| !standing.is_over)?;
            if let Some(start) = way.iter().position(|&one| one == next) {
                let reasons = way[start..].iter().map(|&one| self.reason(one));
                return Some(reasons.collect::<Vec<_>>().join("; "));
            }
            way.push(next);
        }
    }

    /// Why `index` does not go on, or that it does.
    fn reason(&self, index: usize) -> String {
        let thread = &self.threads[index];
        let who = thread.who;
        if thread.state == State::Ready {
            return format!("{who} goes on");
        }
        let waits = match (thread.awaits, thread.at) {
            (Some(address), _) => {
                let others = if thread.among { " or others" } else { "" };
                format!("waits for {}{others}", self.book.standing(address).text)
            }
            _ if thread.is_idle() => "sleeps, as there is nothing to do".into(),
            (None, Some(Point::ListedBlocked)) => "waits for room in a full queue".into(),
            (None, Some(Point::Closed)) => "waits for workers to end".into(),
            (None, _) => String::from("waits"),
        };
        match &thread.panic {
            Some(panic) => format!("{who} panicked ({}) and then {waits}", panic.message),
            None => format!("{who} {waits}"),
        }
    }

    fn reasons(&self) -> String {
        let left =
            (0..self.threads.len()).filter(|&index| self.threads[index].state != State::Ended);
        let reasons: Vec<String> = left.map(|index| self.reason(index)).collect();
        reasons.join("; ")
    }

    /// Nobody can go on: why?
    pub(super) fn diagnose(&self) -> Fault {
        let parked = || {
            let left = |thread: &&Thread| thread.state != State::Ended;
            self.threads.iter().filter(left)
        };
        let text = self.reasons();
        // Whatever else: what began to unwind was to be the end of this run.
        let unwinding = parked().find(|t| t.panic.is_some() && !matches!(t.who, Who::Worker(_)));
        if let Some(thread) = unwinding
            && let Some(panic) = &thread.panic
        {
            return Fault::panicked(
                thread.who,
                panic,
                &format!("; then nobody could go on: {text}"),
            );
        }
        if parked().any(|thread| self.is_lost(thread)) {
            return Fault::LostWakeUp(format!("what somebody waits for is there: {text}"));
        }
        if self.book.is_unattended() && parked().any(|thread| thread.awaits.is_some()) {
            return Fault::LostWakeUp(format!("calls wait, and no worker was started: {text}"));
        }
        if self.threads[MAIN].state == State::Ended && parked().all(Thread::is_idle) {
            return Fault::Leaked(format!(
                "an executor was neither dropped nor shut down: {text}"
            ));
        }
        Fault::Deadlock(text)
    }

    /// All is over, or something is wrong: what remains.
    pub(super) fn conclude(mut self) -> Outcome {
        if self.fault.is_none() {
            let leaked = self.book.take_leak();
            self.fault = leaked.map(Fault::Leaked).or_else(|| self.book.left());
            if self.fault.is_none() && self.rules.repeats && self.chooser.is_unfinished() {
                self.fault = Some(Fault::unrepeatable("goes on after the end of the run"));
            }
        }
        self.interrupts.forget();
        for thread in &mut self.threads {
            // As with fibers that have not ended: what would be dropped is linked with what remains.
            core::mem::forget(thread.life.take());
        }
        Outcome {
            fault: self.fault,
            chooser: self.chooser,
            steps: self.steps,
        }
    }
}
