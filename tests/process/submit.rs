//! S, C: full queues, callbacks and hooks of a pool of processes.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use concurrent_futures::{
    BuildError, CancelledBy, Ended, ErrorReport, Policy, ProcessPoolExecutor, SubmitError,
    TaskError,
};
use concurrent_futures_tests::eventually;

use crate::help::{
    Folder, ProcessGate, alone, note_number, noted, one, one_with, pass, pid, pid_of,
};

// contract: S2, S3, P1
#[test]
fn what_cannot_be_built_says_why() {
    alone(|| {
        let zero = ProcessPoolExecutor::new(0);
        assert!(matches!(zero, Err(BuildError::NoWorkers)));
        assert!(matches!(
            ProcessPoolExecutor::new(usize::MAX),
            Err(BuildError::TooManyWorkers {
                asked: usize::MAX,
                ..
            })
        ));
        assert!(matches!(
            one_with().capacity(0).build(),
            Err(BuildError::Capacity(_))
        ));
        assert!(matches!(
            one_with().max_tasks_per_child(0).build(),
            Err(BuildError::NoTasks)
        ));
        assert!(matches!(
            one_with().name_prefix("a\0b").build(),
            Err(BuildError::ThreadName(_))
        ));
        assert!(matches!(
            one_with().stack_size(usize::MAX).build(),
            Err(BuildError::StackSize(usize::MAX))
        ));
        assert_eq!(
            ProcessPoolExecutor::with_default_workers()
                .unwrap()
                .stats()
                .max_workers,
            thread::available_parallelism().unwrap().get()
        );
        // The lowest that make sense.
        let pool = one_with()
            .capacity(1)
            .max_tasks_per_child(1)
            .window(0)
            .build();
        if let Ok(pool) = pool {
            pid_of(&pool);
        }
    });
}

// contract: S2, S3
#[test]
fn a_full_queue_hands_the_call_back() {
    alone(|| {
        for window in [1, 16] {
            let pool = one_with()
                .capacity(3)
                .window(window)
                .policy(Policy::Reject)
                .build()
                .unwrap();
            let (gate, folder) = (ProcessGate::new(), Folder::new());
            let (held, _) = gate.hold_on(&pool);
            let mut taken = Vec::new();
            let refused = loop {
                match pool.submit(note_number, (folder.file("ran"), taken.len() as u32)) {
                    Ok(call) => taken.push(call),
                    Err(error) => break error,
                }
                assert!(taken.len() < 100, "never full");
            };
            if window == 1 {
                assert_eq!(taken.len(), 3);
            }
            assert!(matches!(refused, SubmitError::Full(_)));
            let (f, args) = refused.into_inner();
            assert_eq!(args.1 as usize, taken.len());
            let again = pool.try_submit(f, args).unwrap_err();
            assert!(matches!(again, SubmitError::Full(_)));
            gate.open();
            held.result().unwrap();
            let count = taken.len();
            for call in taken {
                call.result().unwrap();
            }
            assert_eq!(noted(folder.file("ran")).len(), count);
            pool.try_submit(pid, ()).unwrap().result().unwrap();
        }
    });
}

// contract: S3
#[test]
fn each_policy_does_with_a_full_queue_what_it_says() {
    alone(|| {
        let full = |policy| {
            let pool = one_with()
                .capacity(2)
                .window(1)
                .policy(policy)
                .build()
                .unwrap();
            let gate = ProcessGate::new();
            let held = gate.hold_on(&pool).0;
            let queued = [pool.submit(pid, ()).unwrap(), pool.submit(pid, ()).unwrap()];
            assert!(matches!(
                pool.try_submit(pid, ()),
                Err(SubmitError::Full(_))
            ));
            (pool, gate, held, queued)
        };
        let (pool, gate, ..) = full(Policy::BlockTimeout(Duration::from_millis(50)));
        assert!(matches!(pool.submit(pid, ()), Err(SubmitError::Full(_))));
        gate.open();
        drop(pool);
        let (pool, gate, held, queued) = full(Policy::DiscardOldest);
        let newest = pool.submit(pid, ()).unwrap();
        let [oldest, second] = queued;
        assert!(matches!(
            oldest.result(),
            Err(TaskError::Cancelled(CancelledBy::Discarded))
        ));
        gate.open();
        assert_eq!(held.result().unwrap(), second.result().unwrap());
        newest.result().unwrap();
        drop(pool);
        for policy in [Policy::Block, Policy::RunInCaller] {
            let (pool, gate, ..) = full(policy);
            let handle = pool.handle();
            let (tell, told) = mpsc::channel();
            let blocked = thread::spawn(move || {
                let call = handle.submit(pid, ()).unwrap();
                tell.send(()).unwrap();
                call.result().unwrap()
            });
            assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
            gate.open();
            told.recv().unwrap();
            assert_eq!(blocked.join().unwrap(), pid_of(&pool), "in no case here");
        }
    });
}

// contract: C1, C2, C3
#[test]
fn callbacks_see_the_outcome_and_may_submit() {
    alone(|| {
        let pool = one();
        let (tell, told) = mpsc::channel();
        for n in 0..50_u64 {
            let call = pool.submit(|n: u64| n * 2, n).unwrap();
            let (tell, handle) = (tell.clone(), pool.handle());
            call.add_done_callback(move |done| {
                let next = handle
                    .submit(|n: u64| n + 1, *done.outcome().unwrap())
                    .unwrap();
                let tell = tell.clone();
                next.add_done_callback(move |done| tell.send(*done.outcome().unwrap()).unwrap());
            });
        }
        let mut got: Vec<_> = (0..50).map(|_| told.recv().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, (0..50).map(|n| n * 2 + 1).collect::<Vec<_>>());
    });
}

