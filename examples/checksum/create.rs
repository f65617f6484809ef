//! Makes a list: the digests of the files below some paths.

use std::cell::Cell;
use std::ffi::OsString;

use concurrent_futures::Executor;

use crate::digest::{self, Digest};
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
    for_each(executor, hash, files, |(path, digest)| match digest {
        Ok(digest) => output.line(&line::format(&digest, &path)),
        Err(error) => {
            fail(format!("{path:?}: {error}"));
            Ok(())
        }
    })?;
    Ok(success.get())
}

/// The call that runs on the executor. Its path comes back with the digest: nobody else has kept
/// it.
fn hash(path: OsString) -> (OsString, Result<Digest, String>) {
    let digest = digest::of_file(&path);
    (path, digest)
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
