//! X: the end of a static pool, which is never dropped.

use std::{sync::mpsc, thread, time::Duration};

use concurrent_futures::{
    CancelledBy, Future, ReturnWhen, ShutdownError, SubmitError, TaskError, TaskState, wait,
};
use concurrent_futures_tests::{Drops, Gate, bounded};

use super::{
    Order, Pump, held,
    spawner::{Hands, Staffed},
};

fn is_cancelled_by_shutdown<T>(future: Future<T>) -> bool {
    matches!(
        future.result(),
        Err(TaskError::Cancelled(CancelledBy::Shutdown))
    )
}

/// A call that runs and three that wait.
fn busy(pool: &'static Staffed<4>) -> (Gate, Future<()>, [Future<usize>; 3]) {
    let (gate, busy) = held(pool);
    let order = Order::default();
    (gate, busy, [0, 1, 2].map(|n| order.call(pool, n)))
}

// contract: D2, X1, X6
#[test]
fn waiting_for_what_was_submitted() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running, queued) = busy(&POOL);
        let report = thread::scope(|threads| {
            let shutdown = threads.spawn(|| POOL.shutdown(true, false).unwrap());
            // Closed from here, whoever comes first.
            POOL.shutdown(false, false).unwrap();
            for _ in 0..1_000 {
                thread::yield_now();
                assert!(!shutdown.is_finished(), "a call runs");
            }
            assert!(queued.iter().all(|f| f.state() == TaskState::Pending));
            gate.open();
            shutdown.join().unwrap()
        });
        assert_eq!((report.ran, report.cancelled), (4, 0));
        assert_eq!((report.still_running, report.still_queued), (0, 0));
        assert!(queued.iter().all(|f| f.state() == TaskState::Finished));
        assert_eq!((POOL.stats().workers, HANDS.unjoined()), (0, 0));
        drop((running, queued));
        assert_eq!(POOL.free_slots(), 4);
    });
}

// contract: D2, X1, X3
#[test]
fn waiting_for_what_runs_and_cancelling_the_rest() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running, queued) = busy(&POOL);
        let report = thread::scope(|threads| {
            let shutdown = threads.spawn(|| POOL.shutdown(true, true).unwrap());
            // They are cancelled while the other one runs.
            wait(&queued, ReturnWhen::AllCompleted, None);
            assert!(running.running());
            gate.open();
            shutdown.join().unwrap()
        });
        assert_eq!((report.ran, report.cancelled), (1, 3));
        assert_eq!((report.still_running, report.still_queued), (0, 0));
        assert!(queued.into_iter().all(is_cancelled_by_shutdown));
        running.result().unwrap();
        assert_eq!((POOL.free_slots(), HANDS.unjoined()), (4, 0));
    });
}

// contract: D2, X1, X7
#[test]
fn not_waiting_returns_while_calls_run_and_wait() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running, queued) = busy(&POOL);
        let report = POOL.shutdown(false, false).unwrap();
        assert_eq!((report.ran, report.cancelled), (0, 0));
        assert_eq!((report.still_running, report.still_queued), (1, 3));
        assert!(matches!(POOL.spawn(|| ()), Err(SubmitError::ShutDown(_))));
        assert!(running.running());
        gate.open();
        for (n, call) in queued.into_iter().enumerate() {
            assert_eq!(call.result().unwrap(), n);
        }
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, X1, X3
#[test]
fn a_shutdown_is_idempotent_and_can_cancel_later() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running, queued) = busy(&POOL);
        for _ in 0..3 {
            assert_eq!(POOL.shutdown(false, false).unwrap().still_queued, 3);
        }
        let report = POOL.shutdown(false, true).unwrap();
        assert_eq!((report.cancelled, report.still_queued), (3, 0));
        assert_eq!(report.still_running, 1);
        assert!(queued.into_iter().all(is_cancelled_by_shutdown));
        gate.open();
        for _ in 0..3 {
            let report = POOL.shutdown(true, true).unwrap();
            assert_eq!((report.ran, report.cancelled), (1, 3));
        }
        running.result().unwrap();
    });
}

