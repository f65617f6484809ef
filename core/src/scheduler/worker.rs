//! A worker's life: initialise, then take, start, run and finish until there is nothing left.

#[cfg(feature = "alloc")]
use core::cell::Cell;
use core::{ops::ControlFlow, ptr::NonNull};

use super::{Backend, Initializer, Pool, Workers, backend::Cause};
#[cfg(feature = "alloc")]
use super::{Carry, Taken, Worker};
use crate::{
    future::{BrokenExecutor, CancelledBy, Panic},
    platform::{Entry, EntryActions, Erased, Platform, WorkerContext, spin},
    queue::Queue,
    sync::{Essential, Ordering, Shared, essential, fence},
    task::{Local, Ran, Running, Started, Task},
};

impl<B: Backend> Pool<B> {
    /// Whether its workers have calls run elsewhere.
    #[cfg(feature = "alloc")]
    const CARRIES: bool = B::CARRY.is_some();
    #[cfg(not(feature = "alloc"))]
    const CARRIES: bool = false;

    const ENTRY: &'static EntryActions = &EntryActions {
        run: Self::run_entry,
        abandon: Self::abandon_entry,
    };

    /// A worker's life, for the spawner. The worker is counted already.
    pub(super) fn entry(&self) -> Entry {
        let pool = self.0.clone().into_raw();
        // SAFETY: both actions take back the share that was just given away.
        unsafe { Entry::new(Self::ENTRY, pool) }
    }

    /// # Safety
    /// `pool` was given away by [`entry`](Self::entry), and is taken back once.
    unsafe fn run_entry(pool: NonNull<()>) {
        // SAFETY: as for this function.
        Self(unsafe { Shared::from_raw(pool) }).live();
    }

    /// # Safety
    /// As for [`run_entry`](Self::run_entry).
    unsafe fn abandon_entry(pool: NonNull<()>) {
        // SAFETY: as for this function.
        Self(unsafe { Shared::from_raw(pool) }).not_started();
    }

    /// One worker, from its first breath to its last.
    fn live(self) {
        self.idle.begin();
        let context = WorkerContext::new(self.owner(), B::Platform::current());
        #[cfg(feature = "alloc")]
        let context = context.carrying(Self::CARRIES);
        B::Platform::enter(&context, || {
            match self.initialize() {
                Ok(local) => {
                    if !Self::CARRIES {
                        context.set_local(Some(NonNull::from(&local).cast()));
                    }
                    self.work(Local(NonNull::from(&local).cast()));
                    context.set_local(None);
                    // Worker-local values are dropped on their worker, before it is counted as gone.
                    let mut local = Some(local);
                    Erased::<B::Platform>::RUNTIME.quietly(&mut || drop(local.take()));
                }
                Err(cause) => {
                    self.break_down(BrokenExecutor::new(B::KIND, cause));
                    self.idle.search();
                }
            }
            self.idle.leave(true);
            // SeqCst: who gives a call back either sees that no worker is left, or is seen here.
            fence(Ordering::SeqCst);
            self.cancel_unattended();
            // One that ended early may have been the last.
            if Self::CARRIES && self.has_work() {
                self.rescue();
            }
            self.worker_gone();
        });
    }

    /// Comes in counted as searching, and leaves so only if it succeeds.
    fn initialize(&self) -> Result<<B::Initializer as Initializer>::Local, Cause> {
        let is_trivial = self.initializer.is_trivial();
        if !is_trivial {
            // It may take long: who submits meanwhile finds somebody else. This worker is good for one call.
            let initializing = self.initializing.fetch_add(1, Ordering::AcqRel) + 1;
            if self.idle.found() && self.entries() > initializing {
                self.rouse();
            }
        }
        let made = match B::Platform::catch(|| self.initializer.init()) {
            Ok(made) => made.map_err(failed),
            Err(payload) => {
                let panic = Panic::from(payload);
                let cause = panicked(&panic);
                let mut panic = Some(panic);
                Erased::<B::Platform>::RUNTIME.quietly(&mut || panic = None);
                Err(cause)
            }
        };
        if !is_trivial {
            self.initializing.fetch_sub(1, Ordering::AcqRel);
        }
        match &made {
            Ok(_) if !is_trivial => self.idle.search(),
            Err(_) if is_trivial => self.stop_searching(),
            _ => {}
        }
        made
    }

    /// The loop of a worker that has what it needs. It begins and ends counted as searching, but for one that ends early.
    fn work(&self, local: Local) {
        let mut searching = true;
        loop {
            if let Some(task) = self.take() {
                if searching {
                    self.stop_searching();
                }
                let (next, still) = self.run_or_carry(task, local);
                searching = still;
                if next.is_break() {
                    if !searching {
                        self.idle.search();
                    }
                    return;
                }
            } else if !searching {
                self.idle.search();
                searching = true;
            } else if self.spin() {
            } else if !self.idle.census().is_closed() {
                self.idle.sleep(|| self.has_work());
            } else {
                // SeqCst: a submitter whose push the look below misses sees that the pool is closed.
                fence(Ordering::SeqCst);
                if !self.has_work() {
                    return;
                }
            }
        }
    }

    /// Runs a call, here or elsewhere. Says besides whether the worker is now counted as searching.
    #[inline]
    fn run_or_carry(&self, task: Task, local: Local) -> (ControlFlow<()>, bool) {
        #[cfg(feature = "alloc")]
        if let Some(carry) = B::CARRY {
            return self.carry(carry, task, local);
        }
        (ControlFlow::Continue(()), self.run(task, local))
    }

    /// Has a call, and maybe more, run elsewhere. Says besides whether the worker is now counted as searching.
    #[cfg(feature = "alloc")]
    fn carry(&self, carry: Carry<B>, task: Task, local: Local) -> (ControlFlow<()>, bool) {
        let worker = Worker {
            pool: self,
            local,
            searching: Cell::new(false),
        };
        let next = carry(&worker, Taken::new(self, task));
        (next, worker.searching.get())
    }

    /// Looks for work for a short while; true if there may be some.
    fn spin(&self) -> bool {
        spin(Self::CARRIES, B::Platform::relax, || self.has_work())
    }

    /// Runs one call. Returns whether the worker is now counted as searching.
    #[inline]
    fn run(&self, task: Task, local: Local) -> bool {
        let Started::Run(running) = task.start(&self.owner) else {
            return false;
        };
        self.publish(running.run(local), true)
    }

    /// Publishes the outcome of a call. Returns whether the worker is now counted as searching, which it is not if this is not the `last` call
    /// that it has.
    #[inline]
    pub(super) fn publish(&self, ran: Ran, last: bool) -> bool {
        // Counted before the outcome is out: whoever gets it and submits the next call finds this worker idle.
        let mut searching = last && self.queue.is_empty();
        if searching {
            self.idle.search();
        }
        self.owner.ran();
        ran.finish(self.hook(), &mut || {
            // It may take long; a worker in there is not idle.
            if core::mem::take(&mut searching) {
                self.stop_searching();
            }
        });
        searching
    }

    /// No longer counted as searching; if nobody else is, wakes somebody for what is in the queue.
    pub(super) fn stop_searching(&self) {
        if self.idle.found() && essential(Essential::ChainWake) && self.has_work() {
            self.rouse();
        }
    }

    /// A worker that was counted will never live.
    fn not_started(&self) {
        self.idle.not_started();
        if essential(Essential::GrowthLooksAgain) && self.has_work() {
            self.rescue();
        }
        self.worker_gone();
    }

    /// Runs one call of a pool without workers on the calling thread; false if there is none.
    pub(crate) fn pump(&self) -> bool {
        // Before it takes one: a shutdown that finds no call finds the caller.
        self.as_worker(|| {
            let task = self.take();
            let found = task.is_some();
            if let Some(Started::Run(running)) = task.map(|task| task.start(&self.owner)) {
                self.run_in_context(running);
            }
            found
        })
    }

    /// Counts the caller, of a pool without workers, as one.
    fn as_worker<R>(&self, code: impl FnOnce() -> R) -> R {
        // Where the pool has workers of its own, whoever runs a call by hand takes none of their places.
        let counted = B::WORKERS != Workers::Own && self.idle.enter();
        let result = code();
        if counted {
            self.idle.leave(false);
            self.worker_gone();
        }
        result
    }

    /// Runs a call on the calling thread, which is a worker for as long.
    pub(super) fn run_as_worker(&self, task: Task) {
        if let Started::Run(running) = task.start(&self.owner) {
            self.run_started(running);
        }
    }

    pub(crate) fn run_started(&self, running: Running) {
        self.as_worker(|| self.run_in_context(running));
    }

    fn run_in_context(&self, running: Running) {
        let context = WorkerContext::new(self.owner(), B::Platform::current());
        context.set_local(Some(Local::NONE.0));
        B::Platform::enter(&context, || {
            let ran = running.run(Local::NONE);
            self.owner.ran();
            ran.finish(self.hook(), &mut || ());
        });
    }

    /// Puts a call that was taken and not started back, ahead of all others (the last of the four seams).
    #[cfg(feature = "alloc")]
    pub(crate) fn give_back(&self, task: Task) {
        task.nudge_after(|task| self.returned.push(task));
        if self.idle.pushed().0 {
            self.rouse();
        }
        self.cancel_unattended();
    }

    /// The pool is closed and its last worker is gone: nobody will run what was given back since. What is in the queue is taken
    /// back by who submitted it.
    fn cancel_unattended(&self) {
        while B::WORKERS == Workers::Own
            && self.returned.len() > 0
            && self.idle.census().is_closed()
            && self.idle.census().total() == 0
            && let Some(task) = self.returned.pop()
        {
            if task.cancel(&self.owner, CancelledBy::Shutdown) {
                self.cancelled_since.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(feature = "alloc")]
fn failed(cause: Cause) -> Cause {
    alloc::format!("the initializer failed: {cause}")
}

#[cfg(not(feature = "alloc"))]
fn failed(cause: Cause) -> Cause {
    cause
}

#[cfg(feature = "alloc")]
fn panicked(panic: &Panic) -> Cause {
    alloc::format!("the initializer {panic}")
}

#[cfg(not(feature = "alloc"))]
fn panicked(_: &Panic) -> Cause {
    "the initializer panicked"
}
