//! The end of a call, where somebody has to be told: two steps, and no user code under the lock.
//!
//! 1. The outcome is published: observers and sets are told.
//! 2. The callbacks run, in the order of their registration. Then the call is settled: takers are woken.

use core::cell::Cell;

use super::{
    header::Raw,
    state::{Finish, Snapshot},
    waiters::{self, Link, Sorted, Told},
};
use crate::{
    future::{CancelledBy, ErrorReport, Hook, Panic, TaskError},
    platform::{Point, Runtime},
    sync::{Essential, essential},
};

impl Raw {
    /// The outcome is written: publishes it and tells everybody. Gives the caller's reference back if `release`.
    ///
    /// `failed` says whether it counts as a failure, `hook` is whom to tell if nobody reads that. `before_user_code` is called
    /// before anything of the user's runs, which may take long.
    #[inline]
    pub(crate) fn finish(
        self,
        failed: bool,
        release: bool,
        hook: Hook<'_>,
        before_user_code: &mut dyn FnMut(),
    ) {
        self.runtime().point(Point::Outcome);
        if failed || hook.is_some() || self.state().finish(release) == Finish::LookAfter {
            self.finish_and_tell(failed, release, hook, before_user_code);
        }
    }

    #[cold]
    fn finish_and_tell(
        self,
        failed: bool,
        release: bool,
        hook: Hook<'_>,
        before_user_code: &mut dyn FnMut(),
    ) {
        let sorted = Sorted::new();
        let published = self.locked(|| {
            let published = self.state().publish(failed);
            let head = &self.header().waiters;
            // From here the end of the list is no longer the owner: the pool may be gone before the future.
            // SAFETY: under the lock; `sorted` lives until `tell` has emptied it.
            unsafe { sorted.sort(head, hook.keep()) };
            published
        });
        let runtime = self.runtime();
        let (settled, last) = self.tell(published, &sorted, hook, before_user_code);
        if settled.is_gone() && !settled.is_kept() {
            before_user_code();
            self.dispose();
        }
        if release && essential(Essential::UnfusedCompletion) {
            self.release();
        }
        // Now that nothing of the call is needed: whoever is woken may run at once, and finds its memory free when it lets go, too.
        if let Some(last) = last {
            wake(runtime, last, hook, before_user_code);
        }
    }

    /// Finishes a call that was never started, or whose runner has no outcome, with an error.
    pub(crate) fn fail(self, error: TaskError, release: bool, hook: Hook<'_>) {
        // SAFETY: the caller is the runner.
        unsafe { (self.header().vtable.put_error)(self.as_ptr(), error) };
        self.finish(true, release, hook, &mut || ());
    }

    /// Cancels the call if it is PENDING; drops it, and tells everybody. The error is what it is instead.
    pub(crate) fn cancel(self, by: CancelledBy) -> Result<(), Snapshot> {
        let state = self.state().load();
        if !state.is_pending() {
            return Err(state);
        }
        let sorted = Sorted::new();
        let hook = self.locked(|| {
            // SAFETY: the canceller has a reference.
            if !unsafe { (self.header().vtable.recall)(self.as_ptr()) } {
                return Err(state);
            }
            self.state().cancel(by)?;
            let head = &self.header().waiters;
            // SAFETY: under the lock.
            let owner = unsafe { waiters::end(head) }.end_owner();
            // SAFETY: the state was PENDING, so the call's entry is in its owner's queue, and whoever passes it takes this
            // lock before the owner can be gone.
            let kept = match owner.map(|owner| unsafe { owner.as_ref() }) {
                Some(owner) => {
                    owner.husk_made();
                    Hook::of(owner).kept()
                }
                None => Hook::NONE.kept(),
            };
            // SAFETY: under the lock; `sorted` lives until `tell` has emptied it.
            unsafe { sorted.sort(head, kept.lend().keep()) };
            Ok(kept)
        })?;
        let hook = hook.lend();
        // SAFETY: this thread moved the state away from PENDING.
        self.guarded(
            hook,
            |panic| ErrorReport::DropPanicked(panic),
            || unsafe {
                (self.header().vtable.drop_call)(self.as_ptr());
            },
        );
        self.unqueue();
        let (_, last) = self.tell(self.state().load(), &sorted, hook, &mut || ());
        if let Some(last) = last {
            wake(self.runtime(), last, hook, &mut || ());
        }
        Ok(())
    }

