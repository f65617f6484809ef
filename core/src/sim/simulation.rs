//! What to explore, and how.

use alloc::sync::Arc;
use core::{ops::Range, time::Duration};

use super::{
    explorer::{self, Body, Explorer},
    fault::Failure,
    hand::Hand,
    lock,
    trace::Trace,
    walk::{Explored, Walk},
    world::Rules,
};
use crate::sync::Essential;

/// Runs a body under many schedules, or under one that is driven by hand, and says what went wrong.
///
/// The body makes a [`SimExecutor`](super::SimExecutor), or several, calls the code under test, and asserts what must hold. All that
/// happens in one run happens on one thread of the operating system, one virtual thread at a time, so a run depends on nothing but its
/// schedule, if the body does the same each time.
///
/// See the [module](super) for a guide.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a body is given to `check` or `explore`"]
pub struct Simulation {
    walk: Walk,
    seeds: Range<u64>,
    max_runs: Option<usize>,
    rules: Rules,
    stuck_after: Duration,
    without: Option<Essential>,
}

/// Runs of an exhaustive search that has not come to its end.
const ENOUGH: usize = 1_000_000;

impl Default for Simulation {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulation {
    /// A thousand seeds of a mixed walk.
    pub fn new() -> Self {
        Self {
            walk: Walk::Mixed,
            seeds: 0..1_000,
            max_runs: None,
            rules: Rules {
                timeouts_race: false,
                spurious: 0,
                refusals: 0,
                max_steps: 200_000,
                patience: 20_000,
                stack_size: 2 << 20,
                by_hand: false,
                repeats: false,
            },
            stuck_after: Duration::from_secs(10),
            without: None,
        }
    }

    /// How schedules are chosen; [`Walk::Mixed`] if nothing is said.
    pub fn walk(self, walk: Walk) -> Self {
        Self { walk, ..self }
    }

    /// Which seeds to walk by. The same seed gives the same trace.
    pub fn seeds(self, seeds: Range<u64>) -> Self {
        Self { seeds, ..self }
    }

    /// After how many runs an exhaustive search is enough, even if it did not come to its end. If nothing is said, it has to come to its
    /// end within a million. Each further interruption takes some ten to forty times as many.
    pub fn max_runs(self, max_runs: usize) -> Self {
        Self {
            max_runs: Some(max_runs),
            ..self
        }
    }

    /// Lets deadlines pass also while others can go on, as if everybody were slow. Else time passes only when nobody can go on, so that a
    /// timeout comes only where there is nothing left to wait for.
    pub fn timeouts_race(mut self, race: bool) -> Self {
        self.rules.timeouts_race = race;
        self
    }

    /// Lets waiting threads wake up by themselves, up to so many times in a run.
    pub fn spurious_wake_ups(mut self, count: usize) -> Self {
        self.rules.spurious = count;
        self
    }

    /// Lets the platform refuse to start workers, up to so many times in a run.
    pub fn refused_starts(mut self, count: usize) -> Self {
        self.rules.refusals = count;
        self
    }

    /// How many steps a run may have; 200,000 if nothing is said. A longer one is [`Endless`](super::Fault::Endless).
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.rules.max_steps = steps;
        self
    }

    /// For how many steps a call may wait to be started, or somebody for room in a queue, before that counts as
    /// [`Starved`](super::Fault::Starved), while others go on; 20,000 if nothing is said. A lost wake-up, or a circle of waits, is
    /// reported after as many. Whoever can go on does so after a quarter of them at the latest, whatever the walk.
    pub fn patience(mut self, steps: usize) -> Self {
        self.rules.patience = steps;
        self
    }

    /// How long nothing may be heard, by the clock on the wall, before the simulation counts as [`Stuck`](super::Fault::Stuck); ten
    /// seconds if nothing is said. More for bodies that compute for long without a step.
    pub fn stuck_after(self, time: Duration) -> Self {
        Self {
            stuck_after: time,
            ..self
        }
    }

