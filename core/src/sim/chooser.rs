//! Who decides what happens next: at random, by priorities, by a schedule, or everything in turn.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use fastrand::Rng;

use super::schedule::Schedule;

/// One thing that can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Choice {
    /// This fiber goes on.
    Run(usize),
    /// The clock advances to the next deadline.
    Time,
    /// This fiber wakes up by itself.
    Wake(usize),
    /// This interrupt comes.
    Interrupt(usize),
    /// The platform starts a worker.
    Start,
    /// It refuses to.
    Refuse,
}

/// How it stands with who is running when something is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// Can go on.
    GoesOn,
    /// Can go on, but looks again and again for what others do.
    Polls,
    /// Cannot.
    Blocked,
}

/// Chooses, and notes what was chosen from how much.
pub(super) struct Chooser {
    plan: Plan,
    /// What was chosen, of each choice between several.
    pub(super) taken: Vec<u16>,
    /// From how many.
    pub(super) widths: Vec<u16>,
    /// The choice that the script asked for and that was not there.
    pub(super) misfit: Option<usize>,
}

enum Plan {
    Random(Rng, Moments),
    Priorities(Priorities),
    /// These choices, then 0.
    Script(Vec<u16>),
    /// These choices, then 0; at most so many interruptions of somebody who can go on.
    Bounded {
        script: Vec<u16>,
        left: usize,
    },
}

impl Chooser {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            taken: Vec::new(),
            widths: Vec::new(),
            misfit: None,
        }
    }

    /// Every choice with the same probability; interrupts at [`Moments`].
    pub(super) fn random(seed: u64) -> Self {
        Self::new(Plan::Random(Rng::with_seed(seed), Moments::default()))
    }

    /// The probabilistic concurrency testing of Burckhardt, Kothari, Musuvathi and Nagarakatte (ASPLOS 2010): every thread gets a
    /// priority, and the highest runs, until at the `i`-th of `depth` − 1 random moments it gets the priority `i`, below all. That
    /// finds a bug of so many orderings in a run of k choices of n threads with a probability of at least 1 in n · k^(depth − 1). The k
    /// that moments are drawn from is not known, and drawn too.
    pub(super) fn priorities(seed: u64, depth: usize) -> Self {
        const LENGTHS: Range<u32> = 4..11;
        let mut rng = Rng::with_seed(seed);
        let length = 1_usize << rng.u32(LENGTHS);
        let below = u32::try_from(depth)
            .unwrap_or(u32::MAX)
            .min(LEAST_AT_BIRTH / 2);
        let mut changes: Vec<(usize, u32)> = (1..below)
            .map(|nth| (rng.usize(..length), LEAST_AT_BIRTH - below + nth))
            .collect();
        // The next one last.
        changes.sort_unstable_by(|one, other| other.cmp(one));
        Self::new(Plan::Priorities(Priorities {
            rng,
            moments: Moments::default(),
            of: BTreeMap::new(),
            changes,
            lowest: LEAST_AT_BIRTH - below,
        }))
    }

    /// The choices of a schedule.
    pub(super) fn script(schedule: &Schedule) -> Self {
        Self::new(Plan::Script(schedule.0.clone()))
    }

    /// The choices of `script`, with at most `interruptions`.
    pub(super) fn bounded(script: Vec<u16>, interruptions: usize) -> Self {
        Self::new(Plan::Bounded {
            script,
            left: interruptions,
        })
    }

    /// Chooses one of `options`, of which the first is what happens if nobody interferes, where `me` is running.
    pub(super) fn choose(&mut self, options: &[Choice], me: usize, stance: Stance) -> usize {
        if let Plan::Priorities(priorities) = &mut self.plan
            && stance == Stance::Polls
        {
            // Else it would keep others from what it looks for.
            priorities.lower(Choice::Run(me));
        }
        if options.len() < 2 {
            return 0;
        }
        let at = self.taken.len();
        let mut width = options.len();
        let taken = match &mut self.plan {
            Plan::Random(rng, moments) => match moments.due(rng, options, at) {
                Ok(due) => due,
                Err(others) => others[rng.usize(..others.len())],
            },
            Plan::Priorities(priorities) => priorities.choose(options, at),
            Plan::Script(script) => {
                let wanted = script.get(at).copied().unwrap_or(0).into();
                if wanted < width {
                    wanted
                } else {
                    self.misfit = Some(wanted);
                    0
                }
            }
            Plan::Bounded { script, left } => {
                // To interrupt somebody, or to look once more before anybody else does anything. These come last.
                let costs = |choice: usize| match (stance, options[choice]) {
                    // However many steps there are, there are as many places for it.
                    (Stance::Blocked, _) | (_, Choice::Interrupt(_)) => false,
                    (Stance::GoesOn, _) => choice != 0,
                    (Stance::Polls, option) => choice != 0 && option == Choice::Run(me),
                };
                if *left == 0 {
                    width = (0..width).find(|choice| costs(*choice)).unwrap_or(width);
                }
                let wanted = script.get(at).copied().unwrap_or(0).into();
                let taken = if wanted < width { wanted } else { 0 };
                if taken != wanted {
                    self.misfit = Some(wanted);
                }
                if costs(taken) {
                    *left -= 1;
                }
                taken
            }
        };
        // No run has as many fibers as do not fit.
        self.taken.push(u16::try_from(taken).unwrap_or(u16::MAX));
        self.widths.push(u16::try_from(width).unwrap_or(u16::MAX));
        taken
    }

    /// Whether the script has more choices than there were.
    pub(super) fn is_unfinished(&self) -> bool {
        match &self.plan {
            Plan::Script(script) | Plan::Bounded { script, .. } => script.len() > self.taken.len(),
            Plan::Random(..) | Plan::Priorities(_) => false,
        }
    }

    pub(super) fn schedule(&self) -> Schedule {
        Schedule::new(self.taken.clone())
    }
}

