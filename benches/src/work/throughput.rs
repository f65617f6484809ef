//! One thread submits many trivial calls and collects the results afterwards, in order.

use std::time::Instant;

use super::{Sizes, per_call, submit_then_collect, warm_pool};
use crate::contender::Contender;

/// Nanoseconds per call, from the first submit to the last result.
pub(super) fn measure<C: Contender>(sizes: &Sizes) -> f64 {
    let pool = warm_pool::<C>();
    let mut handles = Vec::with_capacity(sizes.calls as usize);
    let start = Instant::now();
    submit_then_collect(&pool, &mut handles, sizes.calls);
    per_call(start.elapsed(), sizes.calls)
}
