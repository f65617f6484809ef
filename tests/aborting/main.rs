//! Pools of processes in a program that aborts when it panics: what is known of a panic arrives all the same, and nothing else is lost.
//!
//! `cargo run --profile abort -p concurrent-futures-tests --bin aborting` prints a line for each check that holds, or the first that does
//! not.

use std::{
    process::{self, ExitCode},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use concurrent_futures::{
    BrokenKind, ChildOutput, Future, MapError, MapOptions, ProcessPoolBuilder, ProcessPoolExecutor,
    SubmitError, TaskError,
};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(60);

type Outcome = Result<(), String>;
type Check = fn() -> Outcome;

fn main() -> ExitCode {
    if !cfg!(panic = "abort") {
        eprintln!(
            "this program is about `panic = \"abort\"`, and was built without it: use `cargo run --profile abort -p concurrent-futures-tests \
             --bin aborting`"
        );
        return ExitCode::FAILURE;
    }
    let checks: [(&str, Check); 4] = [
        (
            "a panic arrives with its message, its place and its worker",
            a_panic_arrives,
        ),
        (
            "calls behind a panic run on another worker",
            calls_behind_a_panic_run_on_another_worker,
        ),
        (
            "an item of a map that panics fails alone",
            an_item_that_panics_fails_alone,
        ),
        (
            "an initializer that panics breaks the pool with what it said",
            an_initializer_that_panics_breaks_the_pool,
        ),
    ];
    for (name, check) in checks {
        match bounded(check) {
            Ok(()) => println!("ok: {name}"),
            Err(what) => {
                eprintln!("not so: {name}: {what}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// A check that hangs has failed.
fn bounded(check: Check) -> Outcome {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(check()));
    told.recv_timeout(LIMIT).unwrap_or_else(|why| {
        Err(match why {
            RecvTimeoutError::Timeout => format!("it did not end within {LIMIT:?}"),
            RecvTimeoutError::Disconnected => "it ended without a word".to_owned(),
        })
    })
}

/// One worker at a time, whose panics print nothing here.
fn one() -> ProcessPoolBuilder {
    ProcessPoolExecutor::builder()
        .max_workers(1)
        .stderr(ChildOutput::Discard)
}

fn build(builder: ProcessPoolBuilder) -> Result<ProcessPoolExecutor, String> {
    builder.build().map_err(|error| format!("no pool: {error}"))
}

fn call<A, R>(pool: &ProcessPoolExecutor, f: fn(A) -> R, args: A) -> Result<Future<R>, String>
where
    A: concurrent_futures::Payload,
    R: concurrent_futures::Payload,
{
    pool.submit(f, args)
        .map_err(|error| format!("a call is refused: {error}"))
}

fn pid(_: ()) -> u32 {
    process::id()
}

fn unless_unlucky(n: u32) -> u32 {
    let line = line!() + 1;
    assert!(n % 10 != 3, "{n} is bad luck, on line {line}");
    n
}

fn as_it_stands(_: ()) -> u32 {
    panic!("no text is made")
}

/// It is this panic, here; of which worker?
fn panic_of(error: &TaskError, n: u32) -> Result<u32, String> {
    let TaskError::Panicked(panic) = error else {
        return Err(format!("not a panic: {error:?}"));
    };
    let message = panic.message();
    let Some(line) = message.strip_prefix(&format!("{n} is bad luck, on line ")) else {
        return Err(format!("not the message: {message:?}"));
    };
    let location = panic.location().unwrap_or("nowhere");
    if !location.contains(&format!("aborting/main.rs:{line}:")) {
        return Err(format!("not the place, line {line}: {location}"));
    }
    let backtrace = panic.backtrace().unwrap_or_default();
    if !backtrace.contains("unless_unlucky") {
        return Err(format!("not the stack: {backtrace}"));
    }
    panic
        .worker_pid()
        .ok_or_else(|| "no worker is named".to_owned())
}

fn a_panic_arrives() -> Outcome {
    let pool = build(one())?;
    for n in [3, 13, 23] {
        let before = call(&pool, pid, ())?.result();
        let before = before.map_err(|error| error.to_string())?;
        let unlucky = call(&pool, unless_unlucky, n)?;
        if !unlucky.wait() || !unlucky.failed() {
            return Err("it has not failed".to_owned());
        }
        match unlucky.result() {
            Ok(n) => return Err(format!("a value, {n}")),
            Err(error) => {
                let who = panic_of(&error, n)?;
                if who != before {
                    return Err(format!("worker {who}, not {before}"));
                }
            }
        }
    }
    match call(&pool, as_it_stands, ())?.result() {
        Err(TaskError::Panicked(panic)) if panic.message() == "no text is made" => Ok(()),
        other => Err(format!("of a literal: {other:?}")),
    }
}

fn calls_behind_a_panic_run_on_another_worker() -> Outcome {
    for window in [1, 64] {
        let pool = build(one().window(window))?;
        // Short ones, so that the worker has more than one at a time.
        let short: Vec<_> = (0..60)
            .map(|_| call(&pool, pid, ()))
            .collect::<Result<_, _>>()?;
        let unlucky = call(&pool, unless_unlucky, 3)?;
        let behind: Vec<_> = (0..60)
            .map(|_| call(&pool, pid, ()))
            .collect::<Result<_, _>>()?;
        let first = match unlucky.result() {
            Ok(n) => return Err(format!("a value, {n}")),
            Err(error) => panic_of(&error, 3)?,
        };
        let mut others = Vec::new();
        for (calls, is_first) in [(short, true), (behind, false)] {
            for call in calls {
                let who = call.result().map_err(|error| format!("another: {error}"))?;
                if (who == first) != is_first {
                    return Err(format!("worker {who} where {first} panicked: {is_first}"));
                }
                others.push(who);
            }
        }
        others.dedup();
        if others.len() != 2 {
            return Err(format!("workers {others:?} with a window of {window}"));
        }
    }
    Ok(())
}

fn an_item_that_panics_fails_alone() -> Outcome {
    for workers in [1, 2] {
        for chunksize in [None, Some(1), Some(7), Some(100)] {
            let pool = build(one().max_workers(workers))?;
            let mut options = MapOptions::new().keep_going(true);
            if let Some(chunksize) = chunksize {
                options = options.chunksize(chunksize);
            }
            let map = pool.map_with(options, unless_unlucky, 0..30);
            let map = map.map_err(|error| format!("no map: {error}"))?;
            let mut came = 0;
            for (n, outcome) in (0..).zip(map) {
                came += 1;
                match outcome {
                    Ok(m) if m == n && n % 10 != 3 => {}
                    Err(MapError::Task(error)) if n % 10 == 3 => _ = panic_of(&error, n)?,
                    other => return Err(format!("item {n} with {options:?}: {other:?}")),
                }
            }
            if came != 30 {
                return Err(format!("{came} outcomes with {options:?}"));
            }
        }
    }
    Ok(())
}

fn fail(text: String) -> Result<(), String> {
    panic!("the initializer says {text}")
}

fn an_initializer_that_panics_breaks_the_pool() -> Outcome {
    let pool = build(one().initializer(fail, "no".to_owned()))?;
    match call(&pool, pid, ())?.result() {
        Err(TaskError::Broken(broken))
            if broken.kind() == BrokenKind::ProcessPool
                && broken.cause().contains("the initializer says no")
                && broken.cause().contains("aborting/main.rs") => {}
        other => return Err(format!("{other:?}")),
    }
    match pool.submit(pid, ()) {
        Err(SubmitError::Broken(broken, _)) if broken.cause().contains("says no") => Ok(()),
        other => Err(format!("the next call: {other:?}")),
    }
}
