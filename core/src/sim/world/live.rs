//! What others may look at while a run goes on.

use alloc::vec::Vec;
use core::sync::atomic::AtomicUsize;
use std::sync::Mutex;

use crate::sim::{
    lock,
    trace::{Event, Who},
};

/// How far a run is.
#[derive(Default)]
pub(in crate::sim) struct Live {
    /// One beat a step.
    pub(in crate::sim) beats: AtomicUsize,
    /// Whose turn it is.
    pub(super) current: Mutex<Option<Who>>,
    trace: Mutex<Vec<Event>>,
    taken: Mutex<Vec<u16>>,
}

impl Live {
    /// What happened so far.
    pub(in crate::sim) fn trace<R>(&self, look: impl FnOnce(&mut Vec<Event>) -> R) -> R {
        look(&mut lock(&self.trace))
    }

    /// Whose turn it is.
    pub(in crate::sim) fn who(&self) -> Option<Who> {
        *lock(&self.current)
    }

    /// What was chosen so far.
    pub(in crate::sim) fn taken<R>(&self, look: impl FnOnce(&mut Vec<u16>) -> R) -> R {
        look(&mut lock(&self.taken))
    }
}
