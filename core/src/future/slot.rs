//! A promise and its future in a `static`: no allocator.

use core::{fmt, marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use super::{Future, Promise, promise::Promised};
use crate::{
    platform::{CallEvent, Platform},
    sync::{AtomicUsize, Ordering, UnsafeCell},
    task::{
        cell::{Cell, Storage},
        waiters::{Node, Role},
    },
};

/// Room for one outcome on its way, used again once both its ends have let go.
///
/// ```
/// use concurrent_futures::StdPlatform;
/// use concurrent_futures_core::future::Slot;
///
/// static SLOT: Slot<u32> = Slot::new();
///
/// let (promise, future) = SLOT.promise::<StdPlatform>()?;
/// assert!(SLOT.promise::<StdPlatform>().is_err(), "in use");
/// promise.set(7)?;
/// assert_eq!(future.result()?, 7);
/// assert!(SLOT.promise::<StdPlatform>().is_ok(), "free again");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Slot<T: 'static> {
    cell: UnsafeCell<MaybeUninit<Cell<Promised<T>, InSlot>>>,
    busy: AtomicUsize,
}

// SAFETY: `busy` gives the cell to one pair at a time, and the pair moves a `T` between threads.
unsafe impl<T: Send> Sync for Slot<T> {}

/// The storage of a cell in a slot.
pub(super) struct InSlot {
    busy: &'static AtomicUsize,
    awaited: Node,
}

impl<T> Storage<Promised<T>> for InSlot {
    fn await_node(&self) -> Option<&Node> {
        Some(&self.awaited)
    }

    unsafe fn free(cell: NonNull<Cell<Promised<T>, Self>>) {
        // SAFETY: the cell was written when the slot became busy, and is not used any more.
        let storage = unsafe { &cell.as_ref().storage };
        // Release: whoever takes the slot next writes the cell after everything that happened to it.
        storage.busy.store(0, Ordering::Release);
    }
}

/// Both ends of the slot's last outcome must be dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotBusy;

impl fmt::Display for SlotBusy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the slot is in use: take or drop its future and its promise first")
    }
}

impl core::error::Error for SlotBusy {}

impl<T: Send> Slot<T> {
    /// A free slot.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cell: UnsafeCell::new(MaybeUninit::uninit()),
            busy: AtomicUsize::new(0),
        }
    }

    /// A promise and its future, in this slot.
    ///
    /// # Errors
    /// [`SlotBusy`] while the ends of the last pair are in use.
    pub fn promise<P: Platform>(&'static self) -> Result<(Promise<T>, Future<T>), SlotBusy> {
        // Acquire: what the last pair did to the cell happened before this one writes it. Relaxed: a busy slot is left alone.
        self.busy
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .map_err(|_| SlotBusy)?;
        let storage = InSlot {
            busy: &self.busy,
            awaited: Node::new(Role::Told),
        };
        let cell = Cell::new::<P>(Promised(PhantomData), None, storage);
        let cell = self.cell.with_mut(|place| {
            // SAFETY: `busy` was 0 and is 1 now, by this thread: the place is unused, and it is this thread's.
            let place = unsafe { &mut *place };
            NonNull::from(place.write(cell))
        });
        P::observe(CallEvent::Promised, cell.addr().get());
        // SAFETY: the place is `'static`, and stays this pair's until its references are gone.
        let raw = unsafe { Cell::raw(cell) };
        // SAFETY: a new call has a reference for its producer.
        let promise = unsafe { Promise::new(raw) };
        // SAFETY: and one for its consumer.
        Ok((promise, unsafe { Future::new(raw) }))
    }
}

impl<T: Send> Default for Slot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("busy", &(self.busy.load(Ordering::Relaxed) != 0))
            .finish_non_exhaustive()
    }
}
