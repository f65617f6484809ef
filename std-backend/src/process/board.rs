//! A few pages that a pool and one worker share: what of each call was started, and what the worker has written and not sent yet.
//!
//! Each call that was sent has a slot, one word: its number, how many of its items may be started, and how many were. The worker starts
//! an item, and this side takes back those that are left, by a compare-and-swap of that word. So a call is cancelled exactly if it never
//! runs, and a worker that died says how far it came.
//!
//! What a worker writes goes into a ring here before it goes into the socket, where it is sent when there is enough of it. Positions
//! are counted from the beginning of the stream. When the worker is busy with something long, or dead, this side reads the rest of the
//! stream out of the ring: nothing that was finished is lost.
//!
//! ```text
//! page 0   end of what was written; before which position the ring has nothing
//! page 1   the slots, one on each line
//! then     the ring
//! ```

use std::{
    io,
    ops::Range,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
};

use rustix::{
    fs::{MemfdFlags, SealFlags},
    mm::{MapFlags, ProtFlags},
};

const PAGE: usize = 4096;
const LINE: usize = 64;
/// How many calls can be on their way to a worker.
pub(crate) const SLOTS: usize = PAGE / LINE;
/// The size of the ring.
const RING: usize = 256 * 1024;
const SIZE: usize = 2 * PAGE + RING;
/// The most that a worker has there and has not sent, and writes at a time: while this side reads so much, the worker does not come round.
pub(crate) const MOST_UNSENT: usize = RING / 2;

/// The most items of one call.
pub(crate) const MOST_ITEMS: usize = (1 << FIELD) - 1;
const FIELD: u32 = 24;
const MASK: u64 = (1 << FIELD) - 1;

/// The shared pages, in the memory of this process.
#[derive(Debug)]
pub(crate) struct Board {
    memory: NonNull<u8>,
}

// SAFETY: it is memory of this process until it is dropped, and is only reached by atomic accesses, or by one owner (see `write`).
unsafe impl Send for Board {}
// SAFETY: as above.
unsafe impl Sync for Board {}

