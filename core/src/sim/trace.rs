//! What happened in one run, in order.

use alloc::{string::String, vec::Vec};
use core::{fmt, time::Duration};

use crate::platform::Point;

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The body of the simulation.
    Main,
    /// A worker, by the order in which they were started, over all executors.
    Worker(usize),
    /// A thread made by [`spawn`](super::spawn), by the order in which they were.
    Thread(usize),
    /// The handler of an interrupt that was armed by [`interrupt`](super::interrupt()), by the order in which they were.
    Interrupt(usize),
    /// The clock.
    Clock,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.pad("main"),
            Self::Worker(n) => f.pad(&alloc::format!("worker {n}")),
            Self::Thread(n) => f.pad(&alloc::format!("thread {n}")),
            Self::Interrupt(n) => f.pad(&alloc::format!("interrupt {n}")),
            Self::Clock => f.pad("clock"),
        }
    }
}

/// What somebody did. Calls are numbered from 1 in the order of their making, promises among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// Began its life.
    Begins,
    /// Ended it.
    Ends,
    /// Came to a step of a protocol.
    Reaches(Point),
    /// Is about to take a lock.
    Locks,
    /// Is about to park.
    Parks,
    /// Is about to park until this time after the start.
    ParksUntil(Duration),
    /// Woke up without having been woken.
    WakesSpuriously,
    /// Gave somebody the token to go on.
    Unparks(Who),
    /// Started a worker or a thread.
    Starts(Who),
    /// Was refused a worker.
    IsRefused,
    /// Armed an interrupt.
    Arms(Who),
    /// Came as an interrupt, at the step that somebody is at, or was at last.
    Interrupts(Who),
    /// Looked at the clock.
    ReadsClock,
    /// Advanced to this time after the start.
    Advances(Duration),
    /// Made a call.
    Makes(usize),
    /// Is about to park until a call is over.
    Awaits(usize),
    /// Is about to park until one of several calls is over, of which this is the first.
    AwaitsAmong(usize),
    /// Is about to run a call.
    Runs(usize),
    /// Dropped what a call would have run.
    Drops(usize),
    /// Has the outcome of a call.
    Finishes(usize),
    /// Moved the outcome of a call out, or dropped it.
    Takes(usize),
    /// Was the last to refer to a call.
    Frees(usize),
    /// Panicked, with this message.
    Panics(String),
    /// Noted something by [`note`](super::note).
    Notes(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins => f.write_str("begins"),
            Self::Ends => f.write_str("ends"),
            Self::Reaches(point) => write!(f, "{point:?}"),
            Self::Locks => f.write_str("lock"),
            Self::Parks => f.write_str("parks"),
            Self::ParksUntil(time) => write!(f, "parks until {time:?}"),
            Self::WakesSpuriously => f.write_str("wakes up by itself"),
            Self::Unparks(who) => write!(f, "wakes {who}"),
            Self::Starts(who) => write!(f, "starts {who}"),
            Self::IsRefused => f.write_str("is refused a worker"),
            Self::Arms(who) => write!(f, "arms {who}"),
            Self::Interrupts(who) => write!(f, "interrupts {who}"),
            Self::ReadsClock => f.write_str("clock"),
            Self::Advances(time) => write!(f, "advances to {time:?}"),
            Self::Makes(call) => write!(f, "makes call {call}"),
            Self::Awaits(call) => write!(f, "waits for call {call}"),
            Self::AwaitsAmong(call) => write!(f, "waits for call {call} or others"),
            Self::Runs(call) => write!(f, "runs call {call}"),
            Self::Drops(call) => write!(f, "drops what call {call} would run"),
            Self::Finishes(call) => write!(f, "has the outcome of call {call}"),
            Self::Takes(call) => write!(f, "takes the outcome of call {call}"),
            Self::Frees(call) => write!(f, "frees call {call}"),
            Self::Panics(text) => write!(f, "panics: {}", text.replace('\n', " | ")),
            Self::Notes(text) => write!(f, "notes: {}", text.replace('\n', " | ")),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Who did it.
    pub who: Who,
    /// What it was.
    pub what: What,
}

/// What happened in one run, in order. Displayed with one line for each time that somebody had its turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trace(pub(super) Vec<Event>);

impl Trace {
    /// Everything that happened.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.0
    }

    /// What was noted by [`note`](super::note), in order.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|event| match &event.what {
            What::Notes(note) => Some(note.as_str()),
            _ => None,
        })
    }

    /// How often somebody else had its turn: what makes a trace hard to follow.
    #[must_use]
    pub fn switches(&self) -> usize {
        self.turns().count().saturating_sub(1)
    }

    fn turns(&self) -> impl Iterator<Item = &[Event]> {
        self.0.chunk_by(|before, after| before.who == after.who)
    }
}

impl Trace {
    /// At most so many turns: of more, the first and the last.
    pub(super) fn show(&self, f: &mut fmt::Formatter<'_>, longest: usize) -> fmt::Result {
        let turns: Vec<&[Event]> = self.turns().collect();
        if turns.len() <= longest {
            return turns.iter().try_for_each(|turn| show_turn(f, turn));
        }
        let (first, rest) = turns.split_at(longest / 2);
        let (left_out, last) = rest.split_at(rest.len() - longest / 2);
        first.iter().try_for_each(|turn| show_turn(f, turn))?;
        writeln!(f, "... {} more turns ...", left_out.len())?;
        last.iter().try_for_each(|turn| show_turn(f, turn))
    }
}

fn show_turn(f: &mut fmt::Formatter<'_>, turn: &[Event]) -> fmt::Result {
    write!(f, "{:<11} ", turn[0].who)?;
    let mut separator = "";
    for same in turn.chunk_by(|before, after| before.what == after.what) {
        write!(f, "{separator}{}", same[0].what)?;
        if same.len() > 1 {
            write!(f, " ×{}", same.len())?;
        }
        separator = ", ";
    }
    writeln!(f)
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, usize::MAX)
    }
}
