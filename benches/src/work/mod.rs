//! What is measured. Every work is one function, generic over the contender.

mod idle_cpu;
mod memory;
mod multi_producer;
mod occupied;
mod round_trip;
mod throughput;

use std::fmt;
use std::hint::black_box;
use std::io;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use self::occupied::Occupied;
use crate::contender::{
    BoxedChannel, Contender, ContenderName, ExecutorsPool, Ours, RayonPool, TokioBlocking,
};

/// The works by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Work {
    /// One thread submits 500,000 trivial calls, then collects all results in order
    Throughput,
    /// Two threads, each submitting and collecting windows of 1,000 calls
    MultiProducer,
    /// One call, wait for its result, again
    RoundTrip,
    /// The same after 2 ms of idling
    ColdWake,
    /// Resident bytes per pending call, of a million
    Memory,
    /// CPU time per second of an idle pool that has just run some calls
    IdleCpu,
}

impl Work {
    /// The name in reports and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::MultiProducer => "multi_producer",
            Self::RoundTrip => "round_trip",
            Self::ColdWake => "cold_wake",
            Self::Memory => "memory",
            Self::IdleCpu => "idle_cpu",
        }
    }

    /// The unit of the figures.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Throughput | Self::MultiProducer | Self::RoundTrip | Self::ColdWake => "ns/call",
            Self::Memory => "bytes/call",
            Self::IdleCpu => "ms/s",
        }
    }

    /// What is measured, in a line without the sizes, which differ in a quick run.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Throughput => {
                "one thread submits trivial calls, then collects all results in order"
            }
            Self::MultiProducer => "two threads, each submitting and collecting windows of calls",
            Self::RoundTrip => "one call, wait for its result, again",
            Self::ColdWake => "one call after idling, from submit to result",
            Self::Memory => "resident memory per pending call, queue and handle included",
            Self::IdleCpu => "CPU time of an idle pool that has just run some calls",
        }
    }

    /// Whether a measurement says something only in a process that has done nothing else.
    ///
    /// Memory that somebody else has used and freed hides what a call takes, and threads of another pool burn CPU
    /// time too.
    pub const fn needs_a_fresh_process(self) -> bool {
        matches!(self, Self::Memory | Self::IdleCpu)
    }

    /// Measures one contender once, in this process.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell the figure.
    ///
    /// # Panics
    ///
    /// If a call is refused, a result is missing or wrong, or a call ran where it must not.
    pub fn measure(self, contender: ContenderName, sizes: &Sizes) -> io::Result<f64> {
        match contender {
            ContenderName::Ours => self.measure_pool::<Ours>(sizes),
            ContenderName::Rayon => self.measure_pool::<RayonPool>(sizes),
            ContenderName::CrossbeamChannel => self.measure_pool::<BoxedChannel>(sizes),
            ContenderName::Executors => self.measure_pool::<ExecutorsPool>(sizes),
            ContenderName::Tokio => self.measure_pool::<TokioBlocking>(sizes),
        }
    }

    fn measure_pool<C: Contender>(self, sizes: &Sizes) -> io::Result<f64> {
        match self {
            Self::Throughput => Ok(throughput::measure::<C>(sizes)),
            Self::MultiProducer => Ok(multi_producer::measure::<C>(sizes)),
            Self::RoundTrip => Ok(round_trip::measure_warm::<C>(sizes)),
            Self::ColdWake => Ok(round_trip::measure_cold::<C>(sizes)),
            Self::Memory => memory::measure::<C>(sizes),
            Self::IdleCpu => idle_cpu::measure::<C>(sizes),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much of each work makes one sample.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Calls of `throughput`.
    pub calls: u64,
    /// Windows per thread of `multi_producer`.
    pub windows: u64,
    /// Calls per window of `multi_producer`.
    pub window: u64,
    /// Calls of `round_trip`.
    pub round_trips: u64,
    /// Calls of `cold_wake`.
    pub cold_wakes: u64,
    /// Pause before each call of `cold_wake`.
    pub idling: Duration,
    /// Pending calls of `memory`.
    pub pending: u64,
    /// Calls that precede the idling of `idle_cpu`.
    pub calls_before_idling: u64,
    /// Time between those calls and the clock's start.
    pub settling: Duration,
    /// Time over which `idle_cpu` counts.
    pub idle_period: Duration,
}

impl Sizes {
    /// Large enough for figures that can be compared.
    pub const FULL: Self = Self {
        calls: 500_000,
        windows: 250,
        window: 1_000,
        round_trips: 50_000,
        cold_wakes: 200,
        idling: Duration::from_millis(2),
        pending: 1_000_000,
        calls_before_idling: 10_000,
        settling: Duration::from_millis(100),
        idle_period: Duration::from_secs(2),
    };

    /// Just enough to show that everything runs.
    pub const QUICK: Self = Self {
        calls: 5_000,
        windows: 3,
        window: 200,
        round_trips: 100,
        cold_wakes: 5,
        idling: Duration::from_millis(2),
        pending: 10_000,
        calls_before_idling: 500,
        settling: Duration::from_millis(10),
        idle_period: Duration::from_millis(50),
    };
}

/// The call of most works: it has an argument, and a result that somebody adds up.
fn trivial(number: u64) -> impl FnOnce() -> u64 + Send + 'static {
    move || black_box(number) + 1
}

/// The sum of the results of `trivial(0)` to `trivial(calls - 1)`.
fn sum_of_trivial(calls: u64) -> u64 {
    calls * (calls + 1) / 2
}

/// Submits `calls` trivial calls from this thread, then collects all results in order and checks them.
///
/// `handles` is a parameter because where its memory comes from matters to some works; it is empty before and after.
fn submit_then_collect<C: Contender>(pool: &C, handles: &mut Vec<C::Handle<u64>>, calls: u64) {
    for number in 0..calls {
        handles.push(pool.spawn(trivial(number)));
    }
    let mut sum = 0;
    pool.get_all(handles, |result| sum += result);
    assert_eq!(sum, sum_of_trivial(calls), "results are missing or wrong");
}

/// Starts a pool and runs calls until nothing is new to it: both workers run, and its memory has been touched.
fn warm_pool<C: Contender>() -> C {
    let pool = C::start();
    Occupied::all_workers(&pool).release();
    submit_then_collect(&pool, &mut Vec::new(), 1_000);
    pool
}

/// Nanoseconds per call.
fn per_call(elapsed: Duration, calls: u64) -> f64 {
    elapsed.as_nanos() as f64 / calls as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_reports_json_and_arguments() {
        for &work in Work::value_variants() {
            assert_eq!(serde_json::to_string(&work).unwrap(), format!("\"{work}\""));
            assert_eq!(Work::from_str(work.as_str(), false), Ok(work));
        }
    }

    #[test]
    fn the_expected_sum_is_that_of_the_calls() {
        assert_eq!(sum_of_trivial(0), 0);
        let sum: u64 = (0..5).map(|number| trivial(number)()).sum();
        assert_eq!(sum_of_trivial(5), sum);
    }
}
