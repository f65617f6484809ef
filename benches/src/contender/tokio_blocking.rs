//! tokio: `spawn_blocking` with at most two blocking threads; a handle is tokio's own `JoinHandle`, so there is one
//! allocation.
//!
//! The runtime is the single-threaded one and nobody drives it: spawning and joining blocking calls needs no async
//! worker, and a multi-threaded runtime was no faster. Results are awaited with `Handle::block_on`, which does
//! not drive that runtime either. Many results are collected inside one `block_on`, which is cheaper than one each.
//!
//! tokio's tasks are large and aligned to cache lines. Where many are alive at once, as in `throughput`, a good part of
//! its time goes to the operating system for fresh memory: with an allocator told to keep freed memory, it took about half
//! as long.

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::{Contender, WORKERS};

/// A tokio [`Runtime`] that is used for its blocking threads; a handle is a [`JoinHandle`].
#[derive(Debug)]
pub struct TokioBlocking {
    runtime: Runtime,
}

impl Contender for TokioBlocking {
    type Handle<T: Send + 'static> = JoinHandle<T>;

    fn start() -> Self {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(WORKERS)
            .build()
            .expect("starting the runtime");
        Self { runtime }
    }

    fn spawn<T, F>(&self, call: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.runtime.spawn_blocking(call)
    }

    fn get<T: Send + 'static>(&self, handle: JoinHandle<T>) -> T {
        self.runtime
            .handle()
            .block_on(handle)
            .expect("a call has no result")
    }

    fn get_all<T: Send + 'static>(
        &self,
        handles: &mut Vec<JoinHandle<T>>,
        mut each: impl FnMut(T),
    ) {
        self.runtime.handle().block_on(async {
            for handle in handles.drain(..) {
                each(handle.await.expect("a call has no result"));
            }
        });
    }
}
