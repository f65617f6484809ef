//! Pools and the handles that submit to them.

use core::{fmt, marker::PhantomData, time::Duration};

use super::{
    Scope,
    call::{AnyValue, Applied, Closure, Given, OnlyOk, WithLocal},
    scope::run_scope,
    submit::{refuse, submit_cell},
};
use crate::{
    future::{Future, Promise, SubmitError},
    platform::{Platform, Point},
    queue::Policy,
    scheduler::{
        self, Backend, Initializer, ShutdownError, ShutdownReport, Stats, Wait, Wanted, Workers,
    },
    task::{Boxed, Keep, allocate},
};

/// The local value of a backend's workers.
pub(crate) type LocalOf<B> = <<B as Backend>::Initializer as Initializer>::Local;

/// Submits calls to a pool and keeps nothing open: cheap to clone, one for every component that shares the pool.
///
/// Once the pool's owner has gone, or shut it down, submitting is an error.
///
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let handle = pool.handle();
/// let component = std::thread::spawn(move || handle.spawn(|| 6 * 7)?.result().map_err(Box::<dyn std::error::Error + Send + Sync>::from));
/// assert_eq!(component.join().unwrap().unwrap(), 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Handle<B: Backend> {
    pool: scheduler::Pool<B>,
}

impl<B: Backend> Clone for Handle<B> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Handle<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("stats", &self.pool.stats())
            .finish()
    }
}

/// What a call of a pool without workers keeps alive, so that whoever waits can run the pool's calls.
struct KeptPool<B: Backend>(scheduler::Pool<B>);

impl<B: Backend> Keep for KeptPool<B> {
    const IS_PUMPED: bool = true;

    fn pump(&self) -> bool {
        self.0.pump()
    }
}

const POOLS_POLICY: Option<Policy> = None;
pub(super) const NEVER_BLOCK: Option<Policy> = Some(Policy::Reject);
/// What `map` does whatever the pool's policy.
pub(super) const WAIT_FOR_ROOM: Option<Policy> = Some(Policy::Block);

impl<B: Backend<Cargo = ()>> Handle<B> {
    /// Submits a call and makes its future.
    ///
    /// # Safety
    /// Whatever the call, its output and `keep` borrow outlives the cell, which is freed when it is settled and both its future
    /// and its queue entry are gone. Both are `Send`.
    #[inline]
    pub(super) unsafe fn submit_call<C: Given>(
        &self,
        call: C,
        policy: Option<Policy>,
    ) -> Result<Future<C::Output>, SubmitError<C::Back>> {
        if B::WORKERS == Workers::Waiter {
            let keep = KeptPool(self.pool.clone());
            // SAFETY: as for this function.
            unsafe { self.submit_boxed(call, policy, keep) }
        } else {
            // SAFETY: as for this function.
            unsafe { self.submit_boxed(call, policy, ()) }
        }
    }

    /// Calls `f(args)` on a worker. The portable form: with a plain function and arguments that can be sent it is the same line
    /// on every executor.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// assert_eq!(pool.submit(|(b, e)| u64::pow(b, e), (2, 10))?.result()?, 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError`] with the function and its arguments, if the pool is broken, shut down or full, in this order.
    ///
    /// # Cancel behaviour
    /// The call can be cancelled until a worker starts it.
    #[inline]
    pub fn submit<A, R, F>(&self, f: F, args: A) -> Result<Future<R>, SubmitError<(F, A)>>
    where
        A: Send + 'static,
        R: Send + 'static,
        F: FnOnce(A) -> R + Send + 'static,
    {
        // SAFETY: everything is `'static` and `Send`.
        unsafe { self.submit_call(Applied(f, args, PhantomData::<AnyValue>), POOLS_POLICY) }
    }

