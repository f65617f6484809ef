//! What was sent to a worker and is not done.

use std::{
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use concurrent_futures_core::{
    future::CancelledBy,
    scheduler::{Started, Taken},
};

use super::{
    child::Child,
    owner::Processes,
    parcel::{Limits, Parcel},
    run::Chunk,
    ticket::Ticket,
    wire::{self, HEADER, Header, Kind},
};

/// How many pieces are sent with one call of the system: two for each entry.
const PIECES: usize = 32;

/// A call that was sent, or will be: not started as far as anybody knows, or started.
#[derive(Debug)]
pub(crate) enum Hold<'a> {
    Unstarted(Taken<'a, Processes>),
    Started(Started<'a, Processes>),
    /// It is not this worker's any more.
    Nothing,
}

impl<'a> Hold<'a> {
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nothing)
    }

    /// What the call brought along.
    pub(crate) fn cargo(&self) -> Option<&Parcel> {
        match self {
            Self::Unstarted(taken) => taken.cargo(),
            Self::Started(started) => started.cargo(),
            Self::Nothing => None,
        }
    }

    /// The worker has started it.
    pub(crate) fn start(&mut self) {
        *self = match self.take() {
            Self::Unstarted(taken) => taken.start().map_or(Self::Nothing, Self::Started),
            other => other,
        };
    }

    /// Whether it is the pool's again: it was not started, and is not going to be.
    pub(crate) fn is_reclaimed(&self) -> bool {
        matches!(self, Self::Unstarted(taken) if taken.cargo().is_some_and(Parcel::reclaim))
    }

    /// It was cancelled: nothing is left of it but its entry.
    pub(crate) fn pass(self) {
        if let Self::Unstarted(taken) = self {
            // Whoever cancels it has a lock until it is done, so it is by the time that this has.
            taken.cancel(CancelledBy::Caller);
        }
    }

    /// The started call, if it is one.
    pub(crate) fn into_started(mut self) -> Option<Started<'a, Processes>> {
        self.start();
        match self {
            Self::Started(started) => Some(started),
            _ => None,
        }
    }
}

/// What a frame was made of.
#[derive(Debug)]
pub(crate) enum Load<'a> {
    Call {
        hold: Hold<'a>,
        body: Arc<Vec<u8>>,
        attempts: u32,
    },
    Chunk {
        ticket: Arc<Ticket>,
        chunk: Chunk,
        /// How many replies have come.
        replies: usize,
        /// How many items are still this worker's.
        items: usize,
    },
}

/// One frame on its way, or there, and not answered.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) call: u32,
    pub(crate) load: Load<'a>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: u32,
    header: [u8; HEADER],
    sent: usize,
}

impl<'a> Sent<'a> {
    /// Offers it to the worker, under a number of its own. It is to be sent. A call that was cancelled is not offered.
    pub(crate) fn offer(
        child: &mut Child,
        load: Load<'a>,
        limits: Limits,
    ) -> Result<Self, Hold<'a>> {
        let call = child.next_call;
        let mut sent = Self {
            call,
            load,
            timeout: limits.timeout,
            retries: limits.retries,
            header: [0; HEADER],
            sent: 0,
        };
        let items = sent.items();
        child.board.slot(call).offer(items);
        if let Load::Call { hold, .. } = &mut sent.load
            && let Hold::Unstarted(taken) = &hold
            && !taken
                .cargo()
                .is_some_and(|cargo| cargo.lend(&child.board, call))
        {
            return Err(hold.take());
        }
        child.next_call = call.wrapping_add(1);
        child.served += items as u64;
        sent.header = Header {
            kind: Kind::Call,
            last: false,
            call,
            length: wire::length_of(sent.body().len()),
            item: wire::length_of(items),
            nanos: 0,
        }
        .to_bytes();
        Ok(sent)
    }

    pub(crate) fn items(&self) -> usize {
        match &self.load {
            Load::Call { .. } => 1,
            Load::Chunk { chunk, .. } => chunk.count,
        }
    }

    fn body(&self) -> &[u8] {
        match &self.load {
            Load::Call { body, .. } => body,
            Load::Chunk { chunk, .. } => &chunk.body,
        }
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent == HEADER + self.body().len()
    }

    fn unsent(&self) -> [&[u8]; 2] {
        let body = self.body();
        match self.sent.checked_sub(HEADER) {
            None => [&self.header[self.sent..], body],
            Some(sent) => [&body[sent..], &[]],
        }
    }
}

/// Sends as much of what was not sent as there is room for. True if that is all of it.
pub(crate) fn send<'a, 'b: 'a>(
    child: &mut Child,
    window: impl Iterator<Item = &'a mut Sent<'b>>,
) -> io::Result<bool> {
    child.greet()?;
    if child.has_greeting() {
        return Ok(false);
    }
    let mut unsent: Vec<_> = window.filter(|sent| !sent.is_sent()).collect();
    let mut first = 0;
    while first < unsent.len() {
        let pieces: Vec<_> = unsent[first..]
            .iter()
            .flat_map(|sent| sent.unsent())
            .filter(|piece| !piece.is_empty())
            .take(PIECES)
            .map(IoSlice::new)
            .collect();
        let mut written = child.send(&pieces)?;
        if written == 0 {
            return Ok(false);
        }
        for sent in &mut unsent[first..] {
            let part = written.min(HEADER + sent.body().len() - sent.sent);
            sent.sent += part;
            written -= part;
            if !sent.is_sent() {
                break;
            }
            first += 1;
        }
    }
    Ok(true)
}
