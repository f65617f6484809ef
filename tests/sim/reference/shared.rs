//! What the threads and the calls of one run share: the pool, the futures and promises that are there, and the specification, which is
//! told of everything.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use concurrent_futures::{
    AsFuture, ErrorReport, Future, Promise, TaskError,
    core::{executor::Handle, scheduler::Initializer, sync::Shared as CoreShared},
    sim::{self, JoinHandle, SimBackend, SimConfig, SimExecutor},
};

use super::{
    operations::{Case, Keeping, Pick, Start},
    specification::{By, Gives, Id, Part, Rules, Seen, Spec},
};

/// What all calls return.
pub(crate) type Out = Result<Tracked, Oops>;

/// An error of a call.
pub(crate) struct Oops(pub(crate) Id);

/// The specification, as everybody tells it. No step of the simulator is inside of it.
#[derive(Clone)]
pub(crate) struct Book(Arc<Mutex<Spec>>);

impl Book {
    pub(crate) fn with<R>(&self, tell: impl FnOnce(&mut Spec) -> R) -> R {
        tell(&mut lock(&self.0))
    }
}

/// Something whose drop is told.
pub(crate) struct Tracked {
    pub(crate) id: Id,
    part: Part,
    book: Book,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.book.with(|spec| spec.dropped(self.part, self.id));
    }
}

/// A future and what the specification knows it by.
#[derive(Clone)]
pub(crate) struct Named(pub(crate) Id, pub(crate) Arc<Future<Out>>);

impl AsFuture for Named {
    type Output = Out;

    fn as_future(&self) -> &Future<Out> {
        &self.1
    }
}

/// What workers do before their first call.
pub(crate) struct Starting {
    start: Start,
    begun: Mutex<usize>,
    book: Book,
}

impl Initializer for Starting {
    type Local = ();

    fn init(&self) -> Result<(), String> {
        let number = {
            let mut begun = lock(&self.begun);
            *begun += 1;
            *begun - 1
        };
        if self.start == Start::Trivial {
            return Ok(());
        }
        sim::note(format_args!("initializer {number}"));
        if self.start == Start::Fails(number) {
            self.book.with(Spec::initializer_failed);
            return Err("no luck".into());
        }
        Ok(())
    }

    fn is_trivial(&self) -> bool {
        self.start == Start::Trivial
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) type PoolHandle = Handle<SimBackend<Starting>>;

/// What everybody shares.
pub(crate) struct Shared {
    pub(crate) case: Arc<Case>,
    pub(crate) book: Book,
    pub(crate) handle: PoolHandle,
    pub(crate) pool: Mutex<Option<SimExecutor<Starting>>>,
    futures: Mutex<BTreeMap<Id, Arc<Future<Out>>>>,
    promises: Mutex<BTreeMap<Id, Promise<Out>>>,
    keepers: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    pub(crate) fn new(case: &Arc<Case>, rules: Rules) -> Arc<Self> {
        let book = Book(Arc::new(Mutex::new(Spec::new(case, rules))));
        let hook = {
            let book = book.clone();
            move |report: &ErrorReport<'_>| book.with(|spec| spec.hooked(report))
        };
        let pool = SimExecutor::with(SimConfig {
            max_workers: case.pool.workers,
            capacity: case.pool.capacity,
            policy: case.pool.policy,
            initializer: Starting {
                start: case.pool.start,
                begun: Mutex::new(0),
                book: book.clone(),
            },
            error_hook: case
                .pool
                .hook
                .then(|| CoreShared::new(Box::new(hook) as Box<_>)),
        });
        Arc::new(Self {
            case: Arc::clone(case),
            book,
            handle: pool.handle(),
            pool: Mutex::new(Some(pool)),
            futures: Mutex::default(),
            promises: Mutex::default(),
            keepers: Mutex::default(),
        })
    }

    /// Fails the run if anything was wrong so far.
    pub(crate) fn demand(&self) {
        if let Some(violation) = self.book.with(|spec| spec.violation.clone()) {
            panic!("{violation}");
        }
    }