    /// How much stack a virtual thread has, in bytes, at least 64 KiB; two mebibytes if nothing is said, touched only as they are used.
    ///
    /// One that needs more ends the program, with a segmentation fault and no message.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        const LEAST: usize = 64 << 10;
        self.rules.stack_size = bytes.max(LEAST);
        self
    }

    /// Leaves out a step without which the scheduler is wrong: for tests of whether that is found. (Fences are not: the memory of a
    /// simulation is sequentially consistent.)
    ///
    /// # Panics
    /// If it is one of the two that keep memory from being used when it is free or moved out.
    pub fn without(self, step: Essential) -> Self {
        assert!(
            !matches!(step, Essential::UnfusedCompletion | Essential::TakerWaits),
            "without {step:?} memory would be used that is free or moved out, which only a model can look at"
        );
        Self {
            without: Some(step),
            ..self
        }
    }

    /// Runs `body` under all schedules.
    ///
    /// ```
    /// use concurrent_futures::sim::{SimExecutor, Simulation, Walk};
    ///
    /// let explored = Simulation::new().walk(Walk::Exhaustive { interruptions: 1 }).check(|| {
    ///     let pool = SimExecutor::new(1);
    ///     assert_eq!(pool.spawn(|| 7).unwrap().result().unwrap(), 7);
    /// });
    /// assert!(explored.is_complete());
    /// println!("{explored}");
    /// ```
    ///
    /// # Panics
    /// With the report of the first run that went wrong, if there is one: see [`Failure`]. Or if there was no run, or an exhaustive search
    /// did not come to its end, and nothing was said of how many runs are enough.
    #[track_caller]
    pub fn check(&self, body: impl Fn() + Send + Sync + 'static) -> Explored {
        match self.explore(body) {
            Ok(explored) if explored.runs() == 0 => panic!("there was no run: there are no seeds"),
            Ok(explored) if explored.is_cut_short() && self.max_runs.is_none() => panic!(
                "the search did not come to its end: {explored}; allow fewer interruptions, or more by `max_runs`"
            ),
            Ok(explored) => explored,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// As [`check`](Self::check), for who wants to look at the failure.
    ///
    /// # Errors
    /// The first run that went wrong.
    pub fn explore(&self, body: impl Fn() + Send + Sync + 'static) -> Result<Explored, Failure> {
        let body: Body = Arc::new(body);
        let (walk, seeds) = (self.walk.clone(), self.seeds.clone());
        let max_runs = self.max_runs.unwrap_or(ENOUGH);
        self.watched(move |explorer| explorer.explore(&body, &walk, seeds, max_runs))
    }

    /// The trace of one run: of the walk's first seed, or of the schedule that is replayed.
    ///
    /// ```
    /// use concurrent_futures::sim::{SimExecutor, Simulation};
    ///
    /// let trace = |seed| {
    ///     Simulation::new().seeds(seed..seed + 1).trace(|| {
    ///         let pool = SimExecutor::new(2);
    ///         let calls = [pool.spawn(|| 1).unwrap(), pool.spawn(|| 2).unwrap()];
    ///         assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
    ///     })
    /// };
    /// assert_eq!(trace(7)?.to_string(), trace(7)?.to_string());
    /// assert_ne!(trace(7)?, trace(8)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The run, if it went wrong.
    pub fn trace(&self, body: impl Fn() + Send + Sync + 'static) -> Result<Trace, Failure> {
        let body: Body = Arc::new(body);
        let (walk, seed) = (self.walk.clone(), self.seeds.start);
        self.watched(move |explorer| explorer.trace(&body, &walk, seed))
    }

    /// Runs `body` once, and lets it say who does the next step: see [`Hand`]. What it returns must hold nothing of the run.
    ///
    /// ```
    /// use concurrent_futures::{core::platform::Point, sim::{SimExecutor, Simulation, Stands, Who}};
    ///
    /// Simulation::new().by_hand(|hand| {
    ///     let pool = SimExecutor::new(1);
    ///     let call = pool.spawn(|| 1).unwrap();
    ///     let worker = Who::Worker(0);
    ///     assert_eq!(hand.stands(worker), Stands::NotBegun, "a worker that starts late");
    ///     assert!(hand.run_to(worker, Point::Taken));
    ///     assert!(call.cancel(), "it was taken, and has not started");
    ///     assert_eq!(hand.run(worker), Stands::Parked);
    /// });
    /// ```
    ///
    /// # Panics
    /// With a report, if the run went wrong.
    #[track_caller]
    pub fn by_hand<R: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Hand) -> R + Send + 'static,
    ) -> R {
        let outcome = self.watched(move |explorer| {
            let result = Arc::new(std::sync::Mutex::new(None));
            let place = Arc::clone(&result);
            explorer.by_hand(move || {
                let value = body(&mut Hand::new());
                *lock(&place) = Some(value);
            })?;
            let value = lock(&result).take();
            Ok(value)
        });
        match outcome {
            Ok(Some(value)) => value,
            Ok(None) => unreachable!("a body that ended without a fault has returned"),
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Has an explorer do `work` on a thread of its own, which is left behind if it blocks.
    fn watched<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Explorer) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        explorer::watched(self.rules, self.without, self.stuck_after, work)
    }
}
