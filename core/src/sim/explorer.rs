//! Run after run on a thread of its own, which is watched.

use alloc::{boxed::Box, collections::BTreeSet, format, string::String, sync::Arc, vec::Vec};
use core::{
    hash::{Hash, Hasher},
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    hash::DefaultHasher,
    panic::resume_unwind,
    sync::{
        Mutex,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
};

use corosensei::stack::DefaultStack;

use super::{
    chooser::Chooser,
    fault::{Failure, Fault, Report},
    lock, panics,
    schedule::Schedule,
    thread::life,
    trace::Trace,
    walk::{Explored, Walk},
    world::{self, Live, Outcome, Rules},
};
use crate::sync::{Essential, switch_off};

/// What runs in every run.
pub(super) type Body = Arc<dyn Fn() + Send + Sync>;

/// What the watcher can see.
#[derive(Default)]
struct Shared {
    live: Arc<Live>,
    /// Which run goes on: its seed and number.
    run: Mutex<(Option<u64>, usize)>,
    /// The failure that is being shortened.
    found: Mutex<Option<Failure>>,
    /// The watcher has gone: there is nobody to explore for.
    gone: AtomicBool,
}

/// Has runs, one after the other.
pub(super) struct Explorer {
    rules: Rules,
    without: Option<Essential>,
    shared: Arc<Shared>,
    /// Of fibers that have ended.
    stacks: Vec<DefaultStack>,
    runs: usize,
    steps: usize,
    longest: usize,
    traces: BTreeSet<u64>,
    /// A run went wrong on this thread.
    is_tainted: bool,
}

/// Does `work` on a thread of its own. One that blocks is left behind: the report says where it was.
pub(super) fn watched<R: Send + 'static>(
    rules: Rules,
    without: Option<Essential>,
    stuck_after: Duration,
    work: impl FnOnce(&mut Explorer) -> Result<R, Failure> + Send + 'static,
) -> Result<R, Failure> {
    let shared = Arc::new(Shared::default());
    let (tell, told) = mpsc::channel();
    let explorer = Arc::clone(&shared);
    let running = thread::spawn(move || {
        let mut explorer = Explorer {
            rules,
            without,
            shared: explorer,
            stacks: Vec::new(),
            runs: 0,
            steps: 0,
            longest: 0,
            traces: BTreeSet::new(),
            is_tainted: false,
        };
        // Whoever asked for it has gone only if it was stuck.
        let _ = tell.send(work(&mut explorer));
    });
    let mut beats = 0;
    loop {
        match told.recv_timeout(stuck_after) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => match running.join() {
                Err(_) => panic!("the simulator itself panicked: see what it said"),
                Ok(()) => unreachable!("it tells what it did before it ends"),
            },
            Err(RecvTimeoutError::Timeout) => {
                let now = shared.live.beats.load(Ordering::Relaxed);
                if now == beats {
                    shared.gone.store(true, Ordering::Relaxed);
                    return Err(shared.stuck(without, stuck_after));
                }
                beats = now;
            }
        }
    }
}

impl Shared {
    fn stuck(&self, without: Option<Essential>, time: Duration) -> Failure {
        let found = lock(&self.found);
        if let Some(found) = found.clone() {
            // What it got stuck in was only an attempt to shorten this.
            return found;
        }
        let trace = Trace(self.live.trace(|trace| trace.clone()));
        let last = self.live.who().map_or_else(String::new, |who| {
            let last = trace.events().iter().rev().find(|event| event.who == who);
            let last = last.map_or_else(String::new, |last| format!(", after: {}", last.what));
            format!("; it is the turn of {who}{last}")
        });
        let (seed, runs) = *lock(&self.run);
        Failure(Box::new(Report {
            fault: Fault::Stuck(format!(
                "nothing was heard for {time:?}: somebody blocks on what the simulator does not know (a mutex or a channel of the \
                 standard library, a future of another platform), or computes{last}. Hold no lock of your own while you submit, wait, cancel, \
                 or drop an executor; if it computes, allow it more by `stuck_after`"
            )),
            seed,
            runs,
            schedule: Schedule::new(self.live.taken(|taken| taken.clone())),
            repeats: (runs > 0).then_some(true),
            trace,
            shortened_from: None,
            without,
        }))
    }
}

