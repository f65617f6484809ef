//! Loom's threads as a platform of the core, and the pools that the models use.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use concurrent_futures_core::{
    executor::Pool,
    platform::{
        Clock, Current, Entry, InterruptUnpark, Lock, Parker, Platform, SpawnError, Spawner,
        Stripe, Time, Unparker, WorkerContext,
    },
    queue::{Policy, Ring},
    scheduler::{Backend, Config},
    task::Task,
};
use loom::{sync::Notify, thread};

/// Threads as loom explores them.
pub struct Model;

/// A mutex of loom's.
pub struct ModelLock(loom::sync::Mutex<()>);

// SAFETY: the mutex is held while the section runs.
unsafe impl Lock for ModelLock {
    fn new() -> Self {
        Self(loom::sync::Mutex::new(()))
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        let _inside = self.0.lock().expect("no section panics");
        section()
    }
}

/// The token of a thread, and its number. Not loom's own, which is lost when its thread waits for a lock, and which wakes a thread that
/// waits for another to end.
pub struct Token(Arc<Notify>, usize);

/// Unparks a thread when woken.
struct WakeToken(Arc<Notify>);

impl Wake for WakeToken {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// What unparks the calling thread.
pub fn waker() -> Waker {
    TOKEN.with(|token| Waker::from(Arc::new(WakeToken(token.0.clone()))))
}

/// Parks the calling thread.
pub fn park() {
    TOKEN.with(Parker::park);
}

impl Parker for Token {
    fn unparker(&self) -> Unparker {
        Unparker::new(waker())
    }

    fn id(&self) -> usize {
        self.1
    }

    fn park(&self) {
        self.0.wait();
    }

    fn park_until(&self, _: Time) {
        thread::yield_now();
    }
}

loom::lazy_static! {
    /// All tokens, by number. Not loom's lock: nothing is to be explored here, and no thread is switched inside.
    static ref TOKENS: Mutex<Vec<Arc<Notify>>> = Mutex::default();
}

loom::thread_local! {
    static TOKEN: Token = {
        let token = Arc::new(Notify::new());
        let mut tokens = TOKENS.lock().expect("nothing panics inside");
        tokens.push(token.clone());
        Token(token, tokens.len() - 1)
    };
}

// SAFETY: the lock is held for a moment, while no thread is switched; each token has its number.
unsafe impl InterruptUnpark for Model {
    fn unpark(id: usize) {
        let token = TOKENS
            .lock()
            .expect("nothing panics inside")
            .get(id)
            .cloned();
        if let Some(token) = token {
            token.notify();
        }
    }
}

/// A clock on which every deadline is over.
pub struct Late;

impl Clock for Late {
    fn now() -> Option<Time> {
        Some(Time::from_epoch(Duration::ZERO))
    }
}

loom::lazy_static! {
    static ref CALL: ModelLock = ModelLock::new();
    static ref SET: ModelLock = ModelLock::new();
}

loom::thread_local! {
    static CURRENT: std::cell::Cell<Option<std::ptr::NonNull<WorkerContext>>> = std::cell::Cell::new(None);
}

// SAFETY: there is one lock for each kind of stripe; `CURRENT` is this thread's, set inside `enter` and restored after.
unsafe impl Platform for Model {
    type Parker = Token;
    type Lock = ModelLock;
    type Clock = Late;

    fn with_parker<R>(wait: impl FnOnce(&Token) -> R) -> R {
        TOKEN.with(wait)
    }

    fn stripe(stripe: Stripe, _: usize) -> &'static ModelLock {
        // Loom's statics live as long as one execution, and no execution uses another's.
        let lock: &ModelLock = match stripe {
            Stripe::Call => &CALL,
            Stripe::Set => &SET,
        };
        // SAFETY: the lock is used only within the execution that it lives in.
        unsafe { &*std::ptr::from_ref(lock) }
    }

    fn current() -> Current {
        CURRENT.with(|current| current.get().map_or(Current::Foreign, Current::Worker))
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        let outer = CURRENT.with(|current| current.replace(Some(context.into())));
        let result = life();
        CURRENT.with(|current| current.set(outer));
        result
    }
}

/// Starts a loom thread per worker, refusing the first few, or keeps the entries and runs none.
pub struct ModelSpawner {
    pub started: Arc<AtomicUsize>,
    refuse: AtomicUsize,
    hold: bool,
    /// Loom's statics end with the main thread, so that it has to outlive the workers.
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl ModelSpawner {
    pub fn new() -> Self {
        Self {
            started: Arc::default(),
            refuse: AtomicUsize::new(0),
            hold: false,
            threads: Mutex::default(),
        }
    }

    pub fn refusing(starts: usize) -> Self {
        Self {
            refuse: AtomicUsize::new(starts),
            ..Self::new()
        }
    }

    /// Workers that never come: the model takes calls by hand.
    pub fn holding() -> Self {
        Self {
            hold: true,
            ..Self::new()
        }
    }
}

impl ModelSpawner {
    /// Not loom's lock: nothing is to be explored here, and no thread is switched inside.
    fn threads(&self) -> MutexGuard<'_, Vec<thread::JoinHandle<()>>> {
        self.threads.lock().expect("nothing panics inside")
    }
}

impl Spawner for ModelSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        if self.hold {
            self.started.fetch_add(1, Ordering::Relaxed);
            // Not dropped, so that the pool goes on counting it.
            std::mem::forget(entry);
            return Ok(());
        }
        if self.refuse.load(Ordering::Relaxed) > 0 {
            self.refuse.fetch_sub(1, Ordering::Relaxed);
            // Whoever else submits may do so while the platform makes up its mind.
            thread::yield_now();
            return Err(SpawnError::new(entry));
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        let thread = thread::spawn(move || entry.run());
        self.threads().push(thread);
        Ok(())
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            thread.join().expect("a worker does not panic");
        }
    }
}

/// The parts of a model's pool.
pub struct ModelBackend;

// SAFETY: the pools have workers of their own.
unsafe impl Backend for ModelBackend {
    type Platform = Model;
    type Queue = Ring<Task>;
    type Spawner = ModelSpawner;
    type Initializer = ();
    type Cargo = ();
}

/// A pool of the real types on loom's threads.
pub fn pool(
    max_workers: usize,
    capacity: usize,
    policy: Policy,
    spawner: ModelSpawner,
) -> Pool<ModelBackend> {
    Pool::new(Config {
        max_workers,
        policy,
        queue: Ring::new(capacity).expect("a small ring"),
        spawner,
        initializer: (),
        error_hook: None,
    })
}
