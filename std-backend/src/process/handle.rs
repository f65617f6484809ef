//! Submitting to a pool of processes.

use std::{fmt, sync::Arc, time::Duration};

use concurrent_futures_core::{
    executor::{Executor, Handle, MapError, MapOptions, Payload},
    future::{CodecError, CodecStage, Future, Refused, SubmitError},
    queue::Policy,
    scheduler::{ShutdownError, ShutdownReport, Stats},
};
use rustix::process::Signal;

use super::{
    codec,
    feed::Feed,
    function::Function,
    map::{ProcessMap, ProcessMapUnordered},
    options::CallOptions,
    owner::{Owner, Processes},
    parcel::{Content, Limits, Parcel},
    run::push_item,
    settings::{OnDeath, Shared, Verdict},
    wire,
};
/// What is done with a full queue whatever the pool's policy.
const NEVER_BLOCK: Option<Policy> = Some(Policy::Reject);
const POOLS_POLICY: Option<Policy> = None;

/// The error of a call that was not taken: the function and its arguments come back.
type NotTaken<A, R> = SubmitError<(fn(A) -> R, A)>;

/// Submits to a [`ProcessPoolExecutor`](super::ProcessPoolExecutor); clones of it keep nothing open.
#[derive(Clone)]
pub struct ProcessPoolHandle {
    handle: Handle<Processes>,
    shared: Arc<Shared>,
}

impl ProcessPoolHandle {
    pub(super) fn new(handle: Handle<Processes>, shared: Arc<Shared>) -> Self {
        Self { handle, shared }
    }

    /// Calls `f(args)` in a worker process.
    ///
    /// `f` is a function of this program, or a closure that captures nothing. Its arguments are encoded here and now, by
    /// [postcard](https://docs.rs/postcard); its result comes back the same way. At most 1 GiB may travel each way. Bytes travel best as
    /// `serde_bytes::ByteBuf`.
    ///
    /// ```
    /// use concurrent_futures::ProcessPoolExecutor;
    ///
    /// let pool = ProcessPoolExecutor::new(1)?;
    /// assert_eq!(pool.submit(|(b, e)| u64::pow(b, e), (2, 10))?.result()?, 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError`] with the function and its arguments, if the pool is broken, shut down or full, in this order; before that, if the
    /// function is in a shared library, or its arguments cannot be encoded.
    ///
    /// # Panics
    /// If the `Serialize` of the arguments does.
    ///
    /// # Cancel behaviour
    /// The call can be cancelled until a worker process starts it.
    pub fn submit<A: Payload, R: Payload>(
        &self,
        f: fn(A) -> R,
        args: A,
    ) -> Result<Future<R>, NotTaken<A, R>> {
        self.submit_as(CallOptions::new(), POOLS_POLICY, f, args)
    }

