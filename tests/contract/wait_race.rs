//! W2: a future that ends just while `wait` looks at its input.

use std::{cell::Cell, time::Duration};

use concurrent_futures::{AsFuture, Future, Promise, ReturnWhen, TaskError, wait};
use concurrent_futures_tests::bounded;

use crate::{virtual_time, wait::ALL};

/// Leads to `future`, and fails it the moment `wait` looks at one of its kind for the `at`th time.
struct Watched<'a> {
    future: &'a Future<u8>,
    looks: &'a Cell<usize>,
    at: usize,
    ends: &'a Cell<Option<Promise<u8>>>,
    ended: &'a Cell<Option<Duration>>,
}

impl AsFuture for Watched<'_> {
    type Output = u8;

    fn as_future(&self) -> &Future<u8> {
        if self.looks.replace(self.looks.get() + 1) == self.at
            && let Some(promise) = self.ends.take()
        {
            promise.set_error(TaskError::Abandoned).unwrap();
            self.ended.set(Some(virtual_time::now()));
        }
        self.future
    }
}

// contract: W2
#[test]
fn wait_misses_no_future_that_ends_while_it_looks_at_them() {
    bounded(|| {
        for when in ALL {
            for at in 0..40 {
                let ((promise, ending), (other, second)) =
                    (virtual_time::promise(), virtual_time::promise());
                // For all, the second must not be what is waited for.
                let _pending = match when {
                    ReturnWhen::AllCompleted => other.set(1).map(|()| None).unwrap(),
                    _ => Some(other),
                };
                let (looks, ends, ended) =
                    (Cell::new(0), Cell::new(Some(promise)), Cell::new(None));
                let watch = |future| Watched {
                    future,
                    looks: &looks,
                    at,
                    ends: &ends,
                    ended: &ended,
                };
                let timeout = Duration::from_secs(1);
                let split = wait([watch(&ending), watch(&second)], when, Some(timeout));
                if let Some(then) = ended.get() {
                    assert_eq!(
                        virtual_time::now(),
                        then,
                        "{when:?} waited on after look {at}"
                    );
                }
                drop(split);
            }
        }
    });
}
