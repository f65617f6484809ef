//! Who runs what, and when.
//!
//! A call passes through here in this order: `submit` takes it in, `worker` takes it out, runs it and publishes its
//! outcome, `idle` knows who sleeps and must be woken, `producers` who waits for room, `shutdown` how it all ends.

mod idle;
#[cfg(cf_model)]
pub mod model;
mod park_list;
mod producers;
mod seams;
mod shutdown;
mod submit;
#[cfg(test)]
mod tests;
mod worker;

pub use seams::{Cargo, Carry, Started, Taken, Worker};
pub(crate) use shutdown::Wait;
pub use shutdown::{ShutdownError, ShutdownReport};
pub(crate) use submit::{Refused, Wanted, Why};

use alloc::{collections::VecDeque, string::String};
use core::ptr::NonNull;

use self::{
    idle::{Idle, MOST_WORKERS},
    park_list::ParkList,
    producers::Producers,
};
use crate::{
    future::{BrokenExecutor, BrokenKind, ErrorHook, Hook},
    platform::{Current, Locked, Owner, Platform, Spawner, WorkerContext},
    queue::{Policy, Queue, TaskQueue},
    sync::{AtomicUsize, Ordering, Padded, Shared},
    task::Task,
};

/// What a pool is made of.
///
/// # Safety
/// If [`WORKERS`](Self::WORKERS) is not [`Workers::Own`], the initializer is `()`: nobody calls another one, and
/// [`CARRY`](Self::CARRY) is `None`.
pub unsafe trait Backend: Sized + 'static {
    /// Where it runs.
    type Platform: Platform;
    /// Where its calls wait.
    type Queue: TaskQueue;
    /// What starts its workers.
    type Spawner: Spawner;
    /// What a worker does before its first call.
    type Initializer: Initializer;
    /// What its calls bring along for workers that run them elsewhere.
    type Cargo: Cargo;

    /// What it calls itself when it breaks.
    const KIND: BrokenKind = BrokenKind::ThreadPool;
    /// Who runs its calls.
    const WORKERS: Workers = Workers::Own;
    /// What its workers do with calls if they do not run them in place.
    const CARRY: Option<Carry<Self>> = None;
}

/// Who runs the calls of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// Workers that the pool starts.
    Own,
    /// Whoever waits for one of its calls, or asks to run some.
    Waiter,
    /// Whoever submits one, at once.
    Submitter,
}

/// Runs once on every worker before its first call, and leaves a value there that calls can borrow.
pub trait Initializer: Send + Sync + 'static {
    /// The worker-local value: made, lent and dropped on its worker.
    type Local: 'static;

    /// Makes the value.
    ///
    /// # Errors
    /// Why it cannot, in words: the pool is broken then.
    fn init(&self) -> Result<Self::Local, String>;

    /// Whether there is nothing to it: then a worker that starts is idle at once.
    fn is_trivial(&self) -> bool {
        false
    }
}

/// Nothing to do, nothing to keep.
impl Initializer for () {
    type Local = ();

    fn init(&self) -> Result<(), String> {
        Ok(())
    }

    fn is_trivial(&self) -> bool {
        true
    }
}

/// The most workers that a pool can have on this target.
pub const MAX_WORKERS: usize = MOST_WORKERS;

/// What a new pool is given.
pub struct Config<B: Backend> {
    /// How many workers it may start; cut to what can be counted.
    pub max_workers: usize,
    /// What happens to a call that finds the queue full.
    pub policy: Policy,
    /// Where its calls wait.
    pub queue: B::Queue,
    /// What starts its workers.
    pub spawner: B::Spawner,
    /// What a worker does before its first call.
    pub initializer: B::Initializer,
    /// Whom to tell of what nobody else would see.
    pub error_hook: Option<ErrorHook>,
}

/// A look at a pool, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that wait to be started; cancelled ones do not.
    pub queued: usize,
    /// Workers that were started, or are being started, and have not ended.
    pub workers: usize,
    /// Those of them that wait for work or look for it.
    pub idle: usize,
    /// How many there may be.
    pub max_workers: usize,
    /// How many calls may wait, cancelled ones included.
    pub capacity: usize,
}

