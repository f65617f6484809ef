//! Copies four files at once and says how each copy went.
//!
//! The copies of different files do not depend on each other, and a thread that waits for a disk
//! leaves the processor to the others.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use concurrent_futures::ThreadPoolExecutor;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = TemporaryFolder::new()?;
    let pool = ThreadPoolExecutor::new(4)?;

    let mut copies = Vec::new();
    for number in 1..=4_u8 {
        let from = folder.path().join(format!("source{number}.bin"));
        let to = folder.path().join(format!("copy{number}.bin"));
        fs::write(&from, vec![number; usize::from(number) * 1_000_000])?;
        // `submit_result`: an `Err` of the call counts as its failure, as a panic does.
        let copy =
            pool.submit_result(|(from, to)| fs::copy(from, to), (from.clone(), to.clone()))?;
        copies.push((from, to, copy));
    }

    for (from, to, copy) in copies {
        // The first `?` is for a call that did not end, the second for a copy that failed.
        let bytes = copy.result()??;
        if fs::read(&from)? != fs::read(&to)? {
            return Err(format!("{} differs from {}", to.display(), from.display()).into());
        }
        println!(
            "{}: {bytes} bytes",
            to.file_name().unwrap_or_default().display()
        );
    }
    Ok(())
}

/// A new folder that is removed with this value.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("copy_files-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}
