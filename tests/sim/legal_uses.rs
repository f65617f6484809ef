//! Everything else that an executor can do, and that is no fault under any walk.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use concurrent_futures::{
    CancelledBy, Executor, Future, MapOptions, ShutdownError, SubmitError, TaskError,
    core::{
        executor::{InlineExecutor, PumpExecutor},
        future::Slot,
        queue::Ring,
    },
    sim::{self, SimConfig, SimExecutor, SimPlatform, Simulation},
};

use crate::help::{List, SECOND, never_fails};

// contract: D1
#[test]
fn code_that_is_generic_over_executors_runs() {
    fn squares<E: Executor>(executor: &E) -> Vec<u32> {
        let squares = executor.map(|n: u32| n * n, [1, 2, 3]).unwrap();
        squares.collect::<Result<_, _>>().unwrap()
    }
    never_fails(|| assert_eq!(squares(&SimExecutor::new(2)), [1, 4, 9]));
}

// contract: D1
#[test]
fn map_with_a_buffer_and_a_queue_of_one() {
    never_fails(|| {
        let pool = SimExecutor::with(SimConfig {
            capacity: 1,
            ..SimConfig::default()
        });
        let options = MapOptions::new().buffer_size(2);
        let squares = pool.map_with(options, |n: u32| n * n, 1..).unwrap();
        let squares: Result<Vec<_>, _> = squares.take(3).collect();
        assert_eq!(squares.unwrap(), [1, 4, 9]);
        let mut any: Vec<_> = pool
            .map_unordered(MapOptions::new(), |n: u32| n + 1, [1, 2])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        any.sort_unstable();
        assert_eq!(any, [2, 3]);
        // Dropped half way.
        let mut dropped = pool.map(|n: u32| n, [1, 2, 3]).unwrap();
        assert_eq!(dropped.next().unwrap().unwrap(), 1);
    });
}

// contract: D1, T7
#[test]
fn scopes_on_workers_and_elsewhere() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let text = String::from("two words");
        let words = pool.scope(|s| {
            let words = s.spawn(|| text.split(' ').count()).unwrap();
            drop(s.spawn(|| sim::note("nobody waits for this one")).unwrap());
            words.result().unwrap()
        });
        assert_eq!(words, 2);
        let handle = pool.handle();
        let nested = pool.spawn(move || {
            let sum = AtomicUsize::new(0);
            handle.scope(|s| {
                let sum = &sum;
                for n in [1, 2] {
                    drop(
                        s.spawn(move || sum.fetch_add(n, Ordering::Relaxed))
                            .unwrap(),
                    );
                }
            });
            sum.into_inner()
        });
        assert_eq!(nested.unwrap().result().unwrap(), 3);
    });
}

// contract: D1, X1
#[test]
fn shutdown_in_all_forms() {
    for (wait, cancel) in [(true, true), (true, false), (false, true), (false, false)] {
        never_fails(move || {
            let pool = SimExecutor::new(2);
            let calls = [1, 2, 3].map(|n| pool.spawn(move || n).unwrap());
            pool.shutdown(wait, cancel).unwrap();
            for call in calls {
                match call.result() {
                    Ok(_) => {}
                    Err(TaskError::Cancelled(CancelledBy::Shutdown)) => assert!(cancel),
                    Err(other) => panic!("{other}"),
                }
            }
            assert!(matches!(pool.spawn(|| 1), Err(SubmitError::ShutDown(_))));
            pool.shutdown(true, false).unwrap();
            assert_eq!(pool.stats().workers, 0);
        });
    }
}

// contract: D1, X1
#[test]
fn a_shutdown_with_a_timeout_while_a_call_runs_on() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise::<u8>();
        let call = pool.spawn(move || future.result().unwrap()).unwrap();
        let report = pool.shutdown_timeout(SECOND, false).unwrap();
        assert_eq!(report.still_running + report.still_queued, 1);
        promise.set(1).unwrap();
        assert_eq!(call.result().unwrap(), 1);
    });
}

// contract: D1
#[test]
fn an_executor_is_dropped_on_its_own_worker() {
    never_fails(|| {
        let pool = Arc::new(SimExecutor::new(2));
        let kept = Arc::clone(&pool);
        let call = pool
            .spawn(move || {
                let from_worker = kept.shutdown(true, false);
                drop(kept);
                from_worker
            })
            .unwrap();
        drop(pool);
        assert_eq!(call.result().unwrap(), Err(ShutdownError::FromWorker));
    });
    never_fails(|| {
        let pool = Arc::new(SimExecutor::new(1));
        let kept = Arc::clone(&pool);
        drop(pool.spawn(move || drop(kept)).unwrap());
    });
}

