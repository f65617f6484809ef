//! What the mock platform's operations read and write: one world per test, in thread-local storage.
//!
//! Everything runs on the test's own thread. A worker's life, a scripted step and the test itself are *contexts*, one on top of
//! the other on the stack: when one of them parks, what others do meanwhile is the test's next step, run on top of it.

use std::{
    cell::RefCell,
    collections::{BTreeSet, VecDeque},
    ptr::NonNull,
    time::Duration,
};

use concurrent_futures_core::platform::{Entry, Point, WorkerContext};

/// What happened, in the order in which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A context came to a step of a protocol.
    Point(usize, Point),
    /// A context waits; it had no token.
    Parks(usize),
    /// A context was given its token.
    Unparked(usize),
    /// The platform was asked for a worker, and this was the answer.
    Asked(Answer),
    /// A worker's life began, in this context.
    Begins(usize),
    /// It ended.
    Ends(usize),
    /// The spawner was asked to wait for its workers.
    Joined,
    /// The test says so.
    Note(&'static str),
}

/// What the spawner does with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Keeps it until the test runs it, or drops it.
    Keep,
    /// Refuses it.
    Refuse,
    /// Says that it will be run, and loses it.
    Lose,
}

type Step = Box<dyn FnOnce()>;

#[derive(Default)]
struct State {
    trace: Vec<Event>,
    steps: VecDeque<Step>,
    interruptions: VecDeque<(Point, Step)>,
    before_lock: Option<(usize, Step)>,
    spins: VecDeque<Step>,
    turns: Vec<u32>,
    now: Duration,
    answers: VecDeque<Answer>,
    entries: VecDeque<Entry>,
    asked: usize,
    context: usize,
    contexts: usize,
    tokens: BTreeSet<usize>,
    worker: Option<NonNull<WorkerContext>>,
    must_not_block: bool,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Nothing of the test's, and nothing of the library's, runs inside.
fn with<R>(look: impl FnOnce(&mut State) -> R) -> R {
    STATE.with_borrow_mut(look)
}

/// A fresh world for one test; it takes what is left of the test with it.
pub(crate) struct World(());

impl World {
    pub(crate) fn new() -> Self {
        clear();
        Self(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        clear();
    }
}

fn clear() {
    // Entries and steps hold pools, whose end comes back here: dropped outside.
    drop(with(std::mem::take));
}

/// A context's claim to be the current one, and what to go back to.
struct Elsewhere {
    context: usize,
    worker: Option<NonNull<WorkerContext>>,
}

impl Elsewhere {
    /// Goes to a new context, which is no worker yet.
    fn enter() -> Self {
        with(|state| {
            state.contexts += 1;
            Self {
                context: std::mem::replace(&mut state.context, state.contexts),
                worker: state.worker.take(),
            }
        })
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        with(|state| {
            state.context = self.context;
            state.worker = self.worker;
        });
    }
}

/// What another thread would do: runs `deed` in a context of its own.
pub(crate) fn elsewhere(deed: impl FnOnce()) {
    let _back = Elsewhere::enter();
    deed();
}

/// The next time that a context parks without a token, `step` is what happens.
pub(crate) fn then(step: impl FnOnce() + 'static) {
    with(|state| state.steps.push_back(Box::new(step)));
}

/// The next time that a context comes to `point`, `step` is what another thread does just then. Points are waited for in the
/// order of these calls.
pub(crate) fn at(point: Point, step: impl FnOnce() + 'static) {
    with(|state| state.interruptions.push_back((point, Box::new(step))));
}

/// Just before the `nth` lock from now on is taken (1 is the next one), `step` is what another thread does.
pub(crate) fn before_lock(nth: usize, step: impl FnOnce() + 'static) {
    with(|state| state.before_lock = Some((nth, Box::new(step))));
}

/// Takes back what [`before_lock`] set, if it was not reached.
pub(crate) fn was_not_reached() -> bool {
    let step = with(|state| state.before_lock.take());
    step.is_some()
}

/// One more turn for which the next context that waits busily looks again before it parks; `step` is what another thread does
/// in that turn. Without any, contexts park at once.
pub(crate) fn spin(step: impl FnOnce() + 'static) {
    with(|state| state.spins.push_back(Box::new(step)));
}

/// The numbers under which those turns were asked for.
pub(crate) fn turns() -> Vec<u32> {
    with(|state| state.turns.clone())
}

/// What the spawner answers from now on; it keeps the entry once these are used up.
pub(crate) fn answer(answers: impl IntoIterator<Item = Answer>) {
    with(|state| state.answers.extend(answers));
}

/// How often the platform was asked for a worker.
pub(crate) fn asked() -> usize {
    with(|state| state.asked)
}

/// Lives the life of the worker that was asked for first; false if none waits to be started.
pub(crate) fn run_worker() -> bool {
    let Some(entry) = with(|state| state.entries.pop_front()) else {
        return false;
    };
    let _back = Elsewhere::enter();
    let context = context();
    record(Event::Begins(context));
    entry.run();
    record(Event::Ends(context));
    true
}

/// Drops the entry of the worker that was asked for first, unused.
pub(crate) fn drop_worker() {
    let entry = with(|state| state.entries.pop_front());
    assert!(entry.is_some(), "no worker waits to be started");
}

/// Lets time pass.
pub(crate) fn advance(time: Duration) {
    with(|state| state.now += time);
}

/// The time.
pub(crate) fn now() -> Duration {
    with(|state| state.now)
}

/// Whether the current context is one that must not block, from now on.
pub(crate) fn must_not_block(must_not: bool) {
    with(|state| state.must_not_block = must_not);
}

/// Writes a line of the test's own into the trace.
pub(crate) fn note(what: &'static str) {
    record(Event::Note(what));
}

/// All that happened.
pub(crate) fn trace() -> Vec<Event> {
    with(|state| state.trace.clone())
}

/// The test's own lines of the trace.
pub(crate) fn notes() -> Vec<&'static str> {
    trace()
        .into_iter()
        .filter_map(|event| match event {
            Event::Note(note) => Some(note),
            _ => None,
        })
        .collect()
}

/// The rest is for the platform.
pub(super) fn record(event: Event) {
    with(|state| state.trace.push(event));
}

pub(super) fn context() -> usize {
    with(|state| state.context)
}

pub(super) fn worker() -> Option<NonNull<WorkerContext>> {
    with(|state| state.worker)
}

pub(super) fn set_worker(worker: Option<NonNull<WorkerContext>>) -> Option<NonNull<WorkerContext>> {
    with(|state| std::mem::replace(&mut state.worker, worker))
}

pub(super) fn is_not_to_block() -> bool {
    with(|state| state.must_not_block)
}

pub(super) fn reach(point: Point) {
    record(Event::Point(context(), point));
    let step = with(|state| {
        state
            .interruptions
            .pop_front_if(|(awaited, _)| *awaited == point)
    });
    if let Some((_, step)) = step {
        elsewhere(step);
    }
}

/// A lock is about to be taken by a context that has none.
pub(super) fn lock() {
    let step = with(|state| {
        let (left, step) = state.before_lock.take()?;
        if left > 1 {
            state.before_lock = Some((left - 1, step));
            return None;
        }
        Some(step)
    });
    if let Some(step) = step {
        elsewhere(step);
    }
}

/// Whether a context that waits busily is to look again.
pub(super) fn relax(turn: u32) -> bool {
    let step = with(|state| {
        let step = state.spins.pop_front()?;
        state.turns.push(turn);
        Some(step)
    });
    let goes_on = step.is_some();
    if let Some(step) = step {
        elsewhere(step);
    }
    goes_on
}

pub(super) fn ask(entry: Entry) -> Option<Entry> {
    let answer = with(|state| {
        state.asked += 1;
        state.answers.pop_front().unwrap_or(Answer::Keep)
    });
    record(Event::Asked(answer));
    match answer {
        Answer::Keep => with(|state| state.entries.push_back(entry)),
        Answer::Refuse => return Some(entry),
        Answer::Lose => drop(entry),
    }
    None
}

pub(super) fn unpark(context: usize) {
    record(Event::Unparked(context));
    with(|state| state.tokens.insert(context));
}

/// Waits as long as one step of the test takes, or, if there is none, until `deadline`.
pub(super) fn park(deadline: Option<Duration>) {
    let context = context();
    if with(|state| state.tokens.remove(&context)) {
        return;
    }
    record(Event::Parks(context));
    match (with(|state| state.steps.pop_front()), deadline) {
        (Some(step), _) => elsewhere(step),
        (None, Some(deadline)) => with(|state| state.now = state.now.max(deadline)),
        (None, None) => panic!(
            "deadlock: context {context} waits and nobody will wake it; the trace:\n{:#?}",
            trace()
        ),
    }
}
