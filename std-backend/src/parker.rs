//! Parking a thread of the operating system.

use std::{
    sync::Arc,
    task::{Wake, Waker},
    thread::{self, Thread},
};

use concurrent_futures_core::platform::{Clock, Parker, Time, Unparker};

use crate::platform::StdClock;

/// The calling thread's own token, that of [`std::thread::park`]: it is put and taken without a system call unless the thread
/// really sleeps.
#[derive(Debug)]
pub struct ThreadParker(());

impl ThreadParker {
    pub(crate) const HERE: Self = Self(());
}

struct WakeThread(Thread);

impl Wake for WakeThread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

fn waker() -> Waker {
    Waker::from(Arc::new(WakeThread(thread::current())))
}

thread_local! {
    static WAKER: Waker = waker();
}

impl Parker for ThreadParker {
    fn unparker(&self) -> Unparker {
        // A thread that is ending, and has dropped its own, makes another.
        Unparker::new(WAKER.try_with(Waker::clone).unwrap_or_else(|_| waker()))
    }

    fn park(&self) {
        thread::park();
    }

    fn park_until(&self, deadline: Time) {
        if let Some(now) = StdClock::now() {
            let left = deadline.saturating_since(now);
            if !left.is_zero() {
                thread::park_timeout(left);
            }
        }
    }
}