// contract: D1
#[test]
fn a_detached_executor_runs_what_waits() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
        drop(pool.spawn(|| sim::note("nobody waits for it")).unwrap());
        pool.detach();
        assert_eq!(calls.map(|call| call.result().unwrap()), [1, 2]);
    });
}

// contract: D1, K1
#[test]
fn cancelling_by_whoever_comes_first() {
    never_fails(|| {
        let pool = SimExecutor::new(1);
        let ran = Arc::new(AtomicUsize::new(0));
        let call = pool
            .spawn({
                let ran = Arc::clone(&ran);
                move || ran.fetch_add(1, Ordering::Relaxed)
            })
            .unwrap();
        let call = Arc::new(call);
        let other = sim::spawn({
            let call = Arc::clone(&call);
            move || call.cancel()
        });
        let here = call.cancel();
        let there = other.join();
        // "True exactly when the call will never run", for whoever asks.
        assert_eq!(here, there);
        call.wait();
        assert_eq!(ran.load(Ordering::Relaxed), usize::from(!here));
    });
}

// contract: D1, C3
#[test]
fn callbacks_submit_and_shut_down() {
    never_fails(|| {
        let pool = Arc::new(SimExecutor::new(1));
        let later: List<Future<u8>> = List::new();
        let call = pool.spawn(|| 1).unwrap();
        let (handle, place) = (pool.handle(), later.clone());
        call.add_done_callback(move |done| {
            assert_eq!(*done.outcome().unwrap(), 1);
            place.push(handle.spawn(|| 2).unwrap());
            handle.shutdown(false, false).unwrap();
        });
        assert_eq!(call.result().unwrap(), 1);
        assert_eq!(later.take().remove(0).result().unwrap(), 2);
    });
}

// contract: D1, D3
#[test]
fn a_pump_is_run_by_whoever_waits() {
    never_fails(|| {
        let pump = Arc::new(PumpExecutor::<SimPlatform, _>::new(Ring::new(2).unwrap()));
        let other = sim::spawn({
            let pump = Arc::clone(&pump);
            move || pump.spawn(|| 1).unwrap().result().unwrap()
        });
        let call = pump.spawn(|| 2).unwrap();
        while pump.run_one() {}
        assert_eq!(call.result().unwrap() + other.join(), 3);
        let handle = pump.handle();
        let nested = pump.spawn(move || handle.spawn(|| 4).unwrap().result().unwrap());
        assert_eq!(nested.unwrap().result().unwrap(), 4);
    });
}

// contract: D1
#[test]
fn an_inline_executor_runs_in_its_caller() {
    never_fails(|| {
        let inline = InlineExecutor::<SimPlatform>::new();
        let (promise, future) = sim::promise::<u8>();
        let setter = sim::spawn(move || promise.set(1).unwrap());
        let call = inline.spawn(move || future.result().unwrap()).unwrap();
        assert!(call.done());
        assert_eq!(call.result().unwrap(), 1);
        setter.join();
    });
}

// contract: D1, D2
#[test]
fn a_slot_is_used_again_in_every_run() {
    static SLOT: Slot<u8> = Slot::new();
    Simulation::new().seeds(0..40).check(|| {
        for n in 0..2 {
            let (promise, future) = SLOT.promise::<SimPlatform>().unwrap();
            let setter = sim::spawn(move || promise.set(n).unwrap());
            assert_eq!(future.result().unwrap(), n);
            setter.join();
        }
    });
}

// contract: D1
#[test]
fn a_simulation_inside_of_a_simulation_is_one_of_its_own() {
    Simulation::new().seeds(0..4).check(|| {
        sim::sleep(SECOND);
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| 1).unwrap();
        Simulation::new().seeds(0..4).check(|| {
            assert_eq!(sim::now(), core::time::Duration::ZERO);
            let pool = SimExecutor::new(1);
            assert_eq!(pool.spawn(|| 2).unwrap().result().unwrap(), 2);
        });
        assert_eq!(sim::now(), SECOND);
        assert_eq!(call.result().unwrap(), 1);
    });
}
