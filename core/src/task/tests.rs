//! The state word against a plain description of what it says: every state that can be reached, and every step from each.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use super::state::{Finish, LetGo, Release, Snapshot, Start, State};
use crate::future::{CancelledBy, TaskState};

const CANCELLERS: [CancelledBy; 3] = [
    CancelledBy::Caller,
    CancelledBy::Shutdown,
    CancelledBy::Discarded,
];
/// More references than that are not tried.
const MOST_REFERENCES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    Pending,
    Running,
    Finished,
    /// By the canceller of this number.
    Cancelled(usize),
}

/// What a word is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Plain {
    life: Life,
    failed: bool,
    listed: bool,
    callbacks: bool,
    gone: bool,
    taken: bool,
    read: bool,
    kept: bool,
    references: usize,
}

/// A step, with its arguments.
#[derive(Clone, Copy, Debug)]
enum Step {
    Start,
    Finish { release: bool },
    Publish { failed: bool },
    Cancel(usize),
    Settle,
    ListTaker,
    ListObserver,
    AddCallback,
    LetGo,
    MarkRead,
    MarkTaken,
    Retain,
    Keep,
    Release,
    ReleaseTaken,
}

const STEPS: [Step; 19] = [
    Step::Start,
    Step::Finish { release: false },
    Step::Finish { release: true },
    Step::Publish { failed: false },
    Step::Publish { failed: true },
    Step::Cancel(0),
    Step::Cancel(1),
    Step::Cancel(2),
    Step::Settle,
    Step::ListTaker,
    Step::ListObserver,
    Step::AddCallback,
    Step::LetGo,
    Step::MarkRead,
    Step::MarkTaken,
    Step::Retain,
    Step::Keep,
    Step::Release,
    Step::ReleaseTaken,
];

/// What a step gives back, as far as its caller can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Done,
    /// It succeeded, or did not.
    Was(bool),
    /// It gives back what the word says then, or, where it refused, what it says instead.
    Now,
    Last,
}

impl Plain {
    const NEW: Self = Self {
        life: Life::Pending,
        failed: false,
        listed: false,
        callbacks: false,
        gone: false,
        taken: false,
        read: false,
        kept: false,
        references: 2,
    };

    fn is_done(self) -> bool {
        matches!(self.life, Life::Finished | Life::Cancelled(_))
    }

    fn is_settled(self) -> bool {
        self.is_done() && !self.callbacks
    }

    /// Whether a step may be taken at all: runners alone finish, futures are dropped once, and so on.
    fn allows(self, step: Step) -> bool {
        match step {
            // The future has a reference besides the runner's.
            Step::Finish { release } => {
                self.life == Life::Running && (!release || self.gone || self.references > 1)
            }
            Step::Publish { .. } => self.life == Life::Running,
            Step::Settle => self.is_done() && self.callbacks,
            // An unsettled call has a reference of whoever will settle it.
            Step::LetGo => !self.gone && (self.is_settled() || self.references > 1),
            Step::Retain => self.references < MOST_REFERENCES,
            Step::Keep => self.references < MOST_REFERENCES && !self.kept,
            Step::ReleaseTaken => !self.taken,
            _ => true,
        }
    }

    /// What is to come of `step`.
    fn take(&mut self, step: Step) -> Answer {
        match step {
            Step::Start => {
                let starts = self.life == Life::Pending;
                if starts {
                    self.life = Life::Running;
                }
                Answer::Was(starts)
            }
            Step::Finish { release } => {
                let told = self.listed || self.callbacks || self.gone;
                if !told {
                    self.life = Life::Finished;
                    self.references -= usize::from(release);
                }
                Answer::Was(!told)
            }
            Step::Publish { failed } => {
                self.life = Life::Finished;
                self.failed = failed;
                Answer::Now
            }
            Step::Cancel(by) => {
                if self.life != Life::Pending {
                    return Answer::Now;
                }
                self.life = Life::Cancelled(by);
                self.callbacks = true;
                Answer::Done
            }
            Step::Settle => {
                self.callbacks = false;
                Answer::Now
            }
            Step::ListTaker if self.is_settled() => Answer::Now,
            Step::ListObserver | Step::AddCallback if self.is_done() => Answer::Now,
            Step::ListTaker | Step::ListObserver => {
                self.listed = true;
                Answer::Done
            }
            Step::AddCallback => {
                self.listed = true;
                self.callbacks = true;
                Answer::Done
            }
            Step::LetGo if self.is_settled() => Answer::Now,
            Step::LetGo => {
                self.gone = true;
                self.references -= 1;
                Answer::Done
            }
            Step::MarkRead => {
                self.read = true;
                Answer::Done
            }
            Step::MarkTaken => Answer::Was(!core::mem::replace(&mut self.taken, true)),
            Step::Retain => {
                self.references += 1;
                Answer::Done
            }
            Step::Keep => {
                self.references += 1;
                self.kept = true;
                Answer::Done
            }
            Step::Release | Step::ReleaseTaken if self.references == 1 => Answer::Last,
            Step::Release => {
                self.references -= 1;
                Answer::Done
            }
            Step::ReleaseTaken => {
                self.references -= 1;
                self.taken = true;
                Answer::Done
            }
        }
    }
}

