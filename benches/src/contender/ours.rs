//! This library: `ThreadPoolExecutor::spawn` and `Future::result`, nothing else.
//!
//! The queue keeps its default capacity and policy, so a caller that gets more than 65,536 calls ahead of the workers
//! is blocked for a while, and that time counts. Only `memory` asks for more room, because there the workers stand still.

use concurrent_futures::{Future, ThreadPoolBuilder, ThreadPoolExecutor};

use super::{Contender, WORKERS};

/// A [`ThreadPoolExecutor`]; a handle is its [`Future`].
#[derive(Debug)]
pub struct Ours {
    pool: ThreadPoolExecutor,
}

impl Ours {
    fn build(builder: ThreadPoolBuilder) -> Self {
        let pool = builder
            .max_workers(WORKERS)
            .build()
            .expect("starting the pool");
        Self { pool }
    }
}

impl Contender for Ours {
    type Handle<T: Send + 'static> = Future<T>;

    fn start() -> Self {
        Self::build(ThreadPoolExecutor::builder())
    }

    fn start_with_room_for(pending: usize) -> Self {
        Self::build(ThreadPoolExecutor::builder().capacity(pending.next_power_of_two()))
    }

    fn spawn<T, F>(&self, call: F) -> Future<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        match self.pool.spawn(call) {
            Ok(future) => future,
            Err(refusal) => panic!("the pool refused a call: {}", refusal.without_inner()),
        }
    }

    fn get<T: Send + 'static>(&self, handle: Future<T>) -> T {
        match handle.result() {
            Ok(result) => result,
            Err(error) => panic!("a call has no result: {error}"),
        }
    }
}
