//! The consumer's half of a call.

use core::{
    fmt,
    marker::PhantomData,
    mem::{ManuallyDrop, MaybeUninit},
    ptr::NonNull,
    time::Duration,
};

use super::{CancelOnDrop, CancelledBy, NotYet, ResultError, TaskError, Until, block};
use crate::{
    platform::{Deadline, Point, Time},
    task::{
        cell::Outcome,
        header::Raw,
        state::{LetGo, Snapshot},
    },
};

/// Where a call is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// It waits to be started.
    Pending,
    /// It runs.
    Running,
    /// It has an outcome: a value or an error.
    Finished,
    /// It was cancelled before it started, and never will.
    Cancelled,
}

/// Tells one future from another, for as long as both exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FutureId(pub(super) usize);

/// The outcome of a call that runs somewhere else, sooner or later.
///
/// It can be waited for ([`result`](Self::result)), polled, given a callback
/// ([`add_done_callback`](Self::add_done_callback)), awaited (it is a [`core::future::Future`]), waited for together with others
/// ([`wait`](super::wait), [`as_completed`](super::as_completed)) and cancelled until it starts. It does not clone: share it
/// by reference or in an `Arc`. Dropping it never cancels the call.
///
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let power = pool.submit(|(base, exponent)| u64::pow(base, exponent), (3, 35))?;
/// assert_eq!(power.result()?, 50_031_545_098_999_707);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Future<T> {
    raw: Raw,
    outcome: PhantomData<T>,
}

// SAFETY: the outcome is reached by reference only where `T: Sync`, and moved on one thread at a time.
unsafe impl<T: Send> Send for Future<T> {}
// SAFETY: as above; methods on `&self` that give out `&T` ask for `T: Sync`.
unsafe impl<T: Send> Sync for Future<T> {}
impl<T> Unpin for Future<T> {}

static CANCELLED: [TaskError; 3] = [
    TaskError::Cancelled(CancelledBy::Caller),
    TaskError::Cancelled(CancelledBy::Shutdown),
    TaskError::Cancelled(CancelledBy::Discarded),
];
static CONSUMED: TaskError = TaskError::Consumed;
static WOULD_BLOCK: TaskError = TaskError::WouldBlock;

impl<T> Future<T> {
    /// # Safety
    /// The consumer's reference of `raw`, whose output is `T`, is the future's from here.
    pub(crate) unsafe fn new(raw: Raw) -> Self {
        Self {
            raw,
            outcome: PhantomData,
        }
    }

    pub(crate) fn raw(&self) -> Raw {
        self.raw
    }

    fn snapshot(&self) -> Snapshot {
        self.raw.state().load()
    }

    /// The state, for who may ask again and again.
    fn look(&self) -> Snapshot {
        self.raw.runtime().point(Point::Looked);
        self.snapshot()
    }

