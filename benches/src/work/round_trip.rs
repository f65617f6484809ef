//! One call at a time: submitted, waited for, and only then the next. Warm without a pause between calls, cold with one.
//!
//! Every call reports the thread it ran on. It must not be the caller's: a library that runs the call itself instead of
//! handing it over would look fast here and be useless to everyone with something else to do meanwhile.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use super::occupied::this_thread;
use super::{Sizes, per_call, warm_pool};
use crate::contender::Contender;

/// Nanoseconds per call, one directly after the other.
pub(super) fn measure_warm<C: Contender>(sizes: &Sizes) -> f64 {
    let pool = warm_pool::<C>();
    let caller = this_thread();
    let start = Instant::now();
    for number in 0..sizes.round_trips {
        call_elsewhere(&pool, number, caller);
    }
    per_call(start.elapsed(), sizes.round_trips)
}

/// Mean nanoseconds from submit to result, each call after a pause that does not count.
///
/// The mean, as everywhere: a median would hide the calls for which nobody was quick to wake.
pub(super) fn measure_cold<C: Contender>(sizes: &Sizes) -> f64 {
    let pool = warm_pool::<C>();
    let caller = this_thread();
    let mut elapsed = Duration::ZERO;
    for number in 0..sizes.cold_wakes {
        thread::sleep(sizes.idling);
        let start = Instant::now();
        call_elsewhere(&pool, number, caller);
        elapsed += start.elapsed();
    }
    per_call(elapsed, sizes.cold_wakes)
}

#[inline]
fn call_elsewhere<C: Contender>(pool: &C, number: u64, caller: usize) {
    let (result, thread) = pool.get(pool.spawn(move || (black_box(number) + 1, this_thread())));
    assert_eq!(result, number + 1, "a wrong result");
    assert_ne!(thread, caller, "the caller ran the call itself");
}
