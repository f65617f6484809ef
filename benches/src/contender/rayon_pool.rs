//! rayon: `ThreadPool::spawn`, which boxes the closure, and a `oneshot` channel for the result: two allocations.
//!
//! rayon is made for work that splits itself up inside the pool; calls from outside, as here, go through its injector.

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Contender, WORKERS};

/// A rayon [`ThreadPool`]; a handle is the receiver of a `oneshot` channel.
#[derive(Debug)]
pub struct RayonPool {
    pool: ThreadPool,
}

impl Contender for RayonPool {
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn start() -> Self {
        let pool = ThreadPoolBuilder::new()
            .num_threads(WORKERS)
            .build()
            .expect("starting the pool");
        Self { pool }
    }

    fn spawn<T, F>(&self, call: F) -> oneshot::Receiver<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, handle) = oneshot::channel();
        self.pool.spawn(move || {
            let _ = answer.send(call());
        });
        handle
    }

    fn get<T: Send + 'static>(&self, handle: oneshot::Receiver<T>) -> T {
        handle.recv().expect("a call has no result")
    }
}
