//! A platform whose interrupts come when the test says so: at a step of the library, on the same stack.
//!
//! A step is a point of a protocol, whatever happens to a call, each edge of a section under a lock, and what is the user's. Inside a section
//! it is an interrupt of another core: there the lock does not keep it away.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::Arc,
    task::Wake,
    time::Duration,
};

use concurrent_futures_core::{
    future::PanicPayload,
    platform::{
        CallEvent, Clock, ConstLock, Current, Entry, InterruptUnpark, Lock, Parker, Platform,
        Point, SpawnError, Spawner, Stripe, Time, Unparker, WorkerContext,
    },
};

type Handler = Box<dyn FnOnce()>;

thread_local! {
    /// How many steps from now the handler comes; the last one is for the innermost of those that run.
    static ARMED: RefCell<Vec<(usize, Option<Handler>)>> = const { RefCell::new(Vec::new()) };
    /// How many handlers run, one on top of the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static SECTIONS: Cell<usize> = const { Cell::new(0) };
    static CONTEXT: Cell<usize> = const { Cell::new(0) };
    static CONTEXTS: Cell<usize> = const { Cell::new(0) };
    static WORKER: Cell<Option<NonNull<WorkerContext>>> = const { Cell::new(None) };
    static TOKENS: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
    static PARKS: RefCell<VecDeque<Handler>> = const { RefCell::new(VecDeque::new()) };
    static ENTRIES: RefCell<VecDeque<Entry>> = const { RefCell::new(VecDeque::new()) };
    static CALM: Cell<bool> = const { Cell::new(false) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Runs `scenario` with `handler` coming in at the step of it that is `steps` away. Says whether there is such a step.
pub(super) fn interrupted(
    steps: usize,
    handler: impl FnOnce() + 'static,
    scenario: impl FnOnce(),
) -> bool {
    ARMED.with_borrow_mut(|armed| armed.push((steps, Some(Box::new(handler)))));
    scenario();
    let left = ARMED.with_borrow_mut(Vec::pop);
    left.is_some_and(|(_, handler)| handler.is_none())
}

/// Runs `handler` as an interrupt does: now.
pub(super) fn interrupt(handler: impl FnOnce()) {
    struct Leave(Option<NonNull<WorkerContext>>, usize);
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
            WORKER.set(self.0);
            SECTIONS.set(self.1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _leave = Leave(WORKER.take(), SECTIONS.take());
    handler();
}

/// How many handlers run.
pub(super) fn handlers() -> usize {
    DEPTH.get()
}

/// Fails in a handler, and under a lock: for code and values that are the user's.
pub(super) fn assert_is_for_users() {
    assert_eq!(DEPTH.get(), 0, "a user's, in a handler");
    assert_eq!(SECTIONS.get(), 0, "a user's, under a lock");
}

/// Runs `look` without any handler coming in.
pub(super) fn calm<R>(look: impl FnOnce() -> R) -> R {
    let before = CALM.replace(true);
    let result = look();
    CALM.set(before);
    result
}

/// A handler may come here.
pub(super) fn step() {
    if CALM.get() {
        return;
    }
    let handler = ARMED.with_borrow_mut(|armed| {
        let (steps, handler) = armed.last_mut()?;
        if *steps == 0 {
            return handler.take();
        }
        *steps -= 1;
        None
    });
    if let Some(handler) = handler {
        interrupt(handler);
    }
}

/// The next time that somebody parks without a token, `then` is what others do.
pub(super) fn when_parked(then: impl FnOnce() + 'static) {
    PARKS.with_borrow_mut(|parks| parks.push_back(Box::new(then)));
}

/// Runs `deed` in a context of its own, as another thread would.
pub(super) fn elsewhere(deed: impl FnOnce()) {
    struct Leave(usize, Option<NonNull<WorkerContext>>);
    impl Drop for Leave {
        fn drop(&mut self) {
            CONTEXT.set(self.0);
            WORKER.set(self.1);
        }
    }
    CONTEXTS.set(CONTEXTS.get() + 1);
    let _leave = Leave(CONTEXT.replace(CONTEXTS.get()), WORKER.take());
    deed();
}

/// How many workers wait to be started.
pub(super) fn entries() -> usize {
    ENTRIES.with_borrow(VecDeque::len)
}

/// Lives the life of the worker that was asked for first.
pub(super) fn run_worker() {
    let entry = ENTRIES.with_borrow_mut(VecDeque::pop_front);
    elsewhere(|| entry.expect("somebody asked for a worker").run());
}

/// Drops the worker that was asked for first.
pub(super) fn lose_worker() {
    drop(ENTRIES.with_borrow_mut(VecDeque::pop_front));
}

/// See the module.
pub(super) struct Chip;

/// Counts who is inside, and is no place for handlers.
pub(super) struct ChipLock(());

// SAFETY: these tests have one thread each, and share no pool; a handler, which would come in again, fails.
unsafe impl Lock for ChipLock {
    fn new() -> Self {
        Self::NEW
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                SECTIONS.set(SECTIONS.get() - 1);
            }
        }
        assert_eq!(DEPTH.get(), 0, "a handler takes a lock");
        step();
        SECTIONS.set(SECTIONS.get() + 1);
        let leave = Leave;
        step();
        let result = section();
        step();
        drop(leave);
        step();
        result
    }
}

impl ConstLock for ChipLock {
    const NEW: Self = Self(());
}

/// The parker of the context that asks.
pub(super) struct ChipParker;

struct Token(usize);

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        assert_eq!(DEPTH.get(), 0, "a handler wakes by number only");
        put(self.0);
    }
}

