//! What becomes of others when a call kills its worker, by what the pool was asked for.

use crate::{
    common::{Folder, alone, assert_killed, pool, stay, worker_of},
    hangs::{die_after, note},
    sys,
};
use concurrent_futures::{
    CallOptions, Ended, MapOptions, OnDeath, ProcessPoolExecutor, SubmitError, TaskError,
};
use std::fs;

// contract: P3
#[test]
fn a_map_goes_on_after_an_item_that_kills_its_worker() {
    alone(|| {
        for chunk in [None, Some(1), Some(7), Some(1_000)] {
            let pool = pool(2);
            let options = MapOptions::new().keep_going(true);
            let options = chunk.map_or(options, |items| options.chunksize(items));
            let dies_at_40: fn(u32) -> u32 = |n| {
                if n == 40 {
                    sys::kill_self();
                }
                n
            };
            let outcomes: Vec<_> = pool
                .map_with(options, dies_at_40, 0..100)
                .unwrap()
                .collect();
            assert_eq!(outcomes.len(), 100);
            for (n, outcome) in (0..).zip(outcomes) {
                match outcome {
                    Ok(value) => assert_eq!(value, n),
                    Err(concurrent_futures::MapError::Task(TaskError::WorkerDied(death))) => {
                        assert_eq!((n, death.ended()), (40, Ended::Signal(9)), "{chunk:?}");
                    }
                    Err(other) => panic!("{n}, {chunk:?}: {other:?}"),
                }
            }
        }
    });
}

// The policy of CPython and loky, where asked for: nobody is left waiting.
// contract: P3, E2
#[test]
fn a_death_that_breaks_the_pool_fails_everything_in_it() {
    alone(|| {
        let folder = Folder::new();
        let builder = ProcessPoolExecutor::builder().max_workers(2);
        let pool = builder.on_death(OnDeath::Break).build().unwrap();
        let (first, second) = (folder.door("first"), folder.door("second"));
        let dies = pool.submit(die_after, first.name()).unwrap();
        let runs = pool.submit(stay, second.name()).unwrap();
        let (held, other) = (first.meet(), second.meet());
        let waits: Vec<_> = (0..100)
            .map(|n| pool.submit(|n: u32| n, n).unwrap())
            .collect();
        drop(held);
        assert!(dies.result().is_err());
        for call in waits {
            let outcome = call.result();
            assert!(matches!(outcome, Err(TaskError::Broken(_))), "{outcome:?}");
        }
        assert!(runs.result().is_err());
        drop(other);
        assert!(matches!(
            pool.submit(|()| (), ()),
            Err(SubmitError::Broken(..))
        ));
    });
}

// The same for a call that nothing helps: it must not be tried for ever.
// contract: P3
#[test]
fn a_call_that_always_dies_is_tried_as_often_as_was_asked_for() {
    alone(|| {
        let folder = Folder::new();
        let pool = pool(1);
        let tries: fn((String, u32)) = |noted| {
            note(noted);
            sys::kill_self();
        };
        for retries in 0..6 {
            let path = folder.text(&format!("tries-{retries}"));
            let options = CallOptions::new().retry(retries);
            let call = pool.submit_with(options, tries, (path.clone(), 1)).unwrap();
            assert_killed(call.result());
            let lines = fs::read_to_string(path).unwrap().lines().count();
            assert_eq!(lines, 1 + retries as usize);
            worker_of(&pool);
        }
    });
}
