//! What others do for long, or did before, is not held against those who wait.

use std::{
    future::Future as _,
    panic::catch_unwind,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::Duration,
};

use concurrent_futures::{
    Future, Policy, ResultError, SubmitError, WaitSet,
    sim::{self, Fault, SimConfig, SimExecutor, Simulation, Who},
};

use crate::help::{failure, few};

const A_MOMENT: Duration = Duration::from_millis(1);

// contract: D1
#[test]
fn a_worker_that_is_not_needed_any_more_has_lost_nothing() {
    few().seeds(0..4).check(|| {
        let pool = SimExecutor::new(2);
        let both = [0, 1].map(|_| pool.spawn(|| sim::sleep(A_MOMENT)).unwrap());
        both.into_iter().for_each(|call| call.result().unwrap());
        for _ in 0..3_000 {
            pool.spawn(|| ()).unwrap().result().unwrap();
        }
    });
}

// contract: D1
#[test]
fn a_fault_that_is_found_inside_of_a_lock_leaves_it_open() {
    fn body() {
        for _ in 0..40 {
            let (promises, futures): (Vec<_>, Vec<_>) =
                (0..40).map(|_| sim::promise::<u8>()).unzip();
            let mut set = WaitSet::from_iter(futures);
            for promise in promises {
                promise.set(1).unwrap();
            }
            while set.try_next().is_some() {}
        }
    }
    let simulation = Simulation::new().seeds(0..1);
    for most in 1_000..1_040 {
        let found = failure(simulation.clone().max_steps(most), body);
        assert!(matches!(found.fault(), Fault::Endless(_)), "{found}");
    }
    simulation.check(body);
}

// contract: D1
#[test]
fn a_wait_for_any_of_several_is_no_circle_while_one_of_them_goes_on() {
    few().seeds(0..4).patience(500).check(|| {
        let pool = SimExecutor::new(3);
        let (give, take) = sim::promise::<Future<()>>();
        let (tell, told) = sim::promise::<usize>();
        let handle = pool.handle();
        let first = pool.spawn(move || {
            let round = handle.spawn(move || drop(take.result().unwrap().result()));
            let long = handle.spawn(|| (0..2_000).for_each(|_| sim::note("goes on")));
            let (round, long) = (round.unwrap(), long.unwrap());
            while !round.running() || !long.running() {
                sim::yield_now();
            }
            // The first of them waits for this very call, the other one does not.
            let mut either = WaitSet::from_iter([round, long]);
            either.next();
            tell.set(either.len()).unwrap();
        });
        give.set(first.unwrap()).unwrap();
        assert_eq!(told.result().unwrap(), 1, "one of the two was done");
    });
}

// contract: D1, R6
#[test]
fn a_task_that_waits_inside_of_a_poll_is_woken_for_what_it_awaits() {
    few().check(|| {
        let pool = SimExecutor::new(2);
        let mut call = pool.spawn(|| 1).unwrap();
        let mut waited = false;
        let outcome = sim::block_on(std::future::poll_fn(|context| {
            let outcome = Pin::new(&mut call).poll(context);
            if !waited {
                waited = true;
                sim::sleep(A_MOMENT);
            }
            outcome
        }));
        assert_eq!(outcome.unwrap(), 1);
    });
}

// contract: D1
#[test]
fn a_panic_that_was_caught_before_is_not_the_fault_of_a_deadlock() {
    let found = failure(few(), || {
        drop(catch_unwind(|| panic!("expected and caught")));
        let (promise, future) = sim::promise::<u8>();
        drop(future.result());
        drop(promise);
    });
    assert!(matches!(found.fault(), Fault::Deadlock(_)), "{found}");
}

// contract: D1, F4
#[test]
fn a_panic_whose_message_shows_a_future_is_told() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| panic!("the call's own")).unwrap();
        panic!("what is {call:?} of {pool:?} and {:?}", pool.handle());
    });
    assert!(
        found.fault().details().contains("what is Future("),
        "{found}"
    );
}

