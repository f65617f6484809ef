//! C: when callbacks run, in which thread and order, and who waits for them.

use std::{
    cell::Cell,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::Poll,
    thread,
    time::Duration,
};

use concurrent_futures::{
    CancelledBy, Future, ResultError, ReturnWhen, TaskError, TaskState, ThreadPoolExecutor,
    WaitSet, as_completed, promise, wait,
};
use concurrent_futures_tests::{Drops, Gate, bounded};

use crate::{
    ending::{ENDS, End, Ending},
    held::Held,
    wakers::{Wakes, poll_once},
};

// contract: C1, C5
#[test]
fn callbacks_run_once_each_in_the_order_of_registration() {
    bounded(|| {
        for end in ENDS {
            let ending = Ending::new(end);
            let drops = Drops::new();
            let order = Arc::new(Mutex::new(Vec::new()));
            for n in 0..10 {
                let (order, token) = (Arc::clone(&order), drops.token());
                ending.future.add_done_callback(move |_| {
                    let _token = &token;
                    order.lock().unwrap().push(n);
                });
            }
            assert_eq!((order.lock().unwrap().len(), drops.count()), (0, 0));
            ending.come();
            assert_eq!(*order.lock().unwrap(), Vec::from_iter(0..10), "{end:?}");
            assert_eq!(drops.count(), 10, "{end:?}");
        }
    });
}

// contract: C1
#[test]
fn a_callback_sees_which_future_ended_and_how() {
    bounded(|| {
        for end in ENDS {
            let ending = Ending::new(end);
            let (tell, told) = mpsc::channel();
            ending.future.add_done_callback(move |done| {
                let outcome = done.outcome().copied().map_err(ToString::to_string);
                tell.send((done.id(), done.state(), done.failed(), outcome))
                    .unwrap();
            });
            let future = ending.come();
            let (id, state, failed, outcome) = told.recv().unwrap();
            assert_eq!(id, future.id());
            assert_eq!(state, future.state());
            assert_eq!(failed, end == End::Initializer);
            match end {
                End::Finish => assert_eq!((state, outcome), (TaskState::Finished, Ok(1))),
                End::Initializer => {
                    assert_eq!(state, TaskState::Finished);
                    assert!(outcome.unwrap_err().contains("not today"));
                }
                End::Cancel | End::Shutdown => {
                    assert_eq!(state, TaskState::Cancelled);
                    assert!(outcome.unwrap_err().contains("cancelled"));
                }
            }
        }
    });
}

// contract: C1
#[test]
fn an_outcome_that_is_not_sync_has_callbacks_too() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let future = pool.spawn(|| Cell::new(3)).unwrap();
        let (tell, told) = mpsc::channel();
        future.add_done_callback(move |done| tell.send((done.id(), done.state())).unwrap());
        held.release();
        assert_eq!(told.recv().unwrap(), (future.id(), TaskState::Finished));
        assert_eq!(future.result().unwrap().get(), 3);
    });
}

/// A callback that says when it began, and ends when the gate is open.
fn long_callback<T: 'static>(future: &Future<T>, gate: &Gate) -> (Gate, Arc<AtomicBool>) {
    let (began, ended) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    let (gate, tell, over) = (gate.clone(), began.clone(), Arc::clone(&ended));
    future.add_done_callback(move |_| {
        tell.open();
        gate.pass();
        over.store(true, Ordering::SeqCst);
    });
    (began, ended)
}

// contract: C1
#[test]
fn readers_go_on_while_a_callback_runs() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let gate = Gate::new();
        let future = pool.spawn(|| 5).unwrap();
        let (began, ended) = long_callback(&future, &gate);
        // Blocked already when the call ends.
        let mut set = WaitSet::new();
        assert!(set.insert(&future));
        thread::scope(|s| {
            let blocked = s.spawn(|| *future.result_ref().unwrap());
            held.release();
            assert_eq!(blocked.join().unwrap(), 5);
        });
        began.pass();
        assert!(future.done() && future.state() == TaskState::Finished);
        assert!(future.wait() && future.wait_timeout(Duration::MAX));
        assert_eq!(*future.result_ref().unwrap(), 5);
        assert_eq!(
            *future.result_ref_timeout(Duration::ZERO).unwrap().unwrap(),
            5
        );
        assert_eq!(set.next().map(Future::id), Some(future.id()));
        for when in [
            ReturnWhen::AllCompleted,
            ReturnWhen::FirstCompleted,
            ReturnWhen::FirstException,
        ] {
            assert_eq!(wait([&future], when, None).done.len(), 1);
        }
        assert_eq!(as_completed([&future]).count(), 1);
        assert!(!ended.load(Ordering::SeqCst));
        drop(set);
        gate.open();
        assert_eq!(future.result().unwrap(), 5);
        assert!(ended.load(Ordering::SeqCst));
    });
}

