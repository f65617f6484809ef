//! Which schedules are explored, and what came of it.

use core::fmt;

use super::{chooser::Chooser, schedule::Schedule};

/// How the schedules of a simulation are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Walk {
    /// A [`Random`](Self::Random) walk for even seeds, one by [`Priorities`](Self::Priorities) of a depth from 2 to 6 for odd ones.
    Mixed,
    /// One schedule for each seed: at each step everybody who can go on has the same chance to.
    Random,
    /// One schedule for each seed, by random priorities that change at random moments: finds bugs that need few, but just the right
    /// interruptions. (Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic guarantees of finding
    /// bugs, ASPLOS 2010.)
    Priorities {
        /// How many orderings of two steps a bug may need.
        depth: usize,
    },
    /// Every schedule in which somebody who can go on is interrupted at most so many times, whatever the seeds. (To look again before
    /// anybody else did anything counts too, and time that passes early. What [`interrupt`](super::interrupt()) arms does not: it comes at every
    /// step.) (Musuvathi, Qadeer:
    /// Iterative context bounding for systematic testing of multithreaded programs, PLDI 2007.) For small cases.
    Exhaustive {
        /// How often in one run.
        interruptions: usize,
    },
    /// One schedule that a report gave. It belongs to just this body with just these settings: it is for a look at the failure. What to
    /// keep as a test are the seeds, or the order [by hand](super::Simulation::by_hand).
    Replay(Schedule),
}

/// What was explored, all of it without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    pub(super) runs: usize,
    pub(super) distinct: usize,
    pub(super) steps: usize,
    pub(super) longest: usize,
    /// Whether an exhaustive search came to its end, if it was one.
    pub(super) complete: Option<bool>,
}

impl Explored {
    /// How many runs there were.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// How many of them had a trace that no other had.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.distinct
    }

    /// How many steps they had in total.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How many steps the longest had.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Whether an exhaustive search came to its end: there is no other schedule within its bound.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete == Some(true)
    }

    /// An exhaustive search that did not.
    pub(super) fn is_cut_short(&self) -> bool {
        self.complete == Some(false)
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs, {} of them distinct, {} steps, at most {} in one",
            self.runs, self.distinct, self.steps, self.longest
        )?;
        f.write_str(match self.complete {
            Some(true) => "; there are no others within the bound",
            Some(false) => "; there are others within the bound",
            None => "",
        })
    }
}

impl Walk {
    /// Who chooses by this seed.
    pub(super) fn chooser(&self, seed: u64) -> Chooser {
        /// Of a mixed walk, in turn.
        const DEPTHS: [usize; 4] = [2, 3, 4, 6];
        match self {
            Self::Priorities { depth } => Chooser::priorities(seed, *depth),
            Self::Mixed if !seed.is_multiple_of(2) => {
                Chooser::priorities(seed, DEPTHS[seed as usize / 2 % DEPTHS.len()])
            }
            _ => Chooser::random(seed),
        }
    }
}
