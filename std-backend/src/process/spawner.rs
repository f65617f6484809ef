//! Starts a worker: the process, and the thread that looks after it.

use std::sync::Arc;

use concurrent_futures_core::platform::{Entry, SpawnError, Spawner};

use super::{child::Child, settings::Shared};
use crate::spawner::ThreadSpawner;

/// Starts one process, and one thread that looks after it, per worker.
#[derive(Debug)]
pub(crate) struct ProcessSpawner {
    threads: ThreadSpawner,
    shared: Arc<Shared>,
}

impl ProcessSpawner {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            threads: ThreadSpawner::new(shared.settings.prefix.clone(), None, false),
            shared: Arc::clone(shared),
        }
    }
}

impl Spawner for ProcessSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        match Child::launch(&self.shared) {
            Ok(child) => self.shared.hand_over(child),
            Err(_) => return Err(SpawnError::new(entry)),
        }
        let started = self.threads.spawn(entry);
        if started.is_err()
            && let Some(child) = self.shared.adopt()
        {
            child.bury();
        }
        started
    }

    fn join(&self) {
        self.threads.join();
    }
}
