//! Interrupts: when they come, and what a handler must not do. What handlers do with static pools is in `interrupted_pools`.

use std::sync::{Arc, Mutex};

use concurrent_futures::{
    Future, TaskError,
    core::platform::{Clock, Current, InterruptUnpark, Lock, Parker, Platform, Point},
    sim::{
        self, Fault, SimClock, SimExecutor, SimLock, SimPlatform, Simulation, Stands, Walk, What,
        Who,
    },
};

use crate::help::{List, SECOND, failure, few, never_fails, walks};

fn all(interruptions: usize) -> Simulation {
    Simulation::new().walk(Walk::Exhaustive { interruptions })
}

/// What can be set at any step, and read in a handler.
#[derive(Clone)]
struct Now(Arc<Mutex<&'static str>>);

impl Now {
    fn new(text: &'static str) -> Self {
        Self(Arc::new(Mutex::new(text)))
    }

    fn set(&self, text: &'static str) {
        *self.0.lock().unwrap() = text;
    }

    fn get(&self) -> &'static str {
        *self.0.lock().unwrap()
    }
}

// contract: D2
#[test]
fn one_comes_at_every_step_and_at_the_end_at_the_latest() {
    let seen = List::new();
    let places = seen.clone();
    let explored = all(0).check(move || {
        let now = Now::new("armed");
        let (places, step) = (places.clone(), now.clone());
        drop(sim::interrupt(move || places.push(step.get())));
        for name in ["one", "two", "three"] {
            now.set(name);
            sim::note(name);
        }
        now.set("the end");
    });
    assert!(explored.is_complete());
    assert_eq!(explored.distinct(), explored.runs());
    let mut seen = seen.take();
    seen.sort_unstable();
    assert_eq!(seen, ["armed", "one", "the end", "three", "two"]);
}

// contract: D2
#[test]
fn two_come_in_any_order_and_one_handler_does_not_interrupt_another() {
    let seen = List::new();
    let orders = seen.clone();
    all(0).check(move || {
        let order = List::new();
        for name in ["a", "b"] {
            let order = order.clone();
            let handler = move || {
                order.push(name);
                sim::note(name);
                order.push(name);
            };
            drop(sim::interrupt(handler));
        }
        let other = sim::spawn(|| sim::note("other"));
        sim::note("main");
        other.join();
        let (order, orders) = (order, orders.clone());
        // The last of all to end lets them come, so they have come before this is looked at.
        let last = sim::interrupt(move || orders.push(order.take()));
        drop(last);
    });
    let mut seen = seen.take();
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.contains(&vec!["a", "a", "b", "b"]));
    assert!(seen.contains(&vec!["b", "b", "a", "a"]));
    assert!(!seen.iter().any(|order| order.starts_with(&["a", "b"])));
    assert!(!seen.iter().any(|order| order.starts_with(&["b", "a"])));
}

// contract: D2
#[test]
fn whoever_is_interrupted_stands_still_as_does_everybody_else() {
    let hosts = List::new();
    let seen = hosts.clone();
    let explored = all(1).check(move || {
        let log = List::new();
        let interrupt = sim::interrupt({
            let log = log.clone();
            move || {
                log.push("handler");
                sim::note("a step, but nobody else's turn");
                log.push("handler");
            }
        });
        let others = ["a", "b"].map(|name| {
            let log = log.clone();
            sim::spawn(move || {
                log.push(name);
                sim::note(name);
                log.push(name);
            })
        });
        for other in others {
            other.join();
        }
        interrupt.join();
        let log = log.take();
        let place = log.iter().position(|entry| *entry == "handler").unwrap();
        assert_eq!(log[place + 1], "handler");
        seen.push(place);
    });
    assert!(explored.is_complete());
    let mut places = hosts.take();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, [0, 1, 2, 3, 4]);
}

// contract: D2
#[test]
fn a_wait_for_it_is_no_deadlock_under_any_walk() {
    never_fails(|| {
        let interrupt = sim::interrupt(|| 7);
        assert_eq!(interrupt.who(), Who::Interrupt(0));
        assert_eq!(interrupt.join(), 7);
    });
    never_fails(|| {
        // Armed by a thread that ends after the body, and by a handler.
        drop(sim::spawn(|| {
            sim::note("late");
            drop(sim::interrupt(|| {
                drop(sim::interrupt(|| sim::note("later")))
            }));
        }));
    });
    never_fails(|| {
        let woken = sim::spawn(|| {
            let me = SimPlatform::with_parker(Parker::id);
            drop(sim::interrupt(move || SimPlatform::unpark(me)));
            SimPlatform::with_parker(Parker::park);
        });
        woken.join();
    });
}

