//! How a pool ends: closed, drained, cancelled or broken.

use core::{fmt, pin::pin, ptr::NonNull, time::Duration};

use super::{Backend, Pool, Workers, park_list::Parked};
use crate::{
    future::{BrokenExecutor, CancelledBy, TaskError},
    platform::{Clock, Current, Deadline, Parker, Platform, Spawner},
    sync::Ordering,
    task::{Started, Task},
};

/// What a shutdown found and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Calls that ran to their end since the pool was closed.
    pub ran: usize,
    /// Calls that were cancelled since the pool was closed.
    pub cancelled: usize,
    /// Calls that run still.
    pub still_running: usize,
    /// Calls that wait still, and will be run.
    pub still_queued: usize,
}

/// Why a shutdown did not wait. The pool is closed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownError {
    /// A worker of the pool cannot wait for its own end; shut down from elsewhere, or without waiting.
    FromWorker,
    /// This context must not wait.
    WouldBlock,
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FromWorker => {
                "the pool is closed, but its own worker cannot wait for it to end; shut down without waiting"
            }
            Self::WouldBlock => "the pool is closed, but this context must not wait for it to end",
        })
    }
}

impl core::error::Error for ShutdownError {}

/// For how long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    No,
    Forever,
    For(Duration),
}

impl<B: Backend> Pool<B> {
    /// Closes the pool, cancels what waits if asked to, and waits for its workers to be gone.
    pub(crate) fn shutdown(
        &self,
        wait: Wait,
        cancel_futures: bool,
    ) -> Result<ShutdownReport, ShutdownError> {
        let now = <B::Platform as Platform>::Clock::now;
        let deadline = match wait {
            Wait::For(timeout) => Some(Deadline::after(now(), timeout)),
            Wait::Forever => Some(Deadline::Never),
            Wait::No => None,
        };
        self.close();
        if cancel_futures {
            while let Some(task) = self.take() {
                if task.cancel(&self.owner, CancelledBy::Shutdown) {
                    self.cancelled_since.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if let Some(deadline) = deadline {
            if self.own_context().is_some() {
                return Err(ShutdownError::FromWorker);
            }
            if matches!(B::Platform::current(), Current::MustNotBlock) {
                return Err(ShutdownError::WouldBlock);
            }
            while B::WORKERS == Workers::Waiter && !deadline.is_over(now) && self.pump() {}
            if self.wait_for_workers(deadline) {
                self.spawner.join();
            }
        }
        let stats = self.stats();
        Ok(ShutdownReport {
            ran: self.owner.ran_since_closed(),
            cancelled: self.cancelled_since.load(Ordering::Relaxed),
            still_running: stats.workers - stats.idle.min(stats.workers),
            still_queued: stats.queued,
        })
    }

    /// Takes no more calls; what waits will be run.
    pub(super) fn close(&self) {
        self.owner.close();
        self.idle.close();
        self.producers.wake_all(&self.queue);
    }

    /// Takes no more calls, and fails those that wait, each with a cause of its own.
    pub(super) fn break_down(&self, broken: BrokenExecutor) {
        self.end.with(|end| {
            end.broken.get_or_insert_with(|| broken.clone());
        });
        self.close();
        while let Some(task) = self.take() {
            self.fail(task, TaskError::Broken(broken.clone()));
        }
    }

    fn fail(&self, task: Task, error: TaskError) {
        if let Started::Run(running) = task.start(&self.owner) {
            running.discard(error, self.hook());
        }
    }

    /// A worker could not be started, and submitters may have relied on it: wakes another, or fails what nobody will run.
    #[cold]
    pub(super) fn rescue(&self) {
        match self.idle.rouse(|| false) {
            super::idle::Rouse::Sleeper(unparker) => unparker.unpark(),
            // Those that are busy look at the queue before they sleep.
            _ => {
                while self.idle.census().total() == 0
                    && let Some(task) = self.take()
                {
                    self.fail(task, TaskError::NoWorker);
                }
            }
        }
    }

    /// One worker less: whoever waits for the last one looks.
    pub(super) fn worker_gone(&self) {
        // Looked at each time: if there is a worker again, whoever is woken lists itself again.
        while self.idle.census().total() == 0
            && let Some(unparker) = self.end.with(|end| end.waiting.pop_oldest())
        {
            unparker.unpark();
        }
    }

    /// Waits until no worker, and no caller that acts as one, is left; false if the time was over first.
    fn wait_for_workers(&self, deadline: Deadline) -> bool {
        let node = pin!(Parked::new());
        let node = node.as_ref().get_ref();
        let _waiting = Waiting { pool: self, node };
        loop {
            B::Platform::with_parker(|parker| {
                self.end.with(|end| {
                    if !node.is_linked() {
                        // SAFETY: the node is pinned, and `_waiting` removes it before its frame goes.
                        unsafe { end.waiting.push(NonNull::from(node), parker.unparker()) };
                    }
                });
            });
            // The last worker takes itself off the census before it takes the lock of the list: either it finds the node
            // there, or this look finds no worker.
            if self.idle.census().total() == 0 {
                return true;
            }
            if deadline.is_over(<B::Platform as Platform>::Clock::now) {
                return false;
            }
            B::Platform::with_parker(|parker| deadline.park(parker));
        }
    }
}

struct Waiting<'a, B: Backend> {
    pool: &'a Pool<B>,
    node: &'a Parked,
}

impl<B: Backend> Drop for Waiting<'_, B> {
    fn drop(&mut self) {
        self.pool.end.with(|end| end.waiting.remove(self.node));
    }
}