    pub(crate) fn tracked(&self, part: Part, id: Id) -> Tracked {
        if part == Part::Outcome {
            self.book.with(|spec| spec.made(id));
        }
        Tracked {
            id,
            part,
            book: self.book.clone(),
        }
    }

    // Futures.

    pub(crate) fn put(&self, id: Id, future: Arc<Future<Out>>) {
        lock(&self.futures).insert(id, future);
    }

    /// One of those that are there.
    pub(crate) fn pick(&self, pick: Pick) -> Option<Named> {
        let futures = lock(&self.futures);
        let at = usize::from(pick.0).checked_rem(futures.len())?;
        let (id, future) = futures.iter().nth(at)?;
        Some(Named(*id, Arc::clone(future)))
    }

    pub(crate) fn pick_all(&self, picks: &[Pick]) -> Vec<Named> {
        picks.iter().filter_map(|pick| self.pick(*pick)).collect()
    }

    /// As [`pick`](Self::pick), and it is not there any more.
    pub(crate) fn remove(&self, pick: Pick) -> Option<Named> {
        let Named(id, future) = self.pick(pick)?;
        lock(&self.futures).remove(&id);
        Some(Named(id, future))
    }

    /// All that are left.
    pub(crate) fn remove_all(&self) -> BTreeMap<Id, Arc<Future<Out>>> {
        std::mem::take(&mut *lock(&self.futures))
    }

    // Promises.

    /// A promise with a keeper: see `operations.rs`.
    pub(crate) fn promise(self: &Arc<Self>) {
        let (promise, future) = sim::promise();
        let id = self.book.with(|spec| {
            let id = spec.submits(Gives::Promised, By::Thread);
            spec.accepted(id);
            id
        });
        lock(&self.promises).insert(id, promise);
        self.put(id, Arc::new(future));
        let shared = Arc::clone(self);
        let keeper = sim::spawn(move || {
            sim::sleep(Duration::from_secs(3600));
            shared.keep(id, Keeping::Sets);
        });
        lock(&self.keepers).push(keeper);
    }

    /// Which promise is meant.
    pub(crate) fn pick_promise(&self, pick: Pick) -> Option<Id> {
        let promises = lock(&self.promises);
        let at = usize::from(pick.0).checked_rem(promises.len())?;
        promises.keys().nth(at).copied()
    }

    pub(crate) fn keep(&self, id: Id, how: Keeping) {
        let Some(promise) = lock(&self.promises).remove(&id) else {
            return;
        };
        self.book.with(|spec| spec.keeps(id, how));
        let was_set = match how {
            Keeping::Sets => {
                let value = self.tracked(Part::Outcome, id);
                Some(promise.set(Ok(value)).is_ok())
            }
            Keeping::SetsError => Some(promise.set_error(TaskError::Abandoned).is_ok()),
            Keeping::Drops => {
                drop(promise);
                None
            }
        };
        self.book.with(|spec| spec.kept(id, how, was_set));
    }

    /// Drops those that are left. Nobody is in the middle of keeping one when this returns.
    pub(crate) fn keep_all(&self) {
        loop {
            let first = lock(&self.promises).keys().next().copied();
            let Some(id) = first else { break };
            self.keep(id, Keeping::Drops);
        }
        let keepers = std::mem::take(&mut *lock(&self.keepers));
        for keeper in keepers {
            keeper.join();
        }
    }
}

/// An outcome, as the specification takes it.
pub(crate) fn seen(outcome: &Result<Out, TaskError>) -> Seen {
    seen_ref(outcome.as_ref())
}

pub(crate) fn seen_ref(outcome: Result<&Out, &TaskError>) -> Seen {
    match outcome {
        Ok(Ok(value)) => Seen::Value(value.id),
        Ok(Err(Oops(id))) => Seen::Err(*id),
        Err(TaskError::Cancelled(by)) => Seen::Cancelled(*by),
        Err(TaskError::Panicked(panic)) => Seen::Panicked(panic.message().into()),
        Err(TaskError::Abandoned) => Seen::Abandoned,
        Err(TaskError::Broken(_)) => Seen::Broken,
        Err(TaskError::NoWorker) => Seen::NoWorker,
        Err(other) => Seen::Other(other.to_string()),
    }
}