// contract: D2
#[test]
fn it_comes_before_time_passes_or_after() {
    let seen = List::new();
    let times = seen.clone();
    all(0).check(move || {
        let times = times.clone();
        drop(sim::interrupt(move || times.push(sim::now())));
        sim::sleep(SECOND);
    });
    let mut seen = seen.take();
    seen.sort_unstable();
    assert_eq!(seen.first(), Some(&std::time::Duration::ZERO));
    assert_eq!(seen.last(), Some(&SECOND));
}

// contract: D2
#[test]
fn whoever_looks_again_and_again_for_it_finds_it() {
    for simulation in walks() {
        simulation.check(|| {
            let now = Now::new("");
            let handler = now.clone();
            drop(sim::interrupt(move || handler.set("came")));
            while now.get().is_empty() {
                sim::yield_now();
            }
        });
    }
    // Not even a look: it comes when it was put off for long.
    few().patience(200).check(|| {
        let now = Now::new("");
        let handler = now.clone();
        drop(sim::interrupt(move || handler.set("came")));
        while now.get().is_empty() {
            sim::note("not yet");
        }
    });
}

// contract: D2
#[test]
fn the_number_of_a_thread_that_has_ended_or_never_was_is_nobody() {
    few().check(|| {
        let number = sim::spawn(|| SimPlatform::with_parker(Parker::id)).join();
        assert_ne!(number, SimPlatform::with_parker(Parker::id));
        let interrupt = sim::interrupt(move || {
            SimPlatform::unpark(number);
            SimPlatform::unpark(number + 100);
        });
        interrupt.join();
    });
    SimPlatform::unpark(0);
    assert_eq!(SimPlatform::with_parker(Parker::id), 0);
}

// contract: D2
#[test]
fn a_handler_must_not_block_and_may_look_at_the_clock() {
    few().check(|| {
        let interrupt = sim::interrupt(|| {
            let must_not = matches!(SimPlatform::current(), Current::MustNotBlock);
            (must_not, SimClock::now().is_some())
        });
        assert_eq!(interrupt.join(), (true, true));
        assert!(matches!(SimPlatform::current(), Current::Foreign));
    });
}

/// What `handler` is blamed for, under every kind of walk.
fn blamed(handler: fn()) -> String {
    let mut texts: Vec<String> = walks()
        .into_iter()
        .map(|simulation| {
            let found = failure(simulation, move || {
                drop(sim::interrupt(handler));
                sim::note("some step");
            });
            let Fault::WaitsInInterrupt(text) = found.fault() else {
                panic!("something else is found: {found}");
            };
            assert!(found.to_string().contains("interrupt 0"), "{found}");
            text.clone()
        })
        .collect();
    texts.dedup();
    assert_eq!(texts.len(), 1);
    texts.remove(0)
}

// contract: D2
#[test]
fn a_handler_that_takes_a_lock_or_waits_is_a_fault() {
    static LOCK: std::sync::LazyLock<SimLock> = std::sync::LazyLock::new(SimLock::new);
    let text = blamed(|| LOCK.with(|| ()));
    assert!(
        text.starts_with("interrupt 0 is about to take a lock while main stands still"),
        "{text}"
    );
    for handler in [
        || SimPlatform::with_parker(Parker::park),
        || sim::sleep(SECOND),
        || sim::interrupt(|| ()).join(),
    ] {
        let text = blamed(handler);
        assert!(
            text.starts_with("interrupt 0 is about to wait while main"),
            "{text}"
        );
    }
    // Other pools than static ones take locks.
    let found = failure(few(), || {
        let pool = Arc::new(SimExecutor::new(1));
        let handle = pool.handle();
        let interrupt = sim::interrupt(move || drop(handle.spawn(|| ())));
        interrupt.join();
    });
    assert!(
        matches!(found.fault(), Fault::WaitsInInterrupt(_)),
        "{found}"
    );
}

// contract: D2
#[test]
fn a_handler_that_panics_is_a_fault_and_named() {
    for simulation in walks() {
        let found = failure(simulation, || {
            sim::interrupt(|| panic!("in the handler")).join();
        });
        let Fault::Panicked(text) = found.fault() else {
            panic!("something else is found: {found}");
        };
        assert!(text.starts_with("interrupt 0: in the handler"), "{text}");
    }
}

