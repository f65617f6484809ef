//! P6: what is known of a panic in a worker, which lives on.

use concurrent_futures::{ChildOutput, MapError, MapOptions, Panic, TaskError};

use crate::help::{alone, one, one_with, pid_of};

#[inline(never)]
fn unlucky((text, n): (String, u32)) -> u32 {
    let line = line!() + 1;
    assert!(n == 13, "{text} {n} {line}");
    n
}

#[track_caller]
fn panic_of<T: std::fmt::Debug>(outcome: Result<T, TaskError>) -> Panic {
    match outcome {
        Err(TaskError::Panicked(panic)) => panic,
        other => panic!("no panic: {other:?}"),
    }
}

// contract: P6, R7, S5
#[test]
fn a_panic_arrives_with_all_that_is_known_of_it() {
    alone(|| {
        let pool = one();
        let worker = pid_of(&pool);
        for n in 0..5 {
            let call = pool
                .submit(unlucky, ("bad luck ä🦀".to_owned(), n))
                .unwrap();
            assert!(call.wait() && call.failed());
            let panic = panic_of(call.result());
            let (words, line) = panic.message().rsplit_once(' ').unwrap();
            assert_eq!(words, format!("bad luck ä🦀 {n}"));
            let location = panic.location().unwrap();
            assert!(
                location.contains(&format!("process/panics.rs:{line}:")),
                "{location}"
            );
            assert_eq!(panic.worker_pid(), Some(worker));
            let backtrace = panic.backtrace().unwrap();
            assert!(backtrace.contains("unlucky"), "{backtrace}");
            assert!(TaskError::Panicked(panic).to_string().contains("bad luck"));
            assert_eq!(pid_of(&pool), worker, "it lives on");
        }
        assert_eq!(
            pool.submit(unlucky, (String::new(), 13))
                .unwrap()
                .result()
                .unwrap(),
            13
        );
    });
}

// contract: P6
#[test]
fn payloads_of_every_kind_arrive_as_something() {
    alone(|| {
        // One of the messages is long.
        let pool = one_with().stderr(ChildOutput::Discard).build().unwrap();
        let worker = pid_of(&pool);
        let literal = pool
            .submit(|()| -> u8 { panic!("as it stands") }, ())
            .unwrap();
        assert_eq!(panic_of(literal.result()).message(), "as it stands");
        let number = pool
            .submit(|()| -> u8 { std::panic::panic_any(7) }, ())
            .unwrap();
        let number = panic_of(number.result());
        assert_eq!(number.worker_pid(), Some(worker));
        assert!(number.location().is_some());
        let empty = pool.submit(|()| -> u8 { panic!("{}", "") }, ()).unwrap();
        assert_eq!(panic_of(empty.result()).message(), "");
        let long = pool
            .submit(|n: usize| -> u8 { panic!("{}", "x".repeat(n)) }, 5 << 20)
            .unwrap();
        assert_eq!(panic_of(long.result()).message().len(), 5 << 20);
        let unwrapped = pool
            .submit(
                |text: String| text.parse::<u8>().unwrap(),
                "three".to_owned(),
            )
            .unwrap();
        assert!(
            panic_of(unwrapped.result())
                .message()
                .contains("InvalidDigit")
        );
        let resumed = pool
            .submit(
                |()| -> u8 { std::panic::resume_unwind(Box::new("resumed")) },
                (),
            )
            .unwrap();
        assert_eq!(panic_of(resumed.result()).message(), "resumed");
        assert_eq!(pid_of(&pool), worker);
    });
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's drop");
    }
}

// contract: P6, S5
#[test]
fn a_payload_whose_drop_panics_is_one_failed_call() {
    alone(|| {
        let pool = one();
        let call = pool
            .submit(|()| -> u8 { std::panic::panic_any(Bomb) }, ())
            .unwrap();
        // Nothing can be said of such a payload; a dead worker would do, a hang or a dead pool would not.
        assert!(call.result().is_err());
        pid_of(&pool);
    });
}

// contract: P6
#[test]
fn a_panic_that_a_call_catches_is_its_own() {
    fn careful(_: ()) -> bool {
        std::panic::catch_unwind(|| panic!("inside")).is_err()
    }
    fn in_a_thread(_: ()) -> bool {
        std::thread::spawn(|| panic!("beside")).join().is_err()
    }
    alone(|| {
        let pool = one();
        let worker = pid_of(&pool);
        assert!(pool.submit(careful, ()).unwrap().result().unwrap());
        assert!(pool.submit(in_a_thread, ()).unwrap().result().unwrap());
        // What the next one says is its own, not what is left of those.
        let panic = panic_of(
            pool.submit(|()| -> u8 { std::panic::resume_unwind(Box::new(3)) }, ())
                .unwrap()
                .result(),
        );
        assert!(!panic.message().contains("side"), "{panic:?}");
        assert_eq!(pid_of(&pool), worker);
    });
}

// contract: P6, M3
#[test]
fn items_of_a_map_panic_each_for_themselves() {
    alone(|| {
        for chunksize in [1, 50] {
            let pool = one();
            let worker = pid_of(&pool);
            let options = MapOptions::new().keep_going(true).chunksize(chunksize);
            let items = (0..26).map(|n| ("item".to_owned(), n));
            for (n, outcome) in (0..).zip(pool.map_with(options, unlucky, items).unwrap()) {
                match outcome {
                    Ok(13) => assert_eq!(n, 13),
                    Err(MapError::Task(error)) => {
                        let panic = panic_of(Err::<(), _>(error));
                        assert!(panic.message().starts_with(&format!("item {n} ")));
                        assert_eq!(panic.worker_pid(), Some(worker));
                        assert!(panic.backtrace().unwrap().contains("unlucky"));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(pid_of(&pool), worker);
        }
    });
}