// contract: D2, X1
#[test]
fn a_shutdown_with_a_timeout_reports_what_is_left() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, _running, queued) = busy(&POOL);
        assert!(queued[1].cancel());
        let report = POOL
            .shutdown_timeout(Duration::from_millis(2), false)
            .unwrap();
        assert_eq!((report.ran, report.cancelled), (0, 0));
        assert_eq!((report.still_running, report.still_queued), (1, 2));
        gate.open();
        let report = POOL
            .shutdown_timeout(Duration::from_secs(3600), false)
            .unwrap();
        assert_eq!((report.ran, report.still_running), (3, 0));
        assert_eq!((report.still_queued, HANDS.unjoined()), (0, 0));
    });
}

// contract: D2, X1, X6
#[test]
fn several_threads_shut_one_pool_down() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running, queued) = busy(&POOL);
        thread::scope(|threads| {
            let ends = [(true, false), (true, true), (false, true), (true, false)];
            let ends = ends
                .map(|(wait, cancel)| threads.spawn(move || POOL.shutdown(wait, cancel).unwrap()));
            gate.open();
            for (n, end) in ends.into_iter().enumerate() {
                let report = end.join().unwrap();
                assert!(n == 2 || (report.still_running, report.still_queued) == (0, 0));
            }
        });
        assert!(queued.iter().all(|call| call.done()));
        drop((running, queued));
        assert_eq!((POOL.free_slots(), POOL.stats().workers), (4, 0));
    });
}

// contract: D2, X4
#[test]
fn a_worker_closes_its_own_pool_and_does_not_wait_for_itself() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running, queued) = busy(&POOL);
        assert!(queued[2].cancel());
        drop(queued);
        let closes = POOL.spawn(|| {
            let told = POOL.shutdown(true, false);
            (told.err(), POOL.spawn(|| ()).is_err())
        });
        gate.open();
        running.result().unwrap();
        // The slot of the one that was cancelled was free for it.
        let told = closes.unwrap().result().unwrap();
        assert_eq!(told, (Some(ShutdownError::FromWorker), true));
        POOL.shutdown(true, false).unwrap();
        assert_eq!((POOL.free_slots(), HANDS.unjoined()), (4, 0));
    });
}

// contract: D2, X4, C3
#[test]
fn a_callback_on_a_worker_closes_the_pool_and_does_not_wait_for_itself() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<4> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running, queued) = busy(&POOL);
        let (tell, told) = mpsc::channel();
        running.add_done_callback(move |_| {
            let _ = tell.send((POOL.shutdown(true, true).err(), POOL.spawn(|| ()).is_err()));
        });
        gate.open();
        assert_eq!(
            told.recv().unwrap(),
            (Some(ShutdownError::FromWorker), true)
        );
        assert!(queued.into_iter().all(is_cancelled_by_shutdown));
        POOL.shutdown(true, false).unwrap();
    });
}

// contract: D2, X5
#[test]
fn a_pool_without_calls_ends_without_having_begun() {
    for (waits, cancels) in [(true, true), (true, false), (false, true), (false, false)] {
        static HANDS: [Hands; 4] = [const { Hands::new() }; 4];
        static POOLS: [Staffed<1>; 4] = [
            Staffed::with_workers(1, &HANDS[0]),
            Staffed::with_workers(1, &HANDS[1]),
            Staffed::with_workers(1, &HANDS[2]),
            Staffed::with_workers(1, &HANDS[3]),
        ];
        let which = usize::from(waits) + 2 * usize::from(cancels);
        bounded(move || {
            let report = POOLS[which].shutdown(waits, cancels).unwrap();
            assert_eq!((report.ran, report.cancelled), (0, 0));
            assert_eq!((report.still_running, report.still_queued), (0, 0));
            assert_eq!(POOLS[which].stats().workers, 0);
            assert_eq!(HANDS[which].asked(), 0);
            let refused = POOLS[which].spawn(|| ());
            assert!(matches!(refused, Err(SubmitError::ShutDown(_))));
            assert_eq!((HANDS[which].asked(), POOLS[which].free_slots()), (0, 1));
        });
    }
}

