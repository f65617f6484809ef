//! executors: `Executor::execute` on its work-stealing pool, and a `oneshot` channel for the result: two allocations.
//!
//! Of the crate's three pools this is the one to beat: the channel pool and the wrapped `threadpool` were about as fast
//! in `throughput`, but slower in `multi_producer` and `round_trip`. `small_pool` is its variant for up to 32 threads.

use executors::Executor;
use executors::crossbeam_workstealing_pool::{ThreadPool, small_pool};
use executors::parker::{SmallThreadData, StaticParker};

use super::{Contender, WORKERS};

/// A work-stealing [`ThreadPool`] of `executors`; a handle is the receiver of a `oneshot` channel.
#[derive(Debug)]
pub struct ExecutorsPool {
    pool: ThreadPool<StaticParker<SmallThreadData>>,
}

impl Contender for ExecutorsPool {
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn start() -> Self {
        Self {
            pool: small_pool(WORKERS),
        }
    }

    fn spawn<T, F>(&self, call: F) -> oneshot::Receiver<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, handle) = oneshot::channel();
        self.pool.execute(move || {
            let _ = answer.send(call());
        });
        handle
    }

    fn get<T: Send + 'static>(&self, handle: oneshot::Receiver<T>) -> T {
        handle.recv().expect("a call has no result")
    }
}

impl Drop for ExecutorsPool {
    fn drop(&mut self) {
        // Dropping the pool would not wait for its threads, and the next contender would share the cores with them.
        self.pool.shutdown_borrowed().expect("stopping the pool");
    }
}
