//! T6: waiting inside calls.

use std::{
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use concurrent_futures::{
    AsCompleted, CancelledBy, Future, MapOptions, ReturnWhen, TaskError, ThreadPoolExecutor,
    ThreadPoolHandle, WaitSet, as_completed, wait,
};
use concurrent_futures_tests::{Gate, Threads, bounded};

use crate::held::Held;

/// Runs `test` as a call of a pool with one worker.
pub(crate) fn on_the_only_worker<R: Send + 'static>(
    test: impl FnOnce(ThreadPoolHandle) -> R + Send + 'static,
) -> R {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let outcome = pool.submit(test, pool.handle()).unwrap().result();
        drop(pool);
        threads.assert_none_left();
        match outcome {
            Ok(value) => value,
            Err(TaskError::Panicked(panic)) => resume_unwind(panic.into_payload()),
            Err(other) => panic!("{other:?}"),
        }
    })
}

/// Calls that tell in which order they ran.
#[derive(Clone, Default)]
pub(crate) struct Order(Arc<Mutex<Vec<usize>>>);

impl Order {
    pub(crate) fn calls(&self, pool: &ThreadPoolHandle, count: usize) -> Vec<Future<usize>> {
        let call = |n| {
            let order = self.clone();
            pool.spawn(move || {
                order.0.lock().unwrap().push(n);
                n
            })
            .unwrap()
        };
        (0..count).map(call).collect()
    }

    pub(crate) fn ran(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }
}

// contract: T6
#[test]
fn results_nest_as_deep_as_calls_recurse() {
    fn count(pool: &ThreadPoolHandle, depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let inner = pool.submit(move |pool| count(&pool, depth - 1), pool.clone());
        inner.unwrap().result().unwrap() + 1
    }
    assert_eq!(on_the_only_worker(|pool| count(&pool, 100)), 100);
}

// contract: T6
#[test]
fn every_unlimited_wait_nests_in_itself() {
    fn every_way(pool: &ThreadPoolHandle, depth: usize) -> usize {
        if depth == 0 {
            return 1;
        }
        let children = || {
            let child = |_| pool.submit(move |pool| every_way(&pool, depth - 1), pool.clone());
            (0..2).map(child).map(Result::unwrap).collect::<Vec<_>>()
        };
        let take = |futures: Vec<Future<usize>>| futures.into_iter().map(|f| f.result().unwrap());
        let mut sum = take(children()).sum::<usize>();
        for when in [
            ReturnWhen::AllCompleted,
            ReturnWhen::FirstCompleted,
            ReturnWhen::FirstException,
        ] {
            let split = wait(children(), when, None);
            assert!(!split.done.is_empty());
            sum += take(split.done).sum::<usize>() + take(split.not_done).sum::<usize>();
        }
        sum += as_completed(children())
            .map(|f| f.result().unwrap())
            .sum::<usize>();
        let mut set = WaitSet::new();
        for child in children() {
            set.insert(child);
        }
        while let Some(future) = set.next() {
            sum += future.result().unwrap();
        }
        for child in children() {
            sum += *child.result_ref().unwrap();
        }
        for child in children() {
            assert!(child.wait());
            sum += child.try_result().unwrap();
        }
        let handle = pool.clone();
        let map = pool.map(move |depth| every_way(&handle, depth), [depth - 1; 2]);
        sum += map.unwrap().map(Result::unwrap).sum::<usize>();
        let handle = pool.clone();
        let options = MapOptions::new().buffer_size(1);
        let map = pool.map_unordered(
            options,
            move |depth| every_way(&handle, depth),
            [depth - 1; 2],
        );
        sum += map.unwrap().map(Result::unwrap).sum::<usize>();
        let in_scope = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..2 {
                s.spawn(|| in_scope.fetch_add(every_way(pool, depth - 1), Ordering::SeqCst))
                    .unwrap();
            }
        });
        sum + in_scope.into_inner()
    }
    // Eleven ways, two children each.
    assert_eq!(on_the_only_worker(|pool| every_way(&pool, 2)), 22 * 22);
}

// contract: T6
#[test]
fn workers_that_wait_for_each_others_calls_do_not_deadlock() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        for _ in 0..200 {
            let side = |value: u32| {
                let (give, given) = mpsc::channel::<Future<u32>>();
                let (tell, told) = mpsc::channel::<Future<u32>>();
                let handle = pool.handle();
                let task = pool.spawn(move || {
                    tell.send(handle.spawn(move || value).unwrap()).unwrap();
                    given.recv().unwrap().result().unwrap()
                });
                (task.unwrap(), give, told)
            };
            // Both workers are busy, each with a call that waits for one that the other made.
            let (left, give_left, made_left) = side(1);
            let (right, give_right, made_right) = side(2);
            let (left_child, right_child) = (made_left.recv().unwrap(), made_right.recv().unwrap());
            give_left.send(right_child).unwrap();
            give_right.send(left_child).unwrap();
            assert_eq!((left.result().unwrap(), right.result().unwrap()), (2, 1));
        }
    });
}

