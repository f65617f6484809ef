//! Shuttle's threads as a platform of the core, and the pools that the models use.

use std::{
    cell::{Cell, OnceCell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Wake, Waker},
    time::Duration,
};

use concurrent_futures_core::{
    executor::Pool,
    future::{ErrorHook, PanicPayload},
    platform::{
        CallEvent, Clock, ConstLock, Current, Entry, InterruptUnpark, Lock, Parker, Platform,
        Point, SpawnError, Spawner, Stripe, Time, Unparker, WorkerContext,
    },
    queue::{Policy, Ring},
    scheduler::{Backend, Config, Initializer},
    task::Task,
};
use shuttle::{rand::Rng, thread};

use super::books;

/// Whether something happens that may happen or not: shuttle draws it, as it draws schedules.
pub fn perhaps() -> bool {
    shuttle::rand::thread_rng().gen_bool(0.5)
}

/// One of so many, as drawn.
pub fn any_of(choices: usize) -> usize {
    shuttle::rand::thread_rng().gen_range(0..choices)
}

/// Threads as shuttle schedules them.
pub struct Model;

/// A mutex of shuttle's.
pub struct ModelLock(shuttle::sync::Mutex<()>);

// SAFETY: the mutex is held while the section runs.
unsafe impl Lock for ModelLock {
    fn new() -> Self {
        Self(shuttle::sync::Mutex::new(()))
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        // All threads of a model are one of the system, which unwinds here and there: that poisons nothing.
        let _inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        section()
    }
}

impl ConstLock for ModelLock {
    const NEW: Self = Self(shuttle::sync::Mutex::new(()));
}

/// The token of a shuttle thread.
pub struct ModelParker;

/// Unparks a thread when woken.
pub struct WakeThread(pub thread::Thread);

impl Wake for WakeThread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Parker for ModelParker {
    fn unparker(&self) -> Unparker {
        Unparker::new(Waker::from(Arc::new(WakeThread(thread::current()))))
    }

    fn id(&self) -> usize {
        let number = || {
            THREADS.with_borrow_mut(|threads| {
                threads.push(thread::current());
                threads.len() - 1
            })
        };
        NUMBER.with(|known| *known.get_or_init(number))
    }

    fn park(&self) {
        thread::park();
    }

    fn park_until(&self, deadline: Time) {
        if any_of(4) == 0 {
            NOW.set(NOW.get().max(deadline.since_epoch()));
        }
        thread::yield_now();
    }
}

// Of the system: all of a model runs on one of its threads, and every execution begins with `restart`.
std::thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// Those that have a number, by it.
    static THREADS: RefCell<Vec<thread::Thread>> = const { RefCell::new(Vec::new()) };
}

/// A clock that stands still but for timed waits: now and then one of them takes until its deadline.
pub struct Drawn;

impl Clock for Drawn {
    fn now() -> Option<Time> {
        Some(Time::from_epoch(NOW.get()))
    }
}

/// A timeout that is over after some turns.
pub const SHORT: Duration = Duration::from_millis(1);

/// The beginning of an execution.
pub fn restart() {
    NOW.set(Duration::ZERO);
    THREADS.with_borrow_mut(Vec::clear);
}

shuttle::lazy_static! {
    static ref CALL: ModelLock = ModelLock::new();
    static ref SET: ModelLock = ModelLock::new();
}

shuttle::thread_local! {
    static CURRENT: Cell<Option<NonNull<WorkerContext>>> = Cell::new(None);
    static NUMBER: OnceCell<usize> = OnceCell::new();
}

// SAFETY: there is one lock for each kind of stripe; `CURRENT` is this thread's, set inside `enter` and restored after.
unsafe impl Platform for Model {
    type Parker = ModelParker;
    type Lock = ModelLock;
    type Clock = Drawn;

    fn with_parker<R>(wait: impl FnOnce(&ModelParker) -> R) -> R {
        wait(&ModelParker)
    }

