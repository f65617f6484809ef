//! The simulator's books: every call from its making until its memory is free, and every executor.

use alloc::{collections::BTreeMap, format, string::String, sync::Weak, vec::Vec};

use super::{
    fault::Fault,
    trace::{What, Who},
};
use crate::{
    platform::CallEvent,
    queue::{Queue, Ring},
    task::Task,
};

/// One call, as far as it is known.
struct Call {
    number: usize,
    made_by: Who,
    /// At which step, if an executor is to run it: nobody starts a promise.
    queued_at: Option<usize>,
    stage: Stage,
    outcome_taken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not started: a call in a queue, or a promise.
    Waits,
    RunBy(usize, Who),
    /// What it would have run was dropped, by this fiber.
    Dropped(usize),
    FinishedBy(usize),
}

/// One executor.
struct Executor {
    queue: Weak<Ring<Task>>,
    max_workers: usize,
    /// Workers that were started and whose fibers have not ended.
    alive: usize,
}

/// Calls by where they are, and executors by their number.
#[derive(Default)]
pub(super) struct Book {
    calls: BTreeMap<usize, Call>,
    made: usize,
    executors: Vec<Executor>,
    /// The first thing that was leaked.
    leak: Option<String>,
}

impl Book {
    /// Notes what happened to the call at `address`, done by fiber `fiber` at `step`. Nothing of a call from elsewhere.
    pub(super) fn observe(
        &mut self,
        event: CallEvent,
        address: usize,
        (fiber, who): (usize, Who),
        step: usize,
    ) -> Option<What> {
        if let CallEvent::Created | CallEvent::Promised = event {
            self.made += 1;
            let call = Call {
                number: self.made,
                made_by: who,
                queued_at: (event == CallEvent::Created).then_some(step),
                stage: Stage::Waits,
                outcome_taken: false,
            };
            self.calls.insert(address, call);
            return Some(What::Makes(self.made));
        }
        let call = self.calls.get_mut(&address)?;
        let number = call.number;
        let what = match event {
            CallEvent::Awaited => What::Awaits(number),
            CallEvent::AwaitedAmong => What::AwaitsAmong(number),
            CallEvent::Started => {
                call.stage = Stage::RunBy(fiber, who);
                What::Runs(number)
            }
            CallEvent::Dropped => {
                call.stage = Stage::Dropped(fiber);
                What::Drops(number)
            }
            CallEvent::Finished => {
                call.stage = Stage::FinishedBy(fiber);
                What::Finishes(number)
            }
            CallEvent::Taken => {
                call.outcome_taken = true;
                What::Takes(number)
            }
            CallEvent::Created | CallEvent::Promised | CallEvent::Freed => {
                let leak = match call.stage {
                    Stage::Waits | Stage::RunBy(..) => Some("what it would run"),
                    Stage::FinishedBy(_) if !call.outcome_taken => Some("its outcome"),
                    Stage::Dropped(_) | Stage::FinishedBy(_) => None,
                };
                if let Some(leak) = leak {
                    self.leak.get_or_insert_with(|| {
                        format!("call {number} was freed with {leak} inside")
                    });
                }
                self.calls.remove(&address);
                What::Frees(number)
            }
        };
        Some(what)
    }

    /// How it stands with the call at `address`, and which fiber runs it or had its outcome.
    pub(super) fn standing(&self, address: usize) -> Standing {
        match self.calls.get(&address) {
            None => Standing {
                text: "a call from elsewhere".into(),
                is_over: false,
                by: None,
            },
            Some(call) => {
                let (state, is_over, by) = match call.stage {
                    Stage::Waits if call.queued_at.is_none() => {
                        ("a promise that nobody has kept".into(), false, None)
                    }
                    Stage::Waits => ("which nobody has started".into(), false, None),
                    Stage::RunBy(fiber, who) => (format!("which {who} runs"), false, Some(fiber)),
                    Stage::Dropped(fiber) => ("which was cancelled".into(), true, Some(fiber)),
                    Stage::FinishedBy(fiber) => ("which is finished".into(), true, Some(fiber)),
                };
                Standing {
                    text: format!("call {}, {state}", call.number),
                    is_over,
                    by,
                }
            }
        }
    }

    /// What was leaked while it ran.
    pub(super) fn take_leak(&mut self) -> Option<String> {
        self.leak.take()
    }

    /// What is left when all is over, if anything is.
    pub(super) fn left(&self) -> Option<Fault> {
        let call = self.calls.values().min_by_key(|call| call.number)?;
        let (number, by, others) = (call.number, call.made_by, self.calls.len() - 1);
        let others = match others {
            0 => String::new(),
            n => format!(", and so do {n} more"),
        };
        Some(match call.stage {
            Stage::Waits | Stage::RunBy(..) => Fault::NeverFinished(format!(
                "call {number}, made by {by}, will never be finished, and somebody refers to it still{others}"
            )),
            Stage::Dropped(_) | Stage::FinishedBy(_) => Fault::Leaked(format!(
                "call {number}, made by {by}, is over, and its memory remains{others}"
            )),
        })
    }

    /// A call that an executor was given before `step` and that nobody has started.
    pub(super) fn waiting_since_before(&self, step: usize) -> Option<usize> {
        let waiting = |call: &&Call| {
            call.stage == Stage::Waits && call.queued_at.is_some_and(|queued| queued < step)
        };
        self.calls
            .values()
            .filter(waiting)
            .map(|call| call.number)
            .min()
    }

    /// A new executor; gives its number.
    pub(super) fn open(&mut self, queue: Weak<Ring<Task>>, max_workers: usize) -> usize {
        self.executors.push(Executor {
            queue,
            max_workers,
            alive: 0,
        });
        self.executors.len() - 1
    }

    /// A worker more; says so if that is one too many.
    pub(super) fn worker_started(&mut self, executor: usize) -> Result<(), String> {
        let Some(executor) = self.executors.get_mut(executor) else {
            return Ok(());
        };
        executor.alive += 1;
        if executor.alive <= executor.max_workers {
            return Ok(());
        }
        Err(format!(
            "worker number {} was started for an executor of at most {}",
            executor.alive, executor.max_workers
        ))
    }

    pub(super) fn worker_ended(&mut self, executor: usize) {
        if let Some(executor) = self.executors.get_mut(executor) {
            executor.alive -= 1;
        }
    }

    /// How many calls wait in the executor's queue.
    pub(super) fn queued(&self, executor: usize) -> usize {
        let queue = self
            .executors
            .get(executor)
            .and_then(|executor| executor.queue.upgrade());
        queue.map_or(0, |queue| queue.len())
    }

    /// Whether an executor has calls that wait, and no worker, though it may have some.
    pub(super) fn is_unattended(&self) -> bool {
        (0..self.executors.len()).any(|executor| {
            self.executors[executor].alive == 0
                && self.executors[executor].max_workers > 0
                && self.queued(executor) > 0
        })
    }

    /// Whether no executor's queue is full.
    pub(super) fn has_room_everywhere(&self) -> bool {
        self.executors
            .iter()
            .filter_map(|executor| executor.queue.upgrade())
            .all(|queue| queue.len() < queue.capacity())
    }
}

/// See [`Book::standing`].
pub(super) struct Standing {
    pub(super) text: String,
    pub(super) is_over: bool,
    pub(super) by: Option<usize>,
}
