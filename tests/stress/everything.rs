//! Random operations of everything on everything, from many threads.

use std::{
    panic::{self, AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use concurrent_futures::{
    CancelledBy, Done, Future, MapError, MapOptions, Policy, ResultError, ReturnWhen, SubmitError,
    TaskError, TaskState, ThreadPoolHandle, WaitSet, as_completed, as_completed_timeout, wait,
};
use concurrent_futures_tests::{Drops, Threads, Token, eventually};
use fastrand::Rng;

use crate::{ON_PURPOSE, moment, rounds};

const SUBMITTERS: usize = 4;
const OPERATIONS: usize = 150;

/// Things that were made, and how many of them are gone.
#[derive(Default)]
struct Made {
    made: AtomicUsize,
    gone: Drops,
}

impl Made {
    fn one(&self) -> Token {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.gone.token()
    }

    #[track_caller]
    fn assert_all_gone(&self, what: &str) {
        assert_eq!(
            self.gone.count(),
            self.made.load(Ordering::SeqCst),
            "{what}"
        );
    }
}

/// What a round counts.
#[derive(Default)]
struct Ledger {
    closures: Made,
    outcomes: Made,
    callbacks: Made,
    called: AtomicUsize,
    callback_panics: AtomicUsize,
    reported_panics: AtomicUsize,
}

/// What every call returns: the number it was given, and something to be dropped.
type Output = (u64, Token);

#[derive(Clone)]
struct World {
    ledger: Arc<Ledger>,
    pool: ThreadPoolHandle,
}

impl World {
    /// A call that may panic, and may submit others and wait for them.
    fn call(
        &self,
        rng: &mut Rng,
        number: u64,
        depth: u32,
    ) -> impl FnOnce() -> Output + Send + use<> {
        let closure = self.ledger.closures.one();
        let (world, mut rng) = (self.clone(), rng.fork());
        move || {
            let _closure = closure;
            assert!(rng.u8(..10) > 0, "{ON_PURPOSE}");
            if depth > 0 && rng.u8(..4) == 0 {
                world.nest(&mut rng, depth - 1);
            }
            for _ in 0..rng.u32(..200) {
                std::hint::spin_loop();
            }
            (number, world.ledger.outcomes.one())
        }
    }

    /// Submits a call in one of the ways there are. The pool may be closed, or full.
    fn submit(&self, rng: &mut Rng, depth: u32) -> Option<Job> {
        let number = rng.u64(..);
        let call = self.call(rng, number, depth);
        let submitted = match rng.u8(..4) {
            0 => self
                .pool
                .try_spawn(call)
                .map_err(SubmitError::without_inner),
            1 => self
                .pool
                .submit(CallOnceHere::call_once_here, call)
                .map_err(SubmitError::without_inner),
            _ => self.pool.spawn(call).map_err(SubmitError::without_inner),
        };
        match submitted {
            Ok(future) => Some(Job { number, future }),
            Err(SubmitError::Full(_) | SubmitError::ShutDown(_)) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Waits, inside a call or outside, for new calls of the same pool.
    fn nest(&self, rng: &mut Rng, depth: u32) {
        let jobs: Vec<_> = (0..rng.usize(1..4))
            .filter_map(|_| self.submit(rng, depth))
            .collect();
        match rng.u8(..6) {
            0 => jobs.into_iter().for_each(Job::finish),
            1 => {
                let futures = jobs.iter().map(|job| &job.future);
                assert!(wait(futures, any_moment(rng), None).done.len() <= jobs.len());
            }
            2 => {
                for future in as_completed(jobs.iter().map(|job| &job.future)) {
                    assert!(future.done());
                }
            }
            3 => {
                let mut set = WaitSet::new();
                for job in &jobs {
                    set.insert(&job.future);
                }
                assert!(set.next().is_none_or(Future::done));
            }
            4 => self.scope(rng, depth),
            _ => self.map(rng, depth),
        }
    }

    fn scope(&self, rng: &mut Rng, depth: u32) {
        let finished = AtomicUsize::new(0);
        let panics = rng.u8(..8) == 0;
        let ended = catch_unwind(AssertUnwindSafe(|| {
            self.pool.scope(|s| {
                for _ in 0..rng.usize(..4) {
                    let call = self.call(rng, 0, depth);
                    let finished = &finished;
                    let spawned = s.spawn(move || {
                        let output = call();
                        finished.fetch_add(1, Ordering::SeqCst);
                        output
                    });
                    match spawned {
                        Ok(future) if rng.bool() => drop(future.cancel()),
                        Ok(future) => drop(future),
                        Err(SubmitError::ShutDown(_)) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
                assert!(!panics, "{ON_PURPOSE}");
            });
        }));
        assert_eq!(ended.is_err(), panics);
    }

    fn map(&self, rng: &mut Rng, depth: u32) {
        let calls: Vec<_> = (0..rng.u64(..6))
            .map(|n| self.call(rng, n, depth))
            .collect();
        let run = CallOnceHere::call_once_here;
        let mut options = MapOptions::new().keep_going(rng.bool());
        if rng.bool() {
            options = options.buffer_size(rng.usize(..4));
        }
        if rng.u8(..4) == 0 {
            options = options.timeout(moment(rng));
        }
        let take = rng.usize(..8);
        let check = |item| match item {
            Ok(_) | Err(MapError::TimedOut | MapError::Refused(SubmitError::ShutDown(_))) => {}
            Err(MapError::Task(error)) => check_error(&error),
            Err(other) => panic!("{other:?}"),
        };
        if rng.bool() {
            match self.pool.map_with(options, run, calls) {
                Ok(map) => map.take(take).for_each(check),
                Err(error) => assert!(matches!(error, SubmitError::ShutDown(_)), "{error:?}"),
            }
        } else {
            match self.pool.map_unordered(options, run, calls) {
                Ok(map) => map.take(take).for_each(check),
                Err(error) => assert!(matches!(error, SubmitError::ShutDown(_)), "{error:?}"),
            }
        }
    }

    /// A callback that may panic, submit, or shut the pool down.
    fn callback(&self, rng: &mut Rng) -> impl FnOnce(&Done<'_, Output>) + Send + use<> {
        let callback = self.ledger.callbacks.one();
        let (world, mut rng) = (self.clone(), rng.fork());
        move |done| {
            let _callback = callback;
            world.ledger.called.fetch_add(1, Ordering::SeqCst);
            assert_eq!(
                done.outcome().is_err(),
                done.failed() || done.state() == TaskState::Cancelled
            );
            match rng.u8(..32) {
                0 => {
                    world.ledger.callback_panics.fetch_add(1, Ordering::SeqCst);
                    panic!("{ON_PURPOSE}");
                }
                1..4 => drop(world.pool.try_spawn(world.call(&mut rng, 0, 1))),
                4 if rng.u8(..8) == 0 => drop(world.pool.shutdown(false, rng.bool())),
                _ => {}
            }
        }
    }

    /// One operation on the pool and the futures that this thread has.
    fn operate(&self, rng: &mut Rng, jobs: &mut Vec<Job>) {
        if jobs.is_empty() || rng.u8(..3) == 0 {
            jobs.extend(self.submit(rng, 2));
            return;
        }
        let chosen = rng.usize(..jobs.len());
        match rng.u8(..14) {
            0 | 1 => {
                let job = &jobs[chosen];
                if job.future.cancel() {
                    assert!(job.future.cancelled());
                }
            }
            2 => jobs.swap_remove(chosen).finish(),
            3 => {
                let Job { number, future } = jobs.swap_remove(chosen);
                match future.result_timeout(moment(rng)) {
                    Err(ResultError::Unfinished(future)) => jobs.push(Job { number, future }),
                    Err(ResultError::Task(error)) => check_error(&error),
                    Err(other) => panic!("{other:?}"),
                    Ok(output) => assert_eq!(output.0, number),
                }
            }
            4 => {
                let timeout = rng.bool().then(|| moment(rng));
                let split = wait(jobs.iter().map(|job| &job.future), any_moment(rng), timeout);
                assert_eq!(split.done.len() + split.not_done.len(), jobs.len());
                assert!(split.done.iter().all(|future| future.done()));
            }
            5 => {
                let some = as_completed(jobs.iter().map(|job| &job.future)).take(2);
                some.for_each(|future| assert!(future.done()));
                let timed = as_completed_timeout(jobs.iter().map(|job| &job.future), moment(rng));
                timed.flatten().for_each(|future| assert!(future.done()));
            }
            6..8 => jobs[chosen].future.add_done_callback(self.callback(rng)),
            8 => drop(jobs.swap_remove(chosen)),
            9 => drop(jobs.swap_remove(chosen).future.cancel_on_drop()),
            10 => {
                let job = jobs.swap_remove(chosen);
                let mut future = pin!(job.future);
                let mut context = Context::from_waker(Waker::noop());
                match future.as_mut().poll(&mut context) {
                    Poll::Ready(Ok(output)) => assert_eq!(output.0, job.number),
                    Poll::Ready(Err(error)) => check_error(&error),
                    Poll::Pending => {}
                }
            }
            11 => match jobs[chosen].future.result_ref() {
                Ok(output) => assert_eq!(output.0, jobs[chosen].number),
                Err(error) => check_error(error),
            },
            12 => self.nest(rng, 2),
            _ if rng.usize(..OPERATIONS) == 0 => {
                let (waits, cancels) = (rng.bool(), rng.bool());
                let report = self.pool.shutdown(waits, cancels).unwrap();
                if waits {
                    assert_eq!((report.still_running, report.still_queued), (0, 0));
                }
            }
            _ => assert!(self.pool.stats().workers <= self.pool.stats().max_workers),
        }
    }
}

/// Calls what can be called once, from a function that can be called often.
trait CallOnceHere: FnOnce() -> Output + Sized {
    fn call_once_here(self) -> Output {
        self()
    }
}

impl<F: FnOnce() -> Output> CallOnceHere for F {}

/// A future, and what its value must be.
struct Job {
    number: u64,
    future: Future<Output>,
}

impl Job {
    fn finish(self) {
        match self.future.result() {
            Ok(output) => assert_eq!(output.0, self.number),
            Err(error) => check_error(&error),
        }
    }
}

fn check_error(error: &TaskError) {
    match error {
        TaskError::Panicked(panic) => assert_eq!(panic.message(), ON_PURPOSE),
        TaskError::Cancelled(
            CancelledBy::Caller | CancelledBy::Shutdown | CancelledBy::Discarded,
        ) => {}
        other => panic!("{other:?}"),
    }
}

fn any_moment(rng: &mut Rng) -> ReturnWhen {
    match rng.u8(..3) {
        0 => ReturnWhen::FirstCompleted,
        1 => ReturnWhen::FirstException,
        _ => ReturnWhen::AllCompleted,
    }
}

/// One pool, from its first call to its end.
fn round(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let threads = Threads::new();
    let ledger = Arc::new(Ledger::default());
    let policy = match rng.u8(..5) {
        0 => Policy::Block,
        1 => Policy::BlockTimeout(moment(&mut rng)),
        2 => Policy::Reject,
        3 => Policy::RunInCaller,
        _ => Policy::DiscardOldest,
    };
    let pool = threads
        .builder()
        .max_workers(rng.usize(1..5))
        .capacity(if rng.bool() { rng.usize(1..4) } else { 64 })
        .policy(policy)
        .error_hook({
            let ledger = Arc::clone(&ledger);
            move |report| {
                if matches!(report, concurrent_futures::ErrorReport::CallbackPanicked(_)) {
                    ledger.reported_panics.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
        .build()
        .unwrap();
    let world = World {
        ledger: Arc::clone(&ledger),
        pool: pool.handle(),
    };
    let left: Vec<_> = thread::scope(|s| {
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|_| {
                let (mut rng, world) = (rng.fork(), world.clone());
                s.spawn(move || {
                    let mut jobs = Vec::new();
                    for _ in 0..rng.usize(..OPERATIONS) {
                        world.operate(&mut rng, &mut jobs);
                    }
                    jobs
                })
            })
            .collect();
        submitters
            .into_iter()
            .flat_map(|submitter| {
                submitter
                    .join()
                    .unwrap_or_else(|panic| panic::resume_unwind(panic))
            })
            .collect()
    });
    drop(pool);
    threads.assert_none_left();
    // The last callbacks of calls that somebody cancelled have run by now, and so have all others.
    assert!(left.iter().all(|job| job.future.done()));
    left.into_iter().for_each(Job::finish);
    ledger.closures.assert_all_gone("closures");
    ledger.outcomes.assert_all_gone("outcomes");
    ledger.callbacks.assert_all_gone("callbacks");
    let [called, registered, thrown, reported] = [
        &ledger.called,
        &ledger.callbacks.made,
        &ledger.callback_panics,
        &ledger.reported_panics,
    ]
    .map(|count| count.load(Ordering::SeqCst));
    assert_eq!(called, registered, "every callback runs once");
    assert!(reported <= thrown);
    // Nothing else holds the ledger: no call, no callback, no pool.
    drop(world);
    eventually("the pool is gone", || Arc::strong_count(&ledger) == 1);
}

// contract: F5, T5, X6
#[test]
fn everything_resolves_and_is_dropped_once_and_no_thread_is_left() {
    rounds(3.0, round);
}
