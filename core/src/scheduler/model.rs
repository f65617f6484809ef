//! Parts of the scheduler by themselves, for models that would be too large with a whole pool around them.

use core::{marker::PhantomData, ptr::NonNull};

use super::{
    idle::{Idle, Rouse},
    producers::{NoRoom, Producers},
};
use crate::{
    future::{CancelledBy, Future, Hook, TaskError},
    platform::{Deadline, InterruptUnpark, Lock, Owner, Platform, Time, WorkerContext},
    queue::{Inbox, Queue},
    sync::{Essential, Shared, essential},
    task::{Call, Local, Started, Task, allocate},
};

/// Takes the oldest value that is `wanted` out of an inbox, as whoever cancels a call in a slot does.
pub fn remove<T, L: Lock, const N: usize>(
    inbox: &Inbox<T, L, N>,
    wanted: impl Fn(&T) -> bool,
) -> Option<T> {
    inbox.remove(wanted)
}

/// A queue with its blocked producers.
pub struct BlockingQueue<P: Platform, Q> {
    queue: Q,
    producers: Producers<P>,
}

impl<P: Platform, Q> BlockingQueue<P, Q> {
    /// Nobody is blocked yet.
    pub fn new(queue: Q) -> Self {
        Self {
            queue,
            producers: Producers::over(P::Lock::new()),
        }
    }

    /// Pushes, waiting for room for ever, or until `deadline`; says whether there was room.
    pub fn push<T>(&self, value: T, deadline: Option<Time>) -> bool
    where
        Q: Queue<T>,
    {
        let Err(value) = self.queue.push(value) else {
            return true;
        };
        let deadline = deadline.map_or(Deadline::Never, Deadline::At);
        match self.producers.push(&self.queue, value, deadline, || false) {
            Ok(()) => true,
            Err((NoRoom::TimedOut | NoRoom::Closed, _)) => false,
        }
    }

    /// Pops, and wakes a producer.
    pub fn pop<T>(&self) -> Option<T>
    where
        Q: Queue<T>,
    {
        let popped = self.queue.pop()?;
        if popped.waiting {
            self.producers.room_made(&self.queue);
        }
        Some(popped.value)
    }
}

/// Workers and their queue without a pool: no start, no end, and values for calls.
pub struct Sleepers<P: Platform, T, const N: usize> {
    idle: Idle<P>,
    queue: Inbox<T, P::Lock, N>,
}

impl<P: Platform, T: Send + 'static, const N: usize> Sleepers<P, T, N> {
    /// So many workers, which are searching until they come to [`work`](Self::work).
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let idle = Idle::over(P::Lock::new(), workers);
        while idle.hire() {}
        let queue = Inbox::new();
        Self { idle, queue }
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// As a pool does when an interrupt handler submits; says whether there was room.
    pub fn post(&self, value: T) -> bool
    where
        P: InterruptUnpark,
    {
        let pushed = self.queue.push(value).is_ok();
        if pushed && self.idle.pushed().0 {
            self.idle.wake_latest();
        }
        pushed
    }

    /// As a pool does when a thread submits; says whether there was room.
    pub fn submit(&self, value: T) -> bool {
        let pushed = self.queue.push(value).is_ok();
        if pushed && self.idle.pushed().0 && self.has_work() {
            self.rouse();
        }
        pushed
    }

    fn rouse(&self) {
        if let Rouse::Sleeper(unparker) = self.idle.rouse(|| false) {
            unparker.unpark();
        }
    }

    /// As a worker of a pool does, for so many values. After the last it is busy for ever.
    pub fn work(&self, values: usize, run: impl Fn(T)) {
        let mut searching = true;
        let mut left = values;
        while left > 0 {
            if let Some(popped) = self.queue.pop() {
                let was_last = core::mem::take(&mut searching) && self.idle.found();
                if was_last && essential(Essential::ChainWake) && self.has_work() {
                    self.rouse();
                }
                run(popped.value);
                left -= 1;
            } else if searching {
                self.idle.sleep(|| self.has_work());
            } else {
                self.idle.search();
                searching = true;
            }
        }
    }
}

/// One call and the queue entry that leads to it: what a pool of nothing else would be. Whoever holds this is to pass the entry.
pub struct Lone<P: Platform> {
    task: Task,
    worker: LoneWorker<P>,
}

/// A share of the pool of a [`Lone`] call, as its workers hold one.
pub struct LoneWorker<P> {
    owner: Shared<LoneOwner>,
    platform: PhantomData<fn() -> P>,
}

/// An owner that ends with its accounts in order.
struct LoneOwner(Owner);

impl Drop for LoneOwner {
    fn drop(&mut self) {
        assert_eq!(
            self.0.husks(),
            0,
            "a canceller came after its owner was gone"
        );
    }
}

struct LoneCall<F>(F);

impl<R, F: FnOnce() -> R> Call for LoneCall<F> {
    type Output = R;

    fn call(self, _: Local) -> Result<R, TaskError> {
        Ok((self.0)())
    }
}

impl<P: Platform> Lone<P> {
    /// Queues `call`.
    pub fn new<R, F>(call: F) -> (Self, Future<R>)
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        let owner = Shared::new(LoneOwner(Owner::new()));
        let raw = allocate::<P, _, _>(LoneCall(call), Some(NonNull::from(&owner.0)), ());
        // SAFETY: a new cell has a reference for its producer.
        let task = unsafe { Task::new(raw) };
        let platform = PhantomData;
        let worker = LoneWorker { owner, platform };
        // SAFETY: and one for its consumer.
        (Self { task, worker }, unsafe { Future::new(raw) })
    }

    /// Another worker of the same pool.
    #[must_use]
    pub fn worker(&self) -> LoneWorker<P> {
        LoneWorker {
            owner: self.worker.owner.clone(),
            platform: PhantomData,
        }
    }

    /// A worker takes the entry; says whether it ran the call.
    pub fn run(self) -> bool {
        let owner = &self.worker.owner.0;
        match self.task.start(owner) {
            Started::Run(running) => {
                let ran = running.run(Local::NONE);
                owner.ran();
                ran.finish(Hook::of(owner), &mut || ());
                true
            }
            Started::Passed => false,
        }
    }

    /// A shutdown takes the entry; says whether it cancelled the call.
    pub fn cancel(self) -> bool {
        self.task
            .cancel(&self.worker.owner.0, CancelledBy::Shutdown)
    }

    /// A worker takes the entry, starts the call and goes away; says whether the call was there to be started.
    pub fn abandon(self) -> bool {
        let owner = &self.worker.owner.0;
        match self.task.start(owner) {
            Started::Run(running) => {
                running.discard(TaskError::Abandoned, Hook::of(owner));
                true
            }
            Started::Passed => false,
        }
    }
}

impl<P: Platform> LoneWorker<P> {
    /// Runs `life` as on a worker, which claims what it waits for.
    pub fn live<R>(self, life: impl FnOnce() -> R) -> R {
        let context = WorkerContext::new(NonNull::from(&self.owner.0), P::current());
        context.set_local(Some(Local::NONE.0));
        P::enter(&context, life)
    }
}