    /// As [`submit`](Self::submit), with a limit of time, or another number of tries.
    ///
    /// ```
    /// use concurrent_futures::{CallOptions, ProcessPoolExecutor, TaskError};
    /// use std::time::Duration;
    ///
    /// let pool = ProcessPoolExecutor::new(1)?;
    /// let short = CallOptions::new().timeout(Duration::from_millis(50));
    /// let endless = pool.submit_with(short, |()| loop { std::thread::park() }, ())?;
    /// assert!(matches!(endless.result(), Err::<(), _>(TaskError::TimedOut(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn submit_with<A: Payload, R: Payload>(
        &self,
        options: CallOptions,
        f: fn(A) -> R,
        args: A,
    ) -> Result<Future<R>, NotTaken<A, R>> {
        self.submit_as(options, POOLS_POLICY, f, args)
    }

    /// As [`submit`](Self::submit), and never waits: a full queue is an error whatever the policy.
    ///
    /// # Errors
    /// As there.
    pub fn try_submit<A: Payload, R: Payload>(
        &self,
        f: fn(A) -> R,
        args: A,
    ) -> Result<Future<R>, NotTaken<A, R>> {
        self.submit_as(CallOptions::new(), NEVER_BLOCK, f, args)
    }

    fn submit_as<A: Payload, R: Payload>(
        &self,
        options: CallOptions,
        policy: Option<Policy>,
        f: fn(A) -> R,
        args: A,
    ) -> Result<Future<R>, NotTaken<A, R>> {
        let parcel = match self.pack(options, f, &args) {
            Ok(parcel) => parcel,
            Err(unfit) => return Err(unfit.with((f, args))),
        };
        self.handle
            .submit_cargo(parcel, Owner::result::<R>, policy)
            .map_err(|error| error.map(|()| (f, args)))
    }

    /// As [`submit`](Self::submit), for functions that return `Result`: an `Err` counts as a failure of the call, as a panic does.
    ///
    /// # Errors
    /// As there.
    #[expect(
        clippy::type_complexity,
        reason = "a result inside a future is what it is"
    )]
    pub fn submit_result<A: Payload, T: Payload, E: Payload>(
        &self,
        f: fn(A) -> Result<T, E>,
        args: A,
    ) -> Result<Future<Result<T, E>>, NotTaken<A, Result<T, E>>> {
        let parcel = match self.pack(CallOptions::new(), f, &args) {
            Ok(parcel) => parcel,
            Err(unfit) => return Err(unfit.with((f, args))),
        };
        self.handle
            .submit_cargo_result(parcel, Owner::result::<Result<T, E>>, POOLS_POLICY)
            .map_err(|error| error.map(|()| (f, args)))
    }

    /// What a worker needs for a call.
    fn pack<A: Payload, R: Payload>(
        &self,
        options: CallOptions,
        f: fn(A) -> R,
        args: &A,
    ) -> Result<Parcel, Unfit> {
        let function = Function::of(f).ok_or(Unfit::Unknown)?;
        let mut body = Vec::with_capacity(64);
        wire::begin_call(function, &mut body);
        push_item(&mut body, |body| {
            codec::encode(args, body, CodecStage::EncodeArguments)
        })
        .map_err(Unfit::Codec)?;
        let content = Content::Call(Arc::new(body));
        Ok(Parcel::new(content, self.limits(options)))
    }

    fn limits(&self, options: CallOptions) -> Limits {
        let settings = &self.shared.settings;
        let pools = match settings.on_death {
            OnDeath::Retry(times) => times,
            OnDeath::Fail | OnDeath::Break => 0,
        };
        Limits {
            timeout: options.timeout.or(settings.timeout),
            retries: options.retries.unwrap_or(pools),
        }
    }

    /// Calls `f` with every item of `input`; results in the order of the input.
    ///
    /// Items travel in chunks, which are cut when a worker has time for one, by the time that the items before took; or as
    /// [`MapOptions::chunksize`] says. Each has its own outcome: one that fails takes nothing with it.
    ///
    /// ```
    /// use concurrent_futures::ProcessPoolExecutor;
    ///
    /// let pool = ProcessPoolExecutor::new(2)?;
    /// let squares = pool.map(|n: u32| n * n, [1, 2, 3])?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SubmitError`] if the pool takes no calls, the function is in a shared library, or an item cannot be encoded. What was submitted is
    /// cancelled then.
    ///
    /// # Cancel behaviour
    /// Dropping the iterator cancels what has not started. An error of one call, too, and it is the last item.
    pub fn map<A: Payload, R: Payload, I: IntoIterator<Item = A>>(
        &self,
        f: fn(A) -> R,
        input: I,
    ) -> Result<ProcessMap<I::IntoIter, A, R>, SubmitError<()>> {
        self.map_with(MapOptions::new(), f, input)
    }

    /// As [`map`](Self::map), with a bound on outstanding calls, a timeout, a size of chunks, or going on after errors.
    ///
    /// # Errors
    /// As there.
    pub fn map_with<A: Payload, R: Payload, I: IntoIterator<Item = A>>(
        &self,
        options: MapOptions,
        f: fn(A) -> R,
        input: I,
    ) -> Result<ProcessMap<I::IntoIter, A, R>, SubmitError<()>> {
        ProcessMap::start(self, options, f, |_| false, input.into_iter())
    }

    /// As [`map`](Self::map), for functions that return `Result`: the first `Err` is yielded, cancels the rest and ends the iterator.
    ///
    /// # Errors
    /// As there.
    #[expect(
        clippy::type_complexity,
        reason = "a result inside a map is what it is"
    )]
    pub fn map_result<A: Payload, T: Payload, E: Payload, I: IntoIterator<Item = A>>(
        &self,
        f: fn(A) -> Result<T, E>,
        input: I,
    ) -> Result<ProcessMap<I::IntoIter, A, Result<T, E>>, SubmitError<()>> {
        self.map_result_with(MapOptions::new(), f, input)
    }

    /// As [`map_result`](Self::map_result), with the options of [`map_with`](Self::map_with).
    ///
    /// # Errors
    /// As there.
    #[expect(
        clippy::type_complexity,
        reason = "a result inside a map is what it is"
    )]
    pub fn map_result_with<A: Payload, T: Payload, E: Payload, I: IntoIterator<Item = A>>(
        &self,
        options: MapOptions,
        f: fn(A) -> Result<T, E>,
        input: I,
    ) -> Result<ProcessMap<I::IntoIter, A, Result<T, E>>, SubmitError<()>> {
        ProcessMap::start(self, options, f, Result::is_err, input.into_iter())
    }

    /// As [`map_with`](Self::map_with), and yields the results as they come.
    ///
    /// # Errors
    /// As there.
    pub fn map_unordered<A: Payload, R: Payload, I: IntoIterator<Item = A>>(
        &self,
        options: MapOptions,
        f: fn(A) -> R,
        input: I,
    ) -> Result<ProcessMapUnordered<I::IntoIter, A, R>, SubmitError<()>> {
        ProcessMapUnordered::start(self, options, f, input.into_iter())
    }

    pub(super) fn pool(&self) -> &Handle<Processes> {
        &self.handle
    }

    pub(super) fn register(&self, feed: &Arc<Feed>) {
        self.shared.register(feed);
    }

    pub(super) fn workers(&self) -> usize {
        self.shared.settings.max_workers
    }

    pub(super) fn map_limits(&self) -> Limits {
        self.limits(CallOptions::new())
    }

    /// A handle that submits to the same pool.
    #[must_use]
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// A look at the pool, at this moment. A map counts as some calls, not as its items.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// The process numbers of the workers that there are.
    ///
    /// ```
    /// use concurrent_futures::ProcessPoolExecutor;
    ///
    /// let pool = ProcessPoolExecutor::new(1)?;
    /// let worker = pool.submit(|()| std::process::id(), ())?.result()?;
    /// assert_eq!(pool.worker_pids(), [worker]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        self.shared.processes()
    }

    /// Takes no more calls. With `cancel_futures`, cancels those that have not started; without, they are run. With `wait`, returns when
    /// all worker processes are gone.
    ///
    /// Any number of times, from any thread.
    ///
    /// # Errors
    /// [`ShutdownError`] if it was to wait and must not, in a callback on a thread of this pool; the pool is closed all the same.
    pub fn shutdown(
        &self,
        wait: bool,
        cancel_futures: bool,
    ) -> Result<ShutdownReport, ShutdownError> {
        self.cancel_if(cancel_futures);
        self.handle.shutdown(wait, cancel_futures)
    }

    /// As [`shutdown`](Self::shutdown), waiting for at most `timeout`: the report says what is left then.
    ///
    /// # Errors
    /// As there.
    pub fn shutdown_timeout(
        &self,
        timeout: Duration,
        cancel_futures: bool,
    ) -> Result<ShutdownReport, ShutdownError> {
        self.cancel_if(cancel_futures);
        self.handle.shutdown_timeout(timeout, cancel_futures)
    }

    fn cancel_if(&self, cancel_futures: bool) {
        if cancel_futures {
            self.shared.cancel_queued();
        }
    }

    /// Takes no more calls, cancels those that have not started, and asks the worker processes, and what they have started, to end (SIGTERM).
    /// Calls that ran fail with [`TaskError::WorkerDied`](crate::TaskError::WorkerDied). A call that ignores the signal goes on:
    /// [`kill_workers`](Self::kill_workers) is for it. Does not wait.
    pub fn terminate_workers(&self) {
        self.end_workers("`terminate_workers` was called", Signal::TERM);
    }

    /// As [`terminate_workers`](Self::terminate_workers), with SIGKILL, which nothing can ignore.
    ///
    /// ```
    /// use concurrent_futures::{ProcessPoolExecutor, TaskError};
    ///
    /// let pool = ProcessPoolExecutor::new(1)?;
    /// let endless = pool.submit(|()| loop { std::thread::park() }, ())?;
    /// while !endless.running() { std::thread::yield_now() }
    /// pool.kill_workers();
    /// assert!(matches!(endless.result(), Err::<(), _>(TaskError::WorkerDied(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kill_workers(&self) {
        self.end_workers("`kill_workers` was called", Signal::KILL);
    }

    fn end_workers(&self, what: &'static str, signal: Signal) {
        // Nobody waits here, so nothing can be wrong with it.
        let _ = self.shutdown(false, true);
        self.shared.end_all(Verdict::Asked(what), signal);
    }
}