    /// As [`submit`](Self::submit), for functions that return `Result`: an `Err` counts as a failure of the call, as a panic
    /// does. [`FirstException`](crate::future::ReturnWhen::FirstException), the error hook and a map's stop look at that.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    #[inline]
    #[expect(
        clippy::type_complexity,
        reason = "a result inside a future, or a map, is what it is"
    )]
    pub fn submit_result<A, T, E, F>(
        &self,
        f: F,
        args: A,
    ) -> Result<Future<Result<T, E>>, SubmitError<(F, A)>>
    where
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(A) -> Result<T, E> + Send + 'static,
    {
        // SAFETY: everything is `'static` and `Send`.
        unsafe { self.submit_call(Applied(f, args, PhantomData::<OnlyOk>), POOLS_POLICY) }
    }

    /// As [`submit`](Self::submit), and never waits: a full queue is an error whatever the policy.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    #[inline]
    pub fn try_submit<A, R, F>(&self, f: F, args: A) -> Result<Future<R>, SubmitError<(F, A)>>
    where
        A: Send + 'static,
        R: Send + 'static,
        F: FnOnce(A) -> R + Send + 'static,
    {
        // SAFETY: everything is `'static` and `Send`.
        unsafe { self.submit_call(Applied(f, args, PhantomData::<AnyValue>), NEVER_BLOCK) }
    }

    /// Calls `f` on a worker.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// let words = vec!["six", "times", "seven"];
    /// assert_eq!(pool.spawn(move || words.join(" "))?.result()?, "six times seven");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError`] with the closure, if the pool is broken, shut down or full, in this order.
    ///
    /// # Cancel behaviour
    /// The call can be cancelled until a worker starts it.
    #[inline]
    pub fn spawn<R, F>(&self, f: F) -> Result<Future<R>, SubmitError<F>>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        // SAFETY: everything is `'static` and `Send`.
        unsafe { self.submit_call(Closure(f, PhantomData::<AnyValue>), POOLS_POLICY) }
    }

    /// As [`spawn`](Self::spawn), for closures that return `Result`: an `Err` counts as a failure, see
    /// [`submit_result`](Self::submit_result).
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    #[inline]
    pub fn spawn_result<T, E, F>(&self, f: F) -> Result<Future<Result<T, E>>, SubmitError<F>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        // SAFETY: everything is `'static` and `Send`.
        unsafe { self.submit_call(Closure(f, PhantomData::<OnlyOk>), POOLS_POLICY) }
    }

    /// As [`spawn`](Self::spawn), and never waits: a full queue is an error whatever the policy.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    #[inline]
    pub fn try_spawn<R, F>(&self, f: F) -> Result<Future<R>, SubmitError<F>>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        // SAFETY: everything is `'static` and `Send`.
        unsafe { self.submit_call(Closure(f, PhantomData::<AnyValue>), NEVER_BLOCK) }
    }

    /// Calls `f` on a worker, with the value that the initializer left there.
    ///
    /// The value is lent by `&`, never `&mut`: a call that waits for another may run that one on the same stack.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    /// use std::cell::Cell;
    ///
    /// let pool = ThreadPoolExecutor::builder()
    ///     .max_workers(1)
    ///     .initializer(|| Ok::<_, String>(Cell::new(0)))
    ///     .build()?;
    /// for n in 1..=3 {
    ///     let count = pool.spawn_with(|calls| { calls.set(calls.get() + 1); calls.get() })?;
    ///     assert_eq!(count.result()?, n);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn). A full queue whose policy is to run the call in the caller is waited for, unless the caller is
    /// a worker: others have no such value.
    #[inline]
    pub fn spawn_with<R, F>(&self, f: F) -> Result<Future<R>, SubmitError<F>>
    where
        R: Send + 'static,
        F: FnOnce(&LocalOf<B>) -> R + Send + 'static,
    {
        // SAFETY: everything is `'static` and `Send`; the pool's local value is of just this type.
        unsafe { self.submit_call(WithLocal(f, PhantomData), POOLS_POLICY) }
    }

    /// Runs `body` with a scope whose calls may borrow from the caller's stack.
    ///
    /// When it returns, also by a panic, every call of the scope is over, and its closure, callbacks and outcome are dropped,
    /// unless the outcome was taken. On a worker of this pool, calls that nobody has started are run here.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let text = String::from("to be or not to be");
    /// let (words, letters) = pool.scope(|s| {
    ///     let words = s.spawn(|| text.split(' ').count());
    ///     let letters = s.spawn(|| text.chars().filter(|c| c.is_alphabetic()).count());
    ///     (words.unwrap().result(), letters.unwrap().result())
    /// });
    /// assert_eq!((words?, letters?), (6, 13));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `body` does, after its calls are over. In a context that must not block, calls that are not over at the end of the
    /// scope end the program: nothing else would be sound.
    pub fn scope<'env, R>(
        &self,
        body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env, B>) -> R,
    ) -> R {
        run_scope(self, body)
    }
}

