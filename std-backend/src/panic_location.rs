//! Where a call panicked: a process-wide hook, put in front of the one that is there, once, and only when a pool asks for it.

use std::{
    cell::{Cell, RefCell},
    panic,
    sync::Once,
};

thread_local! {
    static RECORD: Cell<bool> = const { Cell::new(false) };
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Puts the hook in place.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if RECORD.get() {
                let location = info.location().map(ToString::to_string);
                // A thread that is ending has dropped its place for it.
                let _ = LOCATION.try_with(|last| *last.borrow_mut() = location);
            }
            next(info);
        }));
    });
}

/// Says whether panics of this thread are to be recorded.
pub(crate) fn record_here(record: bool) {
    RECORD.set(record);
}

/// What panicked before is over.
#[inline]
pub(crate) fn forget() {
    if RECORD.get() {
        take();
    }
}

/// Takes the location of this thread's last panic, if it was recorded.
pub(crate) fn take() -> Option<String> {
    if RECORD.get() {
        LOCATION
            .try_with(|last| last.borrow_mut().take())
            .unwrap_or_default()
    } else {
        None
    }
}
