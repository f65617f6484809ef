//! What a worker has sent: outcomes of calls, for whoever waits for them.

use concurrent_futures_core::future::{CancelledBy, TaskError};

use super::{
    carry::Carrying,
    child::Child,
    codec,
    failure::Failure,
    owner::Owner,
    window::{Hold, Load, Sent},
    wire::{Frame, Kind, WireError},
};

impl Carrying<'_, '_> {
    /// Deals with every frame that is there in full.
    pub(super) fn take_in(&mut self, child: &mut Child) -> Result<(), WireError> {
        loop {
            let frame = self.owner.inbox.borrow_mut().next()?;
            let Some(frame) = frame else { return Ok(()) };
            match frame.header.kind {
                Kind::Ready => {
                    child.ready = true;
                    self.shared().was_ready();
                }
                Kind::Unfit => {
                    let inbox = self.owner.inbox.borrow();
                    let why = String::from_utf8_lossy(inbox.body(frame.body)).into_owned();
                    child.unfit = Some(why);
                }
                Kind::Value | Kind::Failure | Kind::End => self.replied(child, &frame)?,
                kind => return Err(WireError::Unexpected(kind)),
            }
        }
    }

    /// A reply to the call that was sent first: the worker goes through them in order.
    fn replied(&mut self, child: &mut Child, frame: &Frame) -> Result<(), WireError> {
        match self.window.front() {
            Some(head) if head.call == frame.header.call => match head.load {
                Load::Call { .. } => self.call_replied(child, frame),
                Load::Chunk { .. } => self.items_replied(child, frame),
            },
            _ => Err(WireError::Unexpected(frame.header.kind)),
        }
    }

    fn call_replied(&mut self, child: &mut Child, frame: &Frame) -> Result<(), WireError> {
        let kind = frame.header.kind;
        // The last words of a worker that aborts are not the last of a call.
        if kind == Kind::Value && !frame.header.last {
            return Err(WireError::Unexpected(kind));
        }
        let Some(Sent {
            load: Load::Call { hold, .. },
            ..
        }) = self.window.front_mut()
        else {
            return Err(WireError::Unexpected(kind));
        };
        let hold = hold.take();
        if frame.header.last {
            if kind != Kind::End {
                let took = frame.header.nanos as f64;
                self.nanos = Some(self.nanos.map_or(took, |old| f64::midpoint(old, took)));
            }
            self.pop(child);
        }
        if kind == Kind::End {
            // Not started, because it was cancelled; or because all was, by a shutdown.
            match hold {
                // It was tried before, and will not be again.
                Hold::Started(started) => {
                    self.fail(started, TaskError::Cancelled(CancelledBy::Shutdown));
                }
                hold if hold.is_reclaimed() => self.give_back(hold),
                hold => hold.pass(),
            }
            return Ok(());
        }
        let Some(started) = hold.into_started() else {
            return Ok(());
        };
        if let Some(parcel) = started.cargo() {
            parcel.discharge();
        }
        let last = self.is_done();
        match kind {
            Kind::Value => {
                self.owner.arrived(&frame.body);
                self.worker.finish(started, last);
                Ok(())
            }
            Kind::Failure => {
                let error = failure(self.owner, child, frame);
                self.worker.fail(started, error, last);
                Ok(())
            }
            _ => Err(WireError::Unexpected(kind)),
        }
    }

    fn items_replied(&mut self, child: &mut Child, frame: &Frame) -> Result<(), WireError> {
        let Some(Sent { load, .. }) = self.window.front_mut() else {
            return Err(WireError::Unexpected(frame.header.kind));
        };
        let Load::Chunk {
            ticket,
            chunk,
            replies,
            items,
        } = load
        else {
            return Err(WireError::Unexpected(frame.header.kind));
        };
        let expected = |frame: &Frame, replies: usize| {
            let item = frame.header.item as usize;
            if item == replies && item < *items {
                Ok(chunk.first + item as u64)
            } else {
                Err(WireError::Unexpected(frame.header.kind))
            }
        };
        let mut frame = frame.clone();
        match frame.header.kind {
            Kind::Value => {
                // As many as there are, at once.
                let mut inbox = self.owner.inbox.borrow_mut();
                let mut results = ticket.results();
                loop {
                    let item = expected(&frame, *replies)?;
                    results.value(item, inbox.body(frame.body.clone()));
                    *replies += 1;
                    match inbox.next_value(frame.header.call)? {
                        Some(next) if !frame.header.last => frame = next,
                        Some(next) => return Err(WireError::Unexpected(next.header.kind)),
                        None => break,
                    }
                }
            }
            Kind::Failure => {
                let item = expected(&frame, *replies)?;
                *replies += 1;
                ticket.fail(item, failure(self.owner, child, &frame));
            }
            _ => {}
        }
        if frame.header.last {
            ticket.took(*replies, frame.header.nanos);
            // What a shutdown has taken back.
            if *replies < *items {
                ticket.give_back(chunk, *replies..*items, 0);
            }
            self.pop(child);
        } else {
            child.watch.next();
        }
        Ok(())
    }

    fn pop(&mut self, child: &mut Child) {
        self.window.pop_front();
        child.watch.next();
    }
}

/// What a worker said of a call that has no result.
fn failure(owner: &Owner, child: &Child, frame: &Frame) -> TaskError {
    let inbox = owner.inbox.borrow();
    match codec::decode_result::<Failure>(inbox.body(frame.body.clone())) {
        Ok(failure) => failure.into_error(child.pid()),
        Err(error) => TaskError::Codec(error),
    }
}
