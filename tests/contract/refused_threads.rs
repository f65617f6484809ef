//! T8: systems that refuse to start threads.

use std::{
    env,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use concurrent_futures::{SubmitError, TaskError};
use concurrent_futures_tests::{Drops, Threads, bounded};

use crate::{held::Held, thread_pool::counted};

/// No address space has room for it, and no builder can know that.
const TOO_MUCH_STACK: usize = 1 << 60;

// contract: T8
#[test]
fn a_pool_that_can_start_no_thread_gives_the_call_back() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads.builder().max_workers(4).stack_size(TOO_MUCH_STACK);
        let pool = pool.build().unwrap();
        for _ in 0..10 {
            match pool.spawn(|| 3) {
                Err(SubmitError::NoWorker(call)) => assert_eq!(call.into_inner()(), 3),
                other => panic!("{other:?}"),
            }
            match pool.try_submit(|n: u8| n, 4) {
                Err(SubmitError::NoWorker(call)) => assert_eq!(call.into_inner().1, 4),
                other => panic!("{other:?}"),
            }
        }
        let drops = Drops::new();
        let input = [drops.token(), drops.token()];
        assert!(matches!(
            pool.map(drop, input),
            Err(SubmitError::NoWorker(_))
        ));
        assert_eq!(drops.count(), 2);
        let local = String::from("local");
        pool.scope(|s| {
            assert!(matches!(
                s.spawn(|| local.len()),
                Err(SubmitError::NoWorker(_))
            ));
            match s.try_spawn(|| local.len()) {
                Err(SubmitError::NoWorker(call)) => assert_eq!(call.into_inner()(), 5),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!((pool.stats().workers, pool.stats().queued), (0, 0));
        let report = pool.shutdown(true, false).unwrap();
        assert_eq!(
            (report.ran, report.still_running, report.still_queued),
            (0, 0, 0)
        );
        assert!(matches!(pool.spawn(|| ()), Err(SubmitError::ShutDown(_))));
    });
}

// contract: T8
#[test]
fn nobody_hangs_when_many_submit_to_a_pool_that_can_start_no_thread() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(2)
            .capacity(2)
            .stack_size(TOO_MUCH_STACK)
            .build()
            .unwrap();
        let (drops, ran) = (Drops::new(), AtomicUsize::new(0));
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..100 {
                        let token = drops.token();
                        match pool.spawn(move || drop(token)) {
                            Err(SubmitError::NoWorker(_)) => {}
                            Err(other) => panic!("{other:?}"),
                            // Another thread was just trying to start a worker for it.
                            Ok(future) => match future.result() {
                                Err(TaskError::NoWorker) => {}
                                Err(other) => panic!("{other:?}"),
                                Ok(()) => drop(ran.fetch_add(1, Ordering::SeqCst)),
                            },
                        }
                    }
                });
            }
        });
        assert_eq!((drops.count(), ran.load(Ordering::SeqCst)), (400, 0));
        assert_eq!(pool.stats().workers, 0);
    });
}

/// The size of this process's address space in bytes.
fn address_space() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmSize:"))
        .unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

const ONE_WORKER: &str = "CONCURRENT_FUTURES_TEST_ONE_WORKER";

// contract: T8
#[test]
fn a_pool_runs_smaller_when_it_can_start_no_more_threads() {
    const STACK: usize = 1 << 30;
    if env::var(ONE_WORKER).is_err() {
        // In a process of its own, because it takes the room for another stack away from all threads.
        let name = "refused_threads::a_pool_runs_smaller_when_it_can_start_no_more_threads";
        let mut child = Command::new(env::current_exe().unwrap());
        child
            .args([name, "--exact", "--test-threads=1"])
            .env(ONE_WORKER, "1");
        let output = bounded(move || child.output().unwrap());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        return;
    }
    bounded(|| {
        let threads = Threads::new();
        let (builder, started) = counted(&threads);
        let pool = builder.max_workers(4).stack_size(STACK).build().unwrap();
        let held = Held::on(&pool);
        let most = address_space() + STACK as u64 / 2;
        let limit = libc::rlimit {
            rlim_cur: most,
            rlim_max: most,
        };
        // SAFETY: the limit is a valid one, on this frame.
        let refused = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        assert_eq!(refused, 0);
        let queued: Vec<_> = (0..20).map(|n| pool.spawn(move || n).unwrap()).collect();
        assert_eq!(pool.stats().workers, 1);
        assert_eq!(pool.stats().queued, 20);
        held.release();
        for (n, future) in queued.into_iter().enumerate() {
            assert_eq!(future.result().unwrap(), n);
        }
        assert_eq!(pool.spawn(|| 1).unwrap().result().unwrap(), 1);
        drop(pool);
        assert_eq!(started.load(Ordering::SeqCst), 1);
        threads.assert_none_left();
    });
}