impl Explorer {
    fn once(&mut self, chooser: Chooser, body: impl FnOnce() + Send + 'static) -> Outcome {
        while self.shared.gone.load(Ordering::Relaxed) {
            thread::park();
        }
        let (rules, without) = (self.rules, self.without);
        let live = Arc::clone(&self.shared.live);
        let run = move |stacks: &mut Vec<DefaultStack>| {
            panics::keep();
            switch_off(without);
            world::run(rules, chooser, &live, stacks, life(body))
        };
        let outcome = if self.is_tainted {
            let fresh = thread::spawn(move || run(&mut Vec::new())).join();
            fresh.unwrap_or_else(|payload| resume_unwind(payload))
        } else {
            run(&mut self.stacks)
        };
        self.is_tainted |= outcome.fault.is_some();
        self.runs += 1;
        self.steps += outcome.steps;
        self.longest = self.longest.max(outcome.steps);
        outcome
    }

    fn run(&mut self, chooser: Chooser, body: &Body) -> Outcome {
        let body = Arc::clone(body);
        self.once(chooser, move || body())
    }

    /// As [`run`](Self::run); a run with a fault is reported.
    fn check(
        &mut self,
        chooser: Chooser,
        body: &Body,
        seed: Option<u64>,
    ) -> Result<Outcome, Failure> {
        let number = (seed, self.runs + 1);
        *lock(&self.shared.run) = number;
        let mut outcome = self.run(chooser, body);
        if let Some(fault) = outcome.fault.take() {
            return Err(self.failure(fault, &outcome.chooser, seed));
        }
        let mut hasher = DefaultHasher::new();
        self.shared.live.trace(|trace| trace.hash(&mut hasher));
        self.traces.insert(hasher.finish());
        Ok(outcome)
    }

    /// As [`check`](Self::check); and the failure is shortened.
    fn search(
        &mut self,
        chooser: Chooser,
        body: &Body,
        seed: Option<u64>,
    ) -> Result<Outcome, Failure> {
        let outcome = self.check(chooser, body, seed);
        outcome.map_err(|failure| self.shorten(failure, body))
    }

    fn failure(&self, fault: Fault, chooser: &Chooser, seed: Option<u64>) -> Failure {
        Failure(Box::new(Report {
            schedule: chooser.schedule(),
            repeats: (!self.rules.by_hand).then_some(true),
            fault,
            seed,
            runs: self.runs,
            trace: Trace(self.shared.live.trace(|trace| trace.clone())),
            shortened_from: None,
            without: self.without,
        }))
    }

    fn explored(&self, complete: Option<bool>) -> Explored {
        Explored {
            runs: self.runs,
            distinct: self.traces.len(),
            steps: self.steps,
            longest: self.longest,
            complete,
        }
    }

    pub(super) fn explore(
        &mut self,
        body: &Body,
        walk: &Walk,
        seeds: Range<u64>,
        max_runs: usize,
    ) -> Result<Explored, Failure> {
        match walk {
            Walk::Exhaustive { interruptions } => self.exhaust(body, *interruptions, max_runs),
            Walk::Replay(_) => {
                self.replay(body, walk, 0)?;
                Ok(self.explored(None))
            }
            Walk::Mixed | Walk::Random | Walk::Priorities { .. } => {
                for seed in seeds {
                    self.search(walk.chooser(seed), body, Some(seed))?;
                }
                Ok(self.explored(None))
            }
        }
    }

    /// One run: of a schedule, or of a seed.
    fn replay(&mut self, body: &Body, walk: &Walk, seed: u64) -> Result<Outcome, Failure> {
        match walk {
            Walk::Replay(schedule) => {
                self.rules.repeats = true;
                let outcome = self.check(Chooser::script(schedule), body, None);
                outcome.map_err(|mut failure| {
                    failure.0.schedule = schedule.clone();
                    failure
                })
            }
            Walk::Exhaustive { .. } => {
                self.check(Chooser::script(&Schedule::default()), body, None)
            }
            Walk::Mixed | Walk::Random | Walk::Priorities { .. } => {
                self.search(walk.chooser(seed), body, Some(seed))
            }
        }
    }

