//! Something heavy with one function for every executor, on threads, in worker processes, and at
//! once in the caller, with the time that each took.
//!
//! Which number below ten million takes most steps to come to one, if an even number is halved and
//! an odd one tripled, plus one? (8,400,511 does, with 685.) `heavy` is generic over the executor
//! and says what is to be done; where, says its caller. Nothing but the type of the pool differs.
//!
//! ```text
//! cargo run --release --example collatz
//! ```
//!
//! The time of the processes includes their start. They need not share memory, allocator or locks,
//! and pay for it with the journey of arguments and results, which is little beside ranges as large
//! as these.

use std::error::Error;
use std::time::Instant;

use concurrent_futures::{Executor, InlineExecutor, ProcessPoolExecutor, ThreadPoolExecutor};

/// The numbers are those below.
const END: u64 = 10_000_000;
/// So many are looked at in one call.
const RANGE: u64 = 50_000;

/// How many steps a number takes, and which one it is: the best is the largest of these.
type Record = (u32, u64);

/// The call that runs on the executor: the record of the numbers from `start` to before `end`.
fn record((start, end): (u64, u64)) -> Record {
    let records = (start..end).map(|number| (steps(number), number));
    // Of those with as many steps the first counts.
    records.fold((0, 0), |best, new| if new.0 > best.0 { new } else { best })
}

fn steps(mut number: u64) -> u32 {
    let mut steps = 0;
    while number != 1 {
        // Three times an odd number and one is even, and halved at once.
        if number.is_multiple_of(2) {
            number /= 2;
            steps += 1;
        } else {
            number = number + number / 2 + 1;
            steps += 2;
        }
    }
    steps
}

/// The record of all numbers below `end`, computed wherever `executor` runs its calls.
fn heavy<E: Executor>(executor: &E, end: u64) -> Result<Record, Box<dyn Error>> {
    let ranges = (1..end)
        .step_by(RANGE as usize)
        .map(|start| (start, end.min(start + RANGE)));
    let mut best = (0, 0);
    for found in executor.map(record, ranges)? {
        let found = found?;
        if found.0 > best.0 {
            best = found;
        }
    }
    Ok(best)
}

fn report<E: Executor>(place: &str, executor: &E) -> Result<Record, Box<dyn Error>> {
    let start = Instant::now();
    let best = heavy(executor, END)?;
    let time = start.elapsed().as_secs_f64();
    let (steps, number) = best;
    println!("{place:<12} {number} takes {steps} steps, found in {time:.2} s");
    Ok(best)
}

fn main() -> Result<(), Box<dyn Error>> {
    let records = [
        report("on threads:", &ThreadPoolExecutor::with_default_workers()?)?,
        report("processes:", &ProcessPoolExecutor::with_default_workers()?)?,
        report("inline:", &InlineExecutor::new())?,
    ];
    if records.iter().any(|record| *record != records[0]) {
        return Err("the executors do not agree".into());
    }
    Ok(())
}
