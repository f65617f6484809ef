//! References to a call by what their holder may do with it: queue it, run it.

use core::{fmt, mem::ManuallyDrop};

use super::{Local, header::Raw, state::Start};
use crate::{
    future::{CancelledBy, ErrorReport, Hook, TaskError},
    platform::{Owner, Point},
};

/// A call that waits to be started: what a [`Queue`](crate::queue::Queue) holds.
///
/// Dropped, it finishes the future with [`TaskError::Abandoned`], unless somebody cancelled or claimed the call.
pub struct Task(Raw);

// SAFETY: a cell is only made with a call and an outcome that are `Send`, and its state word says who may touch them.
unsafe impl Send for Task {}
// SAFETY: `&Task` gives nothing but the state.
unsafe impl Sync for Task {}

/// What came of [`Task::start`].
#[must_use]
pub(crate) enum Started {
    /// To be run by the caller.
    Run(Running),
    /// Cancelled or claimed since it was queued.
    Passed,
}

impl Task {
    /// # Safety
    /// The producer's reference of `raw` is the task's from here.
    pub(crate) unsafe fn new(raw: Raw) -> Self {
        Self(raw)
    }

    fn into_raw(self) -> Raw {
        ManuallyDrop::new(self).0
    }

    /// PENDING → RUNNING, on behalf of `owner`, whose queue it was in.
    #[inline]
    pub(crate) fn start(self, owner: &Owner) -> Started {
        let raw = self.into_raw();
        raw.runtime().point(Point::Taken);
        match raw.state().start() {
            Start::Run => Started::Run(Running { raw, release: true }),
            Start::Passed => {
                pass(raw, owner);
                Started::Passed
            }
        }
    }

    /// Cancels it, on behalf of `owner`, whose queue it was in; false if it was cancelled or claimed before.
    pub(crate) fn cancel(self, owner: &Owner, by: CancelledBy) -> bool {
        let raw = self.into_raw();
        let cancelled = raw.cancel(by).is_ok();
        pass(raw, owner);
        cancelled
    }

    /// Has whoever waits for the call on a thread look again, once `queue` has put it where it can be taken.
    #[cfg(feature = "alloc")]
    pub(crate) fn nudge_after(self, queue: impl FnOnce(Self)) {
        let raw = self.0;
        raw.state().retain();
        queue(self);
        // SAFETY: under the lock.
        raw.locked(|| unsafe { super::waiters::nudge(&raw.header().waiters) });
        raw.release();
    }

    /// What the call brought along.
    ///
    /// # Safety
    /// The call was submitted to a pool whose backend's cargo is a `C`.
    #[cfg(feature = "alloc")]
    pub(crate) unsafe fn cargo<C>(&self) -> &C {
        // SAFETY: as for this function; the task's reference keeps it.
        unsafe { cargo(self.0) }
    }

    /// Whether this is the entry of the call that `raw` leads to.
    pub(crate) fn is(&self, raw: Raw) -> bool {
        self.0 == raw
    }

    /// Drops the entry of a call that the calling thread has cancelled or claimed.
    pub(crate) fn pass(self, owner: &Owner) {
        pass(self.into_raw(), owner);
    }

    /// Leaves the reference to the submitter, who takes the call back before anybody else saw it.
    pub(crate) fn forget(self) {
        let _ = self.into_raw();
    }
}

/// # Safety
/// The caller has a reference of `raw` for `'a`, and the call was submitted to a pool whose backend's cargo is a `C`.
#[cfg(feature = "alloc")]
unsafe fn cargo<'a, C>(raw: Raw) -> &'a C {
    // SAFETY: the caller has a reference.
    let cargo = unsafe { (raw.header().vtable.cargo)(raw.as_ptr()) };
    // SAFETY: as for this function; it is only ever lent by `&`.
    unsafe { cargo.cast().as_ref() }
}

/// Drops the reference of a queue entry whose call is not the queue's any more.
#[cold]
fn pass(raw: Raw, owner: &Owner) {
    // The canceller tells the owner inside this lock: once it is free, the owner may go.
    raw.locked(|| ());
    owner.husk_passed();
    raw.release();
}

impl Drop for Task {
    fn drop(&mut self) {
        let raw = self.0;
        match raw.state().start() {
            Start::Run => Running { raw, release: true }.discard(TaskError::Abandoned, Hook::NONE),
            Start::Passed => {
                raw.locked(|| ());
                raw.release();
            }
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task")
            .field(&self.0.state().load().lifecycle())
            .finish()
    }
}

/// A call that is RUNNING: its holder is the runner.
#[must_use]
pub(crate) struct Running {
    raw: Raw,
    /// Whether the holder has a reference of its own.
    release: bool,
}

/// A call that ran: its outcome is written and not published.
#[must_use]
pub(crate) struct Ran {
    raw: Raw,
    failed: bool,
    release: bool,
}

impl Running {
    /// PENDING → RUNNING by one who waits for it and keeps it alive, on behalf of `owner`, in whose queue it stays as a husk, unless that
    /// lets it go.
    pub(crate) fn claim(raw: Raw, owner: &Owner) -> Option<Self> {
        owner.husk_made();
        match raw.state().start() {
            Start::Run => {
                raw.unqueue();
                Some(Self {
                    raw,
                    release: false,
                })
            }
            Start::Passed => {
                owner.husk_passed();
                None
            }
        }
    }

    /// As [`Task::cargo`].
    ///
    /// # Safety
    /// As there.
    #[cfg(feature = "alloc")]
    pub(crate) unsafe fn cargo<C>(&self) -> &C {
        // SAFETY: as for this function; the runner's reference keeps it.
        unsafe { cargo(self.raw) }
    }

    /// Runs the call on this thread.
    #[inline]
    pub(crate) fn run(self, local: Local) -> Ran {
        // SAFETY: this is the runner.
        let failed = unsafe { (self.raw.header().vtable.run)(self.raw.as_ptr(), local) };
        Ran {
            raw: self.raw,
            failed,
            release: self.release,
        }
    }

    /// Drops the call and finishes it with an error.
    pub(crate) fn discard(self, error: TaskError, hook: Hook<'_>) {
        self.refuse(error, hook).finish(hook, &mut || ());
    }

    /// Drops the call, and has an error for its outcome.
    pub(crate) fn refuse(self, error: TaskError, hook: Hook<'_>) -> Ran {
        let raw = self.raw;
        // SAFETY: this is the runner, and the call is there.
        raw.guarded(
            hook,
            |panic| ErrorReport::DropPanicked(panic),
            || unsafe {
                (raw.header().vtable.drop_call)(raw.as_ptr());
            },
        );
        // SAFETY: this is the runner, and the call is gone.
        unsafe { (raw.header().vtable.put_error)(raw.as_ptr(), error) };
        Ran {
            raw,
            failed: true,
            release: self.release,
        }
    }
}

impl Ran {
    /// Publishes the outcome and tells everybody; see [`Raw::finish`].
    #[inline]
    pub(crate) fn finish(self, hook: Hook<'_>, before_user_code: &mut dyn FnMut()) {
        self.raw
            .finish(self.failed, self.release, hook, before_user_code);
    }
}
