//! What is to be done when the process exits.

use std::{
    mem,
    sync::{Mutex, Once, PoisonError},
    thread,
};

use concurrent_futures_core::platform::{Current, Platform};

use crate::platform::StdPlatform;

type Action = Box<dyn FnOnce() + Send>;

static ACTIONS: Mutex<Vec<Action>> = Mutex::new(Vec::new());

/// Has `action` called when the process exits by returning from `main` or by `std::process::exit`, unless it does so on a
/// worker.
pub(crate) fn at_exit(action: impl FnOnce() + Send + 'static) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function neither unwinds nor returns to this library after it was unloaded: Rust code stays loaded.
        let registered = unsafe { libc::atexit(run) };
        // The only failure is a lack of memory, and then the pools are not waited for.
        debug_assert_eq!(registered, 0);
    });
    actions().push(Box::new(action));
}

fn actions() -> std::sync::MutexGuard<'static, Vec<Action>> {
    ACTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn run() {
    // A call that exits the process cannot wait for its own pool, nor for another that may wait for it.
    if matches!(StdPlatform::current(), Current::Worker(_)) {
        return;
    }
    let actions = mem::take(&mut *actions());
    // On a thread of its own: this one's thread-local values, and its handle for parking, may be gone already.
    let waiting = thread::Builder::new().spawn(move || {
        for action in actions {
            action();
        }
    });
    if let Ok(waiting) = waiting {
        let _ = waiting.join();
    }
}
