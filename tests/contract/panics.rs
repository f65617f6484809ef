//! R7: what is known of a panic.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};

use concurrent_futures::{Future, Panic, TaskError, ThreadPoolExecutor};
use concurrent_futures_tests::{Drops, bounded};

fn panic_of<T>(future: Future<T>) -> Panic {
    match future.result() {
        Err(TaskError::Panicked(panic)) => panic,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("a value"),
    }
}

// contract: R7
#[test]
fn a_panic_arrives_with_its_message_and_payload() {
    bounded(|| {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let literal = panic_of(pool.spawn(|| panic!("a literal")).unwrap());
        assert_eq!(literal.message(), "a literal");
        let formatted = panic_of(pool.submit(|n: u8| panic!("number {n}"), 3).unwrap());
        assert_eq!(formatted.message(), "number 3");
        assert_eq!(
            *formatted.into_payload().downcast::<String>().unwrap(),
            "number 3"
        );

        let drops = Drops::new();
        let token = drops.token();
        let own = panic_of(pool.spawn(move || panic_any((7_u8, token))).unwrap());
        let payload = own.into_payload();
        assert_eq!(drops.count(), 0);
        let again = catch_unwind(AssertUnwindSafe(|| resume_unwind(payload))).unwrap_err();
        let (number, token) = *again
            .downcast::<(u8, concurrent_futures_tests::Token)>()
            .unwrap();
        assert_eq!(number, 7);
        drop(token);
        assert_eq!(drops.count(), 1);

        let by_reference = pool.spawn(|| panic!("lent")).unwrap();
        for _ in 0..2 {
            match by_reference.result_ref() {
                Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "lent"),
                other => panic!("{other:?}"),
            }
        }
    });
}

// contract: R7
#[test]
fn the_place_of_a_panic_is_known_where_the_builder_asked() {
    bounded(|| {
        let silent = ThreadPoolExecutor::new(1).unwrap();
        let asked = ThreadPoolExecutor::builder()
            .max_workers(1)
            .panic_location(true)
            .build()
            .unwrap();
        let line = line!() + 1;
        let located = panic_of(asked.spawn(|| panic!("here")).unwrap());
        let location = located.location().expect("the builder asked for it");
        assert!(
            location.contains("panics.rs") && location.contains(&line.to_string()),
            "{location}"
        );
        assert_eq!(located.message(), "here");
        let unasked = panic_of(silent.spawn(|| panic!("somewhere")).unwrap());
        assert_eq!((unasked.location(), unasked.message()), (None, "somewhere"));
    });
}

// contract: R7
#[test]
fn the_place_of_a_panic_that_a_call_caught_is_not_another_panics() {
    bounded(|| {
        let pool = ThreadPoolExecutor::builder()
            .max_workers(1)
            .panic_location(true)
            .build()
            .unwrap();
        let line = line!() + 1;
        let caught = pool.spawn(|| catch_unwind(|| panic!("caught inside")).is_err());
        assert!(caught.unwrap().result().unwrap());
        // Going on unwinding has no place of its own.
        let resumed = panic_of(pool.spawn(|| resume_unwind(Box::new("resumed"))).unwrap());
        assert_eq!(resumed.message(), "resumed");
        let wrong = format!("panics.rs:{line}:");
        assert!(
            resumed
                .location()
                .is_none_or(|place| !place.contains(&wrong)),
            "the place of the panic that the other call caught: {:?}",
            resumed.location()
        );
    });
}
