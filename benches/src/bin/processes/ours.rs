//! This library: `ProcessPoolExecutor` with its `submit`, `map` and `shutdown`. The counterpart of `python/peers.py`.
//!
//! No call may run in the caller's process: a library that runs it there instead of handing it over would look fast
//! here.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{io, process, thread};

use concurrent_futures::ProcessPoolExecutor;
use serde_bytes::ByteBuf;

use crate::row::{Load, Row};

const WORKERS: usize = 2;

/// Whether a call ran in this process. It must stay `false` in the caller's.
static RAN_HERE: AtomicBool = AtomicBool::new(false);

// What the workers run.

fn echo(argument: ByteBuf) -> ByteBuf {
    RAN_HERE.store(true, Ordering::Relaxed);
    argument
}

fn increment(number: u64) -> u64 {
    RAN_HERE.store(true, Ordering::Relaxed);
    number + 1
}

fn process_id(pause: Duration) -> u32 {
    thread::sleep(pause);
    process::id()
}

/// The time that all calls of a load take. The workers all run, and have been used, before the clock starts; only in
/// `start` is the start of the pool a part of it.
///
/// # Errors
///
/// If the pool refuses something, a result is missing or wrong, or a call ran in this process.
pub(crate) fn measure(row: Row, load: Load) -> io::Result<Duration> {
    let elapsed = match row {
        Row::RoundTrip => warm(round_trip, load),
        Row::Map => warm(map, load),
        Row::Start => start(load),
        Row::Echo => warm(large_echo, load),
    }?;
    if RAN_HERE.load(Ordering::Relaxed) {
        return Err(io::Error::other("a call ran in the caller's process"));
    }
    Ok(elapsed)
}

fn warm(
    measure: impl Fn(&ProcessPoolExecutor, Load) -> io::Result<Duration>,
    load: Load,
) -> io::Result<Duration> {
    let pool = ProcessPoolExecutor::new(WORKERS).map_err(failed)?;
    start_all_workers(&pool)?;
    let some_of_it = Load {
        calls: load.calls / 10 + WORKERS as u64,
        ..load
    };
    measure(&pool, some_of_it)?;
    let elapsed = measure(&pool, load)?;
    pool.shutdown(true, false).map_err(failed)?;
    Ok(elapsed)
}

fn start_all_workers(pool: &ProcessPoolExecutor) -> io::Result<()> {
    let pause = Duration::from_millis(20);
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let mut futures = Vec::new();
        for _ in 0..WORKERS {
            let future = pool.submit(process_id as fn(Duration) -> u32, pause);
            futures.push(future.map_err(failed)?);
        }
        for future in futures {
            seen.insert(future.result().map_err(failed)?);
        }
        if seen.len() >= WORKERS {
            return check(!seen.contains(&process::id()));
        }
    }
    Err(io::Error::other("some workers do not start"))
}

fn round_trip(pool: &ProcessPoolExecutor, load: Load) -> io::Result<Duration> {
    let sent = message(load.bytes);
    let start = Instant::now();
    for _ in 0..load.calls {
        check(call(pool, sent.clone())? == sent)?;
    }
    Ok(start.elapsed())
}

fn map(pool: &ProcessPoolExecutor, load: Load) -> io::Result<Duration> {
    let start = Instant::now();
    let results = pool
        .map(increment as fn(u64) -> u64, 0..load.calls)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let elapsed = start.elapsed();
    let sum = load.calls * (load.calls + 1) / 2;
    check(results.len() as u64 == load.calls && results.iter().sum::<u64>() == sum)?;
    Ok(elapsed)
}

fn large_echo(pool: &ProcessPoolExecutor, load: Load) -> io::Result<Duration> {
    let sent = message(load.bytes);
    let mut elapsed = Duration::ZERO;
    for _ in 0..load.calls {
        // The call takes its argument away; in Python, it stays the caller's.
        let argument = sent.clone();
        let start = Instant::now();
        let received = call(pool, argument)?;
        elapsed += start.elapsed();
        check(received == sent)?;
    }
    Ok(elapsed)
}

fn start(load: Load) -> io::Result<Duration> {
    let sent = message(load.bytes);
    let start = Instant::now();
    for _ in 0..load.calls {
        let pool = ProcessPoolExecutor::new(1).map_err(failed)?;
        check(call(&pool, sent.clone())? == sent)?;
        pool.shutdown(true, false).map_err(failed)?;
    }
    Ok(start.elapsed())
}

fn call(pool: &ProcessPoolExecutor, argument: ByteBuf) -> io::Result<ByteBuf> {
    let future = pool.submit(echo as fn(ByteBuf) -> ByteBuf, argument);
    future.map_err(failed)?.result().map_err(failed)
}

fn message(bytes: usize) -> ByteBuf {
    ByteBuf::from((0..251).cycle().take(bytes).collect::<Vec<u8>>())
}

fn check(right: bool) -> io::Result<()> {
    if right {
        Ok(())
    } else {
        Err(io::Error::other("a result is wrong"))
    }
}

fn failed(error: impl fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::row::{Contender, Sizes};

    #[test]
    fn ours_is_measured_in_every_row() {
        for &row in Row::value_variants() {
            let load = row.load(Contender::Ours, &Sizes::QUICK);
            assert!(measure(row, load).unwrap() > Duration::ZERO);
        }
    }

    #[test]
    fn a_message_has_its_length_and_no_two_equal_neighbours() {
        let message = message(600);
        assert_eq!(message.len(), 600);
        assert!(message.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
