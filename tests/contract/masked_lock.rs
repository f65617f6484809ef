//! The lock of several cores without an operating system: interrupts of this core off, then the other cores.

use std::{
    cell::Cell,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use concurrent_futures_core::platform::{ConstLock, InterruptMask, Lock, MaskedSpinLock};
use concurrent_futures_tests::bounded;

/// A thread is a core here: how often its interrupts were switched off, and have not been switched on again.
struct Core;

thread_local! {
    static MASKED: Cell<usize> = const { Cell::new(0) };
    static TIMES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: nothing comes in between anyway; the section runs once, here.
unsafe impl InterruptMask for Core {
    fn masked<R>(section: impl FnOnce() -> R) -> R {
        struct Unmask;
        impl Drop for Unmask {
            fn drop(&mut self) {
                MASKED.set(MASKED.get() - 1);
            }
        }
        MASKED.set(MASKED.get() + 1);
        TIMES.set(TIMES.get() + 1);
        let _unmask = Unmask;
        section()
    }
}

// contract: D2
#[test]
fn interrupts_are_off_inside_and_on_after() {
    static LOCK: MaskedSpinLock<Core> = MaskedSpinLock::new();
    assert_eq!(MASKED.get(), 0);
    let (inside, value) = LOCK.with(|| (MASKED.get(), 7));
    assert_eq!((inside, value, MASKED.get(), TIMES.get()), (1, 7, 0, 1));
}

// contract: D2
#[test]
fn sections_of_two_locks_nest() {
    static OUTER: MaskedSpinLock<Core> = MaskedSpinLock::NEW;
    let inner = MaskedSpinLock::<Core>::default();
    let inside = OUTER.with(|| {
        let inside = inner.with(|| MASKED.get());
        (inside, MASKED.get())
    });
    assert_eq!(inside, (2, 1));
    assert_eq!(MASKED.get(), 0);
}

// contract: D2
#[test]
fn cores_go_in_one_at_a_time() {
    static LOCK: MaskedSpinLock<Core> = MaskedSpinLock::new();
    static INSIDE: AtomicBool = AtomicBool::new(false);
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    bounded(|| {
        let all = Barrier::new(4);
        thread::scope(|cores| {
            for _ in 0..4 {
                cores.spawn(|| {
                    all.wait();
                    for n in 0..5_000 {
                        LOCK.with(|| {
                            assert!(!INSIDE.swap(true, Ordering::Relaxed), "two are inside");
                            assert_eq!(MASKED.get(), 1);
                            // Not atomic as a whole: what the lock is for.
                            let count = COUNT.load(Ordering::Relaxed);
                            if n % 512 == 0 {
                                thread::yield_now();
                            }
                            COUNT.store(count + 1, Ordering::Relaxed);
                            INSIDE.store(false, Ordering::Relaxed);
                        });
                    }
                    assert_eq!((MASKED.get(), TIMES.get()), (0, 5_000));
                });
            }
        });
        assert_eq!(COUNT.load(Ordering::Relaxed), 20_000);
    });
}

// contract: D2
#[test]
fn interrupts_are_off_while_a_core_waits_for_another() {
    static LOCK: MaskedSpinLock<Core> = MaskedSpinLock::new();
    static WAITS: AtomicUsize = AtomicUsize::new(0);
    struct Telling;
    // SAFETY: nothing comes in between anyway; the section runs once, here.
    unsafe impl InterruptMask for Telling {
        fn masked<R>(section: impl FnOnce() -> R) -> R {
            WAITS.fetch_add(1, Ordering::SeqCst);
            section()
        }
    }
    static OTHER: MaskedSpinLock<Telling> = MaskedSpinLock::new();
    bounded(|| {
        thread::scope(|cores| {
            OTHER.with(|| {
                cores.spawn(|| OTHER.with(|| LOCK.with(|| ())));
                // It masks first, and spins then.
                while WAITS.load(Ordering::SeqCst) < 2 {
                    thread::yield_now();
                }
            });
        });
    });
}
