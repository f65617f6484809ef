//! Two threads submit and collect at the same time, a window of calls after the other.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use super::{Sizes, per_call, submit_then_collect, warm_pool};
use crate::contender::Contender;

const PRODUCERS: usize = 2;

/// Nanoseconds per call of both threads together, from the first one's first submit to the last one's last result.
pub(super) fn measure<C: Contender>(sizes: &Sizes) -> f64 {
    let pool = warm_pool::<C>();
    let together = Barrier::new(PRODUCERS);
    let produce = || {
        let mut handles = Vec::with_capacity(sizes.window as usize);
        together.wait();
        let start = Instant::now();
        for _ in 0..sizes.windows {
            submit_then_collect(&pool, &mut handles, sizes.window);
        }
        (start, Instant::now())
    };
    let spans = thread::scope(|scope| {
        let producers = [(); PRODUCERS].map(|()| scope.spawn(produce));
        producers.map(|producer| producer.join().expect("a producer panicked"))
    });
    let first = spans
        .iter()
        .map(|(start, _)| *start)
        .min()
        .expect("there are producers");
    let last = spans
        .iter()
        .map(|(_, end)| *end)
        .max()
        .expect("there are producers");
    per_call(
        last - first,
        PRODUCERS as u64 * sizes.windows * sizes.window,
    )
}