    fn stripe(stripe: Stripe, _: usize) -> &'static ModelLock {
        // Shuttle's statics live as long as one execution, and no execution uses another's. One lock for all addresses: these
        // differ from run to run, and the schedules must not.
        let lock: &ModelLock = match stripe {
            Stripe::Call => &CALL,
            Stripe::Set => &SET,
        };
        // SAFETY: the lock is used only within the execution that it lives in.
        unsafe { &*std::ptr::from_ref(lock) }
    }

    fn catch<R>(code: impl FnOnce() -> R) -> Result<R, PanicPayload> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| PanicPayload::new(payload, None))
    }

    fn current() -> Current {
        CURRENT.with(|current| current.get().map_or(Current::Foreign, Current::Worker))
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        struct Restore(Option<NonNull<WorkerContext>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(self.0));
            }
        }
        let _restore = Restore(CURRENT.with(|current| current.replace(Some(context.into()))));
        life()
    }

    /// Spins once or not at all, so that both ways are explored.
    fn relax(turn: u32) -> bool {
        let again = turn == 0 && perhaps();
        if again {
            thread::yield_now();
        }
        again
    }

    fn point(point: Point) {
        // Whoever looks again and again must let others go on.
        if point == Point::Looked {
            thread::yield_now();
        }
    }

    fn observe(event: CallEvent, address: usize) {
        books::note(event, address);
    }
}

// SAFETY: nobody holds a thread's token for longer than a moment, while no thread is switched.
unsafe impl InterruptUnpark for Model {
    fn unpark(id: usize) {
        let thread = THREADS.with_borrow(|threads| threads.get(id).cloned());
        if let Some(thread) = thread {
            thread.unpark();
        }
    }
}

/// Starts a shuttle thread per worker, or refuses, as the model says.
pub struct ModelSpawner {
    pub record: Arc<Record>,
    /// How many starts are refused, if the draw says so.
    refusals: AtomicUsize,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

/// What a spawner did.
#[derive(Default)]
pub struct Record {
    alive: AtomicUsize,
    most: AtomicUsize,
}

impl Record {
    /// How many workers there were at the same time, at most.
    pub fn most(&self) -> usize {
        self.most.load(Relaxed)
    }

    /// How many workers there are.
    pub fn alive(&self) -> usize {
        self.alive.load(Relaxed)
    }
}

impl ModelSpawner {
    pub fn new() -> Self {
        Self::refusing(0)
    }

    /// Refuses some of the starts, this many at most.
    pub fn refusing(starts: usize) -> Self {
        Self {
            record: Arc::default(),
            refusals: AtomicUsize::new(starts),
            threads: Mutex::default(),
        }
    }

    /// Not shuttle's lock: no thread is switched inside.
    fn threads(&self) -> MutexGuard<'_, Vec<thread::JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spawner for ModelSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        if self.refusals.load(Relaxed) > 0 && perhaps() {
            self.refusals.fetch_sub(1, Relaxed);
            // Whoever else submits may do so while the platform makes up its mind.
            thread::yield_now();
            return Err(SpawnError::new(entry));
        }
        let alive = self.record.alive.fetch_add(1, Relaxed) + 1;
        self.record.most.fetch_max(alive, Relaxed);
        let record = self.record.clone();
        let thread = thread::spawn(move || {
            entry.run();
            record.alive.fetch_sub(1, Relaxed);
        });
        self.threads().push(thread);
        Ok(())
    }

    fn join(&self) {
        // Two may join at once, and each returns when all are gone.
        loop {
            let thread = self.threads().pop();
            match thread {
                Some(thread) => thread.join().expect("a worker does not panic"),
                None if self.record.alive() == 0 => return,
                None => thread::yield_now(),
            }
        }
    }
}

/// The parts of a model's pool.
pub struct ModelBackend<I = ()>(std::marker::PhantomData<fn() -> I>);

// SAFETY: the pools have workers of their own.
unsafe impl<I: Initializer> Backend for ModelBackend<I> {
    type Platform = Model;
    type Queue = Ring<Task>;
    type Spawner = ModelSpawner;
    type Initializer = I;
    type Cargo = ();
}

/// What a model's pool is like, but for what it says itself.
pub fn config(max_workers: usize, capacity: usize) -> Config<ModelBackend> {
    Config {
        max_workers,
        policy: Policy::Block,
        queue: Ring::new(capacity).expect("a small ring"),
        spawner: ModelSpawner::new(),
        initializer: (),
        error_hook: None,
    }
}

/// A pool of the real types on shuttle's threads, with room enough.
pub fn pool(max_workers: usize) -> Pool<ModelBackend> {
    Pool::new(config(max_workers, 8))
}

/// An error hook that counts.
pub fn counting_hook() -> (ErrorHook, Arc<AtomicUsize>) {
    let reports = Arc::new(AtomicUsize::new(0));
    let hook = ErrorHook::new(Box::new({
        let reports = reports.clone();
        move |_: &_| {
            reports.fetch_add(1, Relaxed);
        }
    }));
    (hook, reports)
}

/// A panic of user code's, without the noise: to shuttle's own panic hook every panic is a failure of the model.
pub fn user_panic() -> ! {
    std::panic::resume_unwind(Box::new("the user's"))
}
