//! The main program as it lies in memory. Parent and worker are the same executable at different
//! addresses, so what one of them wants to name to the other it names by its offset from the base.

use std::ffi::{c_int, c_void};
use std::slice;
use std::sync::OnceLock;

#[cfg(target_pointer_width = "64")]
type Header = libc::Elf64_Phdr;
#[cfg(target_pointer_width = "32")]
type Header = libc::Elf32_Phdr;

/// The main program: where it was loaded, which addresses it covers, which build it is.
#[derive(Debug)]
pub(crate) struct Image {
    base: usize,
    segments: Vec<Segment>,
    fingerprint: u64,
}

/// One loaded segment, `start..end` in this process.
#[derive(Debug)]
struct Segment {
    start: usize,
    end: usize,
    /// `PF_R`, `PF_W`, `PF_X`.
    flags: u32,
}

impl Segment {
    fn holds(&self, address: usize, size: usize, flag: u32) -> bool {
        self.flags & flag != 0
            && address >= self.start
            && self
                .end
                .checked_sub(address)
                .is_some_and(|left| size <= left)
    }
}

/// What `dl_iterate_phdr` says about an object, as far as it is needed here.
struct Object {
    base: usize,
    headers: *const Header,
    count: usize,
}

impl Image {
    /// The image of this process, read from the dynamic linker once.
    pub(crate) fn main() -> &'static Self {
        static MAIN: OnceLock<Image> = OnceLock::new();
        MAIN.get_or_init(|| {
            let Some(object) = main_object() else {
                // Nothing is known, so nothing is found.
                return Self {
                    base: 0,
                    segments: Vec::new(),
                    fingerprint: 0,
                };
            };
            // SAFETY: libc reports the address and the number of the program headers of the main
            // program. They are part of its first segment, which is never written nor unmapped.
            let headers = unsafe { slice::from_raw_parts(object.headers, object.count) };
            Self::new(object.base, headers)
        })
    }

    fn new(base: usize, headers: &[Header]) -> Self {
        let loaded = || {
            headers
                .iter()
                .filter(|header| header.p_type == libc::PT_LOAD)
        };
        let segments = loaded()
            .map(|header| {
                let start = base.wrapping_add(header.p_vaddr as usize);
                let end = start.saturating_add(header.p_memsz as usize);
                Segment {
                    start,
                    end,
                    flags: header.p_flags,
                }
            })
            .collect();

        let mut hash = Fnv::new();
        for header in headers {
            hash.number(header.p_type as usize);
            hash.number(header.p_flags as usize);
            hash.number(header.p_vaddr as usize);
            hash.number(header.p_memsz as usize);
            hash.number(header.p_filesz as usize);
        }
        for note in headers
            .iter()
            .filter(|header| header.p_type == libc::PT_NOTE)
        {
            let inside = loaded().any(|header| {
                // Beyond `p_filesz` there are zeros, not notes.
                let backed = Segment {
                    start: header.p_vaddr as usize,
                    end: (header.p_vaddr as usize).saturating_add(header.p_filesz as usize),
                    flags: header.p_flags,
                };
                backed.holds(note.p_vaddr as usize, note.p_filesz as usize, libc::PF_R)
            });
            if inside {
                let start = base.wrapping_add(note.p_vaddr as usize) as *const u8;
                // SAFETY: the range was just found inside a readable `PT_LOAD` segment, which the
                // loader mapped at `base`; notes are in its read-only part and never change.
                hash.bytes(unsafe { slice::from_raw_parts(start, note.p_filesz as usize) });
            }
        }
        Self {
            base,
            segments,
            fingerprint: hash.0,
        }
    }

    /// The offset of `address`, if it lies in an executable segment of the main program.
    pub(crate) fn offset_of_code(&self, address: usize) -> Option<u64> {
        self.offset(address, 1, libc::PF_X)
    }

    /// The address of the code at `offset`, if an executable segment is there.
    pub(crate) fn code_at(&self, offset: u64) -> Option<usize> {
        self.address(offset, 1, libc::PF_X)
    }

    /// The offset of `address`, if the `size` bytes from there on lie in one readable segment.
    pub(crate) fn offset_of_data(&self, address: usize, size: usize) -> Option<u64> {
        self.offset(address, size, libc::PF_R)
    }

    /// The address of the data at `offset`, if `size` bytes are readable there in one segment and
    /// it is a multiple of `align` (a power of two).
    pub(crate) fn data_at(&self, offset: u64, size: usize, align: usize) -> Option<usize> {
        let address = self.address(offset, size, libc::PF_R)?;
        (align.is_power_of_two() && address & (align - 1) == 0).then_some(address)
    }

    /// A number that two runs of one build agree on and two builds do not.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn offset(&self, address: usize, size: usize, flag: u32) -> Option<u64> {
        let found = self
            .segments
            .iter()
            .any(|segment| segment.holds(address, size, flag));
        let offset = address.checked_sub(self.base)?;
        found.then_some(offset as u64)
    }

    fn address(&self, offset: u64, size: usize, flag: u32) -> Option<usize> {
        let address = self.base.checked_add(usize::try_from(offset).ok()?)?;
        self.offset(address, size, flag).map(|_| address)
    }
}

/// The first object `dl_iterate_phdr` reports, which is the main program.
fn main_object() -> Option<Object> {
    let mut found: Option<Object> = None;
    // SAFETY: `take_first` treats its third argument as the `Option<Object>` that is passed here
    // and that outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(take_first), (&raw mut found).cast()) };
    found.filter(|object| !object.headers.is_null())
}

/// Copies the record and stops the iteration. What is made of it happens after the iteration,
/// because libc holds a lock during it.
unsafe extern "C" fn take_first(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    found: *mut c_void,
) -> c_int {
    // SAFETY: libc passes a record that is valid during this call; these three fields are in it
    // whatever its size is.
    let base = unsafe { (*info).dlpi_addr };
    // SAFETY: as above.
    let headers = unsafe { (*info).dlpi_phdr };
    // SAFETY: as above.
    let count = unsafe { (*info).dlpi_phnum };
    let object = Object {
        base: base as usize,
        headers,
        count: count.into(),
    };
    // SAFETY: `main_object` passes a pointer to its own `Option<Object>`, which holds `None`, and
    // does not touch it during the iteration.
    unsafe { found.cast::<Option<Object>>().write(Some(object)) };
    1
}

/// FNV-1a with 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn number(&mut self, number: usize) {
        self.bytes(&number.to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
