//! The mock platform: every operation is a look at the test's [`world`].

use std::{
    cell::RefCell,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::{Arc, Mutex, PoisonError},
    task::Wake,
};

use concurrent_futures_core::{
    executor::{Handle, Pool, PumpExecutor},
    future::PanicPayload,
    platform::{
        Clock, ConstLock, Current, Entry, Lock, Parker, Platform, Point, SpawnError, Spawner,
        Stripe, Time, Unparker, WorkerContext,
    },
    queue::{Deque, Policy, TaskQueue},
    scheduler::{Backend, Config, Initializer},
    task::Task,
};

use crate::world::{self, Event};

/// Where the tests run.
pub(crate) struct MockPlatform;

/// A lock that notices when it is taken again by who has it.
pub(crate) struct MockLock(Mutex<()>);

thread_local! {
    static HELD: RefCell<Vec<*const MockLock>> = const { RefCell::new(Vec::new()) };
}

impl MockLock {
    const fn open() -> Self {
        Self(Mutex::new(()))
    }
}

// SAFETY: the mutex is held while the section runs; whoever has it does not get in again.
unsafe impl Lock for MockLock {
    fn new() -> Self {
        Self::open()
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                HELD.with_borrow_mut(Vec::pop);
            }
        }
        let this = std::ptr::from_ref(self);
        if HELD.with_borrow(Vec::is_empty) {
            world::lock();
        }
        HELD.with_borrow_mut(|held| {
            assert!(!held.contains(&this), "a lock is taken by who has it");
            held.push(this);
        });
        let _leave = Leave;
        // Other tests' threads use the same stripes.
        let _inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        section()
    }
}

impl ConstLock for MockLock {
    const NEW: Self = Self::open();
}

/// Fails if this is inside a section of any lock: for code that is the user's.
pub(crate) fn assert_no_lock_is_held() {
    HELD.with_borrow(|held| assert!(held.is_empty(), "user code runs under a lock"));
}

/// The current context's parker.
pub(crate) struct MockParker;

struct Token(usize);

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        world::unpark(self.0);
    }
}

impl Parker for MockParker {
    fn unparker(&self) -> Unparker {
        Unparker::new(Arc::new(Token(world::context())).into())
    }

    fn park(&self) {
        world::park(None);
    }

    fn park_until(&self, deadline: Time) {
        world::park(Some(deadline.since_epoch()));
    }
}

/// The world's time.
pub(crate) struct MockClock;

impl Clock for MockClock {
    fn now() -> Option<Time> {
        Some(Time::from_epoch(world::now()))
    }
}

// SAFETY: there is one lock for each kind; a worker's context is current inside `enter` only, and not in what other contexts
// do meanwhile; everything else runs what it is given, here and once.
unsafe impl Platform for MockPlatform {
    type Parker = MockParker;
    type Lock = MockLock;
    type Clock = MockClock;

    fn with_parker<R>(wait: impl FnOnce(&MockParker) -> R) -> R {
        wait(&MockParker)
    }

    fn stripe(stripe: Stripe, _: usize) -> &'static MockLock {
        static CALLS: MockLock = MockLock::open();
        static SETS: MockLock = MockLock::open();
        match stripe {
            Stripe::Call => &CALLS,
            Stripe::Set => &SETS,
        }
    }

    fn catch<R>(code: impl FnOnce() -> R) -> Result<R, PanicPayload> {
        assert_no_lock_is_held();
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| PanicPayload::new(payload, None))
    }

    fn current() -> Current {
        if world::is_not_to_block() {
            Current::MustNotBlock
        } else {
            world::worker().map_or(Current::Foreign, Current::Worker)
        }
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        struct Leave(Option<NonNull<WorkerContext>>);
        impl Drop for Leave {
            fn drop(&mut self) {
                world::set_worker(self.0);
            }
        }
        let _leave = Leave(world::set_worker(Some(NonNull::from(context))));
        life()
    }

    fn relax(turn: u32) -> bool {
        world::relax(turn)
    }

    fn point(point: Point) {
        world::reach(point);
    }
}