    /// Where the call is in its life, at this moment.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.look().lifecycle()
    }

    /// Whether the call runs, at this moment.
    #[must_use]
    pub fn running(&self) -> bool {
        self.state() == TaskState::Running
    }

    /// Whether the call is over: finished or cancelled.
    #[must_use]
    pub fn done(&self) -> bool {
        self.look().is_done()
    }

    /// Whether the call was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.look().is_cancelled()
    }

    /// Whether the call is over and failed: it panicked, its executor broke, or it was submitted with one of the `_result`
    /// forms and returned `Err`. A cancelled call did not fail.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.look().is_failed()
    }

    /// What tells this future from others.
    #[must_use]
    pub fn id(&self) -> FutureId {
        FutureId(self.raw.address())
    }

    /// Cancels the call if it has not started: true exactly if it is cancelled, by this or before, and will never run.
    ///
    /// The call and what it captured are dropped here and now, and whoever waits is woken. What runs is not interrupted.
    ///
    /// ```
    /// use concurrent_futures::{CancelledBy, TaskError, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// let (open, gate) = std::sync::mpsc::channel::<()>();
    /// let first = pool.spawn(move || gate.recv().is_ok())?;
    /// let second = pool.spawn(|| 2)?;
    /// assert!(second.cancel());
    /// assert!(matches!(second.result(), Err(TaskError::Cancelled(CancelledBy::Caller))));
    /// open.send(())?;
    /// assert!(first.result()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        match self.raw.cancel(CancelledBy::Caller) {
            Ok(()) => true,
            Err(instead) => instead.is_cancelled(),
        }
    }

    /// Wraps this future so that dropping it cancels the call.
    #[must_use]
    pub fn cancel_on_drop(self) -> CancelOnDrop<T> {
        CancelOnDrop::new(self)
    }

    /// Waits for the outcome and takes it.
    ///
    /// On a worker of the call's own pool a call that has not started is run here, so that waiting never needs a free worker.
    ///
    /// # Errors
    /// Why there is no value: [`TaskError`]. In a context that must not wait, a call that is not over gives
    /// [`TaskError::WouldBlock`] and the future is dropped; [`try_result`](Self::try_result) and
    /// [`result_timeout`](Self::result_timeout) hand it back.
    pub fn result(self) -> Result<T, TaskError> {
        if !self.snapshot().is_settled()
            && block(self.raw, Until::Settled, Deadline::Never).is_err()
        {
            return Err(TaskError::WouldBlock);
        }
        self.take()
    }

    /// Takes the outcome if it is there.
    ///
    /// # Errors
    /// [`ResultError::Unfinished`] with the future if it is not, [`ResultError::Task`] if there is no value.
    pub fn try_result(self) -> Result<T, ResultError<T>> {
        if self.look().is_settled() {
            self.take().map_err(ResultError::Task)
        } else {
            Err(ResultError::Unfinished(self))
        }
    }

    /// Waits for the outcome for at most `timeout` and takes it. More than the clock can count is for ever; without a clock
    /// this does not wait.
    ///
    /// # Errors
    /// [`ResultError::Unfinished`] with the future, untouched, if the time was over first; [`ResultError::WouldBlock`] where
    /// waiting is not allowed; [`ResultError::Task`] if there is no value.
    pub fn result_timeout(self, timeout: Duration) -> Result<T, ResultError<T>> {
        let deadline = self.deadline(timeout);
        self.result_until(deadline)
    }

    /// As [`result_timeout`](Self::result_timeout), until a point in time of the platform's clock.
    ///
    /// # Errors
    /// As [`result_timeout`](Self::result_timeout).
    pub fn result_deadline(self, deadline: Time) -> Result<T, ResultError<T>> {
        self.result_until(Deadline::At(deadline))
    }

    fn result_until(self, deadline: Deadline) -> Result<T, ResultError<T>> {
        match self.block(Until::Settled, deadline) {
            Ok(()) => self.take().map_err(ResultError::Task),
            Err(NotYet::TimedOut) => Err(ResultError::Unfinished(self)),
            Err(NotYet::WouldBlock) => Err(ResultError::WouldBlock(self)),
        }
    }

    /// Waits for the outcome and lends it: any number of times, from any thread.
    ///
    /// # Errors
    /// Why there is no value, by reference.
    pub fn result_ref(&self) -> Result<&T, &TaskError>
    where
        T: Sync,
    {
        match self.block(Until::Done, Deadline::Never) {
            // SAFETY: the call is done; the value cannot be moved out while `self` is borrowed.
            Ok(()) => unsafe { outcome_ref(self.raw) },
            Err(_) => Err(&WOULD_BLOCK),
        }
    }

    /// Waits for the outcome for at most `timeout` and lends it; `None` if the time was over first, or waiting is not allowed.
    pub fn result_ref_timeout(&self, timeout: Duration) -> Option<Result<&T, &TaskError>>
    where
        T: Sync,
    {
        let waited = self.block(Until::Done, self.deadline(timeout));
        // SAFETY: the call is done; the value cannot be moved out while `self` is borrowed.
        waited.ok().map(|()| unsafe { outcome_ref(self.raw) })
    }

    /// Waits until the call is over, without a look at its outcome. False where waiting is not allowed and it is not over.
    pub fn wait(&self) -> bool {
        self.block(Until::Done, Deadline::Never).is_ok()
    }

    /// As [`wait`](Self::wait), for at most `timeout`: says whether the call is over.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.block(Until::Done, self.deadline(timeout)).is_ok()
    }

    /// Waits until the call is done.
    pub(crate) fn block(&self, until: Until, deadline: Deadline) -> Result<(), NotYet> {
        block(self.raw, until, deadline)
    }

    fn deadline(&self, timeout: Duration) -> Deadline {
        self.raw.runtime().deadline(timeout)
    }

    /// Moves the outcome of a settled call out, and gives the reference back.
    fn take(self) -> Outcome<T> {
        let raw = ManuallyDrop::new(self).raw;
        match Self::unavailable(raw) {
            Some(error) => {
                raw.release();
                Err(error)
            }
            None => {
                // SAFETY: FINISHED, settled and not TAKEN: the outcome is the future's.
                let outcome = unsafe { read_outcome(raw) };
                raw.release_taken();
                outcome
            }
        }
    }

    /// Moves the outcome of a settled call out, and leaves the future behind.
    pub(super) fn take_in_place(&mut self) -> Outcome<T> {
        match Self::unavailable(self.raw) {
            Some(error) => Err(error),
            None => {
                // SAFETY: FINISHED, settled and not TAKEN: the outcome is the future's.
                let outcome = unsafe { read_outcome(self.raw) };
                let _ = self.raw.state().mark_taken();
                outcome
            }
        }
    }

    fn unavailable(raw: Raw) -> Option<TaskError> {
        let state = raw.state().load();
        if state.is_cancelled() {
            Some(TaskError::Cancelled(state.cancelled_by()))
        } else if state.is_taken() {
            Some(TaskError::Consumed)
        } else {
            None
        }
    }
}

