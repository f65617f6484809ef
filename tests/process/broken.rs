//! P3: what breaks a whole pool, and how everybody hears of it.

use std::{process, sync::mpsc, thread};

use concurrent_futures::{
    BrokenKind, Ended, MapError, OnDeath, ProcessPoolExecutor, SubmitError, TaskError, TaskState,
};
use concurrent_futures_tests::{eventually, left::is_alive};

use crate::help::{Folder, ProcessGate, alone, kill, note, note_number, noted, one_with, pid};

fn fail(how: String) -> Result<(), String> {
    match &*how {
        "error" => Err("the initializer says no".to_owned()),
        "panic" => panic!("the initializer says no"),
        "exit" => process::exit(41),
        "abort" => process::abort(),
        _ => Ok(()),
    }
}

/// Both know that this is a pool of processes, and why it broke.
#[track_caller]
fn cause(error: &TaskError) -> String {
    match error {
        TaskError::Broken(broken) => {
            assert_eq!(broken.kind(), BrokenKind::ProcessPool);
            broken.cause().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refuses(pool: &ProcessPoolExecutor) {
    match pool.submit(pid, ()) {
        Err(SubmitError::Broken(broken, call)) => {
            assert_eq!(broken.kind(), BrokenKind::ProcessPool);
            let _ = call.into_inner();
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        pool.try_submit(pid, ()),
        Err(SubmitError::Broken(..))
    ));
    assert!(matches!(
        pool.map(pid, [(), ()]).map(drop),
        Err(SubmitError::Broken(..))
    ));
}

// contract: P3, E2
#[test]
fn an_initializer_that_fails_breaks_the_pool() {
    alone(|| {
        for (how, words) in [
            ("error", "the initializer says no"),
            ("panic", "the initializer says no"),
            ("exit", "41"),
            ("abort", "6"),
        ] {
            for workers in [1, 3] {
                let pool = ProcessPoolExecutor::builder()
                    .max_workers(workers)
                    .initializer(fail, how.to_owned())
                    .build()
                    .unwrap();
                let mut calls = Vec::new();
                for _ in 0..20 {
                    match pool.submit(pid, ()) {
                        Ok(call) => calls.push(call),
                        Err(error) => {
                            assert!(matches!(error, SubmitError::Broken(..)), "{error:?}")
                        }
                    }
                }
                assert!(!calls.is_empty());
                for call in calls {
                    assert!(call.wait() && call.failed());
                    let error = call.result().unwrap_err();
                    let cause = cause(&error);
                    assert!(cause.contains(words), "{how}: {cause}");
                }
                refuses(&pool);
                pool.shutdown(true, false).unwrap();
                refuses(&pool);
            }
        }
    });
}

fn fail_later((file, good): (String, usize)) -> Result<(), String> {
    note(&file, process::id());
    if noted(&file).len() > good {
        Err("enough".to_owned())
    } else {
        Ok(())
    }
}

// contract: P3, P4
#[test]
fn an_initializer_that_fails_in_a_replacement_breaks_the_pool() {
    alone(|| {
        let folder = Folder::new();
        let pool = one_with()
            .initializer(fail_later, (folder.file("began"), 1))
            .max_tasks_per_child(2)
            .build()
            .unwrap();
        let calls: Vec<_> = (0..5)
            .filter_map(|n| pool.submit(note_number, (folder.file("ran"), n)).ok())
            .collect();
        let outcomes: Vec<_> = calls
            .into_iter()
            .map(concurrent_futures::Future::result)
            .collect();
        assert!(outcomes[..2].iter().all(Result::is_ok), "{outcomes:?}");
        for outcome in &outcomes[2..] {
            assert!(cause(outcome.as_ref().unwrap_err()).contains("enough"));
        }
        eventually("it is known", || pool.submit(pid, ()).is_err());
        refuses(&pool);
        assert_eq!(noted(folder.file("ran")), [0, 1]);
    });
}

// contract: P3
#[test]
fn an_initializer_that_fails_in_a_second_worker_fails_everything() {
    alone(|| {
        let (gate, folder) = (ProcessGate::new(), Folder::new());
        let pool = ProcessPoolExecutor::builder()
            .max_workers(2)
            .initializer(fail_later, (folder.file("began"), 1))
            .build()
            .unwrap();
        let (held, worker) = gate.hold_on(&pool);
        let next = pool.submit(pid, ()).unwrap();
        let cancelled = pool.submit(pid, ());
        if let Ok(call) = &cancelled {
            call.cancel();
        }
        assert!(cause(&next.result().unwrap_err()).contains("enough"));
        refuses(&pool);
        gate.open();
        // Everything, here: the worker of what ran is ended, too.
        let died = held.result();
        assert!(
            matches!(&died, Err(TaskError::Broken(_) | TaskError::WorkerDied(_))),
            "{died:?}"
        );
        assert!(!is_alive(worker));
    });
}

// contract: P3, E2, C3
#[test]
fn a_pool_that_is_to_break_with_a_worker_does() {
    alone(|| {
        let gate = ProcessGate::new();
        let pool = ProcessPoolExecutor::builder()
            .max_workers(2)
            .on_death(OnDeath::Break)
            .build()
            .unwrap();
        let (held, worker) = gate.hold_on(&pool);
        let (other, _) = gate.hold_on(&pool);
        let queued: Vec<_> = (0..20).map(|_| pool.submit(pid, ()).unwrap()).collect();
        assert!(queued[7].cancel());
        let (tell, told) = mpsc::channel();
        for call in &queued {
            let (tell, handle) = (tell.clone(), pool.handle());
            call.add_done_callback(move |done| {
                let refused = handle.submit(pid, ()).is_err();
                tell.send((done.state(), refused)).unwrap();
            });
        }
        kill(worker, libc::SIGKILL);
        match held.result().unwrap_err() {
            TaskError::WorkerDied(death) => {
                assert_eq!((death.pid(), death.ended()), (worker, Ended::Signal(9)))
            }
            error => assert!(cause(&error).contains(&worker.to_string())),
        }
        for (n, call) in queued.into_iter().enumerate() {
            let error = call.result().unwrap_err();
            if n == 7 {
                assert!(
                    matches!(error, TaskError::Cancelled(_)),
                    "it stays cancelled"
                );
            } else {
                let cause = cause(&error);
                assert!(cause.contains(&worker.to_string()), "who it was: {cause}");
                assert!(cause.contains('9'), "and how it ended: {cause}");
            }
        }
        let told: Vec<_> = (0..20).map(|_| told.recv().unwrap()).collect();
        let refused = told
            .iter()
            .filter(|told| told.1 && told.0 == TaskState::Finished)
            .count();
        assert_eq!(refused, 19, "{told:?}");
        // "And everything in it".
        assert!(other.result().is_err());
        refuses(&pool);
    });
}

// contract: P3, X2
#[test]
fn a_broken_pool_can_be_shut_down_and_dropped_in_every_way() {
    alone(|| {
        for (waits, cancels) in [(true, true), (true, false), (false, true), (false, false)] {
            let pool = one_with()
                .initializer(fail, "error".to_owned())
                .build()
                .unwrap();
            let call = pool.submit(pid, ()).unwrap();
            let report = pool.shutdown(waits, cancels).unwrap();
            assert!(!waits || report.still_running + report.still_queued == 0);
            assert!(call.result().is_err());
        }
        let pool = one_with()
            .initializer(fail, "error".to_owned())
            .build()
            .unwrap();
        let call = pool.submit(pid, ()).unwrap();
        pool.detach();
        assert!(call.result().is_err());
    });
}

// contract: P3, M9
#[test]
fn a_map_over_a_pool_that_breaks_ends_with_an_error() {
    alone(|| {
        for buffer in [None, Some(4)] {
            let mut options = concurrent_futures::MapOptions::new().keep_going(true);
            if let Some(buffer) = buffer {
                options = options.buffer_size(buffer);
            }
            let pool = one_with().on_death(OnDeath::Break).build().unwrap();
            let items = pool
                .map_with(
                    options,
                    |n: u32| if n == 5 { process::exit(9) } else { n },
                    0..1000,
                )
                .unwrap();
            let outcomes: Vec<_> = items.collect();
            assert!(
                outcomes[..5].iter().all(Result::is_ok),
                "{:?}",
                &outcomes[..6]
            );
            for outcome in &outcomes[5..] {
                assert!(
                    matches!(
                        outcome,
                        Err(
                            MapError::Task(TaskError::Broken(_) | TaskError::WorkerDied(_))
                                | MapError::Refused(SubmitError::Broken(..))
                        )
                    ),
                    "{outcome:?}"
                );
            }
            assert!(outcomes.len() > 5);
            refuses(&pool);
        }
    });
}

// contract: P3, S3
#[test]
fn a_submitter_that_waits_for_room_hears_that_the_pool_broke() {
    alone(|| {
        let gate = ProcessGate::new();
        let pool = one_with()
            .capacity(1)
            .window(1)
            .on_death(OnDeath::Break)
            .build()
            .unwrap();
        let (_held, worker) = gate.hold_on(&pool);
        let _queued = pool.submit(pid, ()).unwrap();
        let handle = pool.handle();
        let blocked = thread::spawn(move || {
            let mut calls = Vec::new();
            for _ in 0..3 {
                match handle.submit(pid, ()) {
                    Ok(call) => calls.push(call),
                    Err(error) => return matches!(error, SubmitError::Broken(..)),
                }
            }
            false
        });
        thread::sleep(std::time::Duration::from_millis(50));
        kill(worker, libc::SIGKILL);
        assert!(blocked.join().unwrap());
    });
}
