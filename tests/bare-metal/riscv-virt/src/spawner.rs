//! Harts as workers of pools.

use concurrent_futures_core::platform::{Entry, SpawnError, Spawner};

use crate::harts::{self, Job};

/// Gives each worker a hart that has nothing else to do; refuses if there is none.
///
/// Nothing can be joined: a hart whose worker has ended goes back to its mailbox, and can be another worker.
#[derive(Debug)]
pub(crate) struct HartSpawner;

impl Spawner for HartSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        match harts::reserve() {
            Some(hart) => {
                harts::send(hart, Job::Life(entry));
                Ok(())
            }
            None => Err(SpawnError::new(entry)),
        }
    }
}
