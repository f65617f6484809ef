//! Run after run on a thread of its own, which is watched.

use alloc::{boxed::Box, collections::BTreeSet, format, string::String, sync::Arc, vec::Vec};
use core::{
    hash::{Hash, Hasher},
    ops::Range,
    sync::atomic::Ordering,
    time::Duration,
};
use std::{
    hash::DefaultHasher,
    panic::resume_unwind,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
};

use corosensei::stack::DefaultStack;

use super::{
    chooser::Chooser,
    fault::{Failure, Fault, Report},
    panics,
    schedule::Schedule,
    simulation::{Explored, Walk},
    thread::life,
    trace::Trace,
    world::{self, Life, Live, Outcome, Rules},
};
use crate::sync::{Essential, switch_off};

/// What runs in every run.
pub(super) type Body = Arc<dyn Fn() + Send + Sync>;

/// What the watcher can see.
#[derive(Default)]
struct Shared {
    live: Arc<Live>,
    /// The failure that is being shortened.
    found: Mutex<Option<Failure>>,
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
        panics::keep();
        switch_off(without);
        let mut explorer = Explorer {
            rules,
            without,
            shared: explorer,
            stacks: Vec::new(),
            runs: 0,
            steps: 0,
            longest: 0,
            traces: BTreeSet::new(),
        };
        // Whoever asked for it has gone only if it was stuck.
        let _ = tell.send(work(&mut explorer));
    });
    let mut beats = 0;
    loop {
        match told.recv_timeout(stuck_after) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => match running.join() {
                Err(payload) => resume_unwind(payload),
                Ok(()) => unreachable!("it tells what it did before it ends"),
            },
            Err(RecvTimeoutError::Timeout) => {
                let now = shared.live.beats.load(Ordering::Relaxed);
                if now == beats {
                    return Err(shared.stuck(without, stuck_after));
                }
                beats = now;
            }
        }
    }
}

impl Shared {
    fn stuck(&self, without: Option<Essential>, time: Duration) -> Failure {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = found.clone() {
            // What it got stuck in was only an attempt to shorten this.
            return found;
        }
        let trace = Trace(self.live.trace(|trace| trace.clone()));
        let last = trace.events().last();
        let last = last.map_or_else(String::new, |last| {
            format!("; the last thing was: {} {}", last.who, last.what)
        });
        Failure(Box::new(Report {
            fault: Fault::Stuck(format!(
                "nothing was heard for {time:?}: somebody blocks on what the simulator does not know (a mutex or a channel of the \
                 standard library, a future of another platform), or computes{last}"
            )),
            seed: None,
            runs: 0,
            schedule: Schedule::default(),
            trace,
            shortened_from: None,
            without,
        }))
    }
}

impl Explorer {
    fn once(&mut self, chooser: Chooser, body: Life) -> Outcome {
        let stacks = core::mem::take(&mut self.stacks);
        let mut outcome = world::run(self.rules, chooser, &self.shared.live, stacks, body);
        self.stacks = core::mem::take(&mut outcome.stacks);
        self.runs += 1;
        let steps = outcome.steps;
        self.steps += steps;
        self.longest = self.longest.max(steps);
        outcome
    }

    fn run(&mut self, chooser: Chooser, body: &Body) -> Outcome {
        let body = Arc::clone(body);
        self.once(chooser, life(move || body()))
    }

    /// As [`run`](Self::run); a run with a fault is shortened and reported.
    fn check(
        &mut self,
        chooser: Chooser,
        body: &Body,
        seed: Option<u64>,
    ) -> Result<Outcome, Failure> {
        let outcome = self.run(chooser, body);
        if outcome.fault.is_some() {
            let failure = self.failure(outcome, seed);
            return Err(self.shorten(failure, body));
        }
        let mut hasher = DefaultHasher::new();
        self.shared.live.trace(|trace| trace.hash(&mut hasher));
        self.traces.insert(hasher.finish());
        Ok(outcome)
    }

    fn failure(&self, outcome: Outcome, seed: Option<u64>) -> Failure {
        Failure(Box::new(Report {
            schedule: outcome.chooser.schedule(),
            fault: outcome.fault.unwrap_or_else(|| Fault::Stuck(String::new())),
            seed,
            runs: self.runs,
            trace: Trace(self.shared.live.trace(|trace| trace.clone())),
            shortened_from: None,
            without: self.without,
        }))
    }

