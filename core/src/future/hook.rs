//! Whom to tell of what nobody else would see.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::{cell::Cell, fmt};

use super::{Panic, TaskError};
#[cfg(feature = "alloc")]
use crate::sync::Shared;
use crate::{
    platform::{Owner, Runtime},
    task::waiters::{self, Link},
};

/// What went wrong where nobody waits for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorReport<'a> {
    /// A call failed and its future was dropped without anybody looking. `None` is the call's own `Err`.
    Unread(Option<&'a TaskError>),
    /// A done callback panicked.
    CallbackPanicked(&'a Panic),
    /// The drop of a call that will not run, or of an outcome that nobody took, panicked.
    DropPanicked(&'a Panic),
    /// The waker of an async task panicked.
    WakerPanicked(&'a Panic),
}

impl fmt::Display for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(Some(error)) => write!(f, "nobody looked at a failed call: {error}"),
            Self::Unread(None) => {
                f.write_str("nobody looked at a failed call: it returned an error")
            }
            Self::CallbackPanicked(panic) => write!(f, "a done callback {panic}"),
            Self::DropPanicked(panic) => write!(f, "the drop of a call or its outcome {panic}"),
            Self::WakerPanicked(panic) => write!(f, "a waker {panic}"),
        }
    }
}

/// A pool's error hook: called on whatever thread found out, never under a lock. Its own panics are swallowed.
#[cfg(feature = "alloc")]
pub type ErrorHook = Shared<HookFn>;

/// The function in an [`ErrorHook`].
#[cfg(feature = "alloc")]
pub type HookFn = Box<dyn Fn(&ErrorReport<'_>) + Send + Sync>;

/// A borrowed error hook, or none.
#[derive(Clone, Copy)]
pub(crate) struct Hook<'a> {
    #[cfg(feature = "alloc")]
    hook: Option<&'a ErrorHook>,
    #[cfg(not(feature = "alloc"))]
    none: core::marker::PhantomData<&'a ()>,
}

/// An error hook of one's own, or none.
pub(crate) struct KeptHook {
    #[cfg(feature = "alloc")]
    hook: Option<ErrorHook>,
}

impl<'a> Hook<'a> {
    pub(crate) const NONE: Self = Self {
        #[cfg(feature = "alloc")]
        hook: None,
        #[cfg(not(feature = "alloc"))]
        none: core::marker::PhantomData,
    };

    /// The hook of a pool.
    #[cfg_attr(not(feature = "alloc"), allow(unused_variables))]
    pub(crate) fn of(owner: &'a Owner) -> Self {
        #[cfg(feature = "alloc")]
        return Self { hook: owner.hook() };
        #[cfg(not(feature = "alloc"))]
        return Self::NONE;
    }

    pub(crate) fn kept(self) -> KeptHook {
        KeptHook {
            #[cfg(feature = "alloc")]
            hook: self.hook.cloned(),
        }
    }

    /// Whether there is one.
    #[inline]
    pub(crate) fn is_some(self) -> bool {
        #[cfg(feature = "alloc")]
        return self.hook.is_some();
        #[cfg(not(feature = "alloc"))]
        return false;
    }

    /// The end of a finished call's list of waiters: it keeps the hook for what comes later, when the pool may be gone.
    pub(crate) fn keep(self) -> Link {
        #[cfg(feature = "alloc")]
        if let Some(hook) = self.hook {
            return Link::hook(hook.clone().into_raw());
        }
        Link::END
    }

    /// The hook that the end of the list at `head` keeps. Under the lock.
    #[cfg_attr(not(feature = "alloc"), allow(unused_variables))]
    pub(crate) fn at(head: &Cell<Link>) -> KeptHook {
        // SAFETY: under the lock.
        let end = unsafe { waiters::end(head) };
        KeptHook {
            #[cfg(feature = "alloc")]
            hook: end.end_hook().map(|raw| {
                // SAFETY: it came from `into_raw`; the list keeps its count, so this one must not be dropped.
                let kept = core::mem::ManuallyDrop::new(unsafe { ErrorHook::from_raw(raw) });
                ErrorHook::clone(&kept)
            }),
        }
    }

    /// Tells the hook, if there is one.
    #[cfg_attr(not(feature = "alloc"), allow(unused_variables))]
    pub(crate) fn report(self, runtime: &dyn Runtime, report: &ErrorReport<'_>) {
        #[cfg(feature = "alloc")]
        if let Some(hook) = self.hook {
            // A hook that panics has nobody left to tell.
            runtime.quietly(&mut || hook(report));
        }
    }
}

impl KeptHook {
    pub(crate) fn lend(&self) -> Hook<'_> {
        #[cfg(feature = "alloc")]
        return Hook {
            hook: self.hook.as_ref(),
        };
        #[cfg(not(feature = "alloc"))]
        return Hook::NONE;
    }
}