fn put(token: usize) {
    TOKENS.with_borrow_mut(|tokens| tokens.insert(token));
}

fn park(deadline: Option<Duration>) {
    assert_eq!((DEPTH.get(), SECTIONS.get()), (0, 0));
    step();
    let context = CONTEXT.get();
    if TOKENS.with_borrow_mut(|tokens| tokens.remove(&context)) {
        return;
    }
    match (PARKS.with_borrow_mut(VecDeque::pop_front), deadline) {
        (Some(then), _) => elsewhere(then),
        (None, Some(deadline)) => NOW.set(NOW.get().max(deadline)),
        (None, None) => panic!("context {context} waits and nobody will wake it"),
    }
}

impl Parker for ChipParker {
    fn unparker(&self) -> Unparker {
        Unparker::new(Arc::new(Token(CONTEXT.get())).into())
    }

    fn id(&self) -> usize {
        CONTEXT.get()
    }

    fn park(&self) {
        park(None);
    }

    fn park_until(&self, deadline: Time) {
        park(Some(deadline.since_epoch()));
    }
}

impl Clock for Chip {
    fn now() -> Option<Time> {
        Some(Time::from_epoch(NOW.get()))
    }
}

// SAFETY: there is one lock of each kind; a worker's context is current inside `enter` only, and neither in handlers nor in what
// others do meanwhile; everything else runs what it is given, here and once.
unsafe impl Platform for Chip {
    type Parker = ChipParker;
    type Lock = ChipLock;
    type Clock = Self;

    fn with_parker<R>(wait: impl FnOnce(&ChipParker) -> R) -> R {
        assert_eq!(DEPTH.get(), 0, "a handler has no parker");
        wait(&ChipParker)
    }

    fn stripe(stripe: Stripe, _: usize) -> &'static ChipLock {
        static CALLS: ChipLock = ChipLock::NEW;
        static SETS: ChipLock = ChipLock::NEW;
        match stripe {
            Stripe::Call => &CALLS,
            Stripe::Set => &SETS,
        }
    }

    fn catch<R>(code: impl FnOnce() -> R) -> Result<R, PanicPayload> {
        assert_is_for_users();
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| PanicPayload::new(payload, None))
    }

    fn current() -> Current {
        if DEPTH.get() > 0 {
            return Current::MustNotBlock;
        }
        WORKER.get().map_or(Current::Foreign, Current::Worker)
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        struct Leave(Option<NonNull<WorkerContext>>);
        impl Drop for Leave {
            fn drop(&mut self) {
                WORKER.set(self.0);
            }
        }
        let _leave = Leave(WORKER.replace(Some(NonNull::from(context))));
        life()
    }

    fn point(_: Point) {
        step();
    }

    fn observe(_: CallEvent, _: usize) {
        step();
    }
}

// SAFETY: it puts the token, and nothing else.
unsafe impl InterruptUnpark for Chip {
    fn unpark(id: usize) {
        put(id);
    }
}

/// Keeps the workers that it is asked for until the test runs them.
pub(super) struct Tray;

impl Spawner for Tray {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        assert_is_for_users();
        ENTRIES.with_borrow_mut(|entries| entries.push_back(entry));
        Ok(())
    }
}

/// Takes back what [`when_parked`] was given and nobody came to.
pub(super) fn forget_parks() {
    drop(PARKS.take());
}