// contract: T6
#[test]
fn two_workers_that_wait_for_the_same_calls_both_see_them_done() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        for _ in 0..200 {
            let held = (Held::on(&pool), Held::on(&pool));
            let order = Order::default();
            let waiter = |calls: Arc<Vec<Future<usize>>>| {
                pool.spawn(move || wait(&*calls, ReturnWhen::AllCompleted, None).done.len())
                    .unwrap()
            };
            // The waiters are ahead of the calls in the queue.
            let (give, given) = mpsc::channel();
            let first = pool.spawn(move || {
                let calls: Arc<Vec<Future<usize>>> = given.recv().unwrap();
                wait(&*calls, ReturnWhen::AllCompleted, None).done.len()
            });
            let calls = Arc::new(order.calls(&pool, 8));
            let second = waiter(Arc::clone(&calls));
            give.send(calls).unwrap();
            held.0.release();
            held.1.release();
            assert_eq!(first.unwrap().result().unwrap(), 8);
            assert_eq!(second.result().unwrap(), 8);
            let mut ran = order.ran();
            ran.sort_unstable();
            assert_eq!(ran, (0..8).collect::<Vec<_>>(), "each once");
        }
    });
}

// contract: T6, K1
#[test]
fn a_call_that_is_cancelled_meanwhile_is_not_run() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let (inside, gate, ran) = (Gate::new(), Gate::new(), Arc::new(AtomicUsize::new(0)));
        let (tell, told) = mpsc::channel();
        let task = pool.spawn({
            let (handle, inside, gate, ran) = (
                pool.handle(),
                inside.clone(),
                gate.clone(),
                Arc::clone(&ran),
            );
            move || {
                let slow = handle.spawn(move || {
                    inside.open();
                    gate.pass();
                    0
                });
                let victim = handle.spawn(move || ran.fetch_add(1, Ordering::SeqCst));
                let calls = [slow.unwrap(), victim.unwrap()].map(Arc::new);
                tell.send(Arc::clone(&calls[1])).unwrap();
                let split = wait(&calls, ReturnWhen::AllCompleted, None);
                (split.done.len(), calls.map(|call| call.cancelled()))
            }
        });
        let victim = told.recv().unwrap();
        // The worker runs the first one inside its wait for both.
        inside.pass();
        assert!(victim.cancel());
        gate.open();
        assert_eq!(task.unwrap().result().unwrap(), (2, [false, true]));
        assert_eq!(ran.load(Ordering::SeqCst), 0);
        drop(pool);
        threads.assert_none_left();
    });
}

// contract: T6
#[test]
fn a_cancelled_call_answers_a_nested_wait_at_once() {
    on_the_only_worker(|pool| {
        let order = Order::default();
        let mut calls = order.calls(&pool, 3);
        assert!(calls[1].cancel());
        let split = wait(&calls, ReturnWhen::FirstCompleted, None);
        assert_eq!((split.done.len(), order.ran().len()), (1, 0));
        let split = wait(&calls, ReturnWhen::AllCompleted, None);
        assert_eq!((split.done.len(), order.ran().len()), (3, 2));
        assert!(matches!(
            calls.remove(1).result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ));
    });
}

// contract: T6, S5
#[test]
fn a_call_that_panics_inside_a_wait_leaves_the_waiting_one_alone() {
    on_the_only_worker(|pool| {
        match pool.spawn(|| panic!("inner")).unwrap().result() {
            Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "inner"),
            other => panic!("{other:?}"),
        }
        let calls = [1, 2].map(|n| pool.spawn(move || assert!(n != 1, "one")).unwrap());
        let split = wait(&calls, ReturnWhen::AllCompleted, None);
        assert_eq!(split.done.len(), 2);
        assert_eq!(calls.map(|call| call.failed()), [true, false]);
    });
}

/// The second call waits behind the only worker, which runs a call that drains what came from another thread.
fn drain_on_the_only_worker<S: Send + 'static>(
    collect: fn(Vec<Future<usize>>) -> S,
    next: fn(&mut S) -> Option<Future<usize>>,
) {
    bounded(move || {
        let threads = Threads::new();
        let pool: ThreadPoolExecutor = threads.pool(1);
        let (give, given) = mpsc::channel::<S>();
        let first = pool.spawn(|| 1).unwrap();
        let drained = pool.spawn(move || {
            let mut collected = given.recv().unwrap();
            let future = next(&mut collected).unwrap();
            (future.result().unwrap(), next(&mut collected).is_none())
        });
        let second = pool.spawn(|| 2).unwrap();
        let mut collected = collect(vec![first, second]);
        // This thread waits on it first, and moves it to the worker then.
        assert_eq!(next(&mut collected).unwrap().result().unwrap(), 1);
        give.send(collected).unwrap();
        assert_eq!(drained.unwrap().result().unwrap(), (2, true));
    });
}

// contract: T6
#[test]
fn a_wait_set_that_another_thread_has_waited_on_is_drained_by_the_only_worker() {
    let collect = |futures: Vec<_>| {
        let mut set = WaitSet::new();
        for future in futures {
            set.insert(future);
        }
        set
    };
    drain_on_the_only_worker(collect, WaitSet::next);
}

// contract: T6
#[test]
fn an_iterator_that_another_thread_has_waited_on_is_drained_by_the_only_worker() {
    drain_on_the_only_worker(as_completed, AsCompleted::next);
}
