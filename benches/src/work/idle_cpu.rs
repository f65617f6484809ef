//! What a pool costs that has nothing to do: workers that poll instead of sleeping show up here.

use std::time::Instant;
use std::{io, thread};

use super::{Sizes, submit_then_collect, warm_pool};
use crate::contender::Contender;

/// CPU milliseconds per second of the whole process. Must be the only thing its process does.
///
/// The thread that measures sleeps meanwhile. Its one wake-up is in the figure, the same for every contender.
pub(super) fn measure<C: Contender>(sizes: &Sizes) -> io::Result<f64> {
    let pool = warm_pool::<C>();
    submit_then_collect(&pool, &mut Vec::new(), sizes.calls_before_idling);
    thread::sleep(sizes.settling);

    let used_before = process_cpu_seconds()?;
    let start = Instant::now();
    thread::sleep(sizes.idle_period);
    let elapsed = start.elapsed();
    let used_after = process_cpu_seconds()?;
    drop(pool);
    Ok((used_after - used_before) * 1_000.0 / elapsed.as_secs_f64())
}

#[cfg(unix)]
fn process_cpu_seconds() -> io::Result<f64> {
    use rustix::time::{ClockId, clock_gettime};

    // Nanoseconds, where the counters in /proc/self/stat would say 0 or 10 ms.
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(not(unix))]
fn process_cpu_seconds() -> io::Result<f64> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "the CPU time of a process is read on Unix only",
    ))
}
