//! Ctrl-C: the first cancels what has not started, the second leaves at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

static RAISED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed.
pub(crate) fn raised() -> bool {
    RAISED.load(Ordering::Acquire)
}

/// Calls `cancel` at the first Ctrl-C, in a thread of its own: it may lock and wait like any other
/// code. [`raised`] is true by then.
pub(crate) fn on_interrupt(cancel: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || {
        if RAISED.swap(true, Ordering::AcqRel) {
            process::exit(130);
        }
        cancel();
    })
}
