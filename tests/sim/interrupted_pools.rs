//! Static pools that interrupt handlers submit to, at every step of everybody.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use concurrent_futures::{
    Future, SubmitError,
    core::{
        executor::StaticPool,
        platform::{Current, Platform, Spawner},
        sync::Essential,
    },
    sim::{self, Explored, Fault, Interrupt, SimPlatform, SimSpawner, Simulation, Walk, What},
};

use crate::help::{failure, few, never_fails};

const SLOTS: usize = 3;
const BYTES: usize = 64;

type Pumped = StaticPool<SimPlatform, SLOTS, BYTES>;
type Worked = StaticPool<SimPlatform, SLOTS, BYTES, SimSpawner>;

fn pumped() -> &'static Pumped {
    Box::leak(Box::new(Pumped::new()))
}

fn worked(workers: usize) -> &'static Worked {
    Box::leak(Box::new(Worked::with_workers(workers, SimSpawner::new())))
}

fn all(interruptions: usize) -> Simulation {
    Simulation::new().walk(Walk::Exhaustive { interruptions })
}

/// What becomes of the calls of handlers.
#[derive(Clone, Default)]
struct Tally(Arc<(AtomicUsize, AtomicUsize)>);

impl Tally {
    /// A call, and what says that it ran.
    fn call(&self) -> (impl FnOnce() + Send + 'static, Future<()>) {
        let (promise, ran) = sim::promise();
        let part = Part(self.clone());
        let call = move || {
            part.run();
            // Before whoever waits for this looks at it.
            drop(part);
            promise.set(()).unwrap();
        };
        (call, ran)
    }