/// Why a call is not for another process.
enum Unfit {
    Unknown,
    Codec(CodecError),
}

impl Unfit {
    fn with<F>(self, call: F) -> SubmitError<F> {
        let call = Refused::new(call);
        match self {
            Self::Unknown => SubmitError::UnknownFunction(call),
            Self::Codec(error) => SubmitError::Codec(error, call),
        }
    }
}

impl Executor for ProcessPoolHandle {
    fn submit<A: Payload, R: Payload>(
        &self,
        f: fn(A) -> R,
        args: A,
    ) -> Result<Future<R>, NotTaken<A, R>> {
        Self::submit(self, f, args)
    }

    fn submit_result<A: Payload, T: Payload, E: Payload>(
        &self,
        f: fn(A) -> Result<T, E>,
        args: A,
    ) -> Result<Future<Result<T, E>>, NotTaken<A, Result<T, E>>> {
        Self::submit_result(self, f, args)
    }

    fn map_with<A: Payload, R: Payload, I: IntoIterator<Item = A>>(
        &self,
        options: MapOptions,
        f: fn(A) -> R,
        input: I,
    ) -> Result<impl Iterator<Item = Result<R, MapError>>, SubmitError<()>> {
        Self::map_with(self, options, f, input)
    }

    fn shutdown(&self, wait: bool, cancel_futures: bool) -> Result<ShutdownReport, ShutdownError> {
        Self::shutdown(self, wait, cancel_futures)
    }
}

impl fmt::Debug for ProcessPoolHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolHandle")
            .field("stats", &self.stats())
            .finish()
    }
}
