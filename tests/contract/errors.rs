//! E: one error type per operation, and what each of them knows.

use std::{cell::Cell, error::Error, rc::Rc, sync::mpsc, thread, time::Duration};

use concurrent_futures::{
    BrokenExecutor, BrokenKind, BuildError, Future, InvalidState, MapError, Refused, ResultError,
    ShutdownError, SubmitError, TaskError, ThreadPoolExecutor, Timeout, as_completed_timeout,
    core::platform::SpawnError, promise,
};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded};

use crate::held::Held;

type Boxed = Box<dyn Error + Send + Sync>;

// contract: E1
#[test]
fn every_error_is_an_error_that_threads_can_share() {
    fn error<E: Error + Send + Sync>() {}
    error::<BuildError>();
    error::<BrokenExecutor>();
    error::<TaskError>();
    error::<MapError>();
    error::<ShutdownError>();
    error::<Timeout>();
    // Whatever is inside, as long as it can be sent.
    error::<ResultError<Cell<u8>>>();
    error::<SubmitError<Cell<u8>>>();
    error::<SubmitError<mpsc::Receiver<u8>>>();
    error::<SubmitError<Box<dyn FnOnce() + Send>>>();
    error::<InvalidState<Cell<u8>>>();
    fn only_an_error<E: Error>() {}
    only_an_error::<SubmitError<Rc<u8>>>();
    only_an_error::<SpawnError>();
    fn both<T: Send + Sync>() {}
    both::<Refused<Cell<u8>>>();
}

// contract: E1
#[test]
fn question_marks_box_every_error() {
    fn refused(pool: &ThreadPoolExecutor) -> Result<u8, Boxed> {
        // Captures what is not `Sync`.
        let cell = Cell::new(1);
        Ok(pool.spawn(move || cell.get())?.result()?)
    }
    fn late(future: Future<Cell<u8>>) -> Result<u8, Boxed> {
        Ok(future
            .result_timeout(Duration::ZERO)
            .map_err(|error| error.to_string())?
            .get())
    }
    fn unbuilt() -> Result<ThreadPoolExecutor, Boxed> {
        Ok(ThreadPoolExecutor::new(0)?)
    }
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        assert_eq!(refused(&pool).unwrap(), 1);
        pool.shutdown(true, false).unwrap();
        let error = refused(&pool).unwrap_err();
        assert!(error.to_string().contains("shut down"), "{error}");
        let (_promise, future) = promise();
        assert!(late(future).is_err());
        let error = unbuilt().unwrap_err();
        assert_eq!(
            *error.downcast::<BuildError>().unwrap(),
            BuildError::NoWorkers
        );
    });
}

// contract: E1
#[test]
fn question_marks_work_inside_a_scope() {
    fn count(pool: &ThreadPoolExecutor, words: &[String]) -> Result<usize, Boxed> {
        let letters = Cell::new(0);
        let (left, right) = words.split_at(words.len() / 2);
        pool.scope(|s| {
            let own = Cell::new(0);
            let left = s
                .spawn(move || {
                    own.set(left.iter().map(String::len).sum());
                    own.get()
                })
                .map_err(SubmitError::without_inner)?;
            let right = s
                .spawn(|| right.iter().map(String::len).sum::<usize>())
                .map_err(SubmitError::without_inner)?;
            letters.set(left.result()? + right.result()?);
            Ok::<_, Boxed>(())
        })?;
        Ok(letters.get())
    }
    bounded(|| {
        let words = ["to", "be", "or", "not"].map(String::from);
        let pool = ThreadPoolExecutor::new(2).unwrap();
        assert_eq!(count(&pool, &words).unwrap(), 9);
        pool.shutdown(true, false).unwrap();
        let error = count(&pool, &words).unwrap_err();
        assert!(matches!(
            *error.downcast::<SubmitError<()>>().unwrap(),
            SubmitError::ShutDown(_)
        ));
    });
}

// contract: E1
#[test]
fn a_refused_call_comes_back_whole() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .capacity(1)
            .build()
            .unwrap();
        let held = Held::on(&pool);
        let waits = pool.spawn(|| ()).unwrap();
        let drops = Drops::new();
        let call = || {
            let token = drops.token();
            move |n: u8| {
                let _token = &token;
                n + 1
            }
        };
        let full = pool.try_submit(call(), 1).unwrap_err();
        assert!(matches!(full, SubmitError::Full(_)));
        assert_eq!(drops.count(), 0);
        let (function, argument) = full.into_inner();
        assert_eq!((function(argument), drops.count()), (2, 0));
        drop(function);
        assert_eq!(drops.count(), 1);

        pool.shutdown(false, false).unwrap();
        let closed = pool.submit(call(), 1).unwrap_err();
        assert!(matches!(closed, SubmitError::ShutDown(_)));
        let renamed = closed.map(|(function, argument)| function(argument));
        assert!(matches!(renamed, SubmitError::ShutDown(_)));
        assert_eq!((renamed.into_inner(), drops.count()), (2, 2));
        let empty = pool.submit(call(), 1).unwrap_err().without_inner();
        assert!(matches!(empty, SubmitError::ShutDown(_)));
        assert_eq!(drops.count(), 3);
        held.release();
        waits.result().unwrap();
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: E1
#[test]
fn an_unfinished_future_comes_back_and_a_task_error_has_none() {
    bounded(|| {
        let (promise, future) = promise::<u8>();
        let id = future.id();
        let unfinished = future.result_timeout(Duration::ZERO).unwrap_err();
        assert!(unfinished.source().is_none());
        let future = unfinished.into_future().unwrap();
        assert_eq!(future.id(), id);
        drop(promise);
        let task = future.try_result().unwrap_err();
        let source = task.source().unwrap().downcast_ref::<TaskError>();
        assert!(matches!(source, Some(TaskError::Abandoned)));
        assert!(task.into_future().is_none());
    });
}

