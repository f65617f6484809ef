//! What a worker sends: collected on the board, sent when there is enough of it or nothing else to do.

use std::{
    io::{self, IoSlice},
    os::fd::BorrowedFd,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
};

use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
};

use super::{
    board::{Board, MOST_UNSENT},
    wire::{HEADER, Header},
};

/// The worker's end of its stream to the pool. There is one for each board: it is the only writer there.
pub(crate) struct Outbox {
    board: Arc<Board>,
    channel: BorrowedFd<'static>,
    /// Positions in the stream: up to where it was written, and sent.
    end: u64,
    sent: u64,
}

impl Outbox {
    pub(crate) fn new(board: Arc<Board>, channel: BorrowedFd<'static>) -> Self {
        Self {
            board,
            channel,
            end: 0,
            sent: 0,
        }
    }

    /// Writes a frame. When this returns, the pool gets it even if this process dies.
    pub(crate) fn frame(&mut self, header: Header, body: &[u8]) -> io::Result<()> {
        let length = HEADER + body.len();
        if (self.end - self.sent) as usize + length > MOST_UNSENT {
            self.flush()?;
        }
        if length > MOST_UNSENT {
            return self.send_past_the_ring(&header.to_bytes(), body);
        }
        // Release: whoever reads what is written now sees the end that was made known before.
        fence(Ordering::Release);
        let mut position = self.end;
        for word in header.to_words() {
            // SAFETY: this is the only writer; the end of what is known is here, and not more than the ring has is unsent.
            unsafe { self.board.write(position, &word.to_le_bytes()) };
            position += 8;
        }
        // SAFETY: as above.
        unsafe { self.board.write(position, body) };
        self.end += length as u64;
        self.board.end().store(self.end, Ordering::Release);
        Ok(())
    }

    fn send_past_the_ring(&mut self, header: &[u8], body: &[u8]) -> io::Result<()> {
        let length = header.len() + body.len();
        let mut sent = 0;
        while sent < length {
            let pieces = if sent < header.len() {
                [&header[sent..], body]
            } else {
                [&body[sent - header.len()..], &[]]
            };
            sent += send(self.channel, pieces)?;
        }
        self.end += length as u64;
        self.sent = self.end;
        // In this order: whoever sees the new end sees that the ring has nothing of what is before it.
        self.board.base().store(self.end, Ordering::Release);
        self.board.end().store(self.end, Ordering::Release);
        Ok(())
    }

    /// Sends what was written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.sent < self.end {
            // SAFETY: this is the only writer, wrote all of it, and does not write now.
            let pieces = unsafe { self.board.pieces(self.sent..self.end) };
            self.sent += send(self.channel, pieces)? as u64;
        }
        Ok(())
    }
}

/// Sends some of the pieces, waiting until there is room. Only ever to a socket: a descriptor that a call has closed may be a file by now.
fn send(channel: BorrowedFd<'_>, pieces: [&[u8]; 2]) -> io::Result<usize> {
    loop {
        let slices = pieces.map(IoSlice::new);
        let mut nothing = SendAncillaryBuffer::default();
        match sendmsg(channel, &slices, &mut nothing, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            sent => return Ok(sent?),
        }
    }
}