/// # Safety
/// The state is FINISHED and not TAKEN, the output is `T` and the outcome is the caller's.
unsafe fn read_outcome<T>(raw: Raw) -> Outcome<T> {
    let mut outcome = MaybeUninit::<Outcome<T>>::uninit();
    let place = NonNull::from(&mut outcome).cast();
    // SAFETY: by this function's contract, and the place is for just this type.
    unsafe { (raw.header().vtable.take)(raw.as_ptr(), place) };
    // SAFETY: `take` wrote it.
    unsafe { outcome.assume_init() }
}

/// Lends the outcome of a call that is done.
///
/// # Safety
/// The output is `T`, the call is done, and the outcome is not moved while the result is used.
pub(super) unsafe fn outcome_ref<'a, T>(raw: Raw) -> Result<&'a T, &'a TaskError> {
    let state = raw.state().load();
    if state.is_cancelled() {
        return Err(&CANCELLED[match state.cancelled_by() {
            CancelledBy::Caller => 0,
            CancelledBy::Shutdown => 1,
            CancelledBy::Discarded => 2,
        }]);
    }
    if state.is_taken() {
        return Err(&CONSUMED);
    }
    if state.is_unread_failure() {
        raw.state().mark_read();
    }
    // SAFETY: FINISHED and not TAKEN.
    let outcome = unsafe { (raw.header().vtable.peek)(raw.as_ptr()) };
    // SAFETY: an outcome of output `T` is there, and stays.
    unsafe { outcome.cast::<Outcome<T>>().as_ref() }.as_ref()
}

impl<T> Drop for Future<T> {
    fn drop(&mut self) {
        super::poll::forget_waker(self.raw);
        match self.raw.state().let_go() {
            LetGo::Released => {}
            LetGo::Settled(state) => {
                if !state.is_taken() && !state.is_kept() {
                    self.raw.dispose();
                }
                self.raw.release();
            }
        }
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not a look that others could interrupt: this may be the message of a panic.
        let state = match self.snapshot().lifecycle() {
            TaskState::Pending => "pending",
            TaskState::Running => "running",
            TaskState::Finished => "finished",
            TaskState::Cancelled => "cancelled",
        };
        write!(f, "Future({state})")
    }
}
