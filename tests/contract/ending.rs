//! A call that waits to end in one of all the ways there are.

use std::sync::Arc;

use concurrent_futures::{CancelledBy, Future, TaskError, ThreadPoolBuilder, ThreadPoolExecutor};
use concurrent_futures_tests::{Gate, Threads};

/// The ways in which a call of a pool can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finish,
    Cancel,
    Shutdown,
    Initializer,
}

/// All of them.
pub(crate) const ENDS: [End; 4] = [End::Finish, End::Cancel, End::Shutdown, End::Initializer];

/// A call that waits to end in one of them.
pub(crate) struct Ending {
    end: End,
    pub(crate) threads: Threads,
    pub(crate) pool: ThreadPoolExecutor,
    /// Its worker does nothing before this is open.
    pub(crate) worker_waits: Gate,
    pub(crate) future: Arc<Future<u32>>,
}

impl Ending {
    /// A call that is to end in this way.
    pub(crate) fn new(end: End) -> Self {
        Self::of(end, |builder| builder)
    }

    /// As `new`, on a pool that is otherwise of the caller's choice.
    pub(crate) fn of(
        end: End,
        choose: impl FnOnce(ThreadPoolBuilder) -> ThreadPoolBuilder,
    ) -> Self {
        let threads = Threads::new();
        let worker_waits = Gate::new();
        let pool = choose(threads.builder())
            .max_workers(1)
            .initializer({
                let gate = worker_waits.clone();
                move || {
                    gate.pass();
                    match end {
                        End::Initializer => Err("not today"),
                        _ => Ok(()),
                    }
                }
            })
            .build()
            .unwrap();
        let future = Arc::new(pool.spawn(|| 1).unwrap());
        Self {
            end,
            threads,
            pool,
            worker_waits,
            future,
        }
    }

    /// Lets it end; when this returns, its callbacks have run.
    pub(crate) fn come(self) -> Arc<Future<u32>> {
        let settled = Gate::new();
        self.future.add_done_callback({
            let settled = settled.clone();
            move |_| settled.open()
        });
        match self.end {
            End::Finish | End::Initializer => {}
            End::Cancel => assert!(self.future.cancel()),
            End::Shutdown => assert_eq!(self.pool.shutdown(false, true).unwrap().cancelled, 1),
        }
        self.worker_waits.open();
        settled.pass();
        drop(self.pool);
        self.threads.assert_none_left();
        let by = match self.end {
            End::Finish => {
                assert_eq!(*self.future.result_ref().unwrap(), 1);
                return self.future;
            }
            End::Initializer => {
                assert!(matches!(
                    self.future.result_ref(),
                    Err(TaskError::Broken(_))
                ));
                return self.future;
            }
            End::Cancel => CancelledBy::Caller,
            End::Shutdown => CancelledBy::Shutdown,
        };
        match self.future.result_ref() {
            Err(TaskError::Cancelled(who)) => assert_eq!(*who, by),
            other => panic!("{other:?}"),
        }
        self.future
    }
}
