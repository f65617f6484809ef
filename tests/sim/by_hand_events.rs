//! What the platform does to the others, by hand: late starts, refused and lost ones, wake-ups without reason, and time.

use std::{sync::Arc, time::Duration};

use concurrent_futures::{
    SubmitError, TaskError, WaitSet,
    core::platform::Point,
    sim::{self, Hand, SimExecutor, Simulation, Stands, What, Who},
    wait,
};

use crate::help::SECOND;

const WORKER: Who = Who::Worker(0);

fn by_hand<R: Send + 'static>(body: impl FnOnce(&mut Hand) -> R + Send + 'static) -> R {
    Simulation::new().by_hand(body)
}

// contract: D1, T8
#[test]
fn a_start_is_refused() {
    by_hand(|hand| {
        let pool = SimExecutor::new(2);
        hand.refuse_starts(1);
        let Err(SubmitError::NoWorker(call)) = pool.spawn(|| 1) else {
            panic!("not refused");
        };
        assert_eq!(call.into_inner()(), 1);
        assert!(hand.others().is_empty());
        assert!(
            hand.trace()
                .events()
                .iter()
                .any(|e| e.what == What::IsRefused)
        );
        // The next one is not.
        assert_eq!(pool.spawn(|| 2).unwrap().result().unwrap(), 2);
        // With a worker alive that is busy, the pool runs smaller.
        let (promise, future) = sim::promise::<()>();
        let busy = pool.spawn(move || future.result().unwrap()).unwrap();
        hand.run_all();
        hand.refuse_starts(1);
        let queued = pool.spawn(|| 3).unwrap();
        assert_eq!(pool.stats().workers, 1);
        promise.set(()).unwrap();
        assert_eq!(queued.result().unwrap(), 3);
        busy.result().unwrap();
    });
}

// contract: D1, T8
#[test]
fn a_worker_that_was_started_is_lost() {
    by_hand(|hand| {
        let pool = SimExecutor::new(1);
        let call = pool.spawn(|| 1).unwrap();
        assert!(hand.lose(WORKER));
        assert_eq!(hand.stands(WORKER), Stands::Ended);
        assert!(matches!(call.result(), Err(TaskError::NoWorker)));
        // Another takes its place.
        let call = pool.spawn(|| 2).unwrap();
        assert!(hand.run_to(Who::Worker(1), Point::Taken));
        assert!(!hand.lose(Who::Worker(1)), "it has begun");
        assert_eq!(call.result().unwrap(), 2);
        assert!(!hand.lose(WORKER), "it is lost already");
    });
}

// contract: D1
#[test]
fn an_idle_worker_that_wakes_without_reason_sleeps_again() {
    by_hand(|hand| {
        let pool = SimExecutor::new(1);
        assert!(!pool.spawn(|| ()).unwrap().cancelled());
        assert_eq!(hand.run(WORKER), Stands::Parked);
        for _ in 0..3 {
            assert!(hand.wake(WORKER));
            assert!(!hand.wake(WORKER), "it is awake");
            assert_eq!(hand.run(WORKER), Stands::Parked);
        }
        assert_eq!(pool.stats().idle, 1);
        assert_eq!(pool.spawn(|| 2).unwrap().result().unwrap(), 2);
        let woken = |what: &What| *what == What::WakesSpuriously;
        let trace = hand.trace();
        assert_eq!(trace.events().iter().filter(|e| woken(&e.what)).count(), 3);
    });
}

// contract: D1
#[test]
fn a_waiter_that_wakes_without_reason_waits_on() {
    by_hand(|hand| {
        let (promise, future) = sim::promise::<u8>();
        let future = Arc::new(future);
        let waits: [fn(&concurrent_futures::Future<u8>) -> u8; 4] = [
            |future| *future.result_ref().unwrap(),
            |future| *future.result_ref_timeout(SECOND).unwrap().unwrap(),
            |future| {
                *wait([future], Default::default(), None).done[0]
                    .result_ref()
                    .unwrap()
            },
            |future| {
                let mut set = WaitSet::new();
                set.insert(future);
                *set.next_timeout(SECOND)
                    .unwrap()
                    .unwrap()
                    .result_ref()
                    .unwrap()
            },
        ];
        let waiters = waits.map(|wait| {
            let future = Arc::clone(&future);
            sim::spawn(move || wait(&future))
        });
        hand.run_all();
        for _ in 0..3 {
            for waiter in &waiters {
                assert!(hand.wake(waiter.who()));
                assert_eq!(hand.run(waiter.who()), Stands::Parked);
            }
        }
        promise.set(7).unwrap();
        assert_eq!(waiters.map(sim::JoinHandle::join), [7; 4]);
        assert_eq!(sim::now(), Duration::ZERO);
    });
}

// contract: D1, R1, W3
#[test]
fn timeouts_come_exactly_when_their_time_is_over() {
    by_hand(|hand| {
        let (promise, future) = sim::promise::<u8>();
        let future = Arc::new(future);
        let waits: [fn(&concurrent_futures::Future<u8>) -> bool; 4] = [
            |future| future.result_ref_timeout(SECOND).is_none(),
            |future| !future.wait_timeout(SECOND),
            |future| {
                wait([future], Default::default(), Some(SECOND))
                    .done
                    .is_empty()
            },
            |future| {
                let mut set = WaitSet::new();
                set.insert(future);
                set.next_timeout(SECOND).is_err()
            },
        ];
        let waiters = waits.map(|wait| {
            let future = Arc::clone(&future);
            sim::spawn(move || (wait(&future), sim::now()))
        });
        hand.run_all();
        hand.advance(SECOND - Duration::from_nanos(1));
        hand.run_all();
        for waiter in &waiters {
            assert_eq!(hand.stands(waiter.who()), Stands::Parked);
        }
        hand.advance(Duration::from_nanos(1));
        for waiter in waiters {
            assert!(matches!(hand.stands(waiter.who()), Stands::Ready(_)));
            assert_eq!(hand.run(waiter.who()), Stands::Ended);
            assert_eq!(waiter.join(), (true, SECOND));
        }
        drop(promise);
    });
}

// contract: D1
#[test]
fn advancing_the_clock_moves_it_and_nobody_else() {
    by_hand(|hand| {
        assert_eq!(sim::now(), Duration::ZERO);
        hand.advance(SECOND);
        hand.advance(SECOND / 2);
        assert_eq!(sim::now(), SECOND * 3 / 2);
        let sleeper = sim::spawn(|| sim::sleep(SECOND));
        assert_eq!(hand.run(sleeper.who()), Stands::Parked);
        assert!(hand.wake(sleeper.who()));
        assert_eq!(hand.run(sleeper.who()), Stands::Parked, "too early");
        hand.advance(Duration::MAX);
        assert_eq!(hand.run(sleeper.who()), Stands::Ended);
        sleeper.join();
    });
}

// contract: D1
#[test]
fn a_late_start_is_delivered_when_the_body_wants() {
    by_hand(|hand| {
        let pool = SimExecutor::new(1);
        let calls = [1, 2].map(|n| pool.spawn(move || n).unwrap());
        assert_eq!(hand.others(), [WORKER], "one starts already");
        assert_eq!(pool.stats().workers, 1);
        assert!(calls[0].cancel());
        hand.run_all();
        assert!(matches!(
            calls[0].result_ref(),
            Err(TaskError::Cancelled(_))
        ));
        assert_eq!(*calls[1].result_ref().unwrap(), 2);
    });
}