// contract: E1
#[test]
fn errors_print_what_went_wrong_without_the_value() {
    /// Has neither `Debug` nor `Display`.
    struct Opaque;
    bounded(|| {
        let shown = |error: &dyn Error| {
            let (text, debug) = (error.to_string(), format!("{error:?}"));
            assert!(!text.is_empty() && !debug.is_empty());
            text
        };
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let panicked = pool.spawn(|| -> u8 { panic!("the reason") }).unwrap();
        assert!(shown(&panicked.result().unwrap_err()).contains("the reason"));
        let (cancelled_promise, future) = promise();
        assert!(future.cancel());
        assert!(shown(&cancelled_promise.set(Opaque).unwrap_err()).contains("cancelled"));
        assert!(shown(&future.result().map(drop).unwrap_err()).contains("cancelled"));
        let (_promise, pending) = promise::<Opaque>();
        let mut completed = as_completed_timeout([&pending], Duration::ZERO);
        let timeout = completed.next().unwrap().map(drop).unwrap_err();
        assert!(shown(&timeout).contains("1 of 1"));
        drop(completed);
        shown(&pending.try_result().map(drop).unwrap_err());
        pool.shutdown(true, false).unwrap();
        let opaque = Opaque;
        let refused = pool.spawn(move || opaque).map(drop).unwrap_err();
        assert!(shown(&refused).contains("shut down"));
        let refused = pool.map(|n: u8| n, [1]).map(drop).unwrap_err();
        assert!(matches!(refused, SubmitError::ShutDown(_)));
    });
}

// contract: E2
#[test]
fn every_future_of_a_broken_pool_gets_its_own_cause() {
    bounded(|| {
        let threads = Threads::new();
        let gate = Gate::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .initializer({
                let gate = gate.clone();
                move || -> Result<(), String> {
                    gate.pass();
                    Err(format!(
                        "no licence for {}",
                        thread::current().name().unwrap()
                    ))
                }
            })
            .build()
            .unwrap();
        let futures: Vec<_> = (0..3).map(|n| pool.spawn(move || n).unwrap()).collect();
        gate.open();
        for future in futures {
            assert!(future.wait() && future.failed());
            let error = future.result().unwrap_err();
            let source = error
                .source()
                .unwrap()
                .downcast_ref::<BrokenExecutor>()
                .cloned();
            let TaskError::Broken(broken) = error else {
                panic!("{error:?}");
            };
            assert_eq!(broken.kind(), BrokenKind::ThreadPool);
            assert!(broken.cause().contains("no licence for cf"), "{broken}");
            assert!(broken.to_string().contains(broken.cause()));
            assert_eq!(source.as_ref(), Some(&broken));
        }
        let refused = pool.spawn(|| 4).unwrap_err();
        let source = refused
            .source()
            .unwrap()
            .downcast_ref::<BrokenExecutor>()
            .cloned();
        let SubmitError::Broken(broken, call) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(
            (broken.kind(), source.as_ref()),
            (BrokenKind::ThreadPool, Some(&broken))
        );
        assert!(broken.cause().contains("no licence"));
        assert_eq!(call.into_inner()(), 4);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: E2
#[test]
fn a_panic_of_the_initializer_is_the_cause() {
    bounded(|| {
        let threads = Threads::new();
        let gate = Gate::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .initializer({
                let gate = gate.clone();
                move || -> Result<(), String> {
                    gate.pass();
                    panic!("cannot start")
                }
            })
            .build()
            .unwrap();
        let future = pool.spawn(|| ()).unwrap();
        gate.open();
        match future.result() {
            Err(TaskError::Broken(broken)) => {
                assert!(broken.cause().contains("cannot start"), "{broken}");
                assert_eq!(broken.kind(), BrokenKind::ThreadPool);
            }
            other => panic!("{other:?}"),
        }
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: E2
#[test]
fn the_two_kinds_of_broken_executors_differ() {
    let [threads, processes] = [BrokenKind::ThreadPool, BrokenKind::ProcessPool]
        .map(|kind| BrokenExecutor::new(kind, "worker 7 was killed by signal 9"));
    assert_ne!(threads, processes);
    assert_ne!(threads.to_string(), processes.to_string());
    assert_eq!(processes.kind(), BrokenKind::ProcessPool);
    assert_eq!(processes.cause(), "worker 7 was killed by signal 9");
}
