//! Makes a list: the digests of the files below some paths.

use std::cell::Cell;
use std::ffi::OsString;

use concurrent_futures::Executor;

use crate::digest::Reading;
use crate::output::Output;
use crate::{Error, Success, for_each, line, progress, walk};

/// Prints a line for each file below `paths`, and a message for what cannot be read.
pub(crate) fn create<E: Executor>(
    executor: &E,
    paths: &[OsString],
    output: &mut Output,
) -> Result<Success, Error> {
    if progress::visible() {
        measure(executor, paths.to_vec())?;
    }

    // The walk, which feeds the executor, and the results both know of files that could not be
    // read.
    let success = Cell::new(true);
    let fail = |message: String| {
        progress::report(&message);
        success.set(false);
    };
    let files = walk::files(paths.to_vec())
        .filter_map(|found| found.map_err(|error| fail(error.to_string())).ok());
    for_each(executor, hash, files, |(path, reading)| {
        match reading.finish()? {
            Ok(digest) => output
                .line(&line::format(&digest, &path))
                .map_err(Error::Output)?,
            Err(error) => fail(format!("{path:?}: {error}")),
        }
        Ok(())
    })?;
    Ok(success.get())
}

/// The call that runs on the executor. Its path comes back with what was read: nobody else has kept
/// it.
fn hash(path: OsString) -> (OsString, Reading) {
    let reading = Reading::of(&path);
    (path, reading)
}

/// Walks the tree once more for the total of the progress bar, beside the first files. Nobody waits
/// for it: a callback takes the result.
fn measure<E: Executor>(executor: &E, paths: Vec<OsString>) -> Result<(), Error> {
    let total = executor
        .submit(walk::total_bytes, paths)
        .map_err(|error| error.without_inner())?;
    total.add_done_callback(|done| {
        if let Ok(&bytes) = done.outcome() {
            progress::set_total(bytes);
        }
    });
    Ok(())
}