/// The same step of the word itself; `Now` with what it gave.
fn take(state: &State, step: Step) -> (Answer, Option<Snapshot>) {
    let listed = |listed: Result<(), Snapshot>| match listed {
        Ok(()) => (Answer::Done, None),
        Err(seen) => (Answer::Now, Some(seen)),
    };
    let released = |released: Release| match released {
        Release::Last => (Answer::Last, None),
        Release::Others => (Answer::Done, None),
    };
    match step {
        Step::Start => (Answer::Was(state.start() == Start::Run), None),
        Step::Finish { release } => {
            let published = state.finish(release) == Finish::Published;
            (Answer::Was(published), None)
        }
        Step::Publish { failed } => (Answer::Now, Some(state.publish(failed))),
        Step::Cancel(by) => listed(state.cancel(CANCELLERS[by])),
        Step::Settle => (Answer::Now, Some(state.settle())),
        Step::ListTaker => listed(state.list_taker()),
        Step::ListObserver => listed(state.list_observer()),
        Step::AddCallback => listed(state.add_callback()),
        Step::LetGo => match state.let_go() {
            LetGo::Released => (Answer::Done, None),
            LetGo::Settled(seen) => (Answer::Now, Some(seen)),
        },
        Step::MarkRead => {
            state.mark_read();
            (Answer::Done, None)
        }
        Step::MarkTaken => (Answer::Was(state.mark_taken()), None),
        Step::Retain => {
            state.retain();
            (Answer::Done, None)
        }
        Step::Keep => {
            state.keep();
            (Answer::Done, None)
        }
        Step::Release => released(state.release()),
        Step::ReleaseTaken => released(state.release_taken()),
    }
}

#[track_caller]
fn assert_says(word: Snapshot, plain: Plain, path: &[Step]) {
    let life = match plain.life {
        Life::Pending => TaskState::Pending,
        Life::Running => TaskState::Running,
        Life::Finished => TaskState::Finished,
        Life::Cancelled(_) => TaskState::Cancelled,
    };
    assert_eq!(word.lifecycle(), life, "{path:?}");
    if let Life::Cancelled(by) = plain.life {
        assert_eq!(word.cancelled_by(), CANCELLERS[by], "{path:?}");
    }
    let said = [
        word.is_pending(),
        word.is_done(),
        word.is_settled(),
        word.is_cancelled(),
        word.is_taken(),
        word.is_left_alone(),
        word.is_kept(),
        word.is_failed(),
        word.is_unread_failure(),
        word.has_callbacks(),
        word.is_listed(),
        word.is_gone(),
    ];
    let meant = [
        plain.life == Life::Pending,
        plain.is_done(),
        plain.is_settled(),
        matches!(plain.life, Life::Cancelled(_)),
        plain.taken,
        plain.is_settled() && plain.references == 1,
        plain.kept,
        plain.failed,
        plain.failed && !plain.read && !plain.taken,
        plain.callbacks,
        plain.listed,
        plain.gone,
    ];
    assert_eq!(said, meant, "{plain:?} after {path:?}");
}

/// Takes `path` from the beginning; gives the word and what came of the last step.
fn walk(path: &[Step]) -> (State, (Answer, Option<Snapshot>)) {
    let state = State::pending();
    let mut last = (Answer::Done, None);
    for &step in path {
        last = take(&state, step);
    }
    (state, last)
}

#[test]
fn every_state_says_what_it_is_and_every_step_leads_where_it_should() {
    // The shortest way to each.
    let mut known = BTreeMap::from([(Plain::NEW, Vec::new())]);
    let mut ahead = VecDeque::from([Plain::NEW]);
    while let Some(before) = ahead.pop_front() {
        let way = known[&before].clone();
        assert_says(walk(&way).0.load(), before, &way);
        for step in STEPS.into_iter().filter(|&step| before.allows(step)) {
            let mut path = way.clone();
            path.push(step);
            let mut after = before;
            let answer = after.take(step);
            let (state, (said, seen)) = walk(&path);
            assert_eq!(said, answer, "{before:?} after {path:?}");
            if let Some(seen) = seen {
                assert_says(seen, after, &path);
            }
            // The last reference is not counted down: nobody looks any more.
            if answer != Answer::Last {
                assert_says(state.load(), after, &path);
                known.entry(after).or_insert_with(|| {
                    ahead.push_back(after);
                    path
                });
            }
        }
    }
    assert!(known.len() > 1000, "only {} states", known.len());
}
