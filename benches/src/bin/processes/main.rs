//! `processes`: measures `ProcessPoolExecutor` side by side with the process pools of CPython, in one run.
//!
//! It prints a table per [`Row`], or JSON lines. Figures of different runs or machines do not compare; the ratios of
//! one run do. The peers need a `python3` on the search path; without one, ours is measured alone.
//!
//! What keeps the comparison fair:
//!
//! - **The same work.** The functions that the workers run, their arguments, the order of the steps, what the clock
//!   covers and the checks of the results are the same on both sides, here in [`ours`] and there in `python/peers.py`.
//!   Each side is written as its users would write it: our calls are plain functions whose arguments and results
//!   travel by serde, CPython's are functions of a module whose arguments and results travel by pickle.
//! - **CPython's best case.** `round_trip` and `echo` carry a `bytes` object, which pickle copies as one block without
//!   looking into it; an object with parts costs CPython more. Ours carries a `ByteBuf`, which is the same case in serde.
//!   `map` gives CPython `chunksize=1000`, without which its executor sends every item alone. Ours finds a size itself.
//! - **What a call costs includes the language.** CPython runs its half of the work in bytecode, and that counts: the
//!   question is what a program gets from the one library or the other. It does not count that a Python process starts:
//!   one interpreter is started before all measurements, and waits for requests while ours is measured.
//! - **Two workers each, one in `start`, default settings otherwise.** All workers are proved to run, by their process
//!   ids, and a tenth of the calls is made in advance before the clock starts. Only in `start` the clock covers pools from
//!   their making to the end of their last process; there CPython comes twice, with its start methods `fork` (which
//!   copies the running interpreter) and `spawn` (which starts a new one, as ours starts the program again).
//! - **Fewer items in CPython's `map`**, 200,000 instead of a million, because they take longer. This is not quite fair:
//!   where it was tried, CPython's executor took a tenth to a fifth less per item of a million; for its `Pool` there
//!   was no difference. A ratio to the executor that is near 1 is to be read with that in mind.
//! - **Alone on the machine.** Each measurement starts a pool, warms it up, measures and stops it: no idle processes of
//!   one contender beside another one's work.
//! - **Interleaved rounds.** Every contender is measured once per round, in an order that changes with the round, after
//!   one round that does not count. A sample is the mean of all calls of a measurement; what is reported is the median,
//!   the minimum and the maximum of the samples.

mod ours;
mod python;
mod rounds;
mod row;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use concurrent_futures_benches::report::{Line, Table, lines_of};

use self::python::Python;
use self::rounds::interleaved;
use self::row::{Contender, Row, Sizes};

/// Compares the process pool of concurrent-futures with those of CPython, in one run
///
/// The ratio is above 1 where ours is ahead: the contender's median over ours, but ours over the contender's in echo,
/// where more is better. Figures of different runs do not compare.
#[derive(Parser, Debug)]
struct Options {
    /// What to measure [default: everything]
    #[arg(value_enum, value_name = "ROW")]
    rows: Vec<Row>,

    /// Print one JSON object per line: work, contender, unit, median, min, max, ratio, goal
    #[arg(long)]
    json: bool,

    /// Rounds per row [default: 9, but 2 in a quick run]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,

    /// Small sizes, to see that everything runs: the figures mean nothing
    #[arg(long)]
    quick: bool,
}

impl Options {
    fn rows(&self) -> &[Row] {
        if self.rows.is_empty() {
            Row::value_variants()
        } else {
            &self.rows
        }
    }

    fn sizes(&self) -> &'static Sizes {
        if self.quick {
            &Sizes::QUICK
        } else {
            &Sizes::FULL
        }
    }

    fn rounds(&self) -> usize {
        match self.rounds {
            Some(rounds) => usize::from(rounds),
            None if self.quick => 2,
            None => 9,
        }
    }
}

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("processes: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> io::Result<()> {
    let mut python = match Python::start() {
        Ok(python) => Some(python),
        Err(error) => {
            eprintln!("python3 does not run here ({error}): ours is measured alone.");
            None
        }
    };
    let mut notes = Vec::new();
    if options.quick {
        notes.push("A quick run: these figures mean nothing.".to_owned());
    }
    if let Some(python) = &python {
        notes.push(format!("The peers are those of {}.", python.version()));
    }
    for note in notes {
        if options.json {
            eprintln!("{note}");
        } else {
            writeln!(io::stdout(), "{note}\n")?;
        }
    }

    let mut unmeasured = Vec::new();
    for &row in options.rows() {
        match measure(options, row, python.as_mut()) {
            Ok(lines) if options.json => print_json(&lines)?,
            Ok(lines) => writeln!(io::stdout(), "{}", Table(&lines))?,
            // The other rows may well be measurable here.
            Err(error) => unmeasured.push(format!("{row} is not measured: {error}")),
        }
    }
    if unmeasured.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(unmeasured.join("; ")))
    }
}

fn measure(
    options: &Options,
    row: Row,
    mut python: Option<&mut Python>,
) -> io::Result<Vec<Line<Row, Contender>>> {
    let contenders = if python.is_some() {
        row.contenders()
    } else {
        &[Contender::Ours]
    };
    let samples = interleaved(contenders, options.rounds(), |contender| {
        let load = row.load(contender, options.sizes());
        let elapsed = match python.as_mut() {
            Some(python) if contender != Contender::Ours => python.measure(row, contender, load),
            _ => ours::measure(row, load),
        };
        let elapsed = elapsed.map_err(|error| io::Error::other(format!("{contender}: {error}")))?;
        Ok(row.figure(elapsed, load))
    })?;
    let samples: Vec<_> = samples
        .iter()
        .map(|(contender, values)| (*contender, values.as_slice()))
        .collect();
    Ok(lines_of(row, Contender::Ours, &samples))
}

fn print_json(lines: &[Line<Row, Contender>]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        serde_json::to_writer(&mut out, line)?;
        writeln!(out)?;
    }
    Ok(())
}