impl<B: Backend> Handle<B> {
    pub(super) fn new(pool: scheduler::Pool<B>) -> Self {
        Self { pool }
    }

    /// # Safety
    /// As for [`submit_call`](Self::submit_call), and `keep` has a `B::Cargo`.
    #[inline]
    pub(super) unsafe fn submit_boxed<C: Given, K: Keep>(
        &self,
        call: C,
        policy: Option<Policy>,
        keep: K,
    ) -> Result<Future<C::Output>, SubmitError<C::Back>> {
        if let Some(why) = self.pool.refusal() {
            return Err(refuse(why, call.give_back()));
        }
        let wanted = Wanted {
            policy,
            needs_local: C::NEEDS_LOCAL,
        };
        let raw = allocate::<B::Platform, C, K>(call, Some(self.pool.owner()), keep);
        // SAFETY: the cell is new, and of this type; the rest is as for this function.
        unsafe { submit_cell::<B, C, Boxed<K>>(&self.pool, raw, wanted) }
    }

    /// A handle that submits to the same pool.
    #[must_use]
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// A look at the pool, at this moment.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(3)?;
    /// assert_eq!((pool.stats().workers, pool.stats().max_workers), (0, 3), "workers start with the first calls");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        B::Platform::point(Point::Looked);
        self.pool.stats()
    }

    /// A place at which others may come between, in a test on the simulator: to be put between two accesses to something that callers
    /// and calls share without this library's help. It does nothing elsewhere.
    #[inline]
    pub fn step(&self) {
        B::Platform::point(Point::Looked);
    }

    /// A promise of this pool's platform, and its future: for code that does not know on which it runs.
    ///
    /// ```
    /// use concurrent_futures::{Backend, Future, Handle};
    ///
    /// fn answered<B: Backend>(pool: &Handle<B>) -> Future<u32> {
    ///     let (promise, future) = pool.promise();
    ///     let _ = promise.set(42);
    ///     future
    /// }
    ///
    /// let pool = concurrent_futures::ThreadPoolExecutor::new(1)?;
    /// assert_eq!(answered(&pool.handle()).result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn promise<T: Send + 'static>(&self) -> (Promise<T>, Future<T>) {
        crate::future::promise::<B::Platform, T>()
    }

    /// Takes no more calls. With `cancel_futures`, cancels those that have not started; without, they are run. With `wait`,
    /// returns when all workers are gone.
    ///
    /// Any number of times, from any thread.
    ///
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// let answer = pool.spawn(|| 42)?;
    /// pool.shutdown(true, false)?;
    /// assert_eq!(answer.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ShutdownError`] if it was to wait and must not; the pool is closed all the same.
    pub fn shutdown(
        &self,
        wait: bool,
        cancel_futures: bool,
    ) -> Result<ShutdownReport, ShutdownError> {
        let wait = if wait { Wait::Forever } else { Wait::No };
        self.pool.shutdown(wait, cancel_futures)
    }

    /// As [`shutdown`](Self::shutdown), waiting for at most `timeout`: the report says what is left then. Without a clock this
    /// does not wait.
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_timeout(
        &self,
        timeout: Duration,
        cancel_futures: bool,
    ) -> Result<ShutdownReport, ShutdownError> {
        self.pool.shutdown(Wait::For(timeout), cancel_futures)
    }

    pub(super) fn pool(&self) -> &scheduler::Pool<B> {
        &self.pool
    }
}
