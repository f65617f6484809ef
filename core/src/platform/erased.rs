//! A platform behind one pointer, so that futures of every platform are one type.

use core::{marker::PhantomData, time::Duration};

use super::{
    CallEvent, Clock, Current, Deadline, Lock, Parker, Platform, Point, Stripe, Time, Unparker,
};
use crate::future::PanicPayload;

/// What a call and whoever waits for it ask of their platform, without naming its type.
pub(crate) trait Runtime: Sync {
    fn locked(&self, stripe: Stripe, address: usize, section: &mut dyn FnMut());
    fn unparker(&self) -> Unparker;
    /// Parks the calling thread, until `deadline` at the latest; may return early.
    fn park(&self, deadline: Deadline);
    fn relax(&self, turn: u32) -> bool;
    fn now(&self) -> Option<Time>;
    fn current(&self) -> Current;
    fn catch(&self, code: &mut dyn FnMut()) -> Result<(), PanicPayload>;
    fn point(&self, point: Point);
    fn observe(&self, event: CallEvent, address: usize);

    /// When `timeout` from now is over.
    fn deadline(&self, timeout: Duration) -> Deadline {
        Deadline::after(self.now(), timeout)
    }

    /// Runs user code whose panic has nobody to go to. Even the drop of a payload is user code; one that panics in turn leaves a
    /// payload that is leaked.
    fn quietly(&self, code: &mut dyn FnMut()) {
        if let Err(payload) = self.catch(code) {
            let mut payload = Some(payload);
            let dropped = self.catch(&mut || payload = None);
            let _leaked = dropped.map_err(core::mem::ManuallyDrop::new);
        }
    }
}

/// The [`Runtime`] of a [`Platform`].
pub(crate) struct Erased<P>(PhantomData<fn() -> P>);

impl<P: Platform> Erased<P> {
    pub(crate) const RUNTIME: &'static dyn Runtime = &Self(PhantomData);
}

impl<P: Platform> Runtime for Erased<P> {
    fn locked(&self, stripe: Stripe, address: usize, section: &mut dyn FnMut()) {
        P::stripe(stripe, address).with(section);
    }

    fn unparker(&self) -> Unparker {
        P::with_parker(Parker::unparker)
    }

    fn park(&self, deadline: Deadline) {
        P::with_parker(|parker| deadline.park(parker));
    }

    fn relax(&self, turn: u32) -> bool {
        P::relax(turn)
    }

    fn now(&self) -> Option<Time> {
        P::Clock::now()
    }

    fn current(&self) -> Current {
        P::current()
    }

    fn catch(&self, code: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        P::catch(code)
    }

    fn point(&self, point: Point) {
        P::point(point);
    }

    fn observe(&self, event: CallEvent, address: usize) {
        P::observe(event, address);
    }
}

/// Runs `section` inside the lock for `address` and returns what it returned.
pub(crate) fn locked<R>(
    runtime: &dyn Runtime,
    stripe: Stripe,
    address: usize,
    section: impl FnOnce() -> R,
) -> R {
    let mut section = Some(section);
    let mut result = None;
    runtime.locked(stripe, address, &mut || {
        if let Some(section) = section.take() {
            result = Some(section());
        }
    });
    match result {
        Some(result) => result,
        None => section_not_run(),
    }
}

/// A platform that does not run the section breaks the contract of `Lock::with`, as one that does not lock does.
#[cold]
#[inline(never)]
fn section_not_run() -> ! {
    unreachable!("the platform's lock did not run its section")
}
