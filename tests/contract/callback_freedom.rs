//! C3: what callbacks, wakers and drops may do, because no lock of the library is held.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::Context,
    time::Duration,
};

use concurrent_futures::{
    Future, ReturnWhen, SubmitError, ThreadPoolExecutor, WaitSet, promise, wait,
};
use concurrent_futures_tests::bounded;

use crate::{
    ending::{ENDS, End, Ending},
    held::Held,
    wakers::{Happens, block_on, calling},
};

// contract: C3
#[test]
fn a_callback_may_call_everything_on_every_way_to_the_end() {
    bounded(|| {
        for end in ENDS {
            let ending = Ending::new(end);
            let other = Arc::new(ending.pool.spawn(|| 2).unwrap());
            let (tell, told) = mpsc::channel();
            let own = Arc::clone(&ending.future);
            let pool = ending.pool.handle();
            ending.future.add_done_callback({
                let other = Arc::clone(&other);
                move |_| {
                    // The future's own methods.
                    assert!(own.done() && own.wait() && own.wait_timeout(Duration::ZERO));
                    assert_eq!(own.cancel(), own.cancelled());
                    let _ = (own.result_ref().is_ok(), format!("{own:?}"));
                    let tell_too = tell.clone();
                    own.add_done_callback(move |_| tell_too.send("nested").unwrap());
                    assert_eq!(wait([&*own], ReturnWhen::AllCompleted, None).done.len(), 1);
                    // Those of another future.
                    let tell_too = tell.clone();
                    other.add_done_callback(move |_| tell_too.send("other").unwrap());
                    let _ = other.cancel();
                    assert!(other.done());
                    // Those of the pool.
                    match (end, pool.spawn(|| 3)) {
                        (End::Finish | End::Cancel, Ok(third)) => assert!(!third.done()),
                        (End::Shutdown, Err(SubmitError::ShutDown(_)))
                        | (End::Initializer, Err(SubmitError::Broken(..))) => {}
                        (_, result) => panic!("{end:?}: {result:?}"),
                    }
                    let _ = pool.stats();
                    assert!(pool.shutdown(false, false).is_ok());
                    assert!(pool.shutdown(false, true).is_ok());
                    assert!(pool.spawn(|| 4).is_err());
                    tell.send("end").unwrap();
                }
            });
            match end {
                // The shutdown cancels both, so the common path's count is not this one's.
                End::Shutdown => {
                    ending.pool.shutdown(false, true).unwrap();
                    ending.worker_waits.open();
                    drop(ending.pool);
                    ending.threads.assert_none_left();
                }
                _ => drop(ending.come()),
            }
            assert!(other.done());
            assert_eq!(
                told.iter().collect::<Vec<_>>(),
                ["nested", "other", "end"],
                "{end:?}"
            );
        }
    });
}

/// Runs code of the test when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// So many futures and sets that every lock of the library guards one of them.
#[derive(Clone)]
struct Everything(Arc<Vec<Future<u8>>>);

impl Everything {
    fn new() -> Self {
        let future = |_| {
            let (promise, future) = promise();
            // Nobody is to set it.
            std::mem::forget(promise);
            future
        };
        Self(Arc::new((0..500).map(future).collect()))
    }

    /// Takes and leaves every lock; never returns if this thread is inside one.
    fn lock(&self) {
        let sets: Vec<_> = self
            .0
            .iter()
            .map(|future| {
                let mut set = WaitSet::new();
                assert!(set.insert(future));
                assert!(set.try_next().is_none());
                set
            })
            .collect();
        drop(sets);
    }
}

// contract: C3
#[test]
fn drops_of_closures_outcomes_and_callbacks_run_under_no_lock() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let everything = Everything::new();
        let count = Arc::new(AtomicUsize::new(0));
        let calls_all = || {
            let (pool, all, count) = (pool.handle(), everything.clone(), Arc::clone(&count));
            OnDrop(move || {
                all.lock();
                drop(pool.spawn(|| ()));
                let _ = (
                    pool.stats(),
                    pool.shutdown_timeout(Duration::ZERO, false).is_ok(),
                );
                count.fetch_add(1, Ordering::SeqCst);
            })
        };
        let [call, callback, unread, unwanted, late] = [(); 5].map(|()| calls_all());
        let finished = pool.spawn(move || unread).unwrap();
        drop(pool.spawn(move || unwanted).unwrap());
        let cancelled = pool.spawn(move || drop(call)).unwrap();
        cancelled.add_done_callback(move |_| drop(callback));
        assert!(cancelled.cancel());
        assert_eq!(count.load(Ordering::SeqCst), 2);
        cancelled.add_done_callback(move |_| drop(late));
        assert_eq!(count.load(Ordering::SeqCst), 3);

        held.release();
        assert!(finished.wait());
        drop(finished);
        drop(pool);
        assert_eq!(count.load(Ordering::SeqCst), 5);
    });
}

// contract: C3, R6
#[test]
fn wakers_run_under_no_lock() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let held = Held::on(&pool);
        let everything = Everything::new();
        let seen: Arc<Mutex<Vec<Happens>>> = Arc::default();
        let waker = {
            let (seen, handle) = (Arc::clone(&seen), pool.handle());
            calling(move |happens| {
                everything.lock();
                drop(handle.spawn(|| ()));
                seen.lock().unwrap().push(happens);
            })
        };
        let count = |what| {
            seen.lock()
                .unwrap()
                .iter()
                .filter(|seen| **seen == what)
                .count()
        };
        let mut context = Context::from_waker(&waker);
        let mut awaited = pool.spawn(|| 1).unwrap();
        let member = pool.spawn(|| 2).unwrap();
        let mut dropped = pool.spawn(|| 3).unwrap();
        let mut set = WaitSet::new();
        set.insert(&member);
        for _ in 0..2 {
            assert!(pin!(&mut awaited).poll(&mut context).is_pending());
            assert!(pin!(&mut dropped).poll(&mut context).is_pending());
            assert!(set.poll_next(&mut context).is_pending());
        }
        drop(dropped);
        assert!(count(Happens::Clone) >= 3);
        assert!(count(Happens::Drop) >= 1);
        assert_eq!(count(Happens::Wake), 0);
        held.release();
        assert_eq!(block_on(&mut awaited).unwrap(), 1);
        assert_eq!(set.next().map(Future::id), Some(member.id()));
        drop(set);
        drop(pool);
        assert_eq!(count(Happens::Clone) + 1, {
            drop(waker);
            count(Happens::Wake) + count(Happens::Drop)
        });
    });
}
