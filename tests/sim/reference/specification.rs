//! What the contract allows, as a plain struct that is told of everything that happens, in order.
//!
//! It knows nothing of queues, workers and wake-ups: only, of each call, what it was asked to do, what it did, and what was seen of it.
//! Observations come from several threads, so what it says about two of them it says only where one was over before the other began;
//! stamps tell. Whatever is wrong first is kept, with the line of the contract in front.

use std::time::Duration;

use concurrent_futures::{CancelledBy, Policy, TaskState, sim};

use super::operations::{Case, Keeping};

mod ends;
mod life;
mod seen;
mod several;
pub(crate) use several::Gathered;

pub(crate) type Id = usize;
pub(crate) type Stamp = usize;

/// What the function of a call gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Value,
    Err,
    /// An `Err` that counts as a failure.
    Failure,
    Panic,
    /// It has no function: a promise.
    Promised,
}

/// Whom a call was submitted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// By a thread, in a way that can be cancelled in one place only: by `cancel`.
    Thread,
    Map,
    /// Inside a call or a callback.
    Inside,
}

/// An outcome, as somebody saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Value(Id),
    Err(Id),
    Panicked(String),
    Cancelled(CancelledBy),
    Abandoned,
    Broken,
    NoWorker,
    Other(String),
}

/// What a submitter does about a full queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    NeverBlocks,
    /// What the pool's policy says; how long that was.
    ByPolicy(Duration),
    /// As maps and scopes do.
    WaitsForRoom,
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Broken,
    ShutDown,
    Full,
    NoWorker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Submission {
    Going,
    Accepted(Stamp),
    Refused,
    /// Over, and nobody was told how.
    Unknown,
}

/// What of a call can be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Closure,
    Outcome,
    Callback,
}

pub(super) struct Callback {
    registers: Stamp,
    pub(super) registered: Option<Stamp>,
    /// When it was called, and whether that was inside of its registration.
    called: Option<(Stamp, bool)>,
    pub(super) over: bool,
    panics: bool,
}

pub(super) struct Call {
    gives: Gives,
    by: By,
    submits: Stamp,
    submission: Submission,
    started: Option<Stamp>,
    ended: Option<Stamp>,
    closures_dropped: usize,
    outcomes_made: usize,
    outcomes_dropped: usize,
    pub(super) callbacks: Vec<Callback>,
    callbacks_dropped: usize,
    state: TaskState,
    outcome: Option<Seen>,
    /// When it was first known to be over.
    over: Option<Stamp>,
    cancel_asked: bool,
    cancel_said: Option<bool>,
    /// It was refused, perhaps after it had got a place in the queue, which it keeps as a cancelled call does.
    withdrawn: bool,
    /// How somebody is keeping it, if it is a promise.
    keeping: Option<Keeping>,
    /// The map that it is an item of is over.
    unwanted: bool,
}

impl Call {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, TaskState::Finished | TaskState::Cancelled)
    }

    /// Its closure will not be run, or was.
    fn is_settled(&self) -> bool {
        self.ended.is_some() || (self.started.is_none() && self.closures_dropped > 0)
    }
}

#[derive(Default)]
pub(super) struct Hooked {
    pub(super) callbacks: usize,
    pub(super) unread: usize,
    pub(super) others: usize,
}

pub(crate) struct Spec {
    pub(super) calls: Vec<Call>,
    stamps: Stamp,
    now: Duration,
    races: bool,
    pub(super) violation: Option<String>,
    /// What happened, for who knows in advance.
    pub(super) log: Vec<String>,
    workers: usize,
    capacity: usize,
    policy: Policy,
    claims: bool,
    refusals: bool,
    has_hook: bool,
    pub(super) hooked: Hooked,
    initializer_failed: bool,
    broken_seen: Option<Stamp>,
    closes: Option<Stamp>,
    closed: Option<Stamp>,
    cancels_all: Option<Stamp>,
    cancelled_all: Option<Stamp>,
    waited: Option<Stamp>,
    /// Who may be in the middle of cancelling something.
    cancelling: usize,
    late_starts: usize,
    unwanted_starts: usize,
    maps_over: usize,
    /// For tests of whether it finds anything: what one line says is left out or turned round.
    wrong: Option<Wrong>,
}

/// A specification that is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A call is never cancelled.
    CancelIsNeverTrue,
    /// A call never panics.
    FailuresAreCancelled,
    /// Nobody is refused because of a shutdown.
    ShutdownTakesCalls,
}

/// What a run may do, as far as it matters for what is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// Time may pass while somebody can go on.
    pub(crate) races: bool,
    /// Workers may be refused.
    pub(crate) refusals: bool,
    pub(crate) wrong: Option<Wrong>,
}

impl Spec {
    pub(crate) fn new(case: &Case, rules: Rules) -> Self {
        Self {
            calls: Vec::new(),
            stamps: 0,
            now: Duration::ZERO,
            races: rules.races,
            violation: None,
            log: Vec::new(),
            workers: case.pool.workers,
            capacity: case.pool.capacity,
            policy: case.pool.policy,
            claims: case.claims(),
            refusals: rules.refusals,
            has_hook: case.pool.hook,
            hooked: Hooked::default(),
            initializer_failed: false,
            broken_seen: None,
            closes: None,
            closed: None,
            cancels_all: None,
            cancelled_all: None,
            waited: None,
            cancelling: 0,
            late_starts: 0,
            unwanted_starts: 0,
            maps_over: 0,
            wrong: rules.wrong,
        }
    }

    /// What nobody ran while time passed, though a worker was free: time passes only when nobody can go on.
    fn demand_no_idling(&mut self) {
        let now = sim::now();
        if std::mem::replace(&mut self.now, now) == now || self.races || self.refusals {
            return;
        }
        let calls = || {
            self.calls
                .iter()
                .filter(|call| call.gives != Gives::Promised)
        };
        let running = calls().filter(|call| call.started.is_some() && call.ended.is_none());
        let is_free = running.count() < self.workers;
        let waits = |call: &Call| {
            matches!(call.submission, Submission::Accepted(_))
                && call.started.is_none()
                && call.closures_dropped == 0
                && call.gives != Gives::Promised
        };
        let left = self.calls.iter().position(waits).filter(|_| is_free);
        self.demand(left.is_none(), "T2", || {
            format!("call {left:?} waits, a worker is free, and nobody can go on until {now:?}")
        });
    }

    pub(super) fn stamp(&mut self) -> Stamp {
        self.demand_no_idling();
        self.stamps += 1;
        self.stamps
    }

    /// The first thing that is wrong.
    pub(super) fn demand(&mut self, holds: bool, line: &str, what: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            self.violation = Some(format!("{line}: {}", what()));
        }
    }

    fn is_wrong(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }
}
