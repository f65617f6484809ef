//! SHA-256 of every file below some folders, and back: `sha256sum` on a pool.
//!
//! ```text
//! checksum [PATH...] [--executor threads|processes|inline] [--workers N]
//! checksum --check FILE
//! ```
//!
//! What it shows of the library:
//!
//! - one function for every executor: all work goes through `for_each`, which takes any
//!   [`Executor`], and with it worker processes, for which `main` does nothing but make the pool;
//! - [`MapOptions::buffer_size`]: results come in order while a bounded number of calls is
//!   outstanding, so that a tree of any size passes through;
//! - a call submitted on the side whose result arrives by a done callback (the total of the
//!   progress bar);
//! - what a worker process does not have, because its memory and its standard input are its own: the
//!   progress bar and `-`, which are left to the main program (`digest.rs`);
//! - Ctrl-C that cancels what has not started, through a
//!   [handle](concurrent_futures::ProcessPoolHandle), and lets finish what runs. Worker processes
//!   are in groups of their own, so that it does not reach them.
//!
//! The output is what `sha256sum` prints, byte for byte, odd names included, in the byte order of
//! the paths below each argument.
//!
//! | file | what lives there |
//! |---|---|
//! | `walk.rs` | which files lie below a folder, in order |
//! | `digest.rs` | the digest of one file |
//! | `line.rs` | the lines of a checksum list, written and read |
//! | `create.rs`, `check.rs` | the two things the program does |
//! | `output.rs`, `progress.rs`, `interrupt.rs` | stdout, the bar on stderr, Ctrl-C |

mod check;
mod create;
mod digest;
mod interrupt;
mod line;
mod output;
mod progress;
mod walk;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use concurrent_futures::{
    BuildError, Executor, InlineExecutor, MapError, MapOptions, Payload, ProcessPoolExecutor,
    SubmitError, ThreadPoolExecutor,
};

use crate::output::Output;

/// Calls submitted and not yet printed. Room for the small files behind a large one, and no more
/// memory than their paths.
const OUTSTANDING: usize = 1024;

/// SHA-256 of files and folders, in the format of sha256sum
#[derive(Parser)]
#[command(name = "checksum")]
struct Args {
    /// Files, or folders for every file below them; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<OsString>,

    /// Where the files are read
    #[arg(long, value_enum, default_value_t = Choice::Threads)]
    executor: Choice,

    /// Threads or processes to use at most [default: one per core]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,

    /// Verify the files of a list made by this program or sha256sum; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    check: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// On a pool of threads
    Threads,
    /// On a pool of worker processes
    Processes,
    /// In the main thread, one after the other
    Inline,
}

/// Why the program stopped before its end. A file that cannot be read is no such reason: it is
/// reported, and the rest goes on.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("interrupted")]
    Interrupted,
    #[error("cannot write: {0}")]
    Output(#[source] io::Error),
    #[error("{path:?}: {source}")]
    List { path: PathBuf, source: io::Error },
    #[error("cannot handle Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
    #[error(transparent)]
    Pool(#[from] BuildError),
    #[error(transparent)]
    Submit(#[from] SubmitError<()>),
    #[error(transparent)]
    Call(#[from] MapError),
}

/// Whether every file was read (and, with `--check`, is the one of the list).
type Success = bool;

fn main() -> ExitCode {
    let args = Args::parse();
    progress::show();
    let result = match args.executor {
        Choice::Threads => on_threads(&args),
        Choice::Processes => on_processes(&args),
        Choice::Inline => inline(&args),
    };
    progress::clear();
    match result {
        // Whatever came of it. To a shell this says 128 + SIGINT.
        _ if interrupt::raised() => ExitCode::from(130),
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // `checksum | head`: the reader has what it wanted.
        Err(Error::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            progress::report(&error);
            ExitCode::FAILURE
        }
    }
}

fn on_threads(args: &Args) -> Result<Success, Error> {
    let mut builder = ThreadPoolExecutor::builder().thread_name_prefix("checksum");
    if let Some(workers) = args.workers {
        builder = builder.max_workers(workers);
    }
    let pool = builder.build()?;

    cancel_on_interrupt(pool.handle())?;
    run(&pool, args)
}

fn on_processes(args: &Args) -> Result<Success, Error> {
    let mut builder = ProcessPoolExecutor::builder().name_prefix("checksum");
    if let Some(workers) = args.workers {
        builder = builder.max_workers(workers);
    }
    let pool = builder.build()?;

    cancel_on_interrupt(pool.handle())?;
    let result = run(&pool, args);
    if result.is_err() {
        // Nobody waits for what still runs, such as the walk for the progress bar, and in another
        // process it does not learn that it may stop.
        pool.kill_workers();
    }
    result
}

/// Has Ctrl-C shut the pool down, and cancel what has not started. The handler lives as long as the
/// process; through a handle it keeps nothing open.
fn cancel_on_interrupt<E: Executor + Send + 'static>(handle: E) -> Result<(), ctrlc::Error> {
    interrupt::on_interrupt(move || {
        let cancel_futures = true;
        if let Err(error) = handle.shutdown(false, cancel_futures) {
            progress::report(&error);
        }
    })
}

fn inline(args: &Args) -> Result<Success, Error> {
    // Nothing waits in a queue here: `for_each` stops to feed.
    interrupt::on_interrupt(|| ())?;
    run(&InlineExecutor::new(), args)
}

fn run<E: Executor>(executor: &E, args: &Args) -> Result<Success, Error> {
    let mut output = Output::stdout();
    let result = match &args.check {
        Some(list) => check::check(executor, list, &mut output),
        None => create::create(executor, &args.paths, &mut output),
    };
    // What was computed before an interrupt is worth printing, too.
    output.flush().map_err(Error::Output)?;
    result
}

/// Calls `f` on the executor for each item of `input`, and `each` here with the results, in the
/// order of the input.
fn for_each<E, A, R>(
    executor: &E,
    f: fn(A) -> R,
    input: impl Iterator<Item = A>,
    mut each: impl FnMut(R) -> Result<(), Error>,
) -> Result<(), Error>
where
    E: Executor,
    A: Payload,
    R: Payload,
{
    let options = MapOptions::new().buffer_size(OUTSTANDING);
    let input = input.take_while(|_| !interrupt::raised());
    for result in executor.map_with(options, f, input)? {
        // After Ctrl-C the error is the first call that was cancelled: those before it have run.
        each(result?)?;
    }
    if interrupt::raised() {
        Err(Error::Interrupted)
    } else {
        Ok(())
    }
}
