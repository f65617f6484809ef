//! The digest of one file, read in small pieces.
//!
//! The call that reads a file may run in a worker process. What that does not have, the main program
//! does when the [`Reading`] is there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, interrupt, progress};

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// The path that stands for standard input.
pub(crate) const STDIN: &str = "-";

/// Bytes read at a time, on the stack of each worker: what `sha256sum` takes.
const BUFFER: usize = 32 * 1024;

/// What the call that reads a file has to say.
#[derive(Serialize, Deserialize)]
pub(crate) enum Reading {
    /// The file was read.
    Done {
        /// The error is its text, because an error of the system cannot travel to every executor.
        digest: Result<Digest, String>,
        /// Bytes that the progress bar was not told of.
        untold: u64,
    },
    /// It is standard input, and that of a worker process is empty: the main program reads it.
    Stdin,
}

impl Reading {
    /// Reads a file to its end, on an executor.
    pub(crate) fn of(path: &OsStr) -> Self {
        if path == STDIN {
            return Self::Stdin;
        }
        let mut untold = 0;
        let digest = File::open(path).and_then(|file| of(file, &mut untold));
        Self::Done {
            digest: digest.map_err(|error| error.to_string()),
            untold,
        }
    }

    /// Does the rest, in the main program. After Ctrl-C it begins to read nothing.
    pub(crate) fn finish(self) -> Result<Result<Digest, String>, Error> {
        match self {
            Self::Done { digest, untold } => {
                progress::advance(untold);
                Ok(digest)
            }
            Self::Stdin if interrupt::raised() => Err(Error::Interrupted),
            Self::Stdin => Ok(of(io::stdin(), &mut 0).map_err(|error| error.to_string())),
        }
    }
}

/// Adds to `untold` what the progress bar of this process, if it has one, was not told.
fn of(mut input: impl Read, untold: &mut u64) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = [0; BUFFER];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                if !progress::advance(count as u64) {
                    *untold += count as u64;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line;

    #[test]
    fn a_text_longer_than_the_buffer_is_read_in_pieces() {
        // `head -c 100000 /dev/zero | sha256sum`
        let digest = of(io::repeat(0).take(100_000), &mut 0).unwrap();
        assert_eq!(
            line::hex(&digest),
            "9192c25b734fcbadbe32dadc28089c60db0e39f90cc20ce2e5733f57261acc0c"
        );
    }

    #[test]
    fn no_byte_at_all() {
        let digest = of(io::empty(), &mut 0).unwrap();
        assert_eq!(
            line::hex(&digest),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_folder_is_no_file() {
        let reading = Reading::of(std::env::temp_dir().as_ref());
        assert!(matches!(reading, Reading::Done { digest: Err(_), .. }));
    }

    #[test]
    fn without_a_bar_the_bytes_are_counted() {
        let mut untold = 0;
        of(io::repeat(0).take(100_000), &mut untold).unwrap();
        assert_eq!(untold, 100_000);
    }
}
