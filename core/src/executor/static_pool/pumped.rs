//! No workers: whoever waits for a call, or asks, runs the calls.

use core::fmt;

use crate::platform::{Entry, SpawnError, Spawner};

/// Starts no workers: whoever waits for a call of the [`StaticPool`](super::StaticPool), or asks, runs its calls.
pub struct Pumped {
    pend: Option<fn()>,
}

impl Pumped {
    pub(super) const fn new() -> Self {
        Self { pend: None }
    }

    pub(super) const fn by(pend: fn()) -> Self {
        Self { pend: Some(pend) }
    }
}

impl Spawner for Pumped {
    const STARTS: bool = false;

    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        Err(SpawnError::new(entry))
    }

    fn pend(&self) {
        if let Some(pend) = self.pend {
            pend();
        }
    }
}

impl fmt::Debug for Pumped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pumped").finish_non_exhaustive()
    }
}
