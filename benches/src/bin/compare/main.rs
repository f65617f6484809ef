//! `compare`: measures the works asked for and prints a table each, or JSON lines.

mod fresh_process;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use concurrent_futures_benches::contender::ContenderName;
use concurrent_futures_benches::report::{Line, Table, lines};
use concurrent_futures_benches::rounds::interleaved;
use concurrent_futures_benches::work::{Sizes, Work};

/// Compares concurrent-futures with its peers, in one run
///
/// The ratio is the contender's median over ours: above 1, ours is ahead. Figures of different runs do not compare.
#[derive(Parser, Debug)]
struct Options {
    /// What to measure [default: everything]
    #[arg(value_enum, value_name = "WORK")]
    works: Vec<Work>,

    /// Print one JSON object per line: work, contender, unit, median, min, max, ratio
    #[arg(long)]
    json: bool,

    /// Rounds per work [default: 9, but 3 for memory and idle_cpu, and 2 in a quick run]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,

    /// Small sizes, to see that everything runs: the figures mean nothing
    #[arg(long)]
    quick: bool,

    /// Measure one contender once in this process, and print the bare figure
    #[arg(long, value_enum, value_name = "CONTENDER", hide = true)]
    measure_once: Option<ContenderName>,
}

impl Options {
    fn works(&self) -> &[Work] {
        if self.works.is_empty() {
            Work::value_variants()
        } else {
            &self.works
        }
    }

    fn sizes(&self) -> &'static Sizes {
        if self.quick {
            &Sizes::QUICK
        } else {
            &Sizes::FULL
        }
    }

    fn rounds(&self, work: Work) -> usize {
        match self.rounds {
            Some(rounds) => usize::from(rounds),
            None if self.quick => 2,
            // A fresh process each: they hardly differ, and idling takes its time.
            None if work.needs_a_fresh_process() => 3,
            None => 9,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.measure_once {
        Some(contender) => measure_once(&options, contender),
        None => compare(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> io::Result<()> {
    const NOT_FIGURES: &str = "A quick run: these figures mean nothing.";
    if options.quick && options.json {
        eprintln!("{NOT_FIGURES}");
    } else if options.quick {
        println!("{NOT_FIGURES}\n");
    }
    let mut unmeasured = Vec::new();
    for &work in options.works() {
        match measure(options, work) {
            Ok(lines) if options.json => print_json(&lines)?,
            Ok(lines) => writeln!(io::stdout(), "{}", Table(&lines))?,
            // The other works may well be measurable here.
            Err(error) => unmeasured.push(format!("{work} is not measured: {error}")),
        }
    }
    if unmeasured.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(unmeasured.join("; ")))
    }
}

fn measure(options: &Options, work: Work) -> io::Result<Vec<Line>> {
    let fresh = work.needs_a_fresh_process();
    // A fresh process has nothing to warm up.
    let samples = interleaved(options.rounds(work), !fresh, |contender| {
        if fresh {
            fresh_process::measure(work, contender, options.quick)
        } else {
            work.measure(contender, options.sizes())
        }
    })?;
    Ok(lines(work, &samples))
}

fn print_json(lines: &[Line]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        serde_json::to_writer(&mut out, line)?;
        writeln!(out)?;
    }
    Ok(())
}

fn measure_once(options: &Options, contender: ContenderName) -> io::Result<()> {
    for &work in options.works() {
        println!("{}", work.measure(contender, options.sizes())?);
    }
    Ok(())
}