impl Board {
    /// A new board, and the descriptor with which a worker opens it.
    pub(crate) fn create() -> io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = rustix::fs::memfd_create(c"worker-board", flags)?;
        rustix::fs::ftruncate(&memory, SIZE as u64)?;
        // A worker must not make it smaller: reading what is gone would be a bus error.
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&memory, seals)?;
        Ok((Self::map(memory.as_fd())?, memory))
    }

    /// The board that the pool has made.
    pub(crate) fn open(memory: &OwnedFd) -> io::Result<Self> {
        if rustix::fs::fstat(memory)?.st_size != SIZE as i64 {
            return Err(io::Error::other("the board has another size"));
        }
        let board = Self::map(memory.as_fd())?;
        // A process that a call forks off has no business here.
        // SAFETY: it is this mapping, and what is advised changes nothing in this process.
        unsafe {
            rustix::mm::madvise(
                board.memory.as_ptr().cast(),
                SIZE,
                rustix::mm::Advice::LinuxDontFork,
            )
        }?;
        Ok(board)
    }

    fn map(memory: BorrowedFd<'_>) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the system chooses touches nothing of anybody's.
        let address = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                SIZE,
                access,
                MapFlags::SHARED,
                memory,
                0,
            )
        }?;
        let memory = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { memory })
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset < 2 * PAGE && offset.is_multiple_of(8));
        // SAFETY: the offset is within the mapping.
        let word = unsafe { self.memory.add(offset) };
        // SAFETY: it is aligned, mapped for as long as `self` is there, and both processes access it atomically.
        unsafe { word.cast::<AtomicU64>().as_ref() }
    }

    #[inline]
    fn ring_byte(&self, position: u64) -> NonNull<u8> {
        let offset = 2 * PAGE + (position % RING as u64) as usize;
        // SAFETY: the offset is within the mapping.
        unsafe { self.memory.add(offset) }
    }

    /// The slot of a call.
    pub(crate) fn slot(&self, call: u32) -> Slot<'_> {
        Slot {
            word: self.word(PAGE + call as usize % SLOTS * LINE),
            call: u64::from(call as u16),
        }
    }

    /// Takes back whatever was sent and not started.
    pub(crate) fn revoke_all(&self) {
        for slot in 0..SLOTS as u32 {
            let word = self.slot(slot).word;
            let call = (word.load(Ordering::Acquire) >> (2 * FIELD)) as u32;
            // Of another number with the same place, if it was used again meanwhile: that one was offered later.
            Slot {
                word,
                call: u64::from(call),
            }
            .recall();
        }
    }

    /// Up to where the worker has written its stream.
    pub(crate) fn end(&self) -> &AtomicU64 {
        self.word(0)
    }

    /// Before which position the ring has nothing, because it was sent from elsewhere.
    pub(crate) fn base(&self) -> &AtomicU64 {
        self.word(8)
    }

    /// Puts bytes at a position of the ring.
    ///
    /// # Safety
    /// The caller is the only writer, and readers know nothing of these positions yet.
    #[inline]
    pub(crate) unsafe fn write(&self, position: u64, bytes: &[u8]) {
        debug_assert!(bytes.len() <= RING);
        let first = RING - (position % RING as u64) as usize;
        let Some((head, tail)) = bytes.split_at_checked(first) else {
            // SAFETY: from there on the ring has room for all before it begins again, and the caller is the only writer.
            return unsafe { self.copy_in(position, bytes) };
        };
        // SAFETY: as above, with the place where it begins again.
        unsafe { self.copy_in(position, head) };
        // SAFETY: as above.
        unsafe { self.copy_in(position + first as u64, tail) };
    }

    /// # Safety
    /// As for [`write`](Self::write), and the ring does not begin again within.
    #[inline]
    unsafe fn copy_in(&self, position: u64, bytes: &[u8]) {
        let place = self.ring_byte(position);
        // SAFETY: as for this function.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    }

    /// What the worker has at these positions, in up to two pieces: for the worker itself, which does not write there meanwhile.
    ///
    /// # Safety
    /// The caller is the only writer, wrote there, and does not write there while it has this.
    pub(crate) unsafe fn pieces(&self, positions: Range<u64>) -> [&[u8]; 2] {
        let length = (positions.end - positions.start) as usize;
        let first = (RING - (positions.start % RING as u64) as usize).min(length);
        let pieces = [
            (positions.start, first),
            (positions.start + first as u64, length - first),
        ];
        pieces.map(|(position, length)| {
            let place = self.ring_byte(position);
            // SAFETY: so many bytes are in the ring before it begins again, and the caller does not write there.
            unsafe { std::slice::from_raw_parts(place.as_ptr(), length) }
        })
    }

    /// Appends what the worker has written from `position` on, and has not sent, to `bytes`. Nothing if it was sent from elsewhere, or is
    /// being overwritten because it was sent meanwhile: then it is, or will be, in the socket.
    pub(crate) fn read_unsent(&self, position: u64, bytes: &mut Vec<u8>) -> usize {
        let (end, base) = (
            self.end().load(Ordering::Acquire),
            self.base().load(Ordering::Acquire),
        );
        if position < base || end <= position || end - position > MOST_UNSENT as u64 {
            return 0;
        }
        let before = bytes.len();
        bytes.extend((position..end).map(|position| {
            let byte = self.ring_byte(position).cast::<AtomicU8>();
            // SAFETY: it is mapped, and read atomically, whatever the worker does.
            unsafe { byte.as_ref() }.load(Ordering::Relaxed)
        }));
        // Acquire: the bytes above were read before these.
        std::sync::atomic::fence(Ordering::Acquire);
        let end_now = self.end().load(Ordering::Acquire);
        let base_now = self.base().load(Ordering::Acquire);
        // A worker makes its end known after it has written, at most this much at a time.
        if base_now > position || end_now.saturating_sub(position) > MOST_UNSENT as u64 {
            bytes.truncate(before);
        }
        bytes.len() - before
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: it is this mapping, and nobody has a reference into it any more. There is nothing to do about a failure.
        let _ = unsafe { rustix::mm::munmap(self.memory.as_ptr().cast(), SIZE) };
    }
}

/// The word of one call that was sent to a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot<'a> {
    word: &'a AtomicU64,
    call: u64,
}

impl Slot<'_> {
    fn read(self, word: u64) -> Option<(u64, u64)> {
        (word >> (2 * FIELD) == self.call).then_some((word >> FIELD & MASK, word & MASK))
    }

    fn make(self, limit: u64, started: u64) -> u64 {
        self.call << (2 * FIELD) | limit << FIELD | started
    }

    /// The call may be started: `items` of it. Before it is sent.
    pub(crate) fn offer(self, items: usize) {
        debug_assert!(items <= MOST_ITEMS);
        self.word
            .store(self.make(items as u64, 0), Ordering::Release);
    }

    /// Starts the next item, in the worker. `None` if there is none left.
    pub(crate) fn start(self) -> Option<u32> {
        let change = |word| {
            let (limit, started) = self.read(word)?;
            (started < limit).then(|| self.make(limit, started + 1))
        };
        let word = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
        let (_, started) = self.read(word.ok()?)?;
        u32::try_from(started).ok()
    }

    /// Takes back what was not started, which will never be. `None` if there is nothing of that kind.
    pub(crate) fn recall(self) -> Option<Range<u32>> {
        let change = |word| {
            let (limit, started) = self.read(word)?;
            (started < limit).then(|| self.make(started, started))
        };
        let word = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
        let (limit, started) = self.read(word.ok()?)?;
        Some(u32::try_from(started).ok()?..u32::try_from(limit).ok()?)
    }

    /// Takes the only item back, unless it was started. True if it never will be.
    pub(crate) fn revoke(self) -> bool {
        self.recall();
        self.started() == 0
    }

    /// How many items were started.
    pub(crate) fn started(self) -> u32 {
        self.read(self.word.load(Ordering::Acquire))
            .map_or(0, |(_, started)| started as u32)
    }
}

#[cfg(test)]
mod tests;
