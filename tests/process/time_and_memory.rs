//! P4: limits of time and memory, for each call and each worker.

use std::{
    process, thread,
    time::{Duration, Instant},
};

use concurrent_futures::{CallOptions, MapError, MapOptions, ProcessPoolExecutor, TaskError};
use concurrent_futures_tests::{LIMIT, eventually, left::is_alive};

use crate::{
    help::{
        Folder, ProcessGate, alone, hold, note, note_number, noted, one, one_with, pid, pid_of,
    },
    limits::ignore_sigterm,
};

fn spin(file: String) {
    note(file, process::id());
    loop {
        std::hint::spin_loop();
    }
}

// contract: P4
#[test]
fn an_endless_call_is_killed_when_its_time_is_over() {
    alone(|| {
        let folder = Folder::new();
        let limit = Duration::from_millis(300);
        let pool = one_with().timeout(limit).build().unwrap();
        let before = pid_of(&pool);
        let start = Instant::now();
        let call = pool.submit(spin, folder.file("ran")).unwrap();
        let after = pool.submit(pid, ()).unwrap();
        assert!(call.wait() && call.failed());
        match call.result() {
            Err(TaskError::TimedOut(timed_out)) => {
                assert_eq!((timed_out.limit(), timed_out.pid()), (limit, before))
            }
            other => panic!("{other:?}"),
        }
        assert!(start.elapsed() >= limit);
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_ne!(after.result().unwrap(), before);
        assert!(!is_alive(before));
        assert_eq!(noted(folder.file("ran")), [before]);
    });
}

// contract: P4
#[test]
fn time_counts_from_when_a_call_starts() {
    alone(|| {
        let pool = one_with()
            .timeout(Duration::from_millis(1000))
            .build()
            .unwrap();
        let calls: Vec<_> = (0..5)
            .map(|_| {
                pool.submit(|()| thread::sleep(Duration::from_millis(300)), ())
                    .unwrap()
            })
            .collect();
        for call in calls {
            call.result().unwrap();
        }
        // And an idle worker has all the time in the world.
        let idle = pid_of(&pool);
        thread::sleep(Duration::from_millis(1100));
        assert_eq!(pid_of(&pool), idle);
    });
}

// contract: P4
#[test]
fn one_call_can_have_a_limit_of_its_own() {
    alone(|| {
        let gate = ProcessGate::new();
        let pool = ProcessPoolExecutor::builder()
            .max_workers(2)
            .timeout(Duration::from_millis(200))
            .build()
            .unwrap();
        let longer = pool
            .submit_with(CallOptions::new().timeout(LIMIT), hold, gate.key())
            .unwrap();
        gate.wait_for(1);
        thread::sleep(Duration::from_millis(400));
        assert!(!longer.done());
        gate.open();
        longer.result().unwrap();
        let pool = one();
        let gate = ProcessGate::new();
        let short = CallOptions::new().timeout(Duration::from_millis(100));
        let call = pool.submit_with(short, hold, gate.key()).unwrap();
        let behind = pool.submit(pid, ()).unwrap();
        assert!(matches!(call.result(), Err(TaskError::TimedOut(_))));
        behind.result().unwrap();
    });
}

// contract: P4
#[test]
fn a_call_that_ignores_sigterm_is_killed_after_the_grace() {
    alone(|| {
        for grace in [None, Some(Duration::from_millis(300))] {
            let gate = ProcessGate::new();
            let mut builder = one_with().timeout(Duration::from_millis(200));
            if let Some(grace) = grace {
                builder = builder.grace(grace);
            }
            let pool = builder.build().unwrap();
            let start = Instant::now();
            let call = pool.submit(ignore_sigterm, gate.key()).unwrap();
            match call.result() {
                Err(TaskError::TimedOut(timed_out)) => {
                    assert_eq!(timed_out.pid(), gate.arrived()[0]);
                    eventually("it ended", || !is_alive(timed_out.pid()));
                }
                other => panic!("{other:?}"),
            }
            assert!(start.elapsed() < Duration::from_secs(10));
            pid_of(&pool);
        }
    });
}

