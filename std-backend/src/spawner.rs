//! Starting and joining worker threads.

use std::{
    cell::Cell,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use concurrent_futures_core::platform::{Entry, SpawnError, Spawner};

use crate::panic_location;

/// Starts one named thread per worker.
#[derive(Debug)]
pub struct ThreadSpawner {
    prefix: String,
    stack_size: Option<usize>,
    panic_location: bool,
    next: AtomicUsize,
    threads: Mutex<Threads>,
    joined: Condvar,
}

#[derive(Debug, Default)]
struct Threads {
    started: Vec<JoinHandle<()>>,
    /// Threads that somebody is joining right now.
    joining: usize,
}

thread_local! {
    /// The spawner of this thread, also while its thread-local values are dropped.
    static SPAWNER: Cell<*const ThreadSpawner> = const { Cell::new(std::ptr::null()) };
}

impl ThreadSpawner {
    pub(crate) fn new(prefix: String, stack_size: Option<usize>, panic_location: bool) -> Self {
        Self {
            prefix,
            stack_size,
            panic_location,
            next: AtomicUsize::new(0),
            threads: Mutex::default(),
            joined: Condvar::new(),
        }
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spawner for ThreadSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let mut builder = thread::Builder::new().name(format!("{}_{index}", self.prefix));
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        // The entry stays here in case the thread cannot be started.
        let entry = Arc::new(Mutex::new(Some(entry)));
        let take = |entry: &Mutex<Option<Entry>>| {
            entry.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        let record = self.panic_location;
        let spawner = std::ptr::from_ref(self).addr();
        // Held until the thread is in the list: whoever joins must find it, however soon it ends.
        let mut threads = self.threads();
        let started = builder.spawn({
            let entry = Arc::clone(&entry);
            move || {
                SPAWNER.set(std::ptr::without_provenance(spawner));
                panic_location::record_here(record);
                if let Some(entry) = take(&entry) {
                    entry.run();
                }
            }
        });
        match started {
            Ok(thread) => {
                threads.started.push(thread);
                Ok(())
            }
            Err(_) => match take(&entry) {
                Some(entry) => Err(SpawnError::new(entry)),
                None => unreachable!("a thread that was not started took nothing"),
            },
        }
    }

    /// Joins all threads; none can be started meanwhile, because the pool is closed. Thread-local values of the caller's own
    /// may be dropped on such a thread and call this: there is nothing that it could wait for.
    fn join(&self) {
        if SPAWNER.get().addr() == std::ptr::from_ref(self).addr() {
            return;
        }
        let mut threads = self.threads();
        while let Some(thread) = threads.started.pop() {
            threads.joining += 1;
            drop(threads);
            // A worker's life catches every panic; what is left are those of thread-local values, which end the thread.
            let _ = thread.join();
            threads = self.threads();
            threads.joining -= 1;
            self.joined.notify_all();
        }
        while threads.joining > 0 {
            threads = self
                .joined
                .wait(threads)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
