//! The producer's half of an outcome that no executor computes.

use core::{fmt, marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};

use super::{Hook, InvalidState, TaskError};
use crate::task::{Call, Local, cell::Outcome, header::Raw, state::Start};
#[cfg(feature = "alloc")]
use crate::{future::Future, platform::Platform};

/// The call of a promise: nobody runs it.
pub(super) struct Promised<T>(pub(super) PhantomData<fn() -> T>);

impl<T> Call for Promised<T> {
    type Output = T;

    fn call(self, _: Local) -> Outcome<T> {
        unreachable!("the call of a promise is in no queue")
    }
}

/// Sets the outcome of a [`Future`](super::Future) by hand, once.
///
/// Dropped without an outcome it finishes the future with [`TaskError::Abandoned`].
///
/// ```
/// use concurrent_futures::promise;
///
/// let (promise, future) = promise();
/// let producer = std::thread::spawn(move || promise.set("ready"));
/// assert_eq!(future.result()?, "ready");
/// producer.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Promise<T> {
    raw: Raw,
    started: bool,
    outcome: PhantomData<T>,
}

// SAFETY: it moves a `T` to whoever takes it.
unsafe impl<T: Send> Send for Promise<T> {}
// SAFETY: `&Promise` gives nothing.
unsafe impl<T: Send> Sync for Promise<T> {}

/// A promise and its future, for a platform `P`. The `std` backend has one without the parameter.
#[cfg(feature = "alloc")]
#[must_use]
pub fn promise<P: Platform, T: Send + 'static>() -> (Promise<T>, Future<T>) {
    let raw = crate::task::allocate::<P, _, _>(Promised::<T>(PhantomData), None, ());
    // SAFETY: a new call has a reference for its producer.
    let promise = unsafe { Promise::new(raw) };
    // SAFETY: and one for its consumer.
    (promise, unsafe { Future::new(raw) })
}

impl<T> Promise<T> {
    /// # Safety
    /// The producer's reference of `raw`, whose call is a `Promised<T>`, is the promise's from here.
    pub(super) unsafe fn new(raw: Raw) -> Self {
        Self {
            raw,
            started: false,
            outcome: PhantomData,
        }
    }

    /// Announces that the work has begun, after which the future cannot be cancelled. False if it was cancelled before.
    #[must_use = "a cancelled promise needs no work"]
    pub fn start(&mut self) -> bool {
        self.started = self.started || self.raw.state().start() == Start::Run;
        self.started
    }

    /// Sets the value and tells everybody who waits.
    ///
    /// # Errors
    /// [`InvalidState`] with the value if the future was cancelled.
    pub fn set(mut self, value: T) -> Result<(), InvalidState<T>> {
        if !self.start() {
            return Err(InvalidState::new(value));
        }
        let raw = ManuallyDrop::new(self).raw;
        let outcome = ManuallyDrop::new(Outcome::<T>::Ok(value));
        // SAFETY: a started promise is the runner; the outcome is moved, and not dropped here.
        unsafe { (raw.header().vtable.put)(raw.as_ptr(), NonNull::from(&outcome).cast()) };
        raw.finish(false, true, Hook::NONE, &mut || ());
        Ok(())
    }

    /// Sets an error and tells everybody who waits. The future has failed.
    ///
    /// # Errors
    /// [`InvalidState`] with the error if the future was cancelled.
    pub fn set_error(mut self, error: TaskError) -> Result<(), InvalidState<TaskError>> {
        if !self.start() {
            return Err(InvalidState::new(error));
        }
        ManuallyDrop::new(self).raw.fail(error, true, Hook::NONE);
        Ok(())
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if self.start() {
            self.raw.fail(TaskError::Abandoned, true, Hook::NONE);
        } else {
            self.raw.release();
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}
