//! What travels between a pool and a worker: frames, one after the other, in a stream of bytes in each direction.
//!
//! A frame is a header of 24 bytes and a body. Numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | kind, see [`Kind`] |
//! | 1 | version of this table, 1 |
//! | 2 | flags: 1 on the last reply to a call |
//! | 3 | zero |
//! | 4–7 | number of the call; replies repeat it |
//! | 8–11 | length of the body, at most 1 GiB |
//! | 12–15 | of a call, how many items it has; of a reply, which of them it is about |
//! | 16–23 | of the last reply, for how many nanoseconds the call ran; else zero |
//!
//! The body of a call is the [name](super::function::Function) of the function, two numbers of eight bytes, and its items: each four bytes
//! of length, and the encoded arguments. A call is answered by one reply for each item that was started, in order. If others were taken
//! back from the worker, an `End` is the last.

use std::{fmt, ops::Range};

use super::function::Function;

pub(crate) const VERSION: u8 = 1;
pub(crate) const HEADER: usize = 24;
/// The longest body.
pub(crate) const MAX_BODY: usize = 1 << 30;
/// What stands before the items of a call.
pub(crate) const CALL_PREFIX: usize = 16;
/// What stands before each of them.
pub(crate) const ITEM_PREFIX: usize = 4;
const LAST: u8 = 1;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// To the worker, first of all: how it is to be. With it comes the descriptor of the board.
    Hello = 1,
    /// To the worker: call this.
    Call = 2,
    /// To the worker: nothing more comes; end.
    Stop = 3,
    /// From the worker, first of all: the fingerprint of its program.
    Ready = 16,
    /// From the worker, instead: it cannot work, for this reason.
    Unfit = 17,
    /// From the worker: the result of an item.
    Value = 18,
    /// From the worker: an item has none, for this reason.
    Failure = 19,
    /// From the worker: the items that are left were taken back.
    End = 20,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [
            Self::Hello,
            Self::Call,
            Self::Stop,
            Self::Ready,
            Self::Unfit,
            Self::Value,
            Self::Failure,
            Self::End,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// The front of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) last: bool,
    pub(crate) call: u32,
    pub(crate) length: u32,
    pub(crate) item: u32,
    pub(crate) nanos: u64,
}

impl Header {
    /// A frame that belongs to no call.
    pub(crate) fn plain(kind: Kind, length: usize) -> Self {
        Self {
            kind,
            last: false,
            call: 0,
            length: length_of(length),
            item: 0,
            nanos: 0,
        }
    }

    /// The header as three words, each to be written in little-endian order.
    #[inline]
    pub(crate) fn to_words(self) -> [u64; HEADER / 8] {
        let flags = if self.last { LAST } else { 0 };
        let what = u32::from_le_bytes([self.kind as u8, VERSION, flags, 0]);
        let pair = |low, high| u64::from(low) | u64::from(high) << 32;
        [
            pair(what, self.call),
            pair(self.length, self.item),
            self.nanos,
        ]
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.to_words()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self, WireError> {
        let [kind, version, flags, zero, rest @ ..] = bytes;
        if *version != VERSION {
            return Err(WireError::Version(*version));
        }
        let kind = Kind::of(*kind).ok_or(WireError::Kind(*kind))?;
        if flags & !LAST != 0 || *zero != 0 {
            return Err(WireError::Flags(*flags));
        }
        let mut rest = &rest[..];
        let header = Self {
            kind,
            last: flags & LAST != 0,
            call: u32::from_le_bytes(take(&mut rest)?),
            length: u32::from_le_bytes(take(&mut rest)?),
            item: u32::from_le_bytes(take(&mut rest)?),
            nanos: u64::from_le_bytes(take(&mut rest)?),
        };
        if header.length as usize > MAX_BODY {
            return Err(WireError::TooLong(header.length));
        }
        Ok(header)
    }
}

/// The length of something that is not longer than a body may be.
pub(crate) fn length_of(bytes: usize) -> u32 {
    // What is longer was refused when it was encoded.
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// What arrived is not of this protocol: the peer is not to be listened to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    Version(u8),
    Kind(u8),
    Flags(u8),
    TooLong(u32),
    /// It ends in the middle.
    Truncated,
    /// A frame that nobody waits for.
    Unexpected(Kind),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "it speaks version {version} of the protocol"),
            Self::Kind(kind) => write!(f, "it sent a frame of unknown kind {kind}"),
            Self::Flags(flags) => write!(f, "it sent a frame with unknown flags {flags}"),
            Self::TooLong(length) => write!(f, "it sent a frame of {length} bytes"),
            Self::Truncated => f.write_str("what it sent ends in the middle"),
            Self::Unexpected(kind) => write!(f, "it sent a frame that nobody waits for: {kind:?}"),
        }
    }
}