const LEAST_AT_BIRTH: u32 = 1 << 24;

/// When interrupts come, of a walk by a seed: each after a random number of choices. As one choice of several at each step it would come
/// soon or, by a low priority, at the end.
#[derive(Default)]
struct Moments(BTreeMap<usize, usize>);

impl Moments {
    /// Which of `options`, at choice `at`, is an interrupt whose time has come; if there is none, which of them are something else, or all
    /// if nothing is.
    fn due(&mut self, rng: &mut Rng, options: &[Choice], at: usize) -> Result<usize, Vec<usize>> {
        const LENGTHS: Range<u32> = 1..11;
        let mut others = Vec::with_capacity(options.len());
        for (index, option) in options.iter().enumerate() {
            match option {
                Choice::Interrupt(number) => {
                    let moment = self.0.entry(*number).or_insert_with(|| {
                        let length = 1 << rng.u32(LENGTHS);
                        at + rng.usize(..length)
                    });
                    if *moment <= at {
                        return Ok(index);
                    }
                }
                _ => others.push(index),
            }
        }
        if others.is_empty() {
            others.extend(0..options.len());
        }
        Err(others)
    }
}

struct Priorities {
    rng: Rng,
    moments: Moments,
    of: BTreeMap<Choice, u32>,
    /// At which choices the one that would go on gets which priority, the next of them last.
    changes: Vec<(usize, u32)>,
    /// The lowest priority that was given away.
    lowest: u32,
}

impl Priorities {
    fn choose(&mut self, options: &[Choice], at: usize) -> usize {
        if options.contains(&Choice::Refuse) {
            return self.rng.usize(..options.len());
        }
        let places = match self.moments.due(&mut self.rng, options, at) {
            Ok(due) => return due,
            Err(others) => others,
        };
        let options: Vec<Choice> = places.iter().map(|place| options[*place]).collect();
        let mut best = self.best(&options);
        while let Some((_, priority)) = self.changes.pop_if(|(moment, _)| *moment <= at) {
            self.of.insert(options[best], priority);
            best = self.best(&options);
        }
        if !matches!(options[best], Choice::Run(_)) {
            // Else the clock, and who wakes up by itself, would do so whenever they can.
            self.lower(options[best]);
        }
        places[best]
    }

    fn lower(&mut self, option: Choice) {
        self.lowest = self.lowest.saturating_sub(1);
        self.of.insert(option, self.lowest);
    }

    fn best(&mut self, options: &[Choice]) -> usize {
        let priority = |option| {
            *self
                .of
                .entry(option)
                .or_insert_with(|| self.rng.u32(LEAST_AT_BIRTH..))
        };
        let priorities: Vec<u32> = options.iter().copied().map(priority).collect();
        // The first of the highest.
        let highest = priorities.iter().max();
        let best = priorities
            .iter()
            .position(|priority| Some(priority) == highest);
        best.unwrap_or(0)
    }
}