    pub(super) fn trace(&mut self, body: &Body, walk: &Walk, seed: u64) -> Result<Trace, Failure> {
        self.replay(body, walk, seed)?;
        Ok(Trace(self.shared.live.trace(|trace| trace.clone())))
    }

    pub(super) fn by_hand(&mut self, body: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
        self.rules.by_hand = true;
        let chooser = Chooser::script(&Schedule::default());
        let mut outcome = self.once(chooser, body);
        match outcome.fault.take() {
            Some(fault) => Err(self.failure(fault, &outcome.chooser, None)),
            None => Ok(()),
        }
    }

    /// Depth first: the last choice that has another alternative takes it, and what comes after is chosen anew.
    fn exhaust(
        &mut self,
        body: &Body,
        interruptions: usize,
        max_runs: usize,
    ) -> Result<Explored, Failure> {
        self.rules.repeats = true;
        let mut script = Vec::new();
        loop {
            let outcome = self.search(Chooser::bounded(script, interruptions), body, None)?;
            let Chooser {
                mut taken,
                mut widths,
                ..
            } = outcome.chooser;
            loop {
                match (taken.pop(), widths.pop()) {
                    (Some(choice), Some(width)) if choice + 1 < width => {
                        taken.push(choice + 1);
                        break;
                    }
                    (Some(_), Some(_)) => {}
                    _ => return Ok(self.explored(Some(true))),
                }
            }
            if self.runs >= max_runs {
                return Ok(self.explored(Some(false)));
            }
            script = taken;
        }
    }

    /// Looks for a schedule with fewer choices that shows the same fault: delta debugging (Zeller, Hildebrandt: Simplifying and
    /// isolating failure-inducing input, 2002) over the choices that are not what happens by itself.
    fn shorten(&mut self, failure: Failure, body: &Body) -> Failure {
        self.rules.repeats = false;
        let (runs, first) = (self.runs, failure.0.trace.switches());
        let mut attempts = 300;
        let mut best = failure;
        while let Some(shorter) = self.shortened(&best, body, &mut attempts) {
            best = shorter;
        }
        let now = best.0.trace.switches();
        let again = self.run(Chooser::script(&best.0.schedule), body);
        let repeats = again
            .fault
            .as_ref()
            .is_some_and(|fault| fault.is_like(&best.0.fault));
        best.0.repeats = Some(repeats);
        best.0.runs = runs;
        best.0.shortened_from = (now < first).then_some(first);
        best
    }

    /// A shorter failure like `best`, if one is found by undoing some of its choices.
    fn shortened(&mut self, best: &Failure, body: &Body, attempts: &mut usize) -> Option<Failure> {
        *lock(&self.shared.found) = Some(best.clone());
        let length = best.0.schedule.0.len();
        let chunks = core::iter::successors(Some(length), |chunk| Some(chunk / 2));
        for chunk in chunks.take_while(|chunk| *chunk > 0) {
            for start in (0..length).step_by(chunk) {
                let mut choices = best.0.schedule.0.clone();
                let undone = &mut choices[start..(start + chunk).min(length)];
                if undone.iter().all(|choice| *choice == 0) {
                    continue;
                }
                undone.fill(0);
                *attempts = attempts.checked_sub(1)?;
                let mut outcome = self.run(Chooser::script(&Schedule::new(choices)), body);
                if let Some(fault) = outcome.fault.take()
                    && fault.is_like(&best.0.fault)
                {
                    let other = self.failure(fault, &outcome.chooser, best.0.seed);
                    if size(&other) < size(best) {
                        return Some(other);
                    }
                }
            }
        }
        None
    }
}

/// How hard a failure is to read.
fn size(failure: &Failure) -> (usize, usize) {
    (failure.0.trace.switches(), failure.0.trace.events().len())
}
