//! Calls that borrow from a stack that they must not outlive.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use concurrent_futures_core::{executor::Handle, future::TaskError};

use super::platform::{ModelBackend, SHORT, any_of, perhaps, pool, user_panic};

/// What children borrow: it is gone after the scope, so whoever comes later is found out.
#[derive(Default)]
struct Frame {
    ran: AtomicUsize,
    closures_dropped: AtomicUsize,
    outcomes_dropped: AtomicUsize,
    callbacks: AtomicUsize,
}

impl Frame {
    fn call<'a>(&'a self) -> impl FnOnce() -> OnDrop<'a> + Send {
        let captured = OnDrop(&self.closures_dropped);
        move || {
            let _captured = captured;
            self.ran.fetch_add(1, Relaxed);
            OnDrop(&self.outcomes_dropped)
        }
    }

    /// All of so many children are over, and nothing of them is left.
    fn check(&self, children: usize, cancelled: usize) {
        assert_eq!(
            self.ran.load(Relaxed),
            children - cancelled,
            "a child is not over"
        );
        assert_eq!(
            self.closures_dropped.load(Relaxed),
            children,
            "a closure is left"
        );
        assert_eq!(
            self.outcomes_dropped.load(Relaxed),
            children - cancelled,
            "an outcome is left"
        );
        assert_eq!(self.callbacks.load(Relaxed), children, "a callback is left");
    }
}

struct OnDrop<'a>(&'a AtomicUsize);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Children whose futures are taken, waited for, cancelled, or dropped at once. Says how many were cancelled.
fn three_children(handle: &Handle<ModelBackend>, frame: &Frame, panics: bool) -> usize {
    let mut cancelled = 0;
    let body = AssertUnwindSafe(|| {
        handle.scope(|scope| {
            for child in 0..3 {
                let future = scope.spawn(frame.call()).expect("the pool is open");
                future.add_done_callback(|done| {
                    assert!(done.state() != concurrent_futures_core::future::TaskState::Pending);
                    frame.callbacks.fetch_add(1, Relaxed);
                });
                match any_of(4) {
                    0 => drop(future.result().expect("nobody cancelled it")),
                    1 => drop(future.result_timeout(SHORT)),
                    2 => cancelled += usize::from(future.cancel()),
                    _ => {}
                }
                if panics && child == 1 {
                    user_panic();
                }
            }
        });
    });
    assert_eq!(catch_unwind(body).is_err(), panics);
    cancelled
}

/// Children that borrow, on a pool of two that somebody else uses, too.
// contract: T7
pub fn borrows() {
    let pool = pool(2);
    let other = pool.spawn(|| 7).expect("there is room");
    let frame = Frame::default();
    let cancelled = three_children(&pool, &frame, false);
    frame.check(3, cancelled);
    assert_eq!(other.result().expect("it runs"), 7);
}

/// The body panics half-way: what it spawned is over all the same.
// contract: T7
pub fn body_panics() {
    let pool = pool(2);
    let frame = Frame::default();
    let cancelled = three_children(&pool, &frame, true);
    frame.check(2, cancelled);
}

/// Children panic: whoever takes their outcome is told, and nobody else is disturbed.
// contract: T7 S5 R7
pub fn child_panics() {
    let pool = pool(2);
    let frame = Frame::default();
    pool.scope(|scope| {
        let fails = scope.spawn(|| -> u32 {
            let _borrowed = OnDrop(&frame.closures_dropped);
            user_panic()
        });
        let fails = fails.expect("the pool is open");
        let runs = scope.spawn(frame.call()).expect("the pool is open");
        if perhaps() {
            assert!(matches!(fails.result(), Err(TaskError::Panicked(_))));
        }
        if perhaps() {
            assert!(runs.result().is_ok());
        }
    });
    assert_eq!(frame.closures_dropped.load(Relaxed), 2, "a closure is left");
    assert_eq!(
        frame.outcomes_dropped.load(Relaxed),
        1,
        "an outcome is left"
    );
}

/// A scope inside a call of the same pool, which has one worker: that worker runs the children.
// contract: T6 T7
pub fn on_worker() {
    let pool = pool(1);
    let handle = pool.handle();
    let panics = perhaps();
    let outer = pool.spawn(move || {
        let frame = Frame::default();
        let cancelled = three_children(&handle, &frame, panics);
        frame.check(if panics { 2 } else { 3 }, cancelled);
    });
    outer
        .expect("there is room")
        .result()
        .expect("it does not wait for ever");
}
