//! What panics inside of a simulation say: kept for its report instead of printed, since thousands of runs may panic on purpose.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
};
use core::{
    any::Any,
    cell::{Cell, RefCell},
};
use std::{panic, sync::Once};

std::thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the panics of this thread for [`take`], from now on. The first call puts a hook before the program's own, which goes on
/// to be called for the panics of all other threads.
pub(super) fn keep() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                let place = info.location().map(ToString::to_string);
                PLACE.with_borrow_mut(|kept| *kept = place);
            } else {
                others(info);
            }
        }));
    });
    QUIET.set(true);
}

/// The message of a panic that was just caught on this thread, and its place.
pub(super) fn take(payload: &(dyn Any + Send)) -> (String, Option<String>) {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = PLACE.with_borrow_mut(Option::take);
    (
        text.unwrap_or("with something that is not text").to_owned(),
        place,
    )
}
