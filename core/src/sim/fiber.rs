//! Stacks of their own: the only place that switches between them.

use core::{mem::ManuallyDrop, ptr::NonNull};

use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};

/// A virtual thread with a stack of its own.
///
/// One that is dropped before it has ended stays in memory as it is, stack and all: what is on it may be linked with what is elsewhere,
/// and unwinding it would wait for others.
pub(super) struct Fiber(ManuallyDrop<Coroutine<(), (), ()>>);

/// Leads from a fiber's stack back to whoever resumed it.
#[derive(Clone, Copy)]
pub(super) struct Suspender(NonNull<Yielder<(), ()>>);

impl Suspender {
    /// Goes back to whoever resumed the fiber; returns when it is resumed again.
    ///
    /// # Safety
    /// Called on the stack of the fiber that this was made for.
    pub(super) unsafe fn suspend(self) {
        // SAFETY: the yielder lives at the root of the fiber's stack, which by the caller's promise is the current one.
        let yielder = unsafe { self.0.as_ref() };
        yielder.suspend(());
    }
}

impl Fiber {
    /// A fiber that lives `life` on `stack` once it is resumed. `life` must not unwind.
    pub(super) fn new(stack: DefaultStack, life: impl FnOnce(Suspender) + 'static) -> Self {
        Self(ManuallyDrop::new(Coroutine::with_stack(
            stack,
            move |yielder, ()| life(Suspender(NonNull::from(yielder))),
        )))
    }

    /// Runs it until it suspends itself, or ends: then this is true.
    pub(super) fn resume(&mut self) -> bool {
        matches!(self.0.resume(()), CoroutineResult::Return(()))
    }

    /// The stack of a fiber that has ended, for the next one.
    pub(super) fn into_stack(self) -> DefaultStack {
        ManuallyDrop::into_inner(self.0).into_stack()
    }
}
