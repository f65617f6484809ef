//! What an allocator adds: executors, callbacks, `map` and `wait`.

use alloc::{boxed::Box, vec::Vec};
use core::sync::atomic::{AtomicU32, Ordering};

use concurrent_futures_core::{
    executor::{InlineExecutor, PumpExecutor},
    future::{ReturnWhen, as_completed, wait},
    platform::CriticalLock,
    queue::{Deque, Ring},
    sync::Shared,
    task::Task,
};

use crate::platform::Single;

/// A closure that is run where it is submitted, its callback included.
#[unsafe(no_mangle)]
pub extern "C" fn ran_inline() -> u32 {
    let executor = InlineExecutor::<Single>::new();
    let captured = Box::new(40);
    let Ok(future) = executor.spawn(move || *captured) else {
        return 0;
    };
    let seen = Shared::new(AtomicU32::new(0));
    let writer = seen.clone();
    future.add_done_callback(move |done| {
        writer.store(done.outcome().copied().unwrap_or(0), Ordering::Relaxed);
    });
    future.result().unwrap_or(0) / 20 + seen.load(Ordering::Relaxed)
}

/// Calls that wait in a queue in place until somebody waits for one of them, which another one waits for.
#[unsafe(no_mangle)]
pub extern "C" fn ran_pumped() -> u32 {
    type InPlace = Deque<Task, CriticalLock, 4>;
    let pump = PumpExecutor::<Single, InPlace>::new(InPlace::new());
    let handle = pump.handle();
    let outer = pump.spawn(move || {
        let inner = handle.spawn(|| 21).ok()?;
        Some(2 * inner.result().ok()?)
    });
    let Ok(Ok(Some(value))) = outer.map(|outer| outer.result()) else {
        return 0;
    };
    value
}

/// The sum of the squares of 1 to 4, by a ring that has room for two calls.
#[unsafe(no_mangle)]
pub extern "C" fn mapped() -> u32 {
    let Ok(ring) = Ring::new(2) else {
        return 0;
    };
    let pump = PumpExecutor::<Single, _>::new(ring);
    let Ok(squares) = pump.map(|n: u32| n * n, 1..=4) else {
        return 1;
    };
    squares.map(|square| square.unwrap_or(0)).sum()
}

/// Futures that are waited for together: how many are done after the first, then all their values.
#[unsafe(no_mangle)]
pub extern "C" fn waited() -> u32 {
    let Ok(ring) = Ring::new(4) else {
        return 0;
    };
    let pump = PumpExecutor::<Single, _>::new(ring);
    let futures: Vec<_> = (1..=3).filter_map(|n| pump.spawn(move || n).ok()).collect();
    let split = wait(&futures, ReturnWhen::FirstCompleted, None);
    let after_the_first = split.done.len() as u32;
    let sum: u32 = as_completed(futures)
        .map(|future| future.result().unwrap_or(0))
        .sum();
    10 * after_the_first + sum
}
