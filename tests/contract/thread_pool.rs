//! T1 to T3 and T5: threads, and what they keep.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use concurrent_futures::{BuildError, Future, ThreadPoolBuilder, ThreadPoolExecutor};
use concurrent_futures_tests::{Drops, Gate, Threads, bounded, eventually};

use crate::held::Held;

/// A builder whose workers are counted as they start.
pub(crate) fn counted(threads: &Threads) -> (ThreadPoolBuilder<usize>, Arc<AtomicUsize>) {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let init = move || Ok::<_, String>(count.fetch_add(1, Ordering::SeqCst));
    (threads.builder().initializer(init), started)
}

// contract: T1
#[test]
fn there_are_as_many_workers_as_can_run_in_parallel_unless_told_otherwise() {
    let parallel = thread::available_parallelism().unwrap().get();
    let by_default = ThreadPoolExecutor::with_default_workers().unwrap();
    assert_eq!(by_default.stats().max_workers, parallel);
    let built = ThreadPoolExecutor::builder().build().unwrap();
    assert_eq!(built.stats().max_workers, parallel);
    let cpython = ThreadPoolExecutor::builder().cpython_max_workers().build();
    assert_eq!(cpython.unwrap().stats().max_workers, 32.min(parallel + 4));
    assert_eq!(ThreadPoolExecutor::new(3).unwrap().stats().max_workers, 3);
}

// contract: T1
#[test]
fn impossible_numbers_of_workers_are_errors() {
    assert_eq!(
        ThreadPoolExecutor::new(0).unwrap_err(),
        BuildError::NoWorkers
    );
    let none = ThreadPoolExecutor::builder().max_workers(0).build();
    assert_eq!(none.unwrap_err(), BuildError::NoWorkers);
    match ThreadPoolExecutor::new(usize::MAX) {
        Err(BuildError::TooManyWorkers { asked, most }) => {
            assert_eq!(asked, usize::MAX);
            let pool = ThreadPoolExecutor::new(most).unwrap();
            assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        }
        other => panic!("{other:?}"),
    }
}

// contract: S3
#[test]
fn impossible_capacities_are_errors() {
    // More than can be counted, and more than any address space has room for.
    for capacity in [0, usize::MAX, usize::MAX / 2, usize::MAX / 64, 1 << 55] {
        match ThreadPoolExecutor::builder().capacity(capacity).build() {
            Err(BuildError::Capacity(error)) => assert_eq!(error.capacity, capacity),
            other => panic!("{capacity}: {other:?}"),
        }
    }
}

// contract: T2
#[test]
fn workers_start_one_per_call_while_none_is_idle_up_to_the_maximum() {
    bounded(|| {
        let threads = Threads::new();
        let (builder, started) = counted(&threads);
        let pool = builder.max_workers(3).build().unwrap();
        assert_eq!((pool.stats().workers, threads.alive()), (0, 0));
        let mut held = Vec::new();
        for workers in 1..=3 {
            held.push(Held::on(&pool));
            assert_eq!(pool.stats().workers, workers);
            assert_eq!(started.load(Ordering::SeqCst), workers);
        }
        let queued: Vec<_> = (0..10).map(|n| pool.spawn(move || n).unwrap()).collect();
        assert_eq!((pool.stats().workers, pool.stats().queued), (3, 10));
        held.into_iter().for_each(Held::release);
        for (n, future) in queued.into_iter().enumerate() {
            assert_eq!(future.result().unwrap(), n);
        }
        drop(pool);
        assert_eq!(started.load(Ordering::SeqCst), 3);
        threads.assert_none_left();
    });
}

// contract: T2
#[test]
fn an_idle_worker_is_used_before_another_is_started() {
    bounded(|| {
        let threads = Threads::new();
        let (builder, started) = counted(&threads);
        let pool = builder.max_workers(4).build().unwrap();
        let pair = (Held::on(&pool), Held::on(&pool));
        pair.0.release();
        for _ in 0..1_000 {
            // The other one is busy all the time.
            assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        }
        pair.1.release();
        assert_eq!(started.load(Ordering::SeqCst), 2);
    });
}

// contract: T2
#[test]
fn a_hundred_thousand_calls_one_after_the_other_start_one_thread() {
    bounded(|| {
        let threads = Threads::new();
        let (builder, started) = counted(&threads);
        let pool = builder.max_workers(8).build().unwrap();
        for n in 0..100_000_u32 {
            assert_eq!(pool.spawn(move || n).unwrap().result().unwrap(), n);
        }
        assert_eq!(started.load(Ordering::SeqCst), 1);
    });
}

// contract: T2
#[test]
fn a_worker_in_a_callback_is_not_idle() {
    bounded(|| {
        let threads = Threads::new();
        let (builder, started) = counted(&threads);
        let pool = builder.max_workers(2).build().unwrap();
        let (held, gate, inside) = (Held::on(&pool), Gate::new(), Gate::new());
        let future = pool.spawn(|| 1);
        eventually("a second worker runs it", || pool.stats().queued == 0);
        held.release();
        let future = future.unwrap();
        future.wait();
        // A call whose callback goes on for long, while the other worker is held.
        let (held, second) = (Held::on(&pool), Gate::new());
        let slow = pool
            .spawn({
                let second = second.clone();
                move || second.pass()
            })
            .unwrap();
        slow.add_done_callback({
            let (gate, inside) = (gate.clone(), inside.clone());
            move |_| {
                inside.open();
                gate.pass();
            }
        });
        second.open();
        inside.pass();
        assert!(slow.done());
        assert_eq!((pool.stats().workers, pool.stats().idle), (2, 0));
        gate.open();
        held.release();
        assert_eq!(started.load(Ordering::SeqCst), 2);
    });
}

