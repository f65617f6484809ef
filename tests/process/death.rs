//! P3: a worker that dies takes the call that it ran with it, and nothing else.

use std::{process, thread};

use concurrent_futures::{
    CallOptions, Ended, OnDeath, ProcessPoolExecutor, ReturnWhen, TaskError, wait,
};
use concurrent_futures_tests::{eventually, left::is_alive};

use crate::help::{
    Folder, ProcessGate, alone, death, hold, kill, note, note_number, noted, one, one_with, pass,
    pid, pid_of,
};

#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
enum End {
    Exit(i32),
    ExitNow(i32),
    Signal(i32),
    Abort,
    Overflow,
}

fn end((file, how): (String, End)) -> u32 {
    note(file, process::id());
    match how {
        End::Exit(status) => process::exit(status),
        // SAFETY: nothing of this process is needed any more.
        End::ExitNow(status) => unsafe { libc::_exit(status) },
        End::Signal(signal) => {
            kill(process::id(), signal);
            loop {
                thread::park();
            }
        }
        End::Abort => process::abort(),
        End::Overflow => deep(0),
    }
}

#[expect(unconditional_recursion, reason = "for the stack to end")]
fn deep(n: u32) -> u32 {
    let room = std::hint::black_box([n; 1000]);
    deep(n + 1) + room[n as usize % 1000]
}

// contract: P3, R8
#[test]
fn a_death_fails_the_call_that_ran_with_how_and_who() {
    alone(|| {
        let pool = one();
        let folder = Folder::new();
        for (n, (how, expected)) in [
            (End::Exit(0), Ended::Exited(0)),
            (End::Exit(3), Ended::Exited(3)),
            (End::ExitNow(255), Ended::Exited(255)),
            (End::Signal(libc::SIGKILL), Ended::Signal(9)),
            (End::Signal(libc::SIGTERM), Ended::Signal(15)),
            (End::Signal(libc::SIGSEGV), Ended::Signal(11)),
            (End::Abort, Ended::Signal(6)),
        ]
        .into_iter()
        .enumerate()
        {
            let before = pid_of(&pool);
            let call = pool.submit(end, (folder.file("ends"), how)).unwrap();
            assert!(call.wait() && call.failed());
            let death = death(call.result());
            assert_eq!((death.pid(), death.ended()), (before, expected));
            assert_eq!(noted(folder.file("ends"))[n], before);
            assert!(death.to_string().contains(&before.to_string()), "{death}");
            assert_ne!(pid_of(&pool), before, "it was replaced");
            assert!(!is_alive(before));
        }
    });
}

// contract: P3
#[test]
fn a_stack_overflow_is_a_death_like_others() {
    alone(|| {
        for pool in [one(), one_with().stack_size(256 << 10).build().unwrap()] {
            let folder = Folder::new();
            let call = pool
                .submit(end, (folder.file("ends"), End::Overflow))
                .unwrap();
            let death = death(call.result());
            assert!(matches!(death.ended(), Ended::Signal(6 | 11)), "{death}");
            assert_eq!(noted(folder.file("ends")), [death.pid()]);
            pid_of(&pool);
        }
    });
}

// contract: P3, S4
#[test]
fn what_the_dead_worker_had_not_started_runs_elsewhere_in_order() {
    alone(|| {
        for window in [1, 4, 16, 1000] {
            let pool = one_with().window(window).build().unwrap();
            let (gate, folder) = (ProcessGate::new(), Folder::new());
            let (held, worker) = gate.hold_on(&pool);
            let rest: Vec<_> = (0..50)
                .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
                .collect();
            kill(worker, libc::SIGKILL);
            let death = death(held.result());
            assert_eq!((death.pid(), death.ended()), (worker, Ended::Signal(9)));
            for (n, call) in (0..).zip(rest) {
                assert_eq!(call.result().unwrap(), n);
            }
            assert_eq!(
                noted(folder.file("ran")),
                (0..50).collect::<Vec<_>>(),
                "window {window}"
            );
        }
    });
}

