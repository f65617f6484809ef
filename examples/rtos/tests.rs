//! The platform on the kernel: what is refused, late, lost or left.

mod interrupts;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use concurrent_futures_core::executor::{ShutdownError, StaticPool};
use concurrent_futures_core::future::{CancelledBy, ResultError, SubmitError, TaskError};
use concurrent_futures_core::platform::{Clock, Current, Parker, Platform};

use crate::kernel::{self, Stack};
use crate::platform::{self, Rtos, RtosClock, STACKS, TaskSpawner};

type Pool<const SLOTS: usize> = StaticPool<Rtos, SLOTS, 40, TaskSpawner>;

const fn pool<const SLOTS: usize>() -> Pool<SLOTS> {
    Pool::with_workers(STACKS, TaskSpawner)
}

/// Above that of workers, and below.
const ABOVE: u8 = 2;
const BELOW: u8 = 0;

/// Runs a test as a task, alone; nothing is left after it.
fn run(priority: u8, test: fn()) {
    run_after(|| (), priority, test);
}

/// As `run`, after something that happens before the scheduler is started.
fn run_after(boot: impl FnOnce(), priority: u8, test: fn()) {
    static ONE: Mutex<()> = Mutex::new(());
    static TEST: Mutex<fn()> = Mutex::new(|| ());

    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    *TEST.lock().expect("nobody panics with it") = test;
    boot();
    let stack = Box::leak(Box::new(Stack::new()));
    let task = |_| {
        let test = *TEST.lock().expect("nobody panics with it");
        test();
    };
    assert!(kernel::create_static(task, 0, stack, priority).is_some());
    kernel::start_scheduler();
    assert_eq!(kernel::task_count(), 0);
    assert_eq!(platform::free_stacks(), STACKS);
}

