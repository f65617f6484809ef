//! Calls that crash, one in every way, among calls that work: in worker processes a crash is the
//! outcome of one call.
//!
//! On threads an abort, an overflown stack or a lack of memory is the end of the whole program, and
//! a call that never ends keeps its worker for ever. Here the worker process is gone, or is ended by
//! a limit, another takes its place, and the future of the call says what became of it. What only
//! waited for that worker is run by the next one.
//!
//! ```text
//! cargo run --example isolation
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::hint;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use concurrent_futures::{CallOptions, ChildOutput, ProcessPoolExecutor};

/// What all calls return that do return.
type Answer = u64;
type Call = fn(()) -> Answer;

fn multiply((): ()) -> Answer {
    6 * 7
}

fn panic((): ()) -> Answer {
    panic!("on purpose")
}

fn abort((): ()) -> Answer {
    process::abort()
}

fn exit((): ()) -> Answer {
    process::exit(3)
}

fn recurse((): ()) -> Answer {
    fn deeper(depth: u64) -> u64 {
        match depth {
            u64::MAX => 0,
            // Not to be made a loop of.
            _ => hint::black_box(deeper(depth + 1)) + 1,
        }
    }
    deeper(0)
}

fn spin((): ()) -> Answer {
    loop {
        hint::spin_loop();
    }
}

fn allocate((): ()) -> Answer {
    let memory = vec![1_u8; 4 << 30];
    hint::black_box(memory).len() as Answer
}

/// Aborts when it finds no file at `marker`, and leaves one there: the second try works.
fn work_the_second_time(marker: PathBuf) -> Answer {
    match File::create_new(marker) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => 42,
        _ => process::abort(),
    }
}

fn square(n: u64) -> u64 {
    n * n
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ProcessPoolExecutor::builder()
        .max_workers(2)
        .address_space(1 << 30)
        // What a program says when it crashes would be in the middle of the table.
        .stderr(ChildOutput::Discard)
        .build()?;
    let usual = CallOptions::new();
    let limited = usual.timeout(Duration::from_millis(300));

    // This goes on while the others crash.
    let squares = pool.map(square, 1..=10_000)?;

    let calls: [(&str, Call, CallOptions); 8] = [
        ("works", multiply, usual),
        ("panics", panic, usual),
        ("aborts", abort, usual),
        ("exits", exit, usual),
        ("overflows its stack", recurse, usual),
        ("never ends", spin, limited),
        ("wants 4 GiB of memory", allocate, usual),
        ("works", multiply, usual),
    ];
    let mut futures = Vec::new();
    for (name, call, options) in calls {
        futures.push((name, pool.submit_with(options, call, ())?));
    }

    // The same crash twice, but the second of these calls may be tried again.
    let marker = |name| std::env::temp_dir().join(format!("isolation-{}-{name}", process::id()));
    let markers = [marker("once"), marker("twice")];
    for (name, options, marker) in [
        ("aborts at first", usual, &markers[0]),
        ("the same, with a retry", usual.retry(1), &markers[1]),
    ] {
        let future = pool.submit_with(options, work_the_second_time, marker.clone())?;
        futures.push((name, future));
    }

    println!("{:<24}what became of it", "a call that");
    for (name, future) in futures {
        match future.result() {
            Ok(answer) => println!("{name:<24}{answer}"),
            Err(error) => println!("{name:<24}{error}"),
        }
    }
    for marker in markers {
        fs::remove_file(marker)?;
    }

    let sum = squares.sum::<Result<u64, _>>()?;
    println!("the sum of the squares up to 10000 is {sum}");
    Ok(())
}
