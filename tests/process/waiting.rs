//! R, W, A: waiting for calls of processes, alone and beside others.

use std::{thread, time::Duration};

use concurrent_futures::{
    ProcessPoolExecutor, ResultError, ReturnWhen, TaskError, ThreadPoolExecutor, WaitSet,
    as_completed, as_completed_timeout, wait,
};
use concurrent_futures_tests::Gate;
use futures_util::future::join_all;

use crate::help::{ProcessGate, alone, block_on, one, pass, pid, pid_of};

// contract: R1, R2, R4
#[test]
fn results_are_waited_for_in_every_way() {
    alone(|| {
        let (pool, gate) = (one(), ProcessGate::new());
        let (held, worker) = gate.hold_on(&pool);
        let Err(ResultError::Unfinished(held)) = held.try_result() else {
            panic!("done")
        };
        let Err(ResultError::Unfinished(held)) = held.result_timeout(Duration::from_millis(10))
        else {
            panic!("done")
        };
        assert!(!held.wait_timeout(Duration::from_millis(10)));
        assert!(held.result_ref_timeout(Duration::ZERO).is_none());
        gate.open();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| assert_eq!(held.result_ref().unwrap(), &worker));
            }
        });
        assert_eq!(held.result_timeout(Duration::ZERO).unwrap(), worker);
    });
}

// contract: R6, P1
#[test]
fn calls_are_awaited() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let sum = block_on(async {
            let one = pool.submit(|n: u32| n + 1, 0).unwrap().await?;
            let calls = (0..50).map(|n| pool.submit(|n: u32| n * 2, n).unwrap());
            let all: u32 = join_all(calls).await.into_iter().map(Result::unwrap).sum();
            let died = pool
                .submit(
                    |n: i32| {
                        if n == 1 {
                            std::process::exit(n)
                        }
                    },
                    1,
                )
                .unwrap()
                .await;
            assert!(matches!(died, Err(TaskError::WorkerDied(_))));
            Ok::<_, TaskError>(one + all)
        });
        assert_eq!(sum.unwrap(), 1 + 50 * 49);
    });
}

// contract: W1, W2, A1
#[test]
fn threads_and_processes_are_waited_for_together() {
    alone(|| {
        let (threads, processes) = (ThreadPoolExecutor::new(1).unwrap(), one());
        let (gate, process_gate) = (Gate::new(), ProcessGate::new());
        let in_thread = {
            let gate = gate.clone();
            threads.spawn(move || gate.pass()).unwrap()
        };
        let in_process = processes.submit(pass, process_gate.key()).unwrap();
        let both = [&in_thread, &in_process];
        assert_eq!(
            wait(
                both,
                ReturnWhen::FirstCompleted,
                Some(Duration::from_millis(20))
            )
            .not_done
            .len(),
            2
        );
        assert!(
            as_completed_timeout(both, Duration::from_millis(20))
                .next()
                .unwrap()
                .is_err()
        );
        process_gate.open();
        let split = wait(both, ReturnWhen::FirstCompleted, None);
        assert_eq!((split.done[0].id(), split.done.len()), (in_process.id(), 1));
        let mut completed = as_completed(both);
        assert_eq!(completed.next().unwrap().id(), in_process.id());
        gate.open();
        assert_eq!(completed.next().unwrap().id(), in_thread.id());
        assert!(completed.next().is_none());
        let split = wait(both, ReturnWhen::AllCompleted, None);
        assert_eq!((split.done.len(), split.not_done.len()), (2, 0));
    });
}

// contract: W2, R8
#[test]
fn the_first_exception_may_be_a_death_or_an_err() {
    alone(|| {
        for how in 0..3_u32 {
            let pool = ProcessPoolExecutor::new(2).unwrap();
            let gate = ProcessGate::new();
            let held = pool
                .submit_result(
                    |gate: String| {
                        pass(gate);
                        Ok::<(), String>(())
                    },
                    gate.key(),
                )
                .unwrap();
            let failing = match how {
                0 => pool.submit_result(|()| Err("no".to_owned()), ()),
                1 => pool.submit_result(|()| std::process::abort(), ()),
                _ => pool.submit_result(|()| panic!("no"), ()),
            }
            .unwrap();
            let split = wait([&held, &failing], ReturnWhen::FirstException, None);
            assert_eq!((split.done.len(), split.done[0].id()), (1, failing.id()));
            assert!(failing.failed());
            gate.open();
            held.result().unwrap().unwrap();
        }
    });
}

// contract: W4, A1
#[test]
fn thousands_of_calls_are_waited_for_as_they_come() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let mut set: WaitSet<_> = (0..2000)
            .map(|n: u64| pool.submit(|n: u64| n, n).unwrap())
            .collect();
        let mut sum = 0;
        while let Some(call) = set.next() {
            sum += call.result().unwrap();
        }
        assert_eq!(sum, 1999 * 1000);
    });
}

// contract: R5, P5
#[test]
fn a_cancel_wakes_who_waits_for_a_buffered_call() {
    alone(|| {
        let (pool, gate) = (one(), ProcessGate::new());
        let (held, _) = gate.hold_on(&pool);
        let buffered = pool.submit(pid, ()).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| buffered.wait());
            thread::sleep(Duration::from_millis(20));
            assert!(buffered.cancel());
            assert!(waiting.join().unwrap());
        });
        gate.open();
        held.result().unwrap();
    });
}

// contract: S6, F5
#[test]
fn many_threads_use_one_pool() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        thread::scope(|scope| {
            for thread in 0..8_u64 {
                let pool = &pool;
                scope.spawn(move || {
                    for n in 0..100 {
                        let sum = pool
                            .submit(|(a, b): (u64, u64)| a + b, (thread, n))
                            .unwrap();
                        assert_eq!(sum.result().unwrap(), thread + n);
                    }
                });
            }
        });
        pid_of(&pool);
    });
}
