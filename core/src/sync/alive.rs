//! Whether a block of memory that explorers never free is still in use.

#[cfg(cf_shuttle)]
use core::cell::Cell;

/// A mark inside the block: every use reads it, and the end of the block writes it.
#[cfg(cf_model)]
pub(crate) struct Alive(super::UnsafeCell<()>);

#[cfg(cf_model)]
impl Alive {
    pub(crate) fn new() -> Self {
        Self(super::UnsafeCell::new(()))
    }

    /// The block is used.
    pub(crate) fn check(&self) {
        self.0.with(|_| ());
    }

    /// The block would be freed now. A use that is not ordered before this is found, whichever comes first.
    pub(crate) fn end(&self) {
        self.0.with_mut(|_| ());
    }
}

/// A mark inside the block. All of an execution runs on one thread of the system, so that it needs no atomic.
#[cfg(cf_shuttle)]
pub(crate) struct Alive(Cell<bool>);

#[cfg(cf_shuttle)]
impl Alive {
    pub(crate) fn new() -> Self {
        Self(Cell::new(true))
    }

    /// The block is used.
    pub(crate) fn check(&self) {
        assert!(self.0.get(), "a call was used after it was freed");
    }

    /// The block would be freed now.
    pub(crate) fn end(&self) {
        assert!(self.0.replace(false), "a call was freed twice");
    }
}
