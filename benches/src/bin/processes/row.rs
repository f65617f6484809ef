//! What is measured, of whom, and how much of it makes a sample.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use concurrent_futures_benches::report::{Better, Subject};
use serde::Serialize;

/// The rows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Row {
    /// One call with 64 bytes that come back, wait for its result, again
    RoundTrip,
    /// A map of trivial calls over many integers, all results collected
    Map,
    /// A pool of one worker from its making to its end, with one call
    Start,
    /// 16 MiB as argument and as result, one call at a time
    Echo,
}

impl Row {
    /// The name in reports, on the command line and in requests to CPython.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RoundTrip => "round_trip",
            Self::Map => "map",
            Self::Start => "start",
            Self::Echo => "echo",
        }
    }

    /// Who is measured, in the order of the report.
    pub(crate) const fn contenders(self) -> &'static [Contender] {
        match self {
            Self::RoundTrip | Self::Map | Self::Echo => &[
                Contender::Ours,
                Contender::PythonExecutor,
                Contender::PythonPool,
            ],
            Self::Start => &[
                Contender::Ours,
                Contender::PythonFork,
                Contender::PythonSpawn,
            ],
        }
    }

    /// What makes one sample.
    pub(crate) fn load(self, contender: Contender, sizes: &Sizes) -> Load {
        let (calls, bytes) = match self {
            Self::RoundTrip => (sizes.round_trips, sizes.message),
            Self::Map if contender == Contender::Ours => (sizes.items, 0),
            Self::Map => (sizes.items_of_peers, 0),
            Self::Start => (sizes.starts, sizes.message),
            Self::Echo => (sizes.echoes, sizes.large_message),
        };
        Load { calls, bytes }
    }

    /// The sample, in the unit of the row, of a load that took `elapsed`.
    pub(crate) fn figure(self, elapsed: Duration, load: Load) -> f64 {
        let calls = load.calls as f64;
        let nanoseconds = elapsed.as_secs_f64() * 1e9;
        match self {
            Self::RoundTrip | Self::Map => nanoseconds / calls,
            Self::Start => nanoseconds / 1e6 / calls,
            // There and back. A byte per nanosecond is a gigabyte per second.
            Self::Echo => 2.0 * load.bytes as f64 * calls / nanoseconds,
        }
    }
}

impl Subject for Row {
    fn unit(self) -> &'static str {
        match self {
            Self::RoundTrip => "ns/call",
            Self::Map => "ns/item",
            Self::Start => "ms",
            Self::Echo => "GB/s",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::RoundTrip => "one call with a short message that comes back, again and again",
            Self::Map => "a map of trivial calls over integers, all results collected",
            Self::Start => "make a pool of one worker, one call, its result, shut down and wait",
            Self::Echo => "a large message there and back, both ways counted",
        }
    }

    fn better(self) -> Better {
        match self {
            Self::RoundTrip | Self::Map | Self::Start => Better::Less,
            Self::Echo => Better::More,
        }
    }

    fn goal(self) -> Option<f64> {
        Some(match self {
            Self::RoundTrip => 15_000.0,
            Self::Map => 50.0,
            Self::Start | Self::Echo => 3.0,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// This library's `ProcessPoolExecutor`.
    Ours,
    /// CPython's `concurrent.futures.ProcessPoolExecutor`, as it is by default.
    PythonExecutor,
    /// CPython's `multiprocessing.Pool`, as it is by default.
    PythonPool,
    /// CPython's executor whose workers are forks.
    PythonFork,
    /// CPython's executor whose workers are started anew.
    PythonSpawn,
}

impl Contender {
    /// The name in reports and in requests to CPython.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::PythonExecutor => "python-executor",
            Self::PythonPool => "python-pool",
            Self::PythonFork => "python-fork",
            Self::PythonSpawn => "python-spawn",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What makes one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Calls, items of a map, or starts.
    pub(crate) calls: u64,
    /// Bytes that each call carries in each direction; 0 in a map, which carries integers.
    pub(crate) bytes: usize,
}

/// How much of each row makes one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Calls of `round_trip`.
    pub(crate) round_trips: u64,
    /// Bytes of each call of `round_trip` and `start`.
    pub(crate) message: usize,
    /// Items of our `map`.
    pub(crate) items: u64,
    /// Items of CPython's `map`.
    pub(crate) items_of_peers: u64,
    /// Pools of `start`.
    pub(crate) starts: u64,
    /// Calls of `echo`.
    pub(crate) echoes: u64,
    /// Bytes of each call of `echo`.
    pub(crate) large_message: usize,
}

impl Sizes {
    /// Large enough for figures that can be compared.
    pub(crate) const FULL: Self = Self {
        round_trips: 2_000,
        message: 64,
        items: 1_000_000,
        items_of_peers: 200_000,
        starts: 20,
        echoes: 10,
        large_message: 16 << 20,
    };

    /// Just enough to show that everything runs.
    pub(crate) const QUICK: Self = Self {
        round_trips: 100,
        message: 64,
        items: 20_000,
        items_of_peers: 5_000,
        starts: 2,
        echoes: 2,
        large_message: 1 << 20,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_reports_json_and_arguments() {
        for &row in Row::value_variants() {
            assert_eq!(serde_json::to_string(&row).unwrap(), format!("\"{row}\""));
            assert_eq!(Row::from_str(row.as_str(), false), Ok(row));
            for contender in row.contenders() {
                let json = serde_json::to_string(contender).unwrap();
                assert_eq!(json, format!("\"{contender}\""));
            }
        }
    }

    #[test]
    fn ours_comes_first_in_every_row() {
        for row in Row::value_variants() {
            assert_eq!(row.contenders()[0], Contender::Ours);
        }
    }

    #[test]
    fn figures_are_in_the_unit_of_the_row() {
        let elapsed = Duration::from_millis(20);
        let load = Load {
            calls: 4,
            bytes: 10_000_000,
        };
        let close = |figure: f64, expected: f64| {
            assert!((figure / expected - 1.0).abs() < 1e-9, "{figure}");
        };
        close(Row::RoundTrip.figure(elapsed, load), 5_000_000.0);
        close(Row::Map.figure(elapsed, load), 5_000_000.0);
        close(Row::Start.figure(elapsed, load), 5.0);
        // 80 MB in 20 ms.
        close(Row::Echo.figure(elapsed, load), 4.0);
    }

    #[test]
    fn only_maps_differ_in_size_between_ours_and_theirs() {
        for &row in Row::value_variants() {
            let mut loads = row
                .contenders()
                .iter()
                .map(|contender| row.load(*contender, &Sizes::FULL));
            let ours = loads.next().unwrap();
            assert_eq!(loads.all(|load| load == ours), row != Row::Map, "{row}");
        }
    }
}
