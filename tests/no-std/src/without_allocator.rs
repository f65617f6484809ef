//! What there is without an allocator: a promise and a pool in a `static`, a queue in place, locks.

use core::cell::Cell;

use concurrent_futures_core::{
    executor::StaticPool,
    future::{InvalidState, ResultError, Slot, SubmitError, TaskError},
    platform::{CriticalLock, Lock},
    queue::{Deque, Queue},
};

use crate::platform::Single;

static SLOT: Slot<u32> = Slot::new();

/// A value through a promise, three times through the same place: the last of them.
#[unsafe(no_mangle)]
pub extern "C" fn promised() -> u32 {
    let mut last = 0;
    for value in [40, 41, 42] {
        let Ok((promise, future)) = SLOT.promise::<Single>() else {
            return 0;
        };
        if SLOT.promise::<Single>().is_ok() {
            return 1;
        }
        let Err(ResultError::Unfinished(future)) = future.try_result() else {
            return 2;
        };
        if promise.set(value).is_err() {
            return 3;
        }
        last = future.result().unwrap_or(4);
    }
    last
}

/// Whether a promise that is dropped fails its future.
#[unsafe(no_mangle)]
pub extern "C" fn abandoned() -> bool {
    let Ok((promise, future)) = SLOT.promise::<Single>() else {
        return false;
    };
    drop(promise);
    matches!(future.result(), Err(TaskError::Abandoned))
}

/// The value that comes back from a promise whose future was cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn cancelled() -> u32 {
    let Ok((promise, future)) = SLOT.promise::<Single>() else {
        return 0;
    };
    if !future.cancel() {
        return 1;
    }
    promise
        .set(7)
        .map_err(InvalidState::into_inner)
        .err()
        .unwrap_or(2)
}

/// What comes out of a queue for two that was given 1, 2 and 3, as decimal digits: the one that found no room first.
#[unsafe(no_mangle)]
pub extern "C" fn queued() -> u32 {
    let queue: Deque<u32, CriticalLock, 2> = Deque::new();
    let lock = CriticalLock::new();
    let digits = Cell::new(0);
    let write = |digit| lock.with(|| digits.set(digits.get() * 10 + digit));
    for value in [1, 2, 3] {
        if let Err(refused) = queue.push(value) {
            write(refused);
        }
    }
    while let Some(popped) = queue.pop() {
        write(popped.value);
    }
    digits.get()
}

static POOL: StaticPool<Single, 2, 32> = StaticPool::new();

/// What two calls of a pool in a `static` return, one after the other as decimal digits; the third found no room, and went into the slot of
/// one that was cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn pooled() -> u32 {
    let (Ok(first), Ok(second)) = (POOL.spawn(|| 4), POOL.spawn(|| 9)) else {
        return 0;
    };
    let Err(SubmitError::Full(refused)) = POOL.spawn(|| 2) else {
        return 1;
    };
    if !second.cancel() {
        return 2;
    }
    drop(second);
    let Ok(third) = POOL.spawn(refused.into_inner()) else {
        return 3;
    };
    if POOL.run_until_idle() != 2 {
        return 4;
    }
    first.result().unwrap_or(0) * 10 + third.result().unwrap_or(0)
}
