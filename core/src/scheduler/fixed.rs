//! Pools in a `static`, and what interrupt handlers ask of them.

#[cfg(not(cf_model))]
use core::mem::ManuallyDrop;

use super::{Backend, Pool, Refused, Why, Workers, idle::Census};
#[cfg(not(cf_model))]
use super::{Core, End, Idle, Producers, Returned};
#[cfg(all(feature = "alloc", not(cf_model)))]
use crate::queue::Policy;
use crate::{
    future::CancelledBy,
    platform::{InterruptUnpark, Lock, Spawner},
    queue::{Inbox, Queue},
    sync::{Essential, essential},
    task::{Task, header::Raw},
};
#[cfg(not(cf_model))]
use crate::{
    platform::{ConstLock, Locked, Owner, Platform},
    sync::{AtomicUsize, Counted},
};

#[cfg(not(cf_model))]
impl<B: Backend<Initializer = ()>> Core<B>
where
    <B::Platform as Platform>::Lock: ConstLock,
{
    /// A pool for a `static`, which refuses calls when its queue is full.
    pub(crate) const fn fixed(max_workers: usize, queue: B::Queue, spawner: B::Spawner) -> Self {
        Self {
            idle: Idle::over(ConstLock::NEW, max_workers),
            queue,
            producers: Producers::over(ConstLock::NEW),
            returned: Returned::over(ConstLock::NEW),
            end: Locked::over(ConstLock::NEW, End::OPEN),
            cancelled_since: AtomicUsize::new(0),
            #[cfg(feature = "alloc")]
            policy: Policy::Reject,
            spawner,
            initializing: AtomicUsize::new(0),
            initializer: (),
            owner: Owner::new(),
        }
    }
}

#[cfg(not(cf_model))]
impl<B: Backend> Pool<B> {
    /// The pool in a `static`, whose share of itself is for ever.
    #[inline]
    pub(crate) fn lend(core: &'static Counted<Core<B>>) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self(ManuallyDrop::into_inner(core.lend())))
    }
}

impl<B: Backend> Pool<B> {
    /// A call was submitted: tells whoever runs the calls of a pool without workers.
    pub(crate) fn pend(&self) {
        if !B::Spawner::STARTS {
            self.spawner.pend();
        }
    }

    /// Starts as many workers as there may be; says how many there are.
    pub(crate) fn start_all(&self) -> usize {
        // No more often: a worker that the platform accepts may end, or be dropped, at once.
        for _ in 0..self.idle.max_workers() {
            if !self.idle.hire() || self.start_worker().is_err() {
                break;
            }
        }
        self.idle.census().total()
    }
}

impl<B, L, const N: usize> Pool<B>
where
    B: Backend<Queue = Inbox<Task, L, N>>,
    L: Lock,
{
    /// Takes a call in from an interrupt handler: takes no lock, waits for nobody, starts no worker. `raw` is the same call, of which nobody
    /// else knows. The error is as for [`submit`](Self::submit).
    pub(crate) fn post(&self, task: Task, raw: Raw) -> Result<(), Refused>
    where
        B::Platform: InterruptUnpark,
    {
        if let Some(why) = self.unattended(self.idle.census()) {
            return Err(Refused::Back(why, task));
        }
        if let Err(task) = self.queue.push(task) {
            return Err(Refused::Back(Why::Full, task));
        }
        let (rouse, census) = self.idle.pushed();
        if essential(Essential::PostLooksAgain)
            && let Some(why) = self.unattended(census)
        {
            // Nobody waits for it, so no lock is needed to take it back; a worker, or a shutdown that cancels, may be faster. Its entry
            // stays for whoever passes it: in a pool that is closed that may be nobody, and its slot is not used again.
            self.owner.husk_made();
            if raw.state().cancel(CancelledBy::Shutdown).is_ok() {
                return Err(Refused::Withdrawn(why));
            }
            self.owner.husk_passed();
        } else if rouse {
            self.idle.wake_latest();
        }
        self.pend();
        Ok(())
    }

    /// Why nobody would run a call that an interrupt handler submits, if that is so.
    fn unattended(&self, census: Census) -> Option<Why> {
        if census.is_closed() {
            Some(Why::ShutDown)
        } else if B::WORKERS == Workers::Own && census.total() == 0 {
            Some(Why::NoWorker)
        } else {
            None
        }
    }

    /// Takes the entry of a call that the calling thread has cancelled or claimed out of the queue, if it is there still.
    pub(crate) fn unqueue(&self, raw: Raw) {
        if let Some(task) = self.queue.remove(|task| task.is(raw)) {
            task.pass(&self.owner);
        }
    }
}
