//! What can be chosen for one call.

use std::time::Duration;

/// How one call is to be run: see [`submit_with`](super::ProcessPoolHandle::submit_with). What is not said is as for the pool.
///
/// ```
/// use concurrent_futures::CallOptions;
/// use std::time::Duration;
///
/// let careful = CallOptions::new().timeout(Duration::from_secs(2)).retry(1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
}

impl CallOptions {
    /// As the pool has it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            timeout: None,
            retries: None,
        }
    }

    /// For how long the call may run, from when a worker starts it; for ever with [`Duration::MAX`], whatever the pool's limit. Then its worker is ended, and its future fails with
    /// [`TaskError::TimedOut`](crate::TaskError::TimedOut).
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// How often the call is run again if its worker dies under it, but not if that was because it ran for too long.
    #[must_use]
    pub const fn retry(mut self, times: u32) -> Self {
        self.retries = Some(times);
        self
    }
}
