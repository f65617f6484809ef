//! A value whose drops are counted, by where they happen.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::Board;

/// How many values were dropped in threads and how many in interrupt handlers.
pub(crate) struct Count {
    threads: AtomicUsize,
    handlers: AtomicUsize,
}

impl Count {
    pub(crate) const fn new() -> Self {
        Self {
            threads: AtomicUsize::new(0),
            handlers: AtomicUsize::new(0),
        }
    }

    pub(crate) fn in_threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    pub(crate) fn in_handlers(&self) -> usize {
        self.handlers.load(Ordering::Relaxed)
    }

    /// Begins anew.
    pub(crate) fn reset(&self) {
        self.threads.store(0, Ordering::Relaxed);
        self.handlers.store(0, Ordering::Relaxed);
    }
}

/// What happened, in its order: a decimal digit each.
pub(crate) struct Digits(AtomicUsize);

impl Digits {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn write(&self, digit: usize) {
        self.0.store(
            self.0.load(Ordering::Relaxed) * 10 + digit,
            Ordering::Relaxed,
        );
    }

    /// What was written, and nothing from here.
    pub(crate) fn take(&self) -> usize {
        let written = self.0.load(Ordering::Relaxed);
        self.0.store(0, Ordering::Relaxed);
        written
    }
}

/// Counts its drop.
pub(crate) struct Tracked {
    count: &'static Count,
    in_handler: fn() -> bool,
}

impl Tracked {
    pub(crate) fn new<B: Board>(count: &'static Count) -> Self {
        Self {
            count,
            in_handler: B::in_handler,
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let counter = if (self.in_handler)() {
            &self.count.handlers
        } else {
            &self.count.threads
        };
        // A load and a store: not every machine has more, and a handler that comes between drops nothing.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}