// contract: T2
#[test]
fn a_call_submitted_while_the_only_worker_is_in_a_callback_gets_a_worker_of_its_own() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(2);
        let (gate, inside, begin) = (Gate::new(), Gate::new(), Gate::new());
        let begun = begin.clone();
        let slow = pool.spawn(move || begun.pass()).unwrap();
        slow.add_done_callback({
            let (gate, inside) = (gate.clone(), inside.clone());
            move |_| {
                inside.open();
                gate.pass();
            }
        });
        begin.open();
        inside.pass();
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        gate.open();
        slow.result().unwrap();
    });
}

// contract: T3
#[test]
fn threads_are_named_by_prefix_and_index() {
    bounded(|| {
        let name = || thread::current().name().map(str::to_owned);
        let named = ThreadPoolExecutor::builder()
            .thread_name_prefix("resize")
            .max_workers(3)
            .build()
            .unwrap();
        let names = Arc::new(Mutex::new(HashSet::new()));
        let gate = Gate::new();
        let futures: Vec<_> = (0..3)
            .map(|_| {
                let (names, gate) = (Arc::clone(&names), gate.clone());
                let call = move || {
                    names.lock().unwrap().insert(name().unwrap());
                    gate.pass();
                };
                named.spawn(call).unwrap()
            })
            .collect();
        eventually("all three run", || names.lock().unwrap().len() == 3);
        gate.open();
        for future in futures {
            future.result().unwrap();
        }
        let expected = ["resize_0", "resize_1", "resize_2"].map(str::to_owned);
        assert_eq!(*names.lock().unwrap(), HashSet::from(expected));

        for prefix in ["", "a b", "näme", "very long, longer than any system shows"] {
            let pool = ThreadPoolExecutor::builder().thread_name_prefix(prefix);
            let pool = pool.build().unwrap();
            let shown = pool.spawn(name).unwrap().result().unwrap();
            assert_eq!(shown.as_deref(), Some(&*format!("{prefix}_0")));
        }
        let pools = [(); 2].map(|()| ThreadPoolExecutor::new(1).unwrap());
        let [first, second] = pools.map(|pool| pool.spawn(name).unwrap().result().unwrap());
        assert!(first.is_some() && first != second, "{first:?}");
    });
}

// contract: T3
#[test]
fn a_name_that_no_thread_can_have_is_an_error() {
    let prefix = String::from("a\0b");
    let pool = ThreadPoolExecutor::builder().thread_name_prefix(prefix.clone());
    assert_eq!(pool.build().unwrap_err(), BuildError::ThreadName(prefix));
}

// contract: T3
#[test]
fn a_stack_is_as_large_as_it_was_asked_for() {
    /// Touches `kilobytes` of the stack.
    #[inline(never)]
    fn deep(kilobytes: usize) -> usize {
        let frame = std::hint::black_box([1_u8; 1024]);
        let below = if kilobytes > 0 {
            deep(kilobytes - 1)
        } else {
            0
        };
        below + usize::from(std::hint::black_box(&frame)[kilobytes % 1024])
    }
    bounded(|| {
        let threads = Threads::new();
        // Four times what a thread has without asking.
        let large = threads.builder().max_workers(1).stack_size(8 << 20);
        let large = large.build().unwrap();
        assert_eq!(
            large.spawn(|| deep(3 << 10)).unwrap().result().unwrap(),
            (3 << 10) + 1
        );
        for small in [0, 1, 4097] {
            let pool = threads.builder().max_workers(1).stack_size(small).build();
            assert_eq!(pool.unwrap().spawn(|| 1).unwrap().result().unwrap(), 1);
        }
    });
}

// contract: T3
#[test]
fn impossible_stack_sizes_are_errors() {
    for bytes in [usize::MAX, usize::MAX - 4096, isize::MAX as usize] {
        let pool = ThreadPoolExecutor::builder().stack_size(bytes).build();
        assert_eq!(pool.unwrap_err(), BuildError::StackSize(bytes));
    }
}

// contract: T5
#[test]
fn an_idle_pool_holds_nothing_of_what_it_ran() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.pool(1);
        let (arguments, closures, results) = (Drops::new(), Drops::new(), Drops::new());
        for n in 1..=50 {
            let (argument, closure, result) =
                (arguments.token(), closures.token(), results.token());
            let call = move |_argument| {
                let _closure = &closure;
                result
            };
            let future = pool.submit(call, argument).unwrap();
            let result = future.result().unwrap();
            assert_eq!([&arguments, &closures].map(Drops::count), [n; 2]);
            assert_eq!(results.count(), n - 1);
            drop(result);
            assert_eq!(results.count(), n);
        }
        // Nobody wants the result: it goes with the future, or with the end of the call.
        for n in 51..=100 {
            let result = results.token();
            let future = pool.spawn(move || result).unwrap();
            if n % 2 == 0 {
                future.wait();
            }
            drop(future);
            eventually("the result is dropped", || results.count() == n);
        }
        assert_eq!(pool.stats().workers, 1);
        let (closure, panicked) = (closures.token(), results.token());
        let future = pool.spawn(move || {
            let _closure = closure;
            std::panic::panic_any(panicked)
        });
        let future: Future<()> = future.unwrap();
        future.wait();
        assert_eq!((closures.count(), results.count()), (51, 100));
        drop(future);
        assert_eq!(results.count(), 101);
    });
}
