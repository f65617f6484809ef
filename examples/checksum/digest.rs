//! The digest of one file, read in small pieces.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

use sha2::{Digest as _, Sha256};

use crate::progress;

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// The path that stands for standard input.
pub(crate) const STDIN: &str = "-";

/// Bytes read at a time, on the stack of each worker: what `sha256sum` takes.
const BUFFER: usize = 32 * 1024;

/// Reads a file to its end. The error is its text, because an error of the system cannot travel to
/// every executor.
pub(crate) fn of_file(path: &OsStr) -> Result<Digest, String> {
    let digest = if path == STDIN {
        of(io::stdin().lock())
    } else {
        File::open(path).and_then(of)
    };
    digest.map_err(|error| error.to_string())
}

fn of(mut input: impl Read) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = [0; BUFFER];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                progress::advance(count as u64);
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
        let digest = of(io::repeat(0).take(100_000)).unwrap();
        assert_eq!(
            line::hex(&digest),
            "9192c25b734fcbadbe32dadc28089c60db0e39f90cc20ce2e5733f57261acc0c"
        );
    }

    #[test]
    fn no_byte_at_all() {
        let digest = of(io::empty()).unwrap();
        assert_eq!(
            line::hex(&digest),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_folder_is_no_file() {
        assert!(of_file(std::env::temp_dir().as_ref()).is_err());
    }
}