/// Fails if the interrupt comes between two steps of the other thread.
fn needs_a_place() {
    let now = Now::new("");
    let (handler, steps) = (now.clone(), now.clone());
    drop(sim::interrupt(move || {
        assert_ne!(handler.get(), "between", "the wrong moment");
    }));
    let other = sim::spawn(move || {
        sim::note("before");
        steps.set("between");
        sim::note("between");
        steps.set("after");
    });
    for n in 0..4 {
        sim::note(n);
    }
    other.join();
}

// contract: D2
#[test]
fn a_bug_that_needs_the_right_moment_is_found_shortened_and_replayed() {
    for walk in [
        Walk::Mixed,
        Walk::Random,
        Walk::Priorities { depth: 3 },
        Walk::Exhaustive { interruptions: 0 },
    ] {
        let simulation = Simulation::new().walk(walk.clone());
        let found = failure(simulation, needs_a_place);
        assert!(matches!(found.fault(), Fault::Panicked(_)), "{found}");
        let text = found.to_string();
        assert!(text.contains("interrupts thread 0"), "{found}");
        // main, the other, the interrupt: no more turns are needed, but for who begins when.
        assert!(
            found.trace().switches() <= 4,
            "{walk:?} is not short: {found}"
        );
        let again = Simulation::new().walk(Walk::Replay(found.schedule().clone()));
        let again = failure(again, needs_a_place);
        assert_eq!(again.trace(), found.trace());
    }
}

// contract: D1, D2
#[test]
fn the_same_seed_gives_the_same_trace() {
    fn body() {
        let pool = SimExecutor::new(2);
        for n in 0..3 {
            drop(sim::interrupt(move || sim::note(n)));
        }
        let calls = [0, 1, 2].map(|n| pool.spawn(move || sim::note(n)).unwrap());
        for call in calls {
            call.result().unwrap();
        }
    }
    let mut distinct = std::collections::HashSet::new();
    for walk in [Walk::Random, Walk::Priorities { depth: 3 }] {
        for seed in 0..30 {
            let simulation = Simulation::new().walk(walk.clone()).seeds(seed..seed + 1);
            let trace = simulation.trace(body).unwrap();
            assert_eq!(trace, simulation.trace(body).unwrap());
            let came = |event: &&sim::Event| matches!(event.what, What::Interrupts(_));
            assert_eq!(trace.events().iter().filter(came).count(), 3);
            distinct.insert(trace.to_string());
        }
    }
    assert!(distinct.len() > 50);
}

// contract: D2, C2
#[test]
fn whoever_unwinds_and_waits_may_be_interrupted() {
    struct Waits(Option<Future<()>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            sim::note("unwinds");
            self.0.take().unwrap().result().unwrap();
        }
    }
    let body = || {
        for n in 0..2 {
            drop(sim::interrupt(move || sim::note(n)));
        }
        let pool = SimExecutor::new(1);
        let (promise, future) = sim::promise();
        let call = pool.spawn(move || {
            let _waits = Waits(Some(future));
            panic!("on purpose");
        });
        promise.set(()).unwrap();
        let call: Future<()> = call.unwrap();
        assert!(matches!(call.result(), Err(TaskError::Panicked(_))));
    };
    never_fails(body);
    assert!(all(0).check(body).is_complete());
}

// contract: D2
#[test]
fn by_hand_it_comes_where_the_body_says() {
    Simulation::new().by_hand(|hand| {
        assert!(!hand.interrupt(Who::Main), "none is armed");
        let log = List::new();
        for name in ["first", "second", "third"] {
            let log = log.clone();
            drop(sim::interrupt(move || log.push(name)));
        }
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| 1).unwrap();
        let worker = Who::Worker(0);
        assert!(!hand.interrupt(worker), "it has not begun");
        assert!(hand.run_to(worker, Point::Taken));
        assert!(hand.interrupt(worker));
        assert_eq!(hand.stands(worker), Stands::Ready(Some(Point::Taken)));
        assert_eq!(log.take(), ["first"]);
        assert!(hand.interrupt(Who::Main));
        assert_eq!(log.take(), ["second"]);
        assert_eq!(hand.run(worker), Stands::Parked);
        assert!(hand.interrupt(worker));
        assert_eq!(hand.stands(worker), Stands::Parked);
        assert_eq!(log.take(), ["third"]);
        assert!(!hand.interrupt(worker));
        assert_eq!(call.result().unwrap(), 1);
        let came = |event: &&sim::Event| event.what == What::Interrupts(worker);
        assert_eq!(hand.trace().events().iter().filter(came).count(), 2);
    });
}
