//! What a case is: a pool, and what one to three threads do with it. All of it is data, so that it can be shrunk and shown.
//!
//! No case can come to a deadlock of its own doing, by how it is made:
//! * A call waits only for futures that existed when it was submitted, so no calls wait in a circle.
//! * Every promise has a keeper, a virtual thread that sets it after an hour: whoever waits for it goes on in the end.
//! * Callbacks wait for nothing: they submit with the form that never blocks, and shut down without waiting. Else one could hold up
//!   whoever takes the outcome that it is about, which the contract says is a deadlock (C1).
//! * Where calls may be run by their submitter ([`Policy::RunInCaller`]), which is no worker, calls do not wait for the workers to
//!   end: a worker may be waiting for just that call.
//! * A scope inside of a call never waits for room either, for the same reason.

use std::time::Duration;

use concurrent_futures::{Policy, ReturnWhen};
/// One of the futures that are there when somebody looks, by their age, counted round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick(pub(crate) u8);

impl std::fmt::Debug for Pick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// How long, in milliseconds of the simulation's clock.
pub(crate) type Millis = u8;

pub(crate) fn millis(time: Millis) -> Duration {
    Duration::from_millis(time.into())
}

/// What a call does that needs no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Simple {
    Returns,
    Panics,
    /// Returns `Err` from a `_result` form: a failure.
    Fails,
    /// Returns `Err` from an ordinary form: a value as any other.
    ReturnsErr,
    Sleeps(Millis),
}

/// How somebody waits for one future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Wait,
    WaitFor(Millis),
    Lend,
    LendFor(Millis),
    Take,
    TakeFor(Millis),
}

impl Waiting {
    pub(crate) fn timeout(self) -> Option<Millis> {
        match self {
            Self::Wait | Self::Lend | Self::Take => None,
            Self::WaitFor(time) | Self::LendFor(time) | Self::TakeFor(time) => Some(time),
        }
    }
}

/// For whether and how long a shutdown waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    No,
    Forever,
    For(Millis),
}

/// What a call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Simple(Simple),
    /// Waits for an earlier one.
    Waits(Pick, Waiting),
    /// Waits for several earlier ones.
    WaitsForMany(Vec<Pick>, ReturnWhen, Option<Millis>),
    /// Gets several earlier ones as they are completed.
    Collects(Vec<Pick>),
    Submits(Simple),
    Cancels(Pick),
    Sets(Pick),
    Scopes(Vec<Simple>),
    ShutsDown(Stay, bool),
    /// Drops the pool, if it is there still.
    DropsPool,
}

/// What a done callback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    Notes,
    Reads,
    Panics,
    Submits(Simple),
    Cancels(Pick),
    ShutsDown(bool),
}

/// What becomes of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    Sets,
    SetsError,
    Drops,
}

/// A map over a few items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapShape {
    pub(crate) items: Vec<Simple>,
    pub(crate) ordered: bool,
    pub(crate) buffer: Option<usize>,
    pub(crate) timeout: Option<Millis>,
    pub(crate) keep_going: bool,
    /// How many results are taken before it is dropped.
    pub(crate) take: usize,
}

/// What a thread does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Submit(Kind),
    /// In the form that never blocks.
    TrySubmit(Simple),
    Promise,
    Keep(Pick, Keeping),
    Cancel(Pick),
    Look(Pick),
    Wait(Pick, Waiting),
    Callback(Pick, Reaction),
    Drop(Pick),
    WaitForMany(Vec<Pick>, ReturnWhen, Option<Millis>),
    /// With how many are asked for.
    AsCompleted(Vec<Pick>, usize, Option<Millis>),
    Insert(Pick),
    Next(Option<Millis>),
    DropSet,
    Map(MapShape),
    Scope(Vec<Simple>, bool),
    ShutDown(Stay, bool),
    DropPool,
    Detach,
    Sleep(Millis),
}

/// What workers do before their first call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Trivial,
    Works,
    /// This one fails, by the order in which they come.
    Fails(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) workers: usize,
    pub(crate) capacity: usize,
    pub(crate) policy: Policy,
    pub(crate) start: Start,
    pub(crate) hook: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) pool: Shape,
    pub(crate) threads: Vec<Vec<Op>>,
    /// Where the seeds of its walks begin.
    pub(crate) seed: u64,
}

impl Case {
    /// How many operations there are, as a measure of what shrinking achieved.
    pub(crate) fn len(&self) -> usize {
        self.threads.iter().map(Vec::len).sum()
    }

    /// Whether a worker may start a call before it is its turn, because it waits for it.
    pub(crate) fn claims(&self) -> bool {
        let claims = |op: &Op| {
            matches!(
                op,
                Op::Submit(
                    Kind::Waits(..) | Kind::WaitsForMany(..) | Kind::Collects(_) | Kind::Scopes(_)
                )
            )
        };
        self.threads.iter().flatten().any(claims)
    }
}