// contract: P3
#[test]
fn deaths_in_a_row_among_buffered_calls_lose_nothing_else() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(2).unwrap();
        let folder = Folder::new();
        let calls: Vec<_> = (0..60)
            .map(|n| {
                let args = (folder.file("ran"), n);
                if n % 6 == 5 {
                    pool.submit(|(_, n): (String, u32)| process::exit(n as i32), args)
                } else {
                    pool.submit(note_number, args)
                }
                .unwrap()
            })
            .collect();
        for (n, call) in (0_u32..).zip(calls) {
            match call.result() {
                Ok(m) => assert!(m == n && n % 6 != 5),
                Err(TaskError::WorkerDied(death)) => {
                    assert_eq!(death.ended(), Ended::Exited(n as i32))
                }
                other => panic!("{n}: {other:?}"),
            }
        }
        let mut ran = noted(folder.file("ran"));
        ran.sort_unstable();
        assert_eq!(
            ran,
            (0..60).filter(|n| n % 6 != 5).collect::<Vec<_>>(),
            "each once"
        );
    });
}

// contract: P3
#[test]
fn an_idle_worker_that_was_killed_fails_nothing() {
    alone(|| {
        let pool = one();
        for _ in 0..20 {
            let idle = pid_of(&pool);
            kill(idle, libc::SIGKILL);
            assert_ne!(pid_of(&pool), idle);
        }
    });
}

// contract: P3, X6
#[test]
fn idle_workers_that_were_killed_are_in_nobodys_way_at_the_end() {
    alone(|| {
        for waits in [true, false] {
            let pool = ProcessPoolExecutor::new(2).unwrap();
            let gate = ProcessGate::new();
            let held = [gate.hold_on(&pool), gate.hold_on(&pool)];
            gate.open();
            for (call, worker) in held {
                call.result().unwrap();
                kill(worker, libc::SIGKILL);
            }
            pool.shutdown(waits, false).unwrap();
        }
    });
}

// contract: P3
#[test]
fn a_death_leaves_the_other_workers_alone() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(3).unwrap();
        let gate = ProcessGate::new();
        let held: Vec<_> = (0..3).map(|_| gate.hold_on(&pool)).collect();
        kill(held[1].1, libc::SIGKILL);
        let split = wait(
            held.iter().map(|(call, _)| call),
            ReturnWhen::FirstException,
            None,
        );
        assert_eq!((split.done.len(), split.not_done.len()), (1, 2));
        eventually("it is known that the others run", || {
            held[0].0.running() && held[2].0.running()
        });
        gate.open();
        for (n, (call, worker)) in held.into_iter().enumerate() {
            if n == 1 {
                assert_eq!(death(call.result()).pid(), worker);
            } else {
                assert_eq!(call.result().unwrap(), worker);
            }
        }
    });
}

// contract: P3
#[test]
fn a_call_may_be_tried_again_so_many_times() {
    alone(|| {
        for times in [0, 1, 3] {
            let pool = one_with().on_death(OnDeath::Retry(times)).build().unwrap();
            let folder = Folder::new();
            let call = pool
                .submit(end, (folder.file("runs"), End::Exit(1)))
                .unwrap();
            let after = pool.submit(pid, ()).unwrap();
            let death = death(call.result());
            let runs = noted(folder.file("runs"));
            assert_eq!(runs.len(), times as usize + 1);
            assert_eq!(runs.last(), Some(&death.pid()), "the last one is told");
            after.result().unwrap();
        }
    });
}

fn third_time_lucky(file: String) -> usize {
    note(&file, process::id());
    let runs = noted(&file).len();
    if runs < 3 {
        process::abort();
    }
    runs
}

