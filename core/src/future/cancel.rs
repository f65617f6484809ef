//! A future whose call nobody wants once it is dropped.

use core::{fmt, ops::Deref};

use super::Future;

/// A [`Future`] that cancels its call when it is dropped.
///
/// ```
/// use concurrent_futures::promise;
///
/// let (mut promise, future) = promise::<u8>();
/// drop(future.cancel_on_drop());
/// assert!(!promise.start(), "cancelled before it started");
/// ```
pub struct CancelOnDrop<T> {
    // `None` only between `into_inner` and the drop of what is left.
    future: Option<Future<T>>,
}

impl<T> CancelOnDrop<T> {
    pub(super) fn new(future: Future<T>) -> Self {
        Self {
            future: Some(future),
        }
    }

    /// The future, which no longer cancels when dropped.
    #[must_use]
    pub fn into_inner(mut self) -> Future<T> {
        match self.future.take() {
            Some(future) => future,
            None => unreachable!("only this method, which consumes the guard, takes the future"),
        }
    }
}

impl<T> Deref for CancelOnDrop<T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        match &self.future {
            Some(future) => future,
            None => unreachable!("only `into_inner`, which consumes the guard, takes the future"),
        }
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        if let Some(future) = &self.future {
            future.cancel();
        }
    }
}

impl<T> fmt::Debug for CancelOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelOnDrop").field(&**self).finish()
    }
}
