//! Verifies a list: are the files still what it says?

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use concurrent_futures::Executor;

use crate::digest::{Digest, Reading, STDIN};
use crate::line::Entry;
use crate::output::Output;
use crate::{Error, Success, for_each, line, progress};

/// Prints for each file of the list whether it is the same, in the words of `sha256sum`.
pub(crate) fn check<E: Executor>(
    executor: &E,
    list: &Path,
    output: &mut Output,
) -> Result<Success, Error> {
    let list_error = |source| Error::List {
        path: list.into(),
        source,
    };
    let reader = open(list).map_err(list_error)?;

    // A broken list ends the input of the map; the error is kept for the time after it.
    let broken = Cell::new(None);
    let entries = lines(reader)
        .map_while(|line| line.map_err(|error| broken.set(Some(error))).ok())
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
        .filter_map(|(index, line)| {
            let entry = line::parse(&line);
            if entry.is_none() {
                progress::report(&format_args!(
                    "{list:?}: line {} is no line of a checksum list",
                    index + 1
                ));
            }
            entry.map(|Entry { digest, path }| (path, digest))
        });

    let (mut total, mut different, mut unreadable) = (0_u64, 0_u64, 0_u64);
    for_each(executor, verify, entries, |(path, expected, reading)| {
        let digest = reading.finish()?;
        total += 1;
        let verdict = match digest.map(|digest| digest == expected) {
            Ok(true) => "OK",
            Ok(false) => {
                different += 1;
                "FAILED"
            }
            Err(error) => {
                unreadable += 1;
                progress::report(&format_args!("{path:?}: {error}"));
                "FAILED open or read"
            }
        };
        output
            .line(&line::verdict(&path, verdict))
            .map_err(Error::Output)
    })?;

    if let Some(error) = broken.take() {
        return Err(list_error(error));
    }
    match (total, different, unreadable) {
        (0, ..) => progress::report(&format_args!("{list:?}: has no line of a checksum list")),
        (_, 0, 0) => {}
        _ => progress::report(&format_args!(
            "of {total} files {different} differ and {unreadable} cannot be read"
        )),
    }
    Ok(total > 0 && different == 0 && unreadable == 0)
}

/// The call that runs on the executor. What comes back is all that there is to know about a line:
/// nobody else has kept it.
fn verify((path, expected): (OsString, Digest)) -> (OsString, Digest, Reading) {
    let reading = Reading::of(&path);
    (path, expected, reading)
}

fn open(list: &Path) -> io::Result<Box<dyn BufRead>> {
    Ok(if list == Path::new(STDIN) {
        // Not locked: the list may name standard input, too.
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(list)?))
    })
}

/// The lines without their ends, which may be those of DOS.
fn lines(reader: impl BufRead) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    reader.split(b'\n').map(|line| {
        line.map(|mut line| {
            line.pop_if(|last| *last == b'\r');
            line
        })
    })
}
