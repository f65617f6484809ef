//! Where the calls of a static pool are stored.

use core::{marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use super::{Fixed, FixedCore};
use crate::{
    executor::call::Given,
    platform::{CallEvent, Platform, Spawner},
    scheduler::Pool,
    sync::{AtomicUsize, Counted, Ordering, UnsafeCell},
    task::{
        Call, Local,
        cell::{Cell, Outcome, Storage},
        header::Raw,
        waiters::{Node, Role},
    },
};

/// What a slot is aligned to.
const ALIGN: usize = 8;

/// The largest call that a slot has room for, and its output.
#[repr(C, align(8))]
struct Largest<const BYTES: usize>(MaybeUninit<[u8; BYTES]>);

const _: () = assert!(align_of::<Largest<0>>() == ALIGN);

impl<const BYTES: usize> Call for Largest<BYTES> {
    type Output = Self;

    fn call(self, _: Local) -> Outcome<Self> {
        Ok(self)
    }
}

/// Checks, where [`CHECK`](Self::CHECK) is used, that a call and what it returns have room in a slot. The room for an error in place of that
/// is the slot's own.
pub(super) struct Fits<C, R, const BYTES: usize>(PhantomData<(C, R)>);

impl<C, R, const BYTES: usize> Fits<C, R, BYTES> {
    const FITS: bool = size_of::<C>() <= BYTES
        && size_of::<R>() <= BYTES
        && align_of::<C>() <= ALIGN
        && align_of::<R>() <= ALIGN;

    /// Used in functions that users call, so that the error shows where they do.
    pub(super) const CHECK: () = {
        if size_of::<C>() > BYTES {
            const_panic::concat_panic!(
                display: "the call is too large for this static pool: its closure, with what it captures, takes ",
                size_of::<C>(),
                " bytes, and a slot has ",
                BYTES
            );
        }
        if size_of::<R>() > BYTES {
            const_panic::concat_panic!(
                display: "the outcome is too large for this static pool: what the call returns takes ",
                size_of::<R>(),
                " bytes, and a slot has ",
                BYTES
            );
        }
        if align_of::<C>() > ALIGN {
            const_panic::concat_panic!(
                display: "the call is over-aligned for a static pool: its closure is aligned to ",
                align_of::<C>(),
                " bytes, and a slot to ",
                ALIGN
            );
        }
        if align_of::<R>() > ALIGN {
            const_panic::concat_panic!(
                display: "the outcome is over-aligned for a static pool: what the call returns is aligned to ",
                align_of::<R>(),
                " bytes, and a slot to ",
                ALIGN
            );
        }
    };
}

/// What a call in a slot keeps: where its slot says that it is free, and its pool.
pub(crate) struct InSlot<P: Platform, S: Spawner, const SLOTS: usize> {
    busy: &'static AtomicUsize,
    core: &'static Counted<FixedCore<P, S, SLOTS>>,
    awaited: Node,
}

impl<C: Call, P: Platform, S: Spawner, const SLOTS: usize> Storage<C> for InSlot<P, S, SLOTS> {
    const IS_PUMPED: bool = !S::STARTS;

    fn pump(&self) -> bool {
        Pool::lend(self.core).pump()
    }

    fn await_node(&self) -> Option<&Node> {
        Some(&self.awaited)
    }

    fn unqueue(&self, raw: Raw) {
        Pool::<Fixed<P, S, SLOTS>>::lend(self.core).unqueue(raw);
    }

    unsafe fn free(cell: NonNull<Cell<C, Self>>) {
        // SAFETY: the cell was written when its slot became busy, and is not used any more.
        let storage = unsafe { &cell.as_ref().storage };
        // Release: whoever claims the slot next writes the cell after everything that happened to it.
        storage.busy.store(0, Ordering::Release);
    }
}

/// Room for one call.
pub(super) struct Slot<P: Platform, S: Spawner, const SLOTS: usize, const BYTES: usize> {
    place: UnsafeCell<MaybeUninit<Cell<Largest<BYTES>, InSlot<P, S, SLOTS>>>>,
    busy: AtomicUsize,
}

// SAFETY: `busy` gives the place to one call at a time, all of which is `Send`.
unsafe impl<P: Platform, S: Spawner, const SLOTS: usize, const BYTES: usize> Sync
    for Slot<P, S, SLOTS, BYTES>
{
}

impl<P: Platform, S: Spawner, const SLOTS: usize, const BYTES: usize> Slot<P, S, SLOTS, BYTES> {
    pub(super) const fn new() -> Self {
        Self {
            place: UnsafeCell::new(MaybeUninit::uninit()),
            busy: AtomicUsize::new(0),
        }
    }

    pub(super) fn is_free(&self) -> bool {
        // Relaxed: a look at some moment.
        self.busy.load(Ordering::Relaxed) == 0
    }

    /// Takes the slot for the caller, if it is free.
    pub(super) fn claim(&self) -> bool {
        // Acquire: what the last call left was used before the next is written. Relaxed: a busy slot is left alone.
        self.is_free()
            && self
                .busy
                .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Puts a call that fits into the slot, which the caller has claimed.
    pub(super) fn fill<C: Given>(
        &'static self,
        call: C,
        core: &'static Counted<FixedCore<P, S, SLOTS>>,
    ) -> Raw {
        const {
            // What does not fit is refused with a better message, by whoever called this: `CHECK` of the same type.
            let fits = Fits::<C, C::Output, BYTES>::FITS;
            let size = size_of::<Cell<C, InSlot<P, S, SLOTS>>>();
            let align = align_of::<Cell<C, InSlot<P, S, SLOTS>>>();
            assert!(!fits || size <= size_of::<Cell<Largest<BYTES>, InSlot<P, S, SLOTS>>>());
            assert!(!fits || align <= align_of::<Cell<Largest<BYTES>, InSlot<P, S, SLOTS>>>());
        };
        let storage = InSlot {
            busy: &self.busy,
            core,
            awaited: Node::new(Role::Told),
        };
        let cell = Cell::new::<P>(call, Some(core.lend().owner()), storage);
        let place = self.place.with_mut(|place| {
            let place: *mut Cell<C, InSlot<P, S, SLOTS>> = place.cast();
            // SAFETY: the slot is this caller's alone, and the place is large enough for the cell, and aligned.
            unsafe { place.write(cell) };
            // SAFETY: a place inside a `static`.
            unsafe { NonNull::new_unchecked(place) }
        });
        P::observe(CallEvent::Created, place.addr().get());
        // SAFETY: the slot is for ever, and stays this call's until its references are gone.
        unsafe { Cell::raw(place) }
    }
}
