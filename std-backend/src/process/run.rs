//! Encoded items, one behind the other: where they wait, and cut into chunks.

use super::{
    function::Function,
    wire::{self, CALL_PREFIX, ITEM_PREFIX},
};

/// The most bytes of a chunk, if it has more than one item.
const CHUNK_BYTES: usize = 256 * 1024;

/// Items that wait, one behind the other: how many, and their frames' bytes.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) count: usize,
    pub(crate) bytes: Vec<u8>,
    /// Before this they were taken.
    at: usize,
    pub(crate) attempts: u32,
}

/// Items on their way to a worker.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) first: u64,
    pub(crate) count: usize,
    /// How often its first item was tried before; of others it is none.
    pub(crate) attempts: u32,
    /// The body of a call's frame.
    pub(crate) body: Vec<u8>,
}

impl Run {
    pub(crate) fn new(first: u64, count: usize, bytes: &[u8], attempts: u32) -> Self {
        Self {
            first,
            count,
            bytes: bytes.to_vec(),
            at: 0,
            attempts,
        }
    }

    /// At most `size` items of it, from the beginning, and of a limited length.
    pub(crate) fn cut(&mut self, size: usize, function: Function) -> Chunk {
        let mut rest = &self.bytes[self.at..];
        let mut count = 0;
        let size = size.min(self.count);
        while count < size {
            let before = rest;
            if wire::read_item(&mut rest).is_err() {
                break;
            }
            let length = self.bytes.len() - self.at - rest.len();
            if count > 0 && length > CHUNK_BYTES {
                rest = before;
                break;
            }
            count += 1;
        }
        let length = self.bytes.len() - self.at - rest.len();
        let mut body = Vec::with_capacity(CALL_PREFIX + length);
        wire::begin_call(function, &mut body);
        body.extend_from_slice(&self.bytes[self.at..self.at + length]);
        let chunk = Chunk {
            first: self.first,
            count,
            attempts: self.attempts,
            body,
        };
        self.first += count as u64;
        self.count -= count;
        self.at += length;
        if self.at > self.bytes.len() / 2 && self.at > CHUNK_BYTES {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        chunk
    }
}

/// Appends one item as [`wire`] has it; its encoded bytes are appended by `encode`.
pub(crate) fn push_item<E>(
    bytes: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; ITEM_PREFIX]);
    if let Err(error) = encode(bytes) {
        bytes.truncate(start);
        return Err(error);
    }
    let length = wire::length_of(bytes.len() - start - ITEM_PREFIX);
    bytes[start..start + ITEM_PREFIX].copy_from_slice(&length.to_le_bytes());
    Ok(())
}