extern "C" fn farewell(_: i32) {
    let path = std::env::var("FAREWELL").unwrap();
    note(path, 1);
    // SAFETY: nothing of this process is needed any more.
    unsafe { libc::_exit(0) };
}

fn with_farewell(gate: String) -> u32 {
    let handler = farewell as extern "C" fn(i32);
    // SAFETY: the handler does what it must not in general; this call only sleeps meanwhile.
    unsafe { libc::signal(libc::SIGTERM, handler as usize) };
    hold(gate)
}

// contract: P4
#[test]
fn a_grace_lets_a_call_say_farewell() {
    alone(|| {
        for grace in [true, false] {
            let (gate, folder) = (ProcessGate::new(), Folder::new());
            let mut builder = one_with()
                .timeout(Duration::from_millis(300))
                .env("FAREWELL", folder.file("farewell"));
            if grace {
                builder = builder.grace(LIMIT);
            }
            let pool = builder.build().unwrap();
            let call = pool.submit(with_farewell, gate.key()).unwrap();
            assert!(matches!(call.result(), Err(TaskError::TimedOut(_))));
            pid_of(&pool);
            assert_eq!(noted(folder.file("farewell")).len(), usize::from(grace));
        }
    });
}

// contract: P4, M3
#[test]
fn an_item_of_a_map_that_takes_too_long_fails_alone() {
    fn slow_at_five((file, n): (String, u32)) -> u32 {
        note(file, n);
        if n == 5 {
            thread::sleep(LIMIT / 4);
        }
        n
    }
    alone(|| {
        for chunksize in [Some(1), Some(4), None] {
            let folder = Folder::new();
            let pool = one_with()
                .timeout(Duration::from_millis(400))
                .build()
                .unwrap();
            let mut options = MapOptions::new().keep_going(true);
            if let Some(chunksize) = chunksize {
                options = options.chunksize(chunksize);
            }
            let items = (0..12).map(|n| (folder.file("ran"), n));
            for (n, outcome) in (0..).zip(pool.map_with(options, slow_at_five, items).unwrap()) {
                match outcome {
                    Ok(m) => assert!(m == n && n != 5),
                    Err(MapError::Task(TaskError::TimedOut(_))) => assert_eq!(n, 5),
                    other => panic!("{n}: {other:?}"),
                }
            }
            assert_eq!(
                noted(folder.file("ran")),
                (0..12).collect::<Vec<_>>(),
                "each once"
            );
        }
    });
}

// contract: P4
#[test]
fn a_worker_has_only_so_much_address_space() {
    fn ask(bytes: usize) -> usize {
        let mut room = Vec::<u8>::with_capacity(bytes);
        room.push(1);
        std::hint::black_box(&room).capacity()
    }
    fn ask_politely(bytes: usize) -> bool {
        Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
    }
    alone(|| {
        let pool = one_with().address_space(2 << 30).build().unwrap();
        assert!(pool.submit(ask, 1 << 20).unwrap().result().is_ok());
        let worker = pid_of(&pool);
        assert!(
            !pool
                .submit(ask_politely, 4 << 30)
                .unwrap()
                .result()
                .unwrap()
        );
        assert_eq!(pid_of(&pool), worker);
        let call = pool.submit(ask, 4 << 30).unwrap();
        let folder = Folder::new();
        let after = pool.submit(note_number, (folder.file("after"), 1)).unwrap();
        assert!(matches!(
            call.result(),
            Err(TaskError::WorkerDied(_) | TaskError::Panicked(_))
        ));
        assert_eq!(after.result().unwrap(), 1);
        assert!(
            one()
                .submit(ask_politely, 4 << 30)
                .unwrap()
                .result()
                .unwrap()
        );
    });
}
