//! Panics of calls in a worker: what they said, where, and the stack, which is known only to the panic hook.
//!
//! In a program that aborts when it panics, the hook is the last of it that runs: it sends what it knows itself.

use std::{
    any::Any,
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    io, panic,
};

use concurrent_futures_core::future::CodecStage;

use super::{
    codec,
    failure::Failure,
    outbox::Outbox,
    wire::{self, Header, Kind},
};

thread_local! {
    /// Where this process writes to: on the one thread that does.
    static OUTBOX: RefCell<Option<Outbox>> = const { RefCell::new(None) };
    /// What the hook has seen on this thread since it was last asked; only on the thread that runs calls.
    static SEEN: RefCell<Option<(Option<String>, String)>> = const { RefCell::new(None) };
    static IS_CALLER: Cell<bool> = const { Cell::new(false) };
    /// The call and the item that run, if any do.
    static ABOUT: Cell<Option<(u32, u32)>> = const { Cell::new(None) };
}

/// The calling thread writes to the pool by this from here on.
pub(crate) fn set_outbox(outbox: Outbox) {
    OUTBOX.set(Some(outbox));
}

/// Writes to the pool.
pub(crate) fn with_outbox(write: impl FnOnce(&mut Outbox) -> io::Result<()>) -> io::Result<()> {
    OUTBOX.with_borrow_mut(|outbox| match outbox {
        Some(outbox) => write(outbox),
        None => Err(io::ErrorKind::NotConnected.into()),
    })
}

/// From here on this thread runs calls, and its panics are recorded before the hook that was there is called.
pub(crate) fn install() {
    IS_CALLER.set(true);
    let next = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if IS_CALLER.try_with(Cell::get).unwrap_or(false) {
            let location = info.location().map(ToString::to_string);
            let stack = Backtrace::force_capture().to_string();
            if cfg!(panic = "abort") {
                last_words(&failure(info.payload(), location, stack));
            } else {
                let _ = SEEN.try_with(|seen| *seen.borrow_mut() = Some((location, stack)));
            }
        }
        next(info);
    }));
}

/// The calling thread is about to run this.
pub(crate) fn about(call: u32, item: u32) {
    ABOUT.set(Some((call, item)));
}

/// What came of a panic that was caught.
pub(crate) fn taken(payload: &(dyn Any + Send)) -> Failure {
    let (location, stack) = SEEN.take().unwrap_or_default();
    failure(payload, location, stack)
}

fn failure(payload: &dyn Any, location: Option<String>, backtrace: String) -> Failure {
    let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a payload that is no text".to_owned()
    };
    Failure::Panic {
        message,
        location,
        backtrace,
    }
}

/// This process ends after it.
fn last_words(failure: &Failure) {
    let mut body = Vec::new();
    let header = match ABOUT.get() {
        Some((call, item)) => {
            // It is made of texts.
            let _ = codec::encode(failure, &mut body, CodecStage::EncodeResult);
            Header {
                kind: Kind::Failure,
                last: false,
                call,
                length: wire::length_of(body.len()),
                item,
                nanos: 0,
            }
        }
        None => {
            body = failure.about_initializer().into_bytes();
            Header::plain(Kind::Unfit, body.len())
        }
    };
    // There is nothing left to do if this fails.
    let _ = with_outbox(|outbox| {
        outbox.frame(header, &body)?;
        outbox.flush()
    });
}
