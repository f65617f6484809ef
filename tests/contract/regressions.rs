//! What went wrong once, each by its name.

use std::{
    cell::Cell,
    panic,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use concurrent_futures::{
    AsFuture, CancelledBy, ErrorReport, Future, PumpExecutor, Ring, TaskError, ThreadPoolExecutor,
    WaitSet, promise,
};
use concurrent_futures_tests::{Gate, Threads, bounded, eventually};

// contract: T7
#[test]
fn a_call_that_has_the_future_of_another_reads_it_before_the_scope_drops_it() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        for _ in 0..1_000 {
            pool.scope(|s| {
                let first = s.spawn(|| String::from("on the heap")).unwrap();
                s.spawn(move || {
                    let text: &String = first.result_ref().unwrap();
                    thread::yield_now();
                    assert_eq!(text, "on the heap");
                    assert_eq!(first.result().unwrap(), "on the heap");
                })
                .unwrap();
            });
        }
    });
}

// contract: T7, X3
#[test]
fn a_scope_waits_for_the_drop_of_a_call_that_somebody_else_cancels() {
    struct Borrows<'a> {
        whole: &'a AtomicBool,
        dropping: Gate,
        go_on: Gate,
    }
    impl Drop for Borrows<'_> {
        fn drop(&mut self) {
            self.dropping.open();
            self.go_on.pass();
            assert!(self.whole.load(Ordering::SeqCst), "the scope is over");
        }
    }
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let [running, hold, spawned, dropping, go_on] = [(); 5].map(|()| Gate::new());
        let busy = pool
            .spawn({
                let (running, hold) = (running.clone(), hold.clone());
                move || {
                    running.open();
                    hold.pass();
                }
            })
            .unwrap();
        running.pass();
        let canceller = thread::spawn({
            let (handle, spawned) = (pool.handle(), spawned.clone());
            move || {
                spawned.pass();
                handle.shutdown(false, true).unwrap().cancelled
            }
        });
        let opener = thread::spawn({
            let (dropping, go_on) = (dropping.clone(), go_on.clone());
            move || {
                dropping.pass();
                thread::yield_now();
                go_on.open();
            }
        });
        let whole = AtomicBool::new(true);
        pool.scope(|s| {
            let borrows = Borrows {
                whole: &whole,
                dropping,
                go_on,
            };
            s.spawn(move || drop(borrows)).unwrap();
            spawned.open();
        });
        whole.store(false, Ordering::SeqCst);
        assert_eq!(canceller.join().unwrap(), 1);
        opener.join().unwrap();
        hold.open();
        busy.result().unwrap();
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: S5, S7
#[test]
fn a_panic_payload_whose_drop_panics_does_not_end_the_worker() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic::panic_any(Bomb);
        }
    }
    bounded(|| {
        let threads = Threads::new();
        let (tell, told) = mpsc::channel();
        let pool = threads
            .builder()
            .max_workers(1)
            .error_hook(move |report| {
                if let ErrorReport::Unread(Some(TaskError::Panicked(_))) = report {
                    tell.send(()).unwrap();
                }
            })
            .build()
            .unwrap();
        let gate = Gate::new();
        drop(pool.spawn({
            let gate = gate.clone();
            move || {
                gate.pass();
                panic::panic_any(Bomb)
            }
        }));
        gate.open();
        told.recv().unwrap();
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: C3, T2
#[test]
fn a_worker_that_drops_an_outcome_does_not_keep_others_asleep() {
    struct Waits(mpsc::Receiver<()>);
    impl Drop for Waits {
        fn drop(&mut self) {
            // Hangs unless the other worker runs the call that sends.
            self.0.recv().unwrap();
        }
    }
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let (tell, told) = mpsc::channel();
        let (gate, started) = (Gate::new(), Gate::new());
        let unwanted = pool
            .spawn({
                let (gate, started) = (gate.clone(), started.clone());
                move || {
                    started.open();
                    gate.pass();
                    Waits(told)
                }
            })
            .unwrap();
        started.pass();
        drop(unwanted);
        gate.open();
        pool.spawn(move || tell.send(()).unwrap())
            .unwrap()
            .result()
            .unwrap();
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: T2, T4
#[test]
fn initializers_that_wait_for_each_other_run_at_once() {
    bounded(|| {
        let threads = Threads::new();
        let both = Arc::new(Barrier::new(2));
        let pool = threads
            .builder()
            .max_workers(2)
            .initializer(move || {
                both.wait();
                Ok::<(), String>(())
            })
            .build()
            .unwrap();
        let calls = [pool.spawn(|| 1).unwrap(), pool.spawn(|| 2).unwrap()];
        let results = calls.map(|call| call.result().unwrap());
        assert_eq!(results, [1, 2]);
        assert_eq!(pool.stats().workers, 2);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: T6, D3
#[test]
fn a_call_that_is_given_back_is_run_by_who_waits_for_it() {
    bounded(|| {
        for _ in 0..200 {
            let pump: Arc<PumpExecutor> = Arc::new(PumpExecutor::new(Ring::new(4).unwrap()));
            let call = pump.spawn(|| 1).unwrap();
            let taken = pump.take().unwrap();
            let waiter = thread::spawn(move || call.result());
            thread::yield_now();
            taken.give_back();
            assert_eq!(waiter.join().unwrap().unwrap(), 1);
        }
    });
}

// contract: X1, D3
#[test]
fn a_shutdown_waits_for_a_call_that_another_thread_runs_for_a_pool_without_workers() {
    bounded(|| {
        let pump: Arc<PumpExecutor> = Arc::new(PumpExecutor::new(Ring::new(4).unwrap()));
        let (started, gate) = (Gate::new(), Gate::new());
        let call = pump
            .spawn({
                let (started, gate) = (started.clone(), gate.clone());
                move || {
                    started.open();
                    gate.pass();
                }
            })
            .unwrap();
        let runner = thread::spawn({
            let pump = Arc::clone(&pump);
            move || pump.run_one()
        });
        started.pass();
        let report = pump
            .shutdown_timeout(std::time::Duration::ZERO, false)
            .unwrap();
        assert_eq!((report.ran, report.still_running), (0, 1));
        gate.open();
        let report = pump.shutdown(true, false).unwrap();
        assert!(call.done());
        assert_eq!((report.ran, report.still_running), (1, 0));
        assert!(runner.join().unwrap());
    });
}

// contract: W4
#[test]
fn a_set_does_not_ask_its_members_for_their_futures_again() {
    /// Gives its future once.
    struct Once(Future<u8>, Cell<bool>);
    impl AsFuture for Once {
        type Output = u8;

        fn as_future(&self) -> &Future<u8> {
            assert!(!self.1.replace(true), "asked twice");
            &self.0
        }
    }
    let (promise, future) = promise::<u8>();
    let mut set = WaitSet::new();
    assert!(set.insert(Once(future, Cell::new(false))));
    drop(set);
    promise.set(1).unwrap();
}

// contract: F5, C3
#[test]
fn a_callback_may_cancel_what_waits_behind_it_while_a_pool_goes_away() {
    bounded(|| {
        let pump: PumpExecutor = PumpExecutor::new(Ring::new(4).unwrap());
        let (first, second) = (pump.spawn(|| 1).unwrap(), pump.spawn(|| 2).unwrap());
        let second = Arc::new(second);
        first.add_done_callback({
            let second = Arc::clone(&second);
            move |_| assert!(second.cancel())
        });
        pump.shutdown(false, true).unwrap();
        drop(pump);
        assert!(first.cancelled() && second.cancelled());
        let second = Arc::into_inner(second).unwrap();
        assert!(matches!(
            second.result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ));
    });
}

// contract: T2
#[test]
fn a_call_that_is_taken_already_starts_no_second_worker() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        for n in 0..50_000 {
            assert_eq!(pool.spawn(move || n).unwrap().result().unwrap(), n);
        }
        assert_eq!(pool.stats().workers, 1);
        eventually("one thread", || threads.alive() == 1);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: A4, W4
#[test]
fn a_done_future_that_is_inserted_wakes_the_task_that_waits_for_the_set() {
    use std::{
        sync::atomic::AtomicUsize,
        task::{Context, Wake, Waker},
    };
    #[derive(Default)]
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let (slow, slow_future) = promise::<u8>();
    let (done, done_future) = promise::<u8>();
    done.set(1).unwrap();
    let mut set = WaitSet::new();
    set.insert(slow_future);
    assert!(set.poll_next(&mut Context::from_waker(&waker)).is_pending());
    set.insert(done_future);
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    slow.set(2).unwrap();
    assert_eq!(set.len(), 2);
    assert_eq!(set.next().unwrap().result().unwrap(), 1);
    assert_eq!(set.next().unwrap().result().unwrap(), 2);
}
