//! Calls that borrow from the caller's stack.

use alloc::{collections::VecDeque, vec::Vec};
use core::{fmt, marker::PhantomData, ops::Deref, time::Duration};

use super::{
    Handle,
    call::{AnyValue, Closure},
    handle::{NEVER_BLOCK, WAIT_FOR_ROOM},
};
use crate::{
    future::{
        AsFuture, Done, Future, ResultError, SubmitError, TaskError, Until, add_scoped_callback,
        block, claim,
    },
    platform::{Deadline, Locked, Platform},
    queue::Policy,
    scheduler::Backend,
    sync::{AbortOnUnwind, abort},
    task::header::Raw,
};

/// Spawns calls that may borrow whatever outlives the scope. See [`Handle::scope`].
pub struct Scope<'scope, 'env: 'scope, B: Backend> {
    handle: &'scope Handle<B>,
    children: Locked<<B::Platform as Platform>::Lock, Children>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Calls of the scope that may not be over, each with a reference of the scope's own.
struct Children {
    raws: Vec<Raw>,
    /// How many there may be before those that are over are looked for.
    sweep_at: usize,
}

// SAFETY: a `Raw` here comes with a reference; its call is `Send`.
unsafe impl Send for Children {}

const SWEEP: usize = 64;

impl<'scope, B: Backend<Cargo = ()>> Scope<'scope, '_, B> {
    /// Calls `f` on a worker of the pool. `f` may itself spawn in this scope.
    ///
    /// A full queue is waited for whatever the pool's policy; in a worker of the pool, the call is run here then.
    ///
    /// # Errors
    /// [`SubmitError`] if the pool takes no calls. The closure is dropped, so that the error can leave the scope by `?`;
    /// [`try_spawn`](Self::try_spawn) hands it back.
    pub fn spawn<R, F>(&'scope self, f: F) -> Result<ScopedFuture<'scope, R>, SubmitError<()>>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        self.submit(f, WAIT_FOR_ROOM)
            .map_err(SubmitError::without_inner)
    }

    /// As [`spawn`](Self::spawn), and never waits: a full queue is an error.
    ///
    /// # Errors
    /// [`SubmitError`] with the closure.
    pub fn try_spawn<R, F>(&'scope self, f: F) -> Result<ScopedFuture<'scope, R>, SubmitError<F>>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        self.submit(f, NEVER_BLOCK)
    }

    fn submit<R, F>(
        &'scope self,
        f: F,
        policy: Option<Policy>,
    ) -> Result<ScopedFuture<'scope, R>, SubmitError<F>>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        let call = Closure(f, PhantomData::<AnyValue>);
        // A platform that unwinds here would leave a call in the queue that the scope does not know.
        let guard = AbortOnUnwind("the platform unwound while a scope submitted a call");
        // SAFETY: everything is `Send`; the scope keeps the call's cell, and before it ends, and with it what the call
        // borrows, it sees to it that the call is over and its closure, callbacks and outcome are dropped.
        let submitted = unsafe { self.handle.submit_call(call, policy) };
        let future = submitted.map(|future| {
            self.adopt(future.raw());
            ScopedFuture {
                future,
                scope: PhantomData,
            }
        });
        guard.disarm();
        future
    }

    /// Keeps a reference, and from here the right to dispose of the outcome.
    fn adopt(&self, raw: Raw) {
        raw.state().keep();
        let over = self.children.with(|children| {
            children.raws.push(raw);
            if children.raws.len() < children.sweep_at {
                return Vec::new();
            }
            let (over, going): (Vec<_>, Vec<_>) = children
                .raws
                .drain(..)
                .partition(|raw| raw.state().load().is_left_alone());
            children.sweep_at = (going.len() * 2).max(SWEEP);
            children.raws = going;
            over
        });
        // Nobody else refers to these.
        for raw in over {
            raw.dispose();
            raw.release();
        }
    }

    /// Waits until every call is over, those included that come meanwhile, and drops what is left of them.
    fn end(&self) {
        let mut over = VecDeque::new();
        loop {
            let children = self
                .children
                .with(|children| core::mem::take(&mut children.raws));
            if children.is_empty() {
                // One at a time: the drop of an outcome may spawn a call that has another one's future.
                match over.pop_front() {
                    Some(child) => {
                        Raw::dispose(child);
                        child.release();
                    }
                    None => return,
                }
            }
            // All of them first: one that runs elsewhere may be waiting for what only this worker can run.
            for &child in &children {
                claim(child);
            }
            for child in children {
                if block(child, Until::Settled, Deadline::Never).is_err() {
                    // Returning would let the calls use what they borrow after it is gone.
                    abort("a scope in a context that must not block has calls that are not over");
                }
                over.push_back(child);
            }
        }
    }
}

pub(super) fn run_scope<'env, B: Backend<Cargo = ()>, R>(
    handle: &Handle<B>,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env, B>) -> R,
) -> R {
    /// Ends the scope also when the body unwinds.
    struct End<'a, 'scope, 'env, B: Backend<Cargo = ()>>(&'a Scope<'scope, 'env, B>);
    impl<B: Backend<Cargo = ()>> Drop for End<'_, '_, '_, B> {
        fn drop(&mut self) {
            let guard = AbortOnUnwind("the platform unwound while a scope waited for its calls");
            self.0.end();
            guard.disarm();
        }
    }
    let scope = Scope {
        handle,
        children: Locked::new(Children {
            raws: Vec::new(),
            sweep_at: SWEEP,
        }),
        scope: PhantomData,
        env: PhantomData,
    };
    let _end = End(&scope);
    body(&scope)
}

impl<B: Backend> fmt::Debug for Scope<'_, '_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The future of a call in a [`Scope`]; it cannot leave the scope.
///
/// Everything that a `&Future` can do, it can.
pub struct ScopedFuture<'scope, T> {
    future: Future<T>,
    scope: PhantomData<&'scope ()>,
}

impl<'scope, T> ScopedFuture<'scope, T> {
    /// As [`Future::result`].
    ///
    /// # Errors
    /// As [`Future::result`].
    pub fn result(self) -> Result<T, TaskError> {
        self.future.result()
    }

    /// As [`Future::result_timeout`]; the future comes back.
    ///
    /// # Errors
    /// The scoped future if the time was over first, or why there is no value.
    pub fn result_timeout(self, timeout: Duration) -> Result<Result<T, TaskError>, Self> {
        match self.future.result_timeout(timeout) {
            Ok(value) => Ok(Ok(value)),
            Err(ResultError::Task(error)) => Ok(Err(error)),
            Err(ResultError::Unfinished(future) | ResultError::WouldBlock(future)) => Err(Self {
                future,
                scope: PhantomData,
            }),
        }
    }

    /// As [`Future::add_done_callback`]; the callback may borrow what outlives the scope.
    pub fn add_done_callback(&self, callback: impl FnOnce(&Done<'_, T>) + Send + 'scope)
    where
        T: 'scope,
    {
        // SAFETY: the output is `T`, and the scope, which `'scope` outlives, does not end before its calls are settled.
        unsafe { add_scoped_callback(self.future.raw(), callback) };
    }
}

impl<T> Deref for ScopedFuture<'_, T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        &self.future
    }
}

impl<T> AsFuture for ScopedFuture<'_, T> {
    type Output = T;

    fn as_future(&self) -> &Future<T> {
        &self.future
    }
}

impl<T> fmt::Debug for ScopedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopedFuture").field(&self.future).finish()
    }
}