// contract: P11, D3
#[test]
fn waiting_for_a_call_of_the_same_pool_in_a_callback_is_an_error_and_no_hang() {
    alone(|| {
        for workers in [1, 2] {
            let pool = ProcessPoolExecutor::new(workers).unwrap();
            let (first, gate) = (ProcessGate::new(), ProcessGate::new());
            let call = pool.submit(pass, first.key()).unwrap();
            let other = pool.submit(pass, gate.key()).unwrap();
            let (tell, told) = mpsc::channel();
            call.add_done_callback(move |_| tell.send(other.result()).unwrap());
            first.open();
            assert!(matches!(told.recv().unwrap(), Err(TaskError::WouldBlock)));
            gate.open();
        }
    });
}

// contract: S3, C3
#[test]
fn a_callback_that_submits_to_its_full_pool_is_no_deadlock() {
    alone(|| {
        for policy in [Policy::Block, Policy::RunInCaller, Policy::Reject] {
            let pool = one_with()
                .capacity(1)
                .window(1)
                .policy(policy)
                .build()
                .unwrap();
            let gate = ProcessGate::new();
            let (held, _) = gate.hold_on(&pool);
            let (tell, told) = mpsc::channel();
            let handle = pool.handle();
            held.add_done_callback(move |_| {
                let calls: Vec<_> = (0..5).map(|_| handle.submit(pid, ())).collect();
                tell.send(calls).unwrap();
            });
            gate.open();
            let calls = told.recv().unwrap();
            assert!(calls[0].is_ok());
            for call in calls {
                match call {
                    Ok(call) => _ = call.result().unwrap(),
                    Err(error) => assert!(matches!(error, SubmitError::Full(_)), "{error:?}"),
                }
            }
        }
    });
}

// contract: C4, S7, R8
#[test]
fn the_hook_hears_of_what_nobody_reads() {
    alone(|| {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let pool = {
            let reports = Arc::clone(&reports);
            one_with().error_hook(move |report| {
                let words = match report {
                    ErrorReport::Unread(Some(TaskError::WorkerDied(death))) => {
                        format!("died {:?}", death.ended() == Ended::Exited(4))
                    }
                    ErrorReport::Unread(Some(TaskError::Panicked(panic))) => {
                        format!("panicked {}", panic.message())
                    }
                    ErrorReport::Unread(None) => "err".to_owned(),
                    ErrorReport::CallbackPanicked(panic) => format!("callback {}", panic.message()),
                    other => format!("{other:?}"),
                };
                reports.lock().unwrap().push(words);
            })
        }
        .build()
        .unwrap();
        drop(
            pool.submit(
                |n: i32| {
                    if n > 0 {
                        std::process::exit(n)
                    }
                },
                4,
            )
            .unwrap(),
        );
        drop(
            pool.submit(|n: i32| assert_eq!(n, 0, "not zero"), 4)
                .unwrap(),
        );
        drop(pool.submit_result(|n: i32| Err::<(), i32>(n), 4).unwrap());
        drop(pool.submit(|n: i32| Err::<(), i32>(n), 4).unwrap());
        drop(pool.submit(|n: i32| n, 4).unwrap());
        let call = pool.submit(|n: i32| n, 4).unwrap();
        call.add_done_callback(|_| panic!("in the callback"));
        pid_of(&pool);
        drop(call);
        pool.shutdown(true, false).unwrap();
        eventually("all are told", || reports.lock().unwrap().len() >= 4);
        let mut reports = reports.lock().unwrap().clone();
        reports.sort();
        assert_eq!(reports.len(), 4, "{reports:?}");
        assert_eq!(
            reports[..3],
            ["callback in the callback", "died true", "err"]
        );
        assert!(reports[3].contains("not zero"), "{reports:?}");
    });
}

// contract: S4, T2
#[test]
fn calls_start_in_order_and_workers_as_needed() {
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        for n in 0..500 {
            pool.submit(note_number, (folder.file("ran"), n)).unwrap();
        }
        drop(pool);
        assert_eq!(noted(folder.file("ran")), (0..500).collect::<Vec<_>>());
        let pool = ProcessPoolExecutor::new(8).unwrap();
        assert!(pool.worker_pids().is_empty());
        let first = pid_of(&pool);
        for _ in 0..500 {
            assert_eq!(pid_of(&pool), first, "one is enough for one at a time");
        }
        assert_eq!((pool.worker_pids(), pool.stats().workers), (vec![first], 1));
        let gate = ProcessGate::new();
        let held: Vec<_> = (0..8).map(|_| gate.hold_on(&pool)).collect();
        assert_eq!(pool.worker_pids().len(), 8);
        let stats = pool.stats();
        assert_eq!(
            (
                stats.queued,
                stats.workers,
                stats.idle,
                stats.max_workers,
                stats.capacity
            ),
            (0, 8, 0, 8, 65_536)
        );
        gate.open();
        drop(held);
        eventually("all are idle", || pool.stats().idle == 8);
    });
}
