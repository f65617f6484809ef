//! Interrupts, and what a notification may meet.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use concurrent_futures_core::future::SubmitError;
use concurrent_futures_core::platform::{Current, InterruptUnpark, Parker, Platform, Unparker};

use super::{ABOVE, BELOW, Counted, Pool, let_them_end, ms, pool, run};
use crate::kernel;
use crate::platform::{Rtos, STACKS};

#[test]
fn a_notification_of_a_task_that_ended_does_nothing() {
    static POOL: Pool<2> = pool();
    static NEXT: Pool<2> = pool();
    static ID: AtomicU32 = AtomicU32::new(0);
    run(ABOVE, || {
        let mine = || Rtos::with_parker(|parker| (parker.id(), parker.unparker()));
        let call = POOL.spawn(mine).expect("there is room");
        let (id, unparker): (usize, Unparker) = call.result().expect("it returns");
        ID.store(
            u32::try_from(id).expect("it is a task's"),
            Ordering::Relaxed,
        );
        POOL.shutdown(true, false).expect("this may wait");
        let_them_end();

        // Others have the stacks now.
        assert_eq!(NEXT.start(), STACKS);
        unparker.unpark();
        Rtos::unpark(id);
        kernel::interrupt(|| Rtos::unpark(ID.load(Ordering::Relaxed) as usize));
        Rtos::unpark(usize::MAX - 1);
        let taken = NEXT
            .spawn(|| kernel::notify_take(0))
            .expect("there is room");
        assert_eq!(taken.result().ok(), Some(0), "nobody got it");
        NEXT.shutdown(true, false).expect("this may wait");
    });
}

#[test]
fn interrupts_submit_while_the_pool_is_full() {
    static POOL: Pool<3> = pool();
    static LOST: AtomicU32 = AtomicU32::new(0);
    static RAN: AtomicU32 = AtomicU32::new(0);
    const TIMES: u32 = 300;
    fn handler() {
        assert!(matches!(Rtos::current(), Current::MustNotBlock));
        let counted = Counted::new();
        let queued = POOL.interrupt_side().submit_detached(move || {
            RAN.fetch_add(1, Ordering::Relaxed);
            drop(counted);
        });
        match queued {
            Ok(()) => {}
            Err(SubmitError::Full(_)) => drop(LOST.fetch_add(1, Ordering::Relaxed)),
            Err(other) => panic!("{other}"),
        }
    }
    // The workers run beside the handlers, whenever these come.
    run(BELOW, || {
        assert_eq!(POOL.start(), STACKS);
        let outside = thread::spawn(|| (0..TIMES / 3).for_each(|_| kernel::interrupt(handler)));
        for _ in 0..TIMES / 3 {
            kernel::set_alarm(1, handler);
            kernel::interrupt(handler);
            kernel::delay(1);
        }
        outside.join().expect("no handler panics");
        while RAN.load(Ordering::Relaxed) + LOST.load(Ordering::Relaxed) < TIMES {
            kernel::delay(1);
        }
        assert_eq!(
            RAN.load(Ordering::Relaxed) + LOST.load(Ordering::Relaxed),
            TIMES
        );

        POOL.shutdown(true, false).expect("this may wait");
        assert_eq!(POOL.free_slots(), 3);
        assert_eq!(Counted::left(), 0);
    });
}

#[test]
fn interrupts_are_refused_while_all_slots_are_busy() {
    static POOL: Pool<2> = pool();
    static LOST: AtomicU32 = AtomicU32::new(0);
    fn handler() {
        if POOL.interrupt_side().submit_detached(|| ()).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
    run(ABOVE, || {
        assert_eq!(POOL.start(), STACKS);
        // This task has the processor, so both wait.
        (0..5).for_each(|_| kernel::interrupt(handler));
        assert_eq!(LOST.load(Ordering::Relaxed), 3);
        assert!(matches!(POOL.spawn(|| ()), Err(SubmitError::Full(_))));
        kernel::delay(1);
        assert_eq!(POOL.free_slots(), 2);
        kernel::interrupt(handler);
        assert_eq!(LOST.load(Ordering::Relaxed), 3);
        POOL.shutdown(true, false).expect("this may wait");
        kernel::interrupt(handler);
        assert_eq!(LOST.load(Ordering::Relaxed), 4, "it is shut down");
    });
}

#[test]
fn an_interrupt_wakes_a_worker_that_sleeps() {
    static POOL: Pool<2> = pool();
    static TESTER: AtomicU32 = AtomicU32::new(0);
    run(ABOVE, || {
        let me = kernel::current_task().expect("this is a task");
        TESTER.store(me.number(), Ordering::Relaxed);
        POOL.start();
        kernel::delay(1);
        assert_eq!(POOL.stats().idle, STACKS);
        // All tasks sleep, and nothing is due, when this comes.
        let outside = thread::spawn(|| {
            thread::sleep(ms(20));
            kernel::interrupt(|| {
                let tester = kernel::TaskId::from_number(TESTER.load(Ordering::Relaxed));
                let queued = POOL
                    .interrupt_side()
                    .submit_detached(move || kernel::notify(tester));
                assert!(queued.is_ok());
            });
        });
        assert_eq!(kernel::notify_take(kernel::FOREVER), 1);
        outside.join().expect("the handler does not panic");
        POOL.shutdown(true, false).expect("this may wait");
    });
}

#[test]
fn waiting_where_it_would_hang_a_kernel_is_noticed() {
    run(ABOVE, || {
        let caught = |code: fn()| panic::catch_unwind(AssertUnwindSafe(code)).is_err();
        kernel::enter_critical();
        assert!(caught(|| assert_eq!(kernel::notify_take(1), 0)));
        kernel::exit_critical();
        assert!(caught(|| kernel::interrupt(kernel::enter_critical)));
        assert!(caught(|| kernel::interrupt(|| kernel::delay(1))));
    });
}