// contract: C1
#[test]
fn takers_wait_for_the_last_callback() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let (open, gate) = (Gate::new(), Gate::new());
        open.open();
        let future = pool.spawn(|| String::from("moved")).unwrap();
        let (_, first_ended) = long_callback(&future, &open);
        let (began, ended) = long_callback(&future, &gate);
        held.release();
        began.pass();
        assert!(first_ended.load(Ordering::SeqCst) && future.done());
        let future = match future.try_result() {
            Err(ResultError::Unfinished(future)) => future,
            other => panic!("{other:?}"),
        };
        let timed = future.result_timeout(Duration::from_millis(5));
        let mut future = timed.unwrap_err().into_future().unwrap();
        let wakes = Wakes::new();
        assert!(poll_once(&mut future, &wakes).is_pending());
        assert_eq!(wakes.count(), 0);
        let taker = thread::spawn({
            let ended = Arc::clone(&ended);
            move || (future.result().unwrap(), ended.load(Ordering::SeqCst))
        });
        gate.open();
        assert_eq!(taker.join().unwrap(), (String::from("moved"), true));
    });
}

// contract: C1
#[test]
fn an_await_goes_on_after_the_last_callback() {
    bounded(|| {
        let gate = Gate::new();
        let (promise, mut future) = promise();
        let (began, ended) = long_callback(&future, &gate);
        let wakes = Wakes::new();
        assert!(poll_once(&mut future, &wakes).is_pending());
        let producer = thread::spawn(move || promise.set(1).unwrap());
        began.pass();
        assert!(poll_once(&mut future, &wakes).is_pending());
        assert_eq!((wakes.count(), future.done()), (0, true));
        gate.open();
        producer.join().unwrap();
        assert!(ended.load(Ordering::SeqCst));
        assert_eq!(wakes.count(), 1);
        assert!(matches!(poll_once(&mut future, &wakes), Poll::Ready(Ok(1))));
    });
}

// contract: C1
#[test]
fn takers_of_a_cancelled_call_wait_for_its_callbacks_too() {
    bounded(|| {
        let gate = Gate::new();
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let future = pool.spawn(|| 1).unwrap();
        let (began, ended) = long_callback(&future, &gate);
        let handle = pool.handle();
        let canceller = thread::spawn(move || handle.shutdown(false, true).unwrap().cancelled);
        began.pass();
        assert!(future.cancelled());
        let future = future
            .try_result()
            .unwrap_err()
            .into_future()
            .expect("not settled");
        gate.open();
        assert!(matches!(
            future.result(),
            Err(TaskError::Cancelled(CancelledBy::Shutdown))
        ));
        assert!(ended.load(Ordering::SeqCst));
        assert_eq!(canceller.join().unwrap(), 1);
        held.release();
    });
}

// contract: C2
#[test]
fn a_callback_added_after_the_end_runs_at_once_in_the_adding_thread() {
    bounded(|| {
        for end in ENDS {
            let future = Ending::new(end).come();
            let drops = Drops::new();
            let ran_in = Arc::new(Mutex::new(Vec::new()));
            for n in 1..=3 {
                let (ran, token) = (Arc::clone(&ran_in), drops.token());
                future.add_done_callback(move |done| {
                    let _token = &token;
                    ran.lock()
                        .unwrap()
                        .push((thread::current().id(), done.id()));
                });
                assert_eq!(
                    (ran_in.lock().unwrap().len(), drops.count()),
                    (n, n),
                    "{end:?}"
                );
            }
            let here = (thread::current().id(), future.id());
            assert_eq!(*ran_in.lock().unwrap(), [here; 3]);
        }
    });
}

// contract: C2
#[test]
fn a_callback_added_while_another_runs_does_not_wait_for_it() {
    bounded(|| {
        let gate = Gate::new();
        let (promise, future) = promise();
        let (began, ended) = long_callback(&future, &gate);
        let producer = thread::spawn(move || promise.set(1).unwrap());
        began.pass();
        let (tell, told) = mpsc::channel();
        future.add_done_callback(move |done| {
            tell.send((thread::current().id(), *done.outcome().unwrap()))
                .unwrap();
        });
        assert_eq!(told.try_recv().unwrap(), (thread::current().id(), 1));
        assert!(!ended.load(Ordering::SeqCst));
        gate.open();
        producer.join().unwrap();
    });
}

// contract: C1, C2
#[test]
fn callbacks_added_while_the_call_ends_run_exactly_once() {
    bounded(|| {
        for _ in 0..300 {
            let (promise, future) = promise();
            let calls: [AtomicUsize; 2] = Default::default();
            let calls = Arc::new(calls);
            let start = Barrier::new(3);
            thread::scope(|s| {
                for adder in 0..2 {
                    let (future, calls, start) = (&future, Arc::clone(&calls), &start);
                    s.spawn(move || {
                        start.wait();
                        for _ in 0..4 {
                            let calls = Arc::clone(&calls);
                            future.add_done_callback(move |done| {
                                assert_eq!(*done.outcome().unwrap(), 1);
                                calls[adder].fetch_add(1, Ordering::SeqCst);
                            });
                        }
                    });
                }
                start.wait();
                promise.set(1).unwrap();
            });
            assert_eq!(future.result().unwrap(), 1);
            assert_eq!(
                [&calls[0], &calls[1]].map(|n| n.load(Ordering::SeqCst)),
                [4, 4]
            );
        }
    });
}
