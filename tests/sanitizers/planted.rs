//! What a sanitizer must report, on demand: the argument says what to do wrong. Without one all the same is done right.
//!
//! Everything goes through a pool, so that it is seen whether the sanitizer sees through the library. Only `run`, in this
//! folder, runs this.

use std::{
    cell::UnsafeCell,
    env, hint, mem, process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use concurrent_futures::ThreadPoolExecutor;

fn pool() -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(1).expect("one is a number of workers")
}

#[derive(Default)]
struct Shared {
    count: UnsafeCell<u32>,
    go: AtomicBool,
}

// SAFETY: it is not, where a race is planted; else the library orders the two who count.
unsafe impl Sync for Shared {}

impl Shared {
    fn count(&self) {
        // SAFETY: as above.
        unsafe { *self.count.get() += 1 };
    }

    /// Relaxed, here and in the call: says when, and orders nothing.
    fn go(&self) {
        self.go.store(true, Ordering::Relaxed);
    }
}

/// A call counts and the main thread counts, which does not wait for the call if that is `wrong`.
fn race(wrong: bool) {
    let (pool, shared) = (pool(), Arc::new(Shared::default()));
    let theirs = Arc::clone(&shared);
    let call = pool
        .spawn(move || {
            while !theirs.go.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            theirs.count();
        })
        .expect("the pool is open");
    if wrong {
        shared.count();
        shared.go();
        call.result().expect("it does not panic");
    } else {
        shared.go();
        call.result().expect("it does not panic");
        shared.count();
    }
}

/// Futures that are done go, or are forgotten, and their outcomes with them.
fn leak(wrong: bool) {
    // On a thread of its own, of whose stack nothing is left to lead to them.
    let forgetful = thread::spawn(move || {
        let pool = pool();
        for n in 0..16_u8 {
            let future = pool.spawn(move || vec![n; 64]).expect("the pool is open");
            future.wait();
            if wrong {
                mem::forget(future);
            }
        }
    });
    forgetful.join().expect("it does not panic");
}

/// Looks at the outcome of a call whose future is dropped, or not yet.
fn use_after_free(wrong: bool) {
    let pool = pool();
    let future = pool.spawn(|| 7_u64).expect("the pool is open");
    let outcome: *const u64 = future.result_ref().expect("it does not panic");
    // Nobody else keeps the call.
    drop(pool);
    if wrong {
        drop(future);
        look(outcome);
    } else {
        look(outcome);
        drop(future);
    }
}

fn look(outcome: *const u64) {
    // SAFETY: it is not, where a use after free is planted; else the future keeps it.
    hint::black_box(unsafe { outcome.read_volatile() });
}

fn main() {
    match env::args().nth(1).as_deref() {
        None => {
            race(false);
            leak(false);
            use_after_free(false);
        }
        Some("race") => race(true),
        Some("leak") => leak(true),
        Some("use-after-free") => use_after_free(true),
        Some(other) => {
            eprintln!("nothing is planted as {other:?}: race, leak or use-after-free");
            process::exit(2);
        }
    }
}