// contract: D1
#[test]
fn a_producer_that_gave_up_is_not_said_to_wait_for_room() {
    few().seeds(0..4).patience(500).check(|| {
        let pool = SimExecutor::with(SimConfig {
            max_workers: 1,
            capacity: 1,
            policy: Policy::BlockTimeout(A_MOMENT),
            ..SimConfig::default()
        });
        let long = pool.spawn(|| sim::sleep(A_MOMENT * 100)).unwrap();
        while !long.running() {
            sim::yield_now();
        }
        let waits = pool.spawn(|| ()).unwrap();
        assert!(matches!(pool.spawn(|| ()), Err(SubmitError::Full(_))));
        let told: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
        let thread = sim::spawn({
            let told = Arc::clone(&told);
            move || {
                (0..400).for_each(|_| sim::note("goes on"));
                let waker = {
                    let mut told = told.lock().unwrap();
                    told.0 = true;
                    told.1.take()
                };
                waker.into_iter().for_each(Waker::wake);
            }
        });
        waits.cancel();
        sim::block_on(std::future::poll_fn(|context| {
            let mut told = told.lock().unwrap();
            told.1 = Some(context.waker().clone());
            if told.0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        thread.join();
        long.result().unwrap();
    });
}

// contract: T8
#[test]
fn a_refused_start_beside_a_busy_worker_refuses_no_call() {
    Simulation::new().by_hand(|hand| {
        let pool = Arc::new(SimExecutor::new(2));
        let submit = |call: fn()| {
            let pool = Arc::clone(&pool);
            sim::spawn(move || {
                pool.spawn(call)
                    .map(drop)
                    .map_err(|error| error.to_string())
            })
        };
        let late = submit(|| ());
        let early = submit(|| sim::sleep(A_MOMENT));
        // The late one has seen that there is no worker.
        hand.step(late.who());
        hand.run(early.who());
        hand.run(Who::Worker(0));
        hand.refuse_starts(1);
        hand.run(late.who());
        assert_eq!((early.join(), late.join()), (Ok(()), Ok(())));
    });
}

// contract: D1, C4
#[test]
fn a_callback_can_fail_the_run() {
    let found = failure(few(), || {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| 1).unwrap();
        call.add_done_callback(|_| sim::fail("the callback says so"));
        call.result().unwrap();
    });
    assert!(
        found.fault().details().contains("the callback says so"),
        "{found}"
    );
}

// contract: D1
#[test]
fn a_place_that_is_marked_by_a_step_is_one_where_others_come_between() {
    fn lost_update(marked: bool) -> bool {
        let body = move || {
            let pool = SimExecutor::new(2);
            let counter = Arc::new(Mutex::new(0));
            let calls = [0, 1].map(|_| {
                let (handle, counter) = (pool.handle(), Arc::clone(&counter));
                let add = move || {
                    let seen = *counter.lock().unwrap();
                    if marked {
                        handle.step();
                    }
                    *counter.lock().unwrap() = seen + 1;
                };
                pool.spawn(add).unwrap()
            });
            calls.into_iter().for_each(|call| call.result().unwrap());
            assert_eq!(*counter.lock().unwrap(), 2);
        };
        Simulation::new().explore(body).is_err()
    }
    assert!(lost_update(true));
    assert!(!lost_update(false), "nobody comes between two instructions");
}

// contract: D1, R1
#[test]
fn a_timeout_of_a_future_that_was_carried_out_does_not_wait() {
    let carried = Arc::new(Mutex::new(None));
    let place = Arc::clone(&carried);
    let found = failure(few(), move || {
        *place.lock().unwrap() = Some(sim::promise::<u8>())
    });
    assert!(matches!(found.fault(), Fault::NeverFinished(_)), "{found}");
    let (promise, future) = carried.lock().unwrap().take().unwrap();
    let Err(ResultError::Unfinished(future)) = future.result_timeout(A_MOMENT) else {
        panic!("nobody waits here");
    };
    promise.set(1).unwrap();
    let mut future = pin!(future);
    let outcome = future
        .as_mut()
        .poll(&mut std::task::Context::from_waker(Waker::noop()));
    assert!(matches!(outcome, Poll::Ready(Ok(1))));
}
