//! The owner of a pool.

use core::{fmt, mem::ManuallyDrop, ops::Deref};

use super::Handle;
use crate::scheduler::{self, Backend, Config, Workers};

/// A pool and the right to end it: dropping it takes no more calls, runs those that wait, and joins the workers.
///
/// Everything that a [`Handle`] can do, it can.
pub struct Pool<B: Backend> {
    handle: Handle<B>,
}

impl<B: Backend> Pool<B> {
    /// A pool without any workers yet.
    #[must_use]
    pub fn new(config: Config<B>) -> Self {
        Self {
            handle: Handle::new(scheduler::Pool::new(config)),
        }
    }

    /// Takes no more calls, and leaves those that wait to the workers: neither this nor any drop waits for them.
    pub fn detach(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used, and not dropped, after this.
        let handle = unsafe { core::ptr::read(&this.handle) };
        let _ = handle.shutdown(false, false);
    }
}

impl<B: Backend> Deref for Pool<B> {
    type Target = Handle<B>;

    fn deref(&self) -> &Handle<B> {
        &self.handle
    }
}

impl<B: Backend> Drop for Pool<B> {
    fn drop(&mut self) {
        // On the pool's own worker, or where waiting is not allowed, the pool is closed and runs out by itself; if it has no
        // workers, nobody is left to run what waits.
        if self.handle.shutdown(true, false).is_err() && B::WORKERS == Workers::Waiter {
            let _ = self.handle.shutdown(false, true);
        }
    }
}

impl<B: Backend> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("stats", &self.pool().stats())
            .finish()
    }
}

crate::submit_by_handle!([B: Backend<Cargo = ()>] Pool<B>, B);
