//! A call whose closure, outcome and callbacks count.

use std::sync::{Arc, atomic::Ordering::Relaxed};

// What is looked at while others go on is to be seen by loom, or it would not try other orders.
#[cfg(cf_model)]
use loom::sync::atomic::AtomicUsize;
#[cfg(not(cf_model))]
use std::sync::atomic::AtomicUsize;

use concurrent_futures_core::future::{CancelledBy, TaskError};

/// What happened to calls, by counting.
#[derive(Default, Debug)]
pub struct Counts {
    ran: AtomicUsize,
    closures_dropped: AtomicUsize,
    outcomes_dropped: AtomicUsize,
    callbacks_called: AtomicUsize,
}

impl Counts {
    /// One more call that counts here.
    pub fn call(this: &Arc<Self>) -> impl FnOnce() -> Value + Send + 'static {
        let (captured, counts) = (Captured(this.clone()), this.clone());
        move || {
            let _captured = captured;
            counts.ran.fetch_add(1, Relaxed);
            Value(7, counts)
        }
    }

    /// A callback was called.
    pub fn called(&self) {
        self.callbacks_called.fetch_add(1, Relaxed);
    }

    /// How many calls ran.
    pub fn ran(&self) -> usize {
        self.ran.load(Relaxed)
    }

    /// How many callbacks were called.
    pub fn callbacks(&self) -> usize {
        self.callbacks_called.load(Relaxed)
    }

    /// Somebody got the outcome of the only call by value: by then its closure is gone, and so many callbacks were called.
    pub fn check_taken(&self, callbacks: usize) {
        assert_eq!(
            self.callbacks(),
            callbacks,
            "the outcome was taken before its callbacks ran"
        );
        let dropped = self.closures_dropped.load(Relaxed);
        assert_eq!(
            dropped, 1,
            "the outcome was taken before the closure was gone"
        );
    }

    /// Everything is over: every closure and every outcome was dropped once, every callback called once.
    pub fn check(&self, calls: usize, callbacks: usize) {
        assert_eq!(
            self.closures_dropped.load(Relaxed),
            calls,
            "closures: {self:?}"
        );
        assert_eq!(
            self.outcomes_dropped.load(Relaxed),
            self.ran(),
            "outcomes: {self:?}"
        );
        assert_eq!(self.callbacks(), callbacks, "callbacks: {self:?}");
    }
}

/// The closure's capture.
struct Captured(Arc<Counts>);

impl Drop for Captured {
    fn drop(&mut self) {
        self.0.closures_dropped.fetch_add(1, Relaxed);
    }
}

/// What the closure returns.
pub struct Value(u32, Arc<Counts>);

impl Drop for Value {
    fn drop(&mut self) {
        self.1.outcomes_dropped.fetch_add(1, Relaxed);
    }
}

/// What a waiter was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The value.
    Value,
    /// That the call was cancelled.
    Cancelled(CancelledBy),
    /// That its runner went away.
    Abandoned,
}

impl Answer {
    /// What `outcome` says.
    pub fn of(outcome: Result<&Value, &TaskError>) -> Self {
        match outcome {
            Ok(value) => {
                assert_eq!(value.0, 7);
                Self::Value
            }
            Err(TaskError::Cancelled(by)) => Self::Cancelled(*by),
            Err(TaskError::Abandoned) => Self::Abandoned,
            Err(other) => panic!("{other}"),
        }
    }
}