    /// Both steps of telling. Returns the state in which the call is settled, and whom to wake last.
    fn tell(
        self,
        published: Snapshot,
        sorted: &Sorted,
        hook: Hook<'_>,
        before_user_code: &mut dyn FnMut(),
    ) -> (Snapshot, Option<Told>) {
        self.runtime().point(Point::Published);
        let mut last = None;
        self.wake_all(&sorted.observers, &mut last, hook, before_user_code);
        let mut settled = published;
        if published.has_callbacks() {
            #[cfg(feature = "alloc")]
            {
                if let Some(last) = last.take() {
                    wake(self.runtime(), last, hook, before_user_code);
                }
                before_user_code();
                self.run_callbacks(&sorted.callbacks, hook);
            }
            settled = self.locked(|| self.state().settle());
        }
        self.wake_all(&self.header().waiters, &mut last, hook, before_user_code);
        (settled, last)
    }

    /// Pops and tells every node of `chain`, one at a time: a waiter may leave at any moment, under the lock. Whoever is told last is not
    /// woken yet, but put into `last`, and who was there is.
    fn wake_all(
        self,
        chain: &Cell<Link>,
        last: &mut Option<Told>,
        hook: Hook<'_>,
        before_user_code: &mut dyn FnMut(),
    ) {
        while let Some(told) = self.locked(|| {
            loop {
                // SAFETY: under the lock.
                let node = unsafe { waiters::pop(chain) }?;
                // SAFETY: the node was linked until now, and whoever owns it takes the lock before it goes.
                if let Some(told) = unsafe { waiters::tell(node) } {
                    return Some(told);
                }
            }
        }) {
            if let Some(told) = last.replace(told) {
                wake(self.runtime(), told, hook, before_user_code);
            }
        }
    }

    #[cfg(feature = "alloc")]
    fn run_callbacks(self, callbacks: &Cell<Link>, hook: Hook<'_>) {
        // No lock: callbacks are never unregistered, so nobody else knows this chain any more.
        // SAFETY: the chain is this thread's alone.
        while let Some(node) = unsafe { waiters::pop(callbacks) } {
            // SAFETY: a callback's node was boxed when it was registered, and belongs to the list.
            let node = unsafe { alloc::boxed::Box::from_raw(node.as_ptr()) };
            if let waiters::Role::Callback(callback) = node.take_role() {
                self.run_callback(callback, hook);
            }
        }
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn run_callback(self, callback: waiters::Callback, hook: Hook<'_>) {
        let mut callback = Some(callback);
        self.guarded(
            hook,
            |panic| ErrorReport::CallbackPanicked(panic),
            || {
                if let Some(callback) = callback.take() {
                    callback(self);
                }
            },
        );
    }

    /// Drops the outcome of a settled call whose future is gone, telling the hook of a failure that nobody read.
    pub(crate) fn dispose(self) {
        let state = self.state().load();
        if state.is_cancelled() || state.is_taken() {
            return;
        }
        let hook = self.locked(|| Hook::at(&self.header().waiters));
        if state.is_unread_failure() {
            hook.lend()
                .report(self.runtime(), &ErrorReport::Unread(self.error()));
        }
        if !self.state().mark_taken() {
            return;
        }
        // SAFETY: the state was settled and not TAKEN, and the right to dispose is this thread's.
        self.guarded(
            hook.lend(),
            |panic| ErrorReport::DropPanicked(panic),
            || unsafe {
                (self.header().vtable.drop_outcome)(self.as_ptr());
            },
        );
    }

    /// The error of an outcome that is there and stays.
    fn error<'a>(self) -> Option<&'a TaskError> {
        // SAFETY: the caller knows that the state is FINISHED and not TAKEN.
        let error = unsafe { (self.header().vtable.error)(self.as_ptr()) };
        // SAFETY: the outcome stays where it is for as long as the caller uses this.
        error.map(|error| unsafe { error.as_ref() })
    }

    /// Runs user code; a panic goes to the hook.
    pub(super) fn guarded(
        self,
        hook: Hook<'_>,
        report: impl for<'a> FnOnce(&'a Panic) -> ErrorReport<'a>,
        code: impl FnMut(),
    ) {
        guarded(self.runtime(), hook, report, code);
    }
}

/// Wakes somebody; the call may be gone.
fn wake(
    runtime: &'static dyn Runtime,
    told: Told,
    hook: Hook<'_>,
    before_user_code: &mut dyn FnMut(),
) {
    if told.of_user {
        before_user_code();
    }
    let mut waker = Some(told.waker);
    guarded(
        runtime,
        hook,
        |panic| ErrorReport::WakerPanicked(panic),
        || {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        },
    );
}

fn guarded(
    runtime: &'static dyn Runtime,
    hook: Hook<'_>,
    report: impl for<'a> FnOnce(&'a Panic) -> ErrorReport<'a>,
    mut code: impl FnMut(),
) {
    if let Err(payload) = runtime.catch(&mut code) {
        let panic = Panic::from(payload);
        hook.report(runtime, &report(&panic));
        let mut panic = Some(panic);
        runtime.quietly(&mut || panic = None);
    }
}
