//! R8: what counts as a failure, who looks at it, and the forms that never wait.

use std::sync::{Arc, Mutex};

use concurrent_futures::{ErrorReport, Future, SubmitError, ThreadPoolExecutor};
use concurrent_futures_tests::{Threads, bounded};

use crate::held::Held;

// contract: R8
#[test]
fn err_is_a_failure_in_the_result_forms_only() {
    bounded(|| {
        fn judge(n: u8) -> Result<u8, String> {
            if n == 0 {
                Err(String::from("zero"))
            } else {
                Ok(n)
            }
        }
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let failed = |future: Future<Result<u8, String>>| {
            assert!(future.wait());
            let failed = future.failed();
            let value = future.result().expect("it returned");
            (failed, value.is_err())
        };
        assert_eq!(failed(pool.submit(judge, 0).unwrap()), (false, true));
        assert_eq!(failed(pool.spawn(|| judge(0)).unwrap()), (false, true));
        assert_eq!(failed(pool.try_submit(judge, 0).unwrap()), (false, true));
        assert_eq!(failed(pool.try_spawn(|| judge(0)).unwrap()), (false, true));
        assert_eq!(failed(pool.submit_result(judge, 0).unwrap()), (true, true));
        assert_eq!(
            failed(pool.spawn_result(|| judge(0)).unwrap()),
            (true, true)
        );
        assert_eq!(
            failed(pool.submit_result(judge, 1).unwrap()),
            (false, false)
        );
        assert_eq!(
            failed(pool.spawn_result(|| judge(1)).unwrap()),
            (false, false)
        );
        let portable = concurrent_futures::Executor::submit_result(&pool, judge, 0).unwrap();
        assert_eq!(failed(portable), (true, true));
        let portable = concurrent_futures::Executor::submit(&pool, judge, 0).unwrap();
        assert_eq!(failed(portable), (false, true));

        let panicked = pool
            .spawn_result(|| -> Result<u8, String> { panic!("x") })
            .unwrap();
        assert!(panicked.wait() && panicked.failed());
        assert_eq!(pool.map(judge, [1, 0, 2]).unwrap().count(), 3);
        assert_eq!(
            pool.map_result(judge, [1, 0, 2]).unwrap().count(),
            2,
            "stops at the failure"
        );
    });
}

// contract: R8
#[test]
fn the_error_hook_hears_of_failures_only() {
    bounded(|| {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let pool = ThreadPoolExecutor::builder()
            .max_workers(1)
            .error_hook({
                let heard = Arc::clone(&heard);
                move |report| {
                    heard.lock().unwrap().push(match report {
                        ErrorReport::Unread(error) => error.map(ToString::to_string),
                        other => panic!("{other:?}"),
                    });
                }
            })
            .build()
            .unwrap();
        let unread = |future: Future<Result<u8, String>>| {
            assert!(future.wait());
            drop(future);
        };
        unread(
            pool.spawn(|| Err(String::from("a value like any other")))
                .unwrap(),
        );
        assert!(heard.lock().unwrap().is_empty());
        unread(
            pool.spawn_result(|| Err(String::from("a failure")))
                .unwrap(),
        );
        assert_eq!(*heard.lock().unwrap(), [None]);
        unread(pool.spawn_result(|| Ok(1)).unwrap());
        assert_eq!(heard.lock().unwrap().len(), 1);
    });
}

// contract: R8
#[test]
fn the_try_forms_never_wait_for_room() {
    bounded(|| {
        let threads = Threads::new();
        let pool = threads
            .builder()
            .max_workers(1)
            .capacity(1)
            .build()
            .unwrap();
        let held = Held::on(&pool);
        let waits = pool.try_spawn(|| 1).unwrap();
        let refused = pool.try_spawn(|| 2).unwrap_err();
        assert!(matches!(refused, SubmitError::Full(_)));
        assert_eq!(refused.into_inner()(), 2);
        let refused = pool.try_submit(|n| n + 1, 2).unwrap_err();
        assert!(matches!(refused, SubmitError::Full(_)));
        let (function, argument) = refused.into_inner();
        assert_eq!(function(argument), 3);
        held.release();
        assert_eq!(waits.result().unwrap(), 1);
        drop(pool);
        threads.assert_none_left();
    });
}
