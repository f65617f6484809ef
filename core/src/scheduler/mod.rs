//! Who runs what, and when.
//!
//! A call passes through here in this order: `submit` takes it in, `worker` takes it out, runs it and publishes its
//! outcome, `idle` knows who sleeps and must be woken, `producers` who waits for room, `shutdown` how it all ends.

mod backend;
mod fixed;
mod idle;
#[cfg(cf_model)]
pub mod model;
mod park_list;
mod producers;
mod returned;
#[cfg(feature = "alloc")]
mod seams;
mod shutdown;
mod submit;
#[cfg(test)]
mod tests;
mod worker;

#[cfg(feature = "alloc")]
pub use seams::{Cargo, Carry, Started, Taken, Worker};
pub(crate) use shutdown::Wait;
pub use shutdown::{ShutdownError, ShutdownReport};
pub(crate) use submit::{Refused, Wanted, Why};

#[cfg(feature = "alloc")]
pub use backend::{Backend, Initializer, Workers};
#[cfg(not(feature = "alloc"))]
pub(crate) use backend::{Backend, Initializer, Workers};

use core::ptr::NonNull;

use self::{
    idle::{Idle, MOST_WORKERS},
    park_list::ParkList,
    producers::Producers,
    returned::Returned,
};
#[cfg(feature = "alloc")]
use crate::future::ErrorHook;
use crate::{
    future::{BrokenExecutor, Hook},
    platform::{Current, Lock, Locked, Owner, Platform, WorkerContext},
    queue::{Policy, Queue},
    sync::{AtomicUsize, Shared},
    task::Task,
};

/// The most workers that a pool can have on this target.
pub const MAX_WORKERS: usize = MOST_WORKERS;

/// What a new pool is given.
#[cfg(feature = "alloc")]
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
    returned: Returned<<B::Platform as Platform>::Lock>,
    end: Locked<<B::Platform as Platform>::Lock, End>,
    /// Calls that were cancelled since the pool was closed.
    cancelled_since: AtomicUsize,
    /// Workers inside their initializer.
    initializing: AtomicUsize,
    #[cfg(feature = "alloc")]
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

impl End {
    const OPEN: Self = Self {
        broken: None,
        waiting: ParkList::new(),
    };
}

#[cfg(feature = "alloc")]
impl<B: Backend> Pool<B> {
    pub(crate) fn new(config: Config<B>) -> Self {
        let max_workers = match B::WORKERS {
            Workers::Own => config.max_workers,
            Workers::Waiter | Workers::Submitter => 0,
        };
        let lock = <B::Platform as Platform>::Lock::new;
        Self(Shared::new(Core {
            idle: Idle::over(lock(), max_workers),
            queue: config.queue,
            producers: Producers::over(lock()),
            returned: Returned::over(lock()),
            end: Locked::over(lock(), End::OPEN),
            cancelled_since: AtomicUsize::new(0),
            policy: config.policy,
            spawner: config.spawner,
            initializing: AtomicUsize::new(0),
            initializer: config.initializer,
            owner: Owner::new().with_hook(config.error_hook),
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

    /// What happens to a call that finds the queue full. Without an allocator there are only pools that refuse it.
    #[cfg(feature = "alloc")]
    fn policy(&self) -> Policy {
        self.policy
    }

    #[cfg(not(feature = "alloc"))]
    fn policy(&self) -> Policy {
        Policy::Reject
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
        if let Some(task) = self.returned.pop() {
            return Some(task);
        }
        let popped = self.queue.pop()?;
        if popped.waiting {
            self.producers.room_made(&self.queue);
        }
        Some(popped.value)
    }

    /// Whether a worker that looks now would find a call.
    #[inline]
    fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.returned.len() > 0
    }

    /// Calls that wait to be taken, and what is left of those that were cancelled.
    fn entries(&self) -> usize {
        self.queue.len() + self.returned.len()
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
