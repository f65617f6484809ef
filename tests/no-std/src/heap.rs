//! The program's allocator: C's, counted.

use core::{
    alloc::{GlobalAlloc, Layout},
    ffi::c_void,
    sync::atomic::{AtomicU32, Ordering},
};

unsafe extern "C" {
    fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

static LIVE: AtomicU32 = AtomicU32::new(0);

// SAFETY: C's allocator does the work, and is asked for what it can do: whole multiples of an alignment that it knows.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(1, Ordering::Relaxed);
        let alignment = layout.align().max(size_of::<usize>());
        // SAFETY: a power of two of at least a word, and a multiple of it.
        unsafe { aligned_alloc(alignment, layout.size().next_multiple_of(alignment)) }.cast()
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: it came from `alloc`, by the contract of this function.
        unsafe { free(memory.cast()) }
    }
}

/// How many allocations there are that were not given back.
#[unsafe(no_mangle)]
pub extern "C" fn allocated() -> u32 {
    LIVE.load(Ordering::Relaxed)
}