/// Asks the test for workers.
pub(crate) struct MockSpawner;

impl Spawner for MockSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        assert_no_lock_is_held();
        match world::ask(entry) {
            None => Ok(()),
            Some(entry) => Err(SpawnError::new(entry)),
        }
    }

    fn join(&self) {
        world::record(Event::Joined);
    }
}

/// The parts of a pool whose calls wait in a `Q` and whose workers begin with an `I`.
pub(crate) struct Mock<Q, I = ()>(PhantomData<fn() -> (Q, I)>);

// SAFETY: its workers are its own.
unsafe impl<Q: TaskQueue, I: Initializer> Backend for Mock<Q, I> {
    type Platform = MockPlatform;
    type Queue = Q;
    type Spawner = MockSpawner;
    type Initializer = I;
    type Cargo = ();
}

/// How many calls may wait in a [`Small`] queue.
pub(crate) const ROOM: usize = 4;
/// What most tests use.
pub(crate) type Small = Deque<Task, MockLock, ROOM>;
/// A pool without workers.
pub(crate) type Pump = PumpExecutor<MockPlatform, Small>;

/// A pool that waits for its workers when it is dropped, unless the test has failed: nobody runs them then.
pub(crate) struct MockPool<Q: TaskQueue = Small, I: Initializer = ()>(
    ManuallyDrop<Pool<Mock<Q, I>>>,
);

impl MockPool {
    pub(crate) fn new(max_workers: usize) -> Self {
        Self::with(max_workers, Policy::Block, Small::new())
    }

    pub(crate) fn with_policy(policy: Policy) -> Self {
        Self::with(1, policy, Small::new())
    }
}

impl<Q: TaskQueue> MockPool<Q> {
    pub(crate) fn with(max_workers: usize, policy: Policy, queue: Q) -> Self {
        Self::of(max_workers, policy, queue, ())
    }
}

impl<I: Initializer> MockPool<Small, I> {
    pub(crate) fn initialized(max_workers: usize, initializer: I) -> Self {
        Self::of(max_workers, Policy::Block, Small::new(), initializer)
    }
}

impl<Q: TaskQueue, I: Initializer> MockPool<Q, I> {
    fn of(max_workers: usize, policy: Policy, queue: Q, initializer: I) -> Self {
        Self(ManuallyDrop::new(Pool::new(Config {
            max_workers,
            policy,
            queue,
            spawner: MockSpawner,
            initializer,
            error_hook: None,
        })))
    }

    /// As a pool's own.
    pub(crate) fn detach(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: nobody uses the pool after this, and `this` is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }.detach();
    }

    /// The next time that somebody parks without a token, the pool is closed: sleeping workers end.
    pub(crate) fn then_close(&self) {
        let handle = self.handle();
        world::then(move || close(&handle));
    }

    /// Lets the workers that were asked for run what waits, and end.
    pub(crate) fn run_out(&self) {
        self.then_close();
        assert!(world::run_worker(), "a worker waits to be started");
        while world::run_worker() {}
    }
}

/// Takes no more calls.
pub(crate) fn close<Q: TaskQueue, I: Initializer>(handle: &Handle<Mock<Q, I>>) {
    handle
        .shutdown(false, false)
        .expect("who does not wait may always");
}

/// Runs the next call of a pool here, as one of its workers would.
pub(crate) fn work<Q: TaskQueue>(handle: &Handle<Mock<Q>>) {
    let taken = handle.take().expect("a call waits");
    taken.start().expect("nobody cancelled it").finish();
}

impl<Q: TaskQueue, I: Initializer> Deref for MockPool<Q, I> {
    type Target = Pool<Mock<Q, I>>;

    fn deref(&self) -> &Pool<Mock<Q, I>> {
        &self.0
    }
}

impl<Q: TaskQueue, I: Initializer> Drop for MockPool<Q, I> {
    fn drop(&mut self) {
        // SAFETY: nobody uses the pool after this.
        let pool = unsafe { ManuallyDrop::take(&mut self.0) };
        if std::thread::panicking() {
            pool.detach();
        } else {
            drop(pool);
        }
    }
}