impl std::error::Error for WireError {}

/// Bytes that arrived, from which frames are taken. They stay until more are added.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Before this they were taken.
    start: usize,
}

/// A frame in an [`Inbox`]: its header, and where its body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) body: Range<usize>,
}

/// What is asked of the system at least at a time.
const READ_AT_LEAST: usize = 64 * 1024;
/// Room is made for so many bytes that are announced and not there; for more, once as many have come.
const TRUST: usize = 1 << 20;
/// A larger buffer is given back when it is empty.
pub(crate) const KEEP: usize = 32 << 20;

impl Inbox {
    /// Takes the next frame, if all of it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, WireError> {
        let Some(header) = self.header()? else {
            return Ok(None);
        };
        let body = self.start + HEADER;
        let end = body + header.length as usize;
        if end > self.bytes.len() {
            return Ok(None);
        }
        self.start = end;
        Ok(Some(Frame {
            header,
            body: body..end,
        }))
    }

    /// Takes the next frame, if all of it is there, and it is another value for `call`.
    pub(crate) fn next_value(&mut self, call: u32) -> Result<Option<Frame>, WireError> {
        match self.header()? {
            Some(header) if header.kind == Kind::Value && header.call == call => self.next(),
            _ => Ok(None),
        }
    }

    fn header(&self) -> Result<Option<Header>, WireError> {
        self.bytes[self.start..]
            .first_chunk()
            .map(Header::from_bytes)
            .transpose()
    }

    /// The body of a frame that was taken last.
    pub(crate) fn body(&self, body: Range<usize>) -> &[u8] {
        self.bytes.get(body).unwrap_or_default()
    }

    /// Whether nothing is left of a frame that was begun.
    pub(crate) fn is_whole(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Where more bytes are to be appended, with room for what is expected next. What was taken is gone.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.is_whole() {
            self.bytes.clear();
            self.start = 0;
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        } else if self.start >= READ_AT_LEAST && self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let there = self.bytes.len() - self.start;
        let missing = match self.header() {
            Ok(Some(header)) => (HEADER + header.length as usize).saturating_sub(there),
            _ => 0,
        };
        let room = missing.clamp(READ_AT_LEAST, TRUST.max(there));
        if self.bytes.capacity() - self.bytes.len() < room {
            self.bytes.reserve_exact(room);
        }
        &mut self.bytes
    }
}

/// Appends the beginning of a call's body.
pub(crate) fn begin_call(function: Function, body: &mut Vec<u8>) {
    body.extend_from_slice(&function.code.to_le_bytes());
    body.extend_from_slice(&function.descriptor.to_le_bytes());
}

/// Reads what [`begin_call`] wrote.
pub(crate) fn read_function(body: &mut &[u8]) -> Result<Function, WireError> {
    Ok(Function {
        code: u64::from_le_bytes(take(body)?),
        descriptor: u64::from_le_bytes(take(body)?),
    })
}

/// Reads one item: its length, and so many bytes.
pub(crate) fn read_item<'a>(body: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let length = u32::from_le_bytes(take(body)?) as usize;
    let (item, rest) = body.split_at_checked(length).ok_or(WireError::Truncated)?;
    *body = rest;
    Ok(item)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(WireError::Truncated)?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests;
