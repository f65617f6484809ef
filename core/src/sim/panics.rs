//! What panics inside of a simulation say: kept for its report instead of printed, since thousands of runs may panic on purpose.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
};
use core::any::Any;
use std::{panic, sync::Once};

use super::{fault::Caught, trace::What, world};

fn or_no_text(message: Option<&str>) -> String {
    message.unwrap_or("something that is not text").to_owned()
}

/// Puts a hook before the program's own, once, that notes the panics of virtual threads. All others go on to the program's.
pub(super) fn keep() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let caught = Caught {
                message: or_no_text(info.payload_as_str()),
                place: info.location().map(ToString::to_string),
            };
            if !world::note_panic(caught) {
                others(info);
            }
        }));
    });
}

/// What was caught on the current virtual thread, with this payload; and notes it, if the hook did not.
pub(super) fn take(payload: &(dyn Any + Send)) -> Caught {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = or_no_text(text);
    // One that was caught by the user's own code, and not this one, may be what was noted last.
    let noted = world::take_panic().filter(|noted| noted.message == message);
    noted.unwrap_or_else(|| {
        world::inside(|world, _| world.record(What::Panics(message.clone())));
        Caught {
            message,
            place: None,
        }
    })
}