// contract: D2, X5
#[test]
fn a_pool_whose_only_waiting_call_was_cancelled_ends() {
    static HANDS: Hands = Hands::new();
    static POOL: Staffed<2> = Staffed::with_workers(1, &HANDS);
    bounded(|| {
        let (gate, running) = held(&POOL);
        let only = POOL.spawn(|| ()).unwrap();
        assert!(only.cancel());
        gate.open();
        running.result().unwrap();
        let report = POOL.shutdown(true, false).unwrap();
        assert_eq!((report.still_running, report.still_queued), (0, 0));
    });
}

// contract: D2, D3, X1
#[test]
fn who_shuts_a_pumped_pool_down_and_waits_runs_what_waits() {
    static POOL: Pump<3> = Pump::new();
    bounded(|| {
        let order = Order::default();
        let calls = [0, 1, 2].map(|n| order.call(&POOL, n));
        assert!(calls[1].cancel());
        let report = POOL.shutdown(true, false).unwrap();
        assert_eq!((report.ran, report.cancelled), (2, 0));
        assert_eq!((report.still_running, report.still_queued), (0, 0));
        assert_eq!(order.ran(), [0, 2]);
        drop(calls);
        assert_eq!(POOL.free_slots(), 3);
    });
}

// contract: D3, X1, X3
#[test]
fn a_pumped_pool_that_is_shut_down_cancels_or_leaves_what_waits() {
    static POOL: Pump<3> = Pump::new();
    bounded(|| {
        let drops = Drops::new();
        let calls = [0, 1, 2].map(|n| {
            let token = drops.token();
            POOL.submit(
                |(n, token)| {
                    drop(token);
                    n
                },
                (n, token),
            )
            .unwrap()
        });
        let report = POOL.shutdown(false, false).unwrap();
        assert_eq!((report.ran, report.still_queued), (0, 3));
        assert_eq!((drops.count(), POOL.stats().queued), (0, 3));
        // What was accepted can still be run.
        assert!(POOL.run_one());
        let [first, second, third] = calls;
        assert_eq!(first.result().unwrap(), 0);
        let report = POOL.shutdown(true, true).unwrap();
        assert_eq!((report.ran, report.cancelled), (1, 2));
        assert_eq!(drops.count(), 3);
        assert!(!POOL.run_one());
        assert!(is_cancelled_by_shutdown(second) && is_cancelled_by_shutdown(third));
        assert_eq!(POOL.free_slots(), 3);
    });
}

// contract: D2, D3, X4
#[test]
fn a_call_that_closes_its_own_pumped_pool_does_not_wait_for_itself() {
    static POOL: Pump<2> = Pump::new();
    bounded(|| {
        let closes = POOL.spawn(|| POOL.shutdown(true, false).err()).unwrap();
        let other = POOL.spawn(|| 7).unwrap();
        let told = closes.result().unwrap();
        assert_eq!(told, Some(ShutdownError::FromWorker));
        assert!(matches!(POOL.spawn(|| ()), Err(SubmitError::ShutDown(_))));
        assert_eq!(other.result().unwrap(), 7);
    });
}

// contract: D2, D3, X1
#[test]
fn a_shutdown_waits_for_what_another_thread_pumps() {
    static POOL: Pump<2> = Pump::new();
    bounded(|| {
        let (started, gate) = (Gate::new(), Gate::new());
        let call = POOL.spawn({
            let (started, gate) = (started.clone(), gate.clone());
            move || {
                started.open();
                gate.pass();
            }
        });
        thread::scope(|threads| {
            threads.spawn(|| POOL.run_one());
            started.pass();
            let report = POOL.shutdown(false, true).unwrap();
            assert_eq!((report.cancelled, report.still_queued), (0, 0));
            assert!(call.unwrap().running());
            gate.open();
        });
        assert_eq!(POOL.free_slots(), 2);
    });
}
