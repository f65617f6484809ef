//! Where a call to this library comes from.

use core::{cell::Cell, ptr::NonNull};

use crate::sync::{AtomicUsize, Ordering, const_fn};

/// Who is calling, as the platform knows it.
#[derive(Clone, Copy, Debug)]
pub enum Current {
    /// A worker of some pool: the context it was entered with.
    Worker(NonNull<WorkerContext>),
    /// Any other thread.
    Foreign,
    /// An interrupt handler, a browser's main thread: whoever must not wait gets an error instead.
    MustNotBlock,
}

/// What a worker is while it lives: which pool's, with which worker-local value.
#[derive(Debug)]
pub struct WorkerContext {
    owner: NonNull<Owner>,
    /// None while the worker-local value is made and dropped.
    local: Cell<Option<NonNull<()>>>,
    outer: Option<NonNull<WorkerContext>>,
    /// Whether its calls run elsewhere, so that it cannot run one here that it waits for.
    carries: bool,
}

/// See [`WorkerContext::id`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerId {
    owner: NonNull<Owner>,
    context: usize,
}

impl WorkerContext {
    /// `outer` is the context that the thread was in before, if it was a worker already.
    pub(crate) fn new(owner: NonNull<Owner>, current: Current) -> Self {
        let outer = match current {
            Current::Worker(outer) => Some(outer),
            Current::Foreign | Current::MustNotBlock => None,
        };
        Self {
            owner,
            local: Cell::new(None),
            outer,
            carries: false,
        }
    }

    /// The context of a worker whose calls run elsewhere.
    #[cfg(feature = "alloc")]
    pub(crate) fn carrying(self, carries: bool) -> Self {
        Self { carries, ..self }
    }

    pub(crate) fn carries(&self) -> bool {
        self.carries
    }

    /// Tells this worker from others; one that comes later may have the same, and is then of the same pool.
    pub(crate) fn id(&self) -> WorkerId {
        WorkerId {
            owner: self.owner,
            context: core::ptr::from_ref(self).addr(),
        }
    }

    /// The worker-local value, of the type that the pool of `owner` knows; without it this worker runs no calls.
    pub(crate) fn local(&self) -> Option<NonNull<()>> {
        self.local.get()
    }

    pub(crate) fn set_local(&self, local: Option<NonNull<()>>) {
        self.local.set(local);
    }

    /// This context if it is one of `owner`'s, or the nearest such around it.
    pub(crate) fn of(&self, owner: *const Owner) -> Option<&Self> {
        let mut context = self;
        while !core::ptr::eq(context.owner.as_ptr(), owner) {
            // SAFETY: an outer context belongs to a frame further out on this very stack.
            context = unsafe { context.outer?.as_ref() };
        }
        Some(context)
    }
}

// Pointers to owners carry tags in their two lowest bits.
const _: () = assert!(align_of::<Owner>() >= 4);

/// The part of a pool that its calls point to: identity, and what a canceller has to tell it.
///
/// A call's pointer to its owner may be followed only while the call's entry is in the owner's queue: see the rules in
/// [`task`](crate::task).
pub(crate) struct Owner {
    /// Entries in the queue whose call was cancelled or claimed: they take room, and wait for nothing.
    husks: AtomicUsize,
    /// Whether the pool takes no more calls, and how many ran since.
    closed: AtomicUsize,
    ran_since: AtomicUsize,
    #[cfg(feature = "alloc")]
    hook: Option<crate::future::ErrorHook>,
}

impl core::fmt::Debug for Owner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

impl Owner {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                husks: AtomicUsize::new(0),
                closed: AtomicUsize::new(0),
                ran_since: AtomicUsize::new(0),
                #[cfg(feature = "alloc")]
                hook: None,
            }
        }
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn with_hook(self, hook: Option<crate::future::ErrorHook>) -> Self {
        Self { hook, ..self }
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn hook(&self) -> Option<&crate::future::ErrorHook> {
        self.hook.as_ref()
    }

    // Relaxed in all of these: statistics; nothing is published through them.
    pub(crate) fn husk_made(&self) {
        self.husks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn husk_passed(&self) {
        self.husks.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn husks(&self) -> usize {
        self.husks.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.closed.store(1, Ordering::Relaxed);
    }

    /// A call ran, and its outcome is about to be published.
    #[inline]
    pub(crate) fn ran(&self) {
        if self.closed.load(Ordering::Relaxed) != 0 {
            self.ran_since.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn ran_since_closed(&self) -> usize {
        self.ran_since.load(Ordering::Relaxed)
    }
}