/// A pool, as its workers and handles share it.
pub(crate) struct Core<B: Backend> {
    idle: Idle<B::Platform>,
    queue: B::Queue,
    producers: Producers<B::Platform>,
    /// Calls that were taken and given back unstarted: searched first.
    returned: Locked<<B::Platform as Platform>::Lock, VecDeque<Task>>,
    returned_len: Padded<AtomicUsize>,
    end: Locked<<B::Platform as Platform>::Lock, End>,
    /// Calls that were cancelled since the pool was closed.
    cancelled_since: AtomicUsize,
    /// Workers inside their initializer.
    initializing: AtomicUsize,
    policy: Policy,
    spawner: B::Spawner,
    initializer: B::Initializer,
    /// Last, so that it outlives the queue: calls in there lead to it, and dropping one may cancel another.
    owner: Owner,
}

/// How the pool came to its end, and who waits for it.
struct End {
    broken: Option<BrokenExecutor>,
    waiting: ParkList,
}

/// One share of a pool: what its handles and its workers hold.
pub(crate) struct Pool<B: Backend>(Shared<Core<B>>);

impl<B: Backend> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Backend> core::ops::Deref for Pool<B> {
    type Target = Core<B>;

    fn deref(&self) -> &Core<B> {
        &self.0
    }
}

impl<B: Backend> Pool<B> {
    pub(crate) fn new(config: Config<B>) -> Self {
        let max_workers = match B::WORKERS {
            Workers::Own => config.max_workers.min(MOST_WORKERS),
            Workers::Waiter | Workers::Submitter => 0,
        };
        Self(Shared::new(Core {
            idle: Idle::new(max_workers),
            queue: config.queue,
            producers: Producers::new(),
            returned: Locked::new(VecDeque::new()),
            returned_len: Padded(AtomicUsize::new(0)),
            end: Locked::new(End {
                broken: None,
                waiting: ParkList::new(),
            }),
            cancelled_since: AtomicUsize::new(0),
            policy: config.policy,
            spawner: config.spawner,
            initializing: AtomicUsize::new(0),
            initializer: config.initializer,
            owner: Owner::new(config.error_hook),
        }))
    }
}

impl<B: Backend> Core<B> {
    pub(crate) fn owner_ref(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn owner(&self) -> NonNull<Owner> {
        NonNull::from(&self.owner)
    }

    pub(crate) fn hook(&self) -> Hook<'_> {
        Hook::of(&self.owner)
    }

    /// The calling worker's context, if it is one of this pool's.
    pub(crate) fn own_context(&self) -> Option<&WorkerContext> {
        match B::Platform::current() {
            // SAFETY: the current context belongs to a frame further out on this stack.
            Current::Worker(context) => unsafe { context.as_ref() }.of(&self.owner),
            Current::Foreign | Current::MustNotBlock => None,
        }
    }

    /// Takes the call that is to run next (the first of the four seams).
    #[inline]
    pub(crate) fn take(&self) -> Option<Task> {
        if self.returned_len.load(Ordering::Relaxed) > 0
            && let Some(task) = self.take_returned()
        {
            return Some(task);
        }
        let popped = self.queue.pop()?;
        if popped.waiting {
            self.producers.room_made(&self.queue);
        }
        Some(popped.value)
    }

    #[cold]
    fn take_returned(&self) -> Option<Task> {
        self.returned.with(|returned| {
            let task = returned.pop_front();
            self.returned_len.store(returned.len(), Ordering::Relaxed);
            task
        })
    }

    /// Whether a worker that looks now would find a call.
    #[inline]
    fn has_work(&self) -> bool {
        // Relaxed: whoever must not miss a call has a fence between what it did and this look.
        !self.queue.is_empty() || self.returned_len.load(Ordering::Relaxed) > 0
    }

    /// Calls that wait to be taken, and what is left of those that were cancelled.
    fn entries(&self) -> usize {
        self.queue.len() + self.returned_len.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> Stats {
        let census = self.idle.census();
        Stats {
            queued: self.entries().saturating_sub(self.owner.husks()),
            workers: census.total(),
            idle: census.searching() + census.sleeping(),
            max_workers: self.idle.max_workers(),
            capacity: self.queue.capacity(),
        }
    }
}
