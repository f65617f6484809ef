//! Cells on the heap.

use alloc::boxed::Box;
use core::ptr::NonNull;

use super::{
    Call,
    cell::{Cell, Storage},
    header::Raw,
};
use crate::platform::{CallEvent, Owner, Platform};

/// A cell in a box of its own: one allocation per call. `K` is what the call keeps alive.
pub(crate) struct Boxed<K = ()>(K);

/// What a boxed call keeps alive for as long as anybody refers to it.
pub(crate) trait Keep: 'static {
    /// As [`Storage::IS_PUMPED`].
    const IS_PUMPED: bool = false;

    /// As [`Storage::pump`].
    fn pump(&self) -> bool {
        false
    }

    /// As [`Storage::IS_ELSEWHERE`].
    const IS_ELSEWHERE: bool = false;

    /// As [`Storage::cargo`].
    fn cargo(&self) -> NonNull<()> {
        NonNull::dangling()
    }

    /// As [`Storage::recall`].
    fn recall(&self) -> bool {
        true
    }
}

impl Keep for () {}

impl<C: Call, K: Keep> Storage<C> for Boxed<K> {
    unsafe fn free(cell: NonNull<Cell<C, Self>>) {
        // In a model the memory stays, so that a late access is reported instead of being undefined.
        if cfg!(any(cf_model, cf_shuttle)) {
            // SAFETY: the cell is not freed yet.
            let kept = unsafe { &raw mut (*cell.as_ptr()).storage };
            // SAFETY: nobody uses the cell any more, and it is never dropped as a whole.
            unsafe { kept.drop_in_place() };
            return;
        }
        // SAFETY: it was boxed in `allocate`, and nobody uses it any more.
        drop(unsafe { Box::from_raw(cell.as_ptr()) });
    }

    const IS_PUMPED: bool = K::IS_PUMPED;

    fn pump(&self) -> bool {
        self.0.pump()
    }

    const IS_ELSEWHERE: bool = K::IS_ELSEWHERE;

    fn cargo(&self) -> NonNull<()> {
        self.0.cargo()
    }

    fn recall(&self) -> bool {
        self.0.recall()
    }
}

/// Puts `call` into a cell on the heap, with one reference for the producer and one for the consumer.
#[inline]
pub(crate) fn allocate<P: Platform, C: Call, K: Keep>(
    call: C,
    owner: Option<NonNull<Owner>>,
    keep: K,
) -> Raw {
    let cell = Box::leak(Box::new(Cell::new::<P>(call, owner, Boxed(keep))));
    let event = match owner {
        Some(_) => CallEvent::Created,
        None => CallEvent::Promised,
    };
    P::observe(event, core::ptr::from_ref(cell).addr());
    // SAFETY: the two references that a new cell has are those of whoever asked for it.
    unsafe { Cell::raw(NonNull::from(cell)) }
}
