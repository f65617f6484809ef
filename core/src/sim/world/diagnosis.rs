//! What is wrong with a run.

use alloc::{format, string::String, vec::Vec};

use super::{MAIN, Outcome, State, World, thread::Thread};
use crate::{platform::Point, sim::fault::Fault};

impl World {
    pub(super) fn lose_patience(&mut self) {
        let (steps, patience) = (self.steps, self.rules.patience);
        if steps > self.rules.max_steps {
            let text = format!("it did not end within {} steps", self.rules.max_steps);
            self.fault.get_or_insert(Fault::Endless(text));
        } else if steps.is_multiple_of(64) {
            let starved = |thread: &Thread| {
                thread.state == State::Parked(None)
                    && !thread.is_idle()
                    && steps - thread.since > patience
            };
            let index = self.threads.iter().position(starved);
            if let Some(index) = index {
                let text = format!(
                    "{} for {patience} steps, while others went on",
                    self.reason(index)
                );
                self.fault.get_or_insert(Fault::Starved(text));
            }
        }
    }

    /// Why `index` does not go on.
    pub(super) fn reason(&self, index: usize) -> String {
        let thread = &self.threads[index];
        let who = thread.who;
        if let Some(address) = thread.awaits {
            return format!("{who} waits for {}", self.book.standing(address).text);
        }
        match thread.at {
            _ if thread.is_idle() => format!("{who} sleeps, as there is nothing to do"),
            Some(Point::ListedBlocked) => format!("{who} waits for room in a full queue"),
            Some(Point::Closed) => format!("{who} waits for workers to end"),
            _ => format!("{who} waits"),
        }
    }

    fn reasons(&self) -> String {
        let waiting =
            (0..self.threads.len()).filter(|&index| self.threads[index].state != State::Ended);
        let reasons: Vec<String> = waiting.map(|index| self.reason(index)).collect();
        reasons.join("; ")
    }

    /// Nobody can go on: why?
    pub(super) fn diagnose(&self) -> Fault {
        let parked = || {
            self.threads
                .iter()
                .filter(|thread| thread.state != State::Ended)
        };
        let is_left = |thread: &Thread| thread.is_idle();
        if self.threads[MAIN].state == State::Ended && parked().all(is_left) {
            let sleepers = parked().any(|t| t.executor.is_some_and(|e| self.book.queued(e) > 0));
            if !sleepers {
                return Fault::Leaked(format!(
                    "an executor was neither dropped nor shut down: {}",
                    self.reasons()
                ));
            }
        }
        let is_lost = |thread: &Thread| {
            if thread.is_idle() {
                return thread
                    .executor
                    .is_some_and(|executor| self.book.queued(executor) > 0);
            }
            if let Some(address) = thread.awaits {
                let standing = self.book.standing(address);
                // Whoever finished it may be waiting in one of its callbacks.
                let told = standing.by.is_none_or(|by| {
                    self.threads[by].state == State::Ended || self.threads[by].is_idle()
                });
                return standing.is_over && told;
            }
            thread.at == Some(Point::ListedBlocked) && self.book.has_room_everywhere()
        };
        let text = self.reasons();
        if parked().any(is_lost) {
            Fault::LostWakeUp(format!("what somebody waits for is there: {text}"))
        } else if self.book.is_unattended() && parked().any(|thread| thread.awaits.is_some()) {
            Fault::LostWakeUp(format!("calls wait, and no worker was started: {text}"))
        } else {
            Fault::Deadlock(text)
        }
    }

    /// All is over, or something is wrong: what remains.
    pub(super) fn conclude(mut self) -> Outcome {
        if self.fault.is_none() {
            self.fault = match (self.book.take_leak(), self.book.left()) {
                (Some(text), _) | (None, Some((false, text))) => Some(Fault::Leaked(text)),
                (None, Some((true, text))) => Some(Fault::NeverFinished(text)),
                (None, None) => None,
            };
        }
        for thread in &mut self.threads {
            // What has not ended is linked with what remains elsewhere: neither unwound nor dropped.
            core::mem::forget(thread.life.take());
            if let Some(fiber) = thread.fiber.take() {
                fiber.abandon();
            }
        }
        Outcome {
            fault: self.fault,
            chooser: self.chooser,
            steps: self.steps,
            stacks: self.stacks,
        }
    }
}