    fn explored(&self, complete: bool) -> Explored {
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
            Walk::Replay(schedule) => {
                self.check(Chooser::script(schedule), body, None)?;
                Ok(self.explored(false))
            }
            Walk::Exhaustive { interruptions } => self.exhaust(body, *interruptions, max_runs),
            Walk::Mixed | Walk::Random | Walk::Priorities { .. } => {
                let length = self.length(body, walk);
                for seed in seeds {
                    self.check(walker(walk, seed, length), body, Some(seed))?;
                }
                Ok(self.explored(false))
            }
        }
    }

    /// How many choices a run has, about: what walks by priorities have to know. By the run that nobody interferes with, whatever comes
    /// of it, so that it is the same for every seed.
    fn length(&mut self, body: &Body, walk: &Walk) -> usize {
        if *walk == Walk::Random {
            return 0;
        }
        let outcome = self.run(Chooser::script(&Schedule::default()), body);
        self.runs = 0;
        (self.steps, self.longest) = (0, 0);
        outcome.chooser.taken.len()
    }

    pub(super) fn trace(&mut self, body: &Body, walk: &Walk, seed: u64) -> Result<Trace, Failure> {
        let chooser = match walk {
            Walk::Replay(schedule) => Chooser::script(schedule),
            Walk::Exhaustive { .. } => Chooser::script(&Schedule::default()),
            Walk::Mixed | Walk::Random | Walk::Priorities { .. } => {
                let length = self.length(body, walk);
                walker(walk, seed, length)
            }
        };
        self.check(chooser, body, Some(seed))?;
        Ok(Trace(self.shared.live.trace(|trace| trace.clone())))
    }

    pub(super) fn by_hand(&mut self, body: Box<dyn FnOnce()>) -> Result<(), Failure> {
        self.rules.by_hand = true;
        let chooser = Chooser::script(&Schedule::default());
        let outcome = self.once(chooser, life(body));
        if outcome.fault.is_some() {
            return Err(self.failure(outcome, None));
        }
        Ok(())
    }

    /// Depth first: the last choice that has another alternative takes it, and what comes after is chosen anew.
    fn exhaust(
        &mut self,
        body: &Body,
        interruptions: usize,
        max_runs: usize,
    ) -> Result<Explored, Failure> {
        let mut script = Vec::new();
        loop {
            let outcome = self.check(Chooser::bounded(script, interruptions), body, None)?;
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
                    _ => return Ok(self.explored(true)),
                }
            }
            if self.runs == max_runs {
                return Ok(self.explored(false));
            }
            script = taken;
        }
    }

    /// Looks for a schedule with fewer choices that shows the same fault: delta debugging (Zeller, Hildebrandt: Simplifying and
    /// isolating failure-inducing input, 2002) over the choices that are not what happens by itself.
    fn shorten(&mut self, failure: Failure, body: &Body) -> Failure {
        const ATTEMPTS: usize = 300;
        let runs = self.runs;
        let mut attempts = 0;
        let mut best = failure;
        let first = best.0.trace.switches();
        let mut chunk = best.0.schedule.0.len();
        while chunk > 0 && attempts < ATTEMPTS {
            let mut at = 0;
            while at < best.0.schedule.0.len() && attempts < ATTEMPTS {
                let mut choices = best.0.schedule.0.clone();
                let end = (at + chunk).min(choices.len());
                if choices[at..end].iter().any(|choice| *choice != 0) {
                    choices[at..end].fill(0);
                    attempts += 1;
                    self.note(&best);
                    let chooser = Chooser::script(&Schedule::new(choices));
                    let outcome = self.run(chooser, body);
                    let like = |fault: &Fault| fault.is_like(&best.0.fault);
                    if outcome.fault.as_ref().is_some_and(like) {
                        let shorter = self.failure(outcome, best.0.seed);
                        if size(&shorter) < size(&best) {
                            best = shorter;
                            continue;
                        }
                    }
                }
                at = end;
            }
            chunk /= 2;
        }
        let now = best.0.trace.switches();
        best.0.runs = runs;
        best.0.shortened_from = (now < first).then_some(first);
        best
    }

    fn note(&self, best: &Failure) {
        let mut found = self
            .shared
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *found = Some(best.clone());
    }
}

/// How hard a failure is to read.
fn size(failure: &Failure) -> (usize, usize) {
    (failure.0.trace.switches(), failure.0.trace.events().len())
}

fn walker(walk: &Walk, seed: u64, length: usize) -> Chooser {
    match walk {
        Walk::Priorities { depth } => Chooser::priorities(seed, *depth, length),
        Walk::Mixed if !seed.is_multiple_of(2) => Chooser::priorities(seed, 3, length),
        _ => Chooser::random(seed),
    }
}