/// The workers of a pool that was shut down come to their ends.
fn let_them_end() {
    kernel::delay(1);
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn workers_are_refused_while_all_stacks_are_taken_and_give_them_back() {
    static FIRST: Pool<4> = pool();
    static SECOND: Pool<4> = pool();
    run(ABOVE, || {
        assert_eq!(FIRST.start(), STACKS);
        assert_eq!(platform::free_stacks(), 0);
        let Err(SubmitError::NoWorker(refused)) = SECOND.spawn(|| 42) else {
            panic!("there is no stack");
        };
        assert_eq!(refused.into_inner()(), 42, "the call is back");
        assert_eq!(SECOND.free_slots(), 4);
        assert_eq!(SECOND.start(), 0);

        FIRST.shutdown(true, false).expect("this may wait");
        let_them_end();
        assert_eq!(platform::free_stacks(), STACKS);
        assert_eq!(SECOND.start(), STACKS);
        assert_eq!(
            SECOND
                .spawn(|| 42)
                .expect("there are workers")
                .result()
                .ok(),
            Some(42)
        );
        SECOND.shutdown(true, false).expect("this may wait");
    });
}

#[test]
fn fewer_stacks_make_a_smaller_pool() {
    static OTHER: StaticPool<Rtos, 2, 40, TaskSpawner> = StaticPool::with_workers(1, TaskSpawner);
    static POOL: Pool<4> = pool();
    run(ABOVE, || {
        assert_eq!(OTHER.start(), 1);
        assert_eq!(POOL.start(), STACKS - 1);
        let calls = [1, 2].map(|n| POOL.submit(|n| n, n).expect("there is room"));
        assert_eq!(calls.map(|call| call.result().ok()), [Some(1), Some(2)]);
        POOL.shutdown(true, false).expect("this may wait");
        OTHER.shutdown(true, false).expect("this may wait");
    });
}

#[test]
fn the_clock_goes_round_in_the_middle_of_a_timeout() {
    static POOL: Pool<2> = pool();
    run(ABOVE, || {
        let now = || RtosClock::now().expect("there is a clock");
        for _ in 0..2 {
            // In steps: the clock has to be asked twice while the counter goes round.
            let mut left = (u32::MAX - 10).wrapping_sub(kernel::tick_count());
            while left > 0 {
                let step = left.min(1 << 30);
                let before = now();
                kernel::work(step);
                assert_eq!(now().saturating_since(before), ms(u64::from(step)));
                left -= step;
            }
            let call = POOL.spawn(|| kernel::delay(100)).expect("there is room");
            let before = now();
            let late = call.result_timeout(ms(30));
            assert!(matches!(late, Err(ResultError::Unfinished(_))));
            assert_eq!(kernel::tick_count(), 19);
            assert_eq!(now().saturating_since(before), ms(30));
            let call = late.err().and_then(ResultError::into_future);
            assert_eq!(call.expect("it is there").result().ok(), Some(()));
            assert_eq!(now().saturating_since(before), ms(100));
            let_them_end();
        }
        POOL.shutdown(true, false).expect("this may wait");
    });
}

#[test]
fn a_wait_ends_at_the_tick_after_its_deadline() {
    run(ABOVE, || {
        let park = |time| {
            let deadline = RtosClock::now().and_then(|now| now.checked_add(time));
            Rtos::with_parker(|parker| parker.park_until(deadline.expect("there is a clock")));
        };
        for (time, ticks) in [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (ms(1), 1),
            (ms(1) + Duration::from_nanos(1), 2),
            (Duration::from_secs(3600), 3_600_000),
        ] {
            let before = kernel::tick_count();
            park(time);
            assert_eq!(kernel::tick_count().wrapping_sub(before), ticks, "{time:?}");
        }
    });
}

#[test]
fn a_worker_that_never_begins_can_be_withdrawn() {
    static POOL: Pool<4> = pool();
    run(ABOVE, || {
        // Nothing here waits, so no worker of a lower priority runs.
        let stuck = POOL.spawn(|| ()).expect("there is a stack");
        let counted = Counted::new();
        let other = POOL.spawn(move || drop(counted)).expect("there is room");
        kernel::work(1_000);
        assert!(!stuck.running() && !other.done());
        assert_eq!(platform::withdraw(), 1, "one is enough to begin with");
        assert_eq!(platform::withdraw(), 0);
        assert_eq!(POOL.stats().workers, 0);
        assert!(matches!(other.result(), Err(TaskError::NoWorker)));
        assert!(matches!(stuck.result(), Err(TaskError::NoWorker)));
        assert_eq!(Counted::left(), 0);

        let_them_end();
        assert_eq!(
            POOL.spawn(|| 42).expect("there is a stack").result().ok(),
            Some(42)
        );
        POOL.shutdown(true, false).expect("this may wait");
    });
}

#[test]
fn workers_start_late() {
    static POOL: Pool<4> = pool();
    let boot = || {
        let call = POOL.spawn(kernel::tick_count).expect("there is a stack");
        assert!(matches!(Rtos::current(), Current::MustNotBlock));
        let Err(ResultError::WouldBlock(call)) = call.result_timeout(ms(1)) else {
            panic!("nobody can wait yet");
        };
        let nobody_waits = POOL.spawn(|| ()).expect("there is room");
        assert!(nobody_waits.cancel());
        drop(call);
    };
    run_after(boot, ABOVE, || {
        assert_eq!(POOL.free_slots(), 3, "the call waits");
        assert_eq!(
            POOL.spawn(|| 42).expect("there is room").result().ok(),
            Some(42)
        );
        let report = POOL.shutdown(true, false).expect("this may wait");
        assert_eq!((report.still_queued, POOL.free_slots()), (0, 4));
    });
}

#[test]
fn shutting_down_waits_for_no_task() {
    static POOL: Pool<6> = pool();
    run(ABOVE, || {
        let long = POOL.spawn(|| kernel::delay(100)).expect("there is room");
        kernel::delay(1);
        let from_worker = POOL
            .spawn(|| POOL.shutdown(true, false))
            .expect("there is room");
        let refused = from_worker.result().expect("it returns");
        assert_eq!(refused, Err(ShutdownError::FromWorker));
        let report = POOL.shutdown_timeout(ms(10), true).expect("this may wait");
        assert_eq!((report.still_running, report.still_queued), (1, 0));
        assert!(!long.done());
        assert_eq!(long.result().ok(), Some(()));
        POOL.shutdown(true, false).expect("this may wait");
        // The tasks are there still, with nothing to do but to end.
        assert!(platform::free_stacks() < STACKS);
        let_them_end();
        assert_eq!(platform::free_stacks(), STACKS);
    });
}

#[test]
fn nothing_is_left_of_any_call() {
    static POOL: Pool<6> = pool();
    run(ABOVE, || {
        let call = |ticks| {
            let counted = Counted::new();
            move || {
                kernel::delay(ticks);
                counted
            }
        };
        let ran = POOL.spawn(call(1)).expect("there is room");
        let unread = POOL.spawn(call(2)).expect("there is room");
        let cancelled = POOL.spawn(call(1)).expect("there is room");
        let swept = POOL.spawn(call(1)).expect("there is room");
        assert!(cancelled.cancel());
        drop(ran.result());
        assert_eq!(Counted::left(), 2, "one runs, one waits, or has begun");
        POOL.shutdown(false, true).expect("this does not wait");
        let swept = swept.result().err();
        assert!(matches!(
            swept,
            None | Some(TaskError::Cancelled(CancelledBy::Shutdown))
        ));
        POOL.shutdown(true, false).expect("this may wait");
        assert!(unread.done());
        drop((unread, cancelled));
        assert_eq!(Counted::left(), 0);
        assert_eq!(POOL.free_slots(), 6);
    });
}

/// Counts those that are alive. All tests that use it run one after the other.
struct Counted(());

static COUNTED: AtomicU32 = AtomicU32::new(0);

impl Counted {
    fn new() -> Self {
        COUNTED.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    fn left() -> u32 {
        COUNTED.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        COUNTED.fetch_sub(1, Ordering::Relaxed);
    }
}