// contract: P3
#[test]
fn a_call_that_is_tried_again_can_succeed() {
    alone(|| {
        let folder = Folder::new();
        let pool = one_with().on_death(OnDeath::Retry(2)).build().unwrap();
        let call = pool.submit(third_time_lucky, folder.file("pool")).unwrap();
        assert_eq!(call.result().unwrap(), 3);
        let pool = one();
        let tried = CallOptions::new().retry(2);
        let call = pool
            .submit_with(tried, third_time_lucky, folder.file("call"))
            .unwrap();
        assert_eq!(call.result().unwrap(), 3);
        let tried = CallOptions::new().retry(1);
        let call = pool
            .submit_with(tried, third_time_lucky, folder.file("once"))
            .unwrap();
        death(call.result());
        assert_eq!(noted(folder.file("once")).len(), 2);
        // The others are not tried again.
        death(
            pool.submit(third_time_lucky, folder.file("plain"))
                .unwrap()
                .result(),
        );
        assert_eq!(noted(folder.file("plain")).len(), 1);
        // Nor a call of a pool that would, if it says so.
        let pool = one_with().on_death(OnDeath::Retry(5)).build().unwrap();
        let never = CallOptions::new().retry(0);
        death(
            pool.submit_with(never, third_time_lucky, folder.file("never"))
                .unwrap()
                .result(),
        );
        assert_eq!(noted(folder.file("never")).len(), 1);
    });
}

// contract: P3, K1
#[test]
fn a_death_runs_nothing_that_was_cancelled() {
    alone(|| {
        let (pool, gate, folder) = (one(), ProcessGate::new(), Folder::new());
        let (held, worker) = gate.hold_on(&pool);
        let rest: Vec<_> = (0..30)
            .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
            .collect();
        for call in rest.iter().step_by(2) {
            assert!(call.cancel());
        }
        kill(worker, libc::SIGKILL);
        death(held.result());
        for (n, call) in rest.into_iter().enumerate() {
            assert_eq!(call.result().is_ok(), n % 2 == 1);
        }
        assert_eq!(
            noted(folder.file("ran")),
            (0..30).filter(|n| n % 2 == 1).collect::<Vec<_>>()
        );
    });
}

// contract: P3
#[test]
fn a_call_that_closes_every_descriptor_of_its_worker_is_no_hang() {
    fn close_everything(_: ()) {
        for descriptor in 3..4096 {
            // SAFETY: what is closed is this worker's own, and it is to suffer from that.
            unsafe { libc::close(descriptor) };
        }
    }
    alone(|| {
        let pool = one();
        let call = pool.submit(close_everything, ()).unwrap();
        let after = pool.submit(pid, ()).unwrap();
        if let Err(error) = call.result() {
            assert!(matches!(error, TaskError::WorkerDied(_)), "{error:?}");
        }
        after.result().unwrap();
    });
}

// contract: P3, X2
#[test]
fn a_pool_whose_worker_dies_during_its_drop_still_runs_the_rest() {
    alone(|| {
        let (gate, folder) = (ProcessGate::new(), Folder::new());
        let pool = one();
        let (held, worker) = gate.hold_on(&pool);
        let rest: Vec<_> = (0..20)
            .map(|n| pool.submit(note_number, (folder.file("ran"), n)).unwrap())
            .collect();
        let dropping = thread::spawn(move || drop(pool));
        kill(worker, libc::SIGKILL);
        death(held.result());
        dropping.join().unwrap();
        assert!(rest.into_iter().all(|call| call.result().is_ok()));
        assert_eq!(noted(folder.file("ran")), (0..20).collect::<Vec<_>>());
    });
}

// contract: P3
#[test]
fn calls_held_in_many_workers_that_all_die_at_once_each_fail() {
    alone(|| {
        let pool = ProcessPoolExecutor::new(4).unwrap();
        let gate = ProcessGate::new();
        let held: Vec<_> = (0..4)
            .map(|_| pool.submit(hold, gate.key()).unwrap())
            .collect();
        for worker in gate.wait_for(4) {
            kill(worker, libc::SIGKILL);
        }
        let mut dead: Vec<_> = held
            .into_iter()
            .map(|call| death(call.result()).pid())
            .collect();
        let mut came = gate.arrived();
        dead.sort_unstable();
        came.sort_unstable();
        assert_eq!(dead, came);
        gate.open();
        pool.submit(pass, gate.key()).unwrap().result().unwrap();
    });
}
