//! A spawner that starts a thread for each worker, or does what a test has it do.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use concurrent_futures::{
    StdPlatform,
    core::{
        executor::StaticPool,
        platform::{Entry, SpawnError, Spawner},
    },
};

use super::BYTES;

/// A pool with workers.
pub(super) type Staffed<const SLOTS: usize> = StaticPool<StdPlatform, SLOTS, BYTES, &'static Hands>;

/// What becomes of a worker that a pool asks for.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// Its thread is started.
    Start,
    /// The platform refuses.
    Refuse,
    /// It starts when the test says so, which may be never.
    Later,
    /// The platform says yes, and drops it.
    Lose,
}

struct State {
    answer: Answer,
    asked: usize,
    later: Vec<Entry>,
    threads: Vec<JoinHandle<()>>,
}

/// See the module.
pub(super) struct Hands(Mutex<State>);

impl Hands {
    /// Starts whoever is asked for.
    pub(super) const fn new() -> Self {
        Self::that(Answer::Start)
    }

    /// Answers with `answer`, until told otherwise.
    pub(super) const fn that(answer: Answer) -> Self {
        Self(Mutex::new(State {
            answer,
            asked: 0,
            later: Vec::new(),
            threads: Vec::new(),
        }))
    }

    fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers with `answer` from now on.
    pub(super) fn answer_with(&self, answer: Answer) {
        self.with(|state| state.answer = answer);
    }

    /// How often a worker was asked for.
    pub(super) fn asked(&self) -> usize {
        self.with(|state| state.asked)
    }

    /// Starts those that were to start later; says how many.
    pub(super) fn start_late(&self) -> usize {
        let late = self.with(|state| mem::take(&mut state.later));
        let count = late.len();
        for entry in late {
            let thread = thread::spawn(move || entry.run());
            self.with(|state| state.threads.push(thread));
        }
        count
    }

    /// Drops those that were to start later.
    pub(super) fn lose_late(&self) {
        drop(self.with(|state| mem::take(&mut state.later)));
    }

    /// How many threads were started and not joined.
    pub(super) fn unjoined(&self) -> usize {
        self.with(|state| state.threads.len())
    }
}

impl Spawner for &'static Hands {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        let lost = self.with(|state| {
            state.asked += 1;
            match state.answer {
                Answer::Start => state.threads.push(thread::spawn(move || entry.run())),
                Answer::Refuse => return Err(SpawnError::new(entry)),
                Answer::Later => state.later.push(entry),
                Answer::Lose => return Ok(Some(entry)),
            }
            Ok(None)
        })?;
        drop(lost);
        Ok(())
    }

    fn join(&self) {
        for thread in self.with(|state| mem::take(&mut state.threads)) {
            thread.join().unwrap();
        }
    }
}