    fn ran(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    fn dropped(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

/// What a call captures.
struct Part(Tally);

impl Part {
    fn run(&self) {
        assert!(!matches!(SimPlatform::current(), Current::MustNotBlock));
        self.0.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if matches!(SimPlatform::current(), Current::MustNotBlock) {
            sim::fail("dropped in a handler");
        }
        self.0.0.1.fetch_add(1, Ordering::Relaxed);
    }
}

type Boxed = Box<dyn FnOnce() + Send>;

/// An interrupt whose handler submits a call, and what becomes of that.
struct Posted {
    interrupt: Interrupt<Result<(), SubmitError<Boxed>>>,
    tally: Tally,
    ran: Future<()>,
}

fn post<S: Spawner>(pool: &'static StaticPool<SimPlatform, SLOTS, BYTES, S>) -> Posted {
    let tally = Tally::default();
    let (call, ran) = tally.call();
    Posted {
        interrupt: sim::interrupt(move || {
            let refused = pool.interrupt_side().submit_detached(call).err();
            match refused {
                // Boxed without being run or dropped.
                Some(refused) => Err(refused.map(|call| -> Boxed { Box::new(call) })),
                None => Ok(()),
            }
        }),
        tally,
        ran,
    }
}

impl Posted {
    /// Lets it come, and `then` whatever it takes for its call to run. What came of it was as it should be.
    fn settle(self, then: impl FnOnce()) -> Result<(), SubmitError<()>> {
        let came = self.interrupt.join();
        then();
        let expected = usize::from(came.is_ok());
        assert_eq!(self.tally.ran(), expected);
        assert_eq!(self.tally.dropped(), expected);
        came.map_err(|refused| {
            let why = refused.map(|call| call());
            assert_eq!((self.tally.ran(), self.tally.dropped()), (1, 1));
            why
        })
    }
}

#[track_caller]
fn complete(explored: &Explored, at_least: usize) {
    assert!(explored.is_complete());
    assert!(explored.runs() >= at_least, "{explored}");
}

// contract: D2, S2
#[test]
fn a_pumped_pool_is_interrupted_at_every_step_of_submit_cancel_run_and_result() {
    let explored = all(0).check(|| {
        let pool = pumped();
        let posted = post(pool);
        let kept = pool.spawn(|| 1).unwrap();
        let cancelled = pool.spawn(|| 2).unwrap();
        assert!(cancelled.cancel());
        drop(cancelled);
        assert!(pool.run_one());
        assert_eq!(kept.result().unwrap(), 1);
        posted.settle(|| _ = pool.run_until_idle()).unwrap();
        assert_eq!(pool.free_slots(), SLOTS);
    });
    complete(&explored, 16);
}

// contract: D2, S2
#[test]
fn a_pumped_pool_that_two_threads_use_is_interrupted_at_every_step() {
    let explored = all(1).check(|| {
        let pool = pumped();
        let posted = post(pool);
        let other = sim::spawn(move || pool.spawn(|| 1).unwrap().result().unwrap());
        let call = pool.spawn(|| 2).unwrap();
        pool.run_one();
        assert_eq!(call.result().unwrap() + other.join(), 3);
        posted.settle(|| _ = pool.run_until_idle()).unwrap();
        assert_eq!(pool.free_slots(), SLOTS);
    });
    complete(&explored, 100);
}

// contract: D2, X1
#[test]
fn a_pumped_pool_is_interrupted_at_every_step_of_its_end() {
    for cancel in [false, true] {
        let explored = all(0).check(move || {
            let pool = pumped();
            let posted = post(pool);
            let call = pool.spawn(|| 1).unwrap();
            pool.shutdown(true, cancel).unwrap();
            let came = posted.interrupt.join();
            // What is left of a call that came too late.
            pool.run_until_idle();
            let ran = posted.tally.ran();
            match came {
                Ok(()) => assert!(ran == 1 || cancel, "it was accepted"),
                Err(refused) => {
                    assert!(matches!(refused, SubmitError::ShutDown(_)));
                    assert_eq!(ran, 0);
                }
            }
            assert_eq!(posted.tally.dropped(), 1);
            assert_eq!(call.result().is_ok(), !cancel);
            assert_eq!(pool.free_slots(), SLOTS);
        });
        complete(&explored, 10);
    }
}

// contract: D2, T2
#[test]
fn workers_are_interrupted_at_every_step_and_as_they_go_to_sleep() {
    for (workers, interruptions) in [(1, 1), (2, 0), (2, 1)] {
        let explored = all(interruptions).check(move || {
            let pool = worked(workers);
            let posted = post(pool);
            let call = pool.spawn(|| 1).unwrap();
            assert_eq!(call.result().unwrap(), 1);
            let ran = match posted.interrupt.join() {
                Ok(()) => {
                    posted.ran.result().unwrap();
                    1
                }
                Err(refused) => {
                    assert!(matches!(refused, SubmitError::NoWorker(_)), "{refused}");
                    0
                }
            };
            pool.shutdown(true, false).unwrap();
            assert_eq!((posted.tally.ran(), posted.tally.dropped()), (ran, 1));
            assert_eq!(pool.free_slots(), SLOTS);
        });
        complete(&explored, 20);
    }
}

// contract: D2, T2
#[test]
fn sleeping_workers_are_woken_by_an_interrupt() {
    for (workers, interruptions) in [(1, 1), (2, 1)] {
        let explored = all(interruptions).check(move || {
            let pool = worked(workers);
            assert_eq!(pool.start(), workers);
            let posted = post(pool);
            assert!(posted.interrupt.join().is_ok());
            posted.ran.result().unwrap();
            pool.shutdown(true, false).unwrap();
            assert_eq!((posted.tally.ran(), posted.tally.dropped()), (1, 1));
        });
        complete(&explored, 20);
    }
}

// contract: D2, X1
#[test]
fn workers_are_interrupted_at_every_step_of_their_end() {
    for (workers, interruptions) in [(1, 1), (2, 0)] {
        for cancel in [false, true] {
            let explored = all(interruptions).check(move || {
                let pool = worked(workers);
                let posted = post(pool);
                let call = pool.spawn(|| 1).unwrap();
                pool.shutdown(true, cancel).unwrap();
                let came = posted.interrupt.join();
                let ran = posted.tally.ran();
                match came {
                    Ok(()) => assert!(ran == 1 || cancel, "it was accepted"),
                    Err(refused) => {
                        let none_yet = matches!(refused, SubmitError::NoWorker(_));
                        assert!(none_yet || matches!(refused, SubmitError::ShutDown(_)));
                        assert_eq!(ran, 0);
                    }
                }
                assert_eq!(posted.tally.dropped(), 1);
                assert!(call.result().is_ok() || cancel);
            });
            complete(&explored, 20);
        }
    }
}

// contract: D2, X1
#[test]
fn a_handler_on_another_core_goes_on_while_the_pool_ends() {
    for (workers, interruptions) in [(0, 4), (1, 3), (2, 2)] {
        let explored = all(interruptions).check(move || {
            let tally = Tally::default();
            let (call, ran) = tally.call();
            let (came, first) = if workers == 0 {
                let pool = pumped();
                let other = sim::spawn(move || pool.interrupt_side().submit_detached(call));
                let first = pool.spawn(|| 1).ok();
                pool.shutdown(true, false).unwrap();
                let came = other.join();
                pool.run_until_idle();
                (came.map_err(|refused| refused.without_inner()), first)
            } else {
                let pool = worked(workers);
                let first = pool.spawn(|| 1).ok();
                let other = sim::spawn(move || pool.interrupt_side().submit_detached(call));
                pool.shutdown(true, false).unwrap();
                let came = other.join();
                let free = pool.free_slots() + usize::from(first.is_some());
                assert_eq!(free, SLOTS);
                (came.map_err(|refused| refused.without_inner()), first)
            };
            match came {
                Ok(()) => ran.result().unwrap(),
                Err(refused) => {
                    assert!(matches!(refused, SubmitError::ShutDown(_)));
                    assert_eq!(tally.ran(), 0);
                }
            }
            assert_eq!(first.unwrap().result().unwrap(), 1);
        });
        complete(&explored, 20);
    }
}

/// A worker is asleep, or on its way there, when the interrupt comes.
fn sleeper() {
    let pool = worked(1);
    pool.start();
    let posted = post(pool);
    assert!(posted.interrupt.join().is_ok());
    posted.ran.result().unwrap();
    pool.shutdown(true, false).unwrap();
}

/// Of two workers one is kept busy until the call of the interrupt has run.
fn chain() {
    let pool = worked(2);
    pool.start();
    let posted = post(pool);
    let ran = posted.ran;
    let busy = pool.spawn(move || ran.result().unwrap()).unwrap();
    assert!(posted.interrupt.join().is_ok());
    busy.result().unwrap();
    pool.shutdown(true, false).unwrap();
}

/// The first failure that `body` has without `step`; it has none with it.
#[track_caller]
fn needs(step: Essential, simulation: &Simulation, body: fn()) {
    let found = failure(simulation.clone().without(step), body);
    let Fault::Deadlock(text) = found.fault() else {
        panic!("not called a deadlock: {found}");
    };
    assert!(text.contains("a promise that nobody has kept"), "{found}");
    assert!(
        text.contains("sleeps, as there is nothing to do"),
        "{found}"
    );
    assert!(found.to_string().contains(&format!("{step:?}")), "{found}");
    simulation.check(body);
}

// contract: D2, T2
#[test]
fn a_worker_that_does_not_look_when_an_interrupt_wakes_it_is_found() {
    needs(Essential::WokenLooks, &all(0), sleeper);
    needs(Essential::WokenLooks, &all(0), chain);
    needs(Essential::WokenLooks, &few(), sleeper);
}

// contract: D2, T2
#[test]
fn a_worker_that_does_not_look_again_before_it_sleeps_is_found() {
    needs(Essential::SecondLook, &all(0), sleeper);
}

// contract: D2, T2
#[test]
fn a_sleeper_that_is_counted_as_awake_is_found() {
    needs(Essential::WakerAccounting, &all(0), sleeper);
}

// contract: D2, T2
#[test]
fn a_searcher_that_wakes_nobody_for_the_call_of_an_interrupt_is_found() {
    needs(Essential::ChainWake, &Simulation::new(), chain);
}

// contract: D2
#[test]
fn two_interrupts_submit_one_after_the_other_in_any_order() {
    let pumped = all(0).check(|| {
        let pool = pumped();
        let posted = [post(pool), post(pool)];
        let call = pool.spawn(|| 1).unwrap();
        assert!(pool.run_until(&call));
        for posted in posted {
            posted.settle(|| _ = pool.run_until_idle()).unwrap();
        }
        assert_eq!(call.result().unwrap(), 1);
    });
    complete(&pumped, 50);
    for (workers, simulation) in [(1, all(0)), (2, Simulation::new())] {
        let explored = simulation.check(move || {
            let pool = worked(workers);
            pool.start();
            let posted = [post(pool), post(pool)];
            let call = pool.spawn(|| 1).unwrap();
            assert_eq!(call.result().unwrap(), 1);
            for Posted {
                interrupt,
                tally,
                ran,
            } in posted
            {
                assert!(interrupt.join().is_ok());
                ran.result().unwrap();
                assert_eq!((tally.ran(), tally.dropped()), (1, 1));
            }
            pool.shutdown(true, false).unwrap();
        });
        assert!(explored.distinct() > 500, "{explored}");
    }
}

// contract: D2
#[test]
fn a_full_pool_hands_the_call_back_to_the_handler() {
    let explored = all(0).check(|| {
        let pool = pumped();
        let calls = [1, 2, 3].map(|n| pool.spawn(move || n).unwrap());
        let posted = post(pool);
        assert_eq!(pool.run_until_idle(), SLOTS);
        let came = posted.settle(|| assert_eq!(pool.free_slots(), 0));
        assert!(matches!(came, Err(SubmitError::Full(_))));
        for call in calls {
            call.result().unwrap();
        }
        assert_eq!(pool.free_slots(), SLOTS);
    });
    complete(&explored, 8);
    // A slot is freed meanwhile.
    let both = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let came = Arc::clone(&both);
    all(0).check(move || {
        let pool = pumped();
        let calls = [1, 2, 3].map(|n| pool.spawn(move || n).unwrap());
        let posted = post(pool);
        for (call, n) in calls.into_iter().zip(1..) {
            assert_eq!(call.result().unwrap(), n);
        }
        let refused = posted.settle(|| _ = pool.run_until_idle()).is_err();
        came[usize::from(refused)].fetch_add(1, Ordering::Relaxed);
        assert_eq!(pool.free_slots(), SLOTS);
    });
    assert!(both.iter().all(|count| count.load(Ordering::Relaxed) > 0));
}

// contract: D2, X1
#[test]
fn after_a_shutdown_the_call_comes_back_to_the_handler() {
    for workers in [0, 1] {
        let explored = all(0).check(move || {
            let posted = if workers == 0 {
                let pool = pumped();
                pool.shutdown(true, false).unwrap();
                post(pool)
            } else {
                let pool = worked(workers);
                pool.start();
                pool.shutdown(true, false).unwrap();
                post(pool)
            };
            let came = posted.settle(|| sim::note("later"));
            assert!(matches!(came, Err(SubmitError::ShutDown(_))));
        });
        complete(&explored, 2);
    }
}

// contract: D1, D2
#[test]
fn random_walks_interrupt_static_pools_and_are_repeatable() {
    for body in [sleeper as fn(), chain] {
        never_fails(body);
        let again = |seed| few().seeds(seed..seed + 1).trace(body).unwrap();
        let mut hosts = std::collections::BTreeSet::new();
        for seed in 0..60 {
            let trace = again(seed);
            assert_eq!(trace, again(seed));
            hosts.extend(trace.events().iter().filter_map(|event| match event.what {
                What::Interrupts(host) => Some(host),
                _ => None,
            }));
        }
        assert!(hosts.len() >= 2, "only {hosts:?}");
    }
}
