//! Lines on standard output, in harmony with the progress bar.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use crate::progress;

/// Standard output: in blocks into a file or pipe, line by line onto a terminal.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    terminal: bool,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        Self {
            terminal: stdout.is_terminal(),
            stdout: BufWriter::new(stdout.lock()),
        }
    }

    /// Writes a line that ends in a newline.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.terminal {
            return self.stdout.write_all(line);
        }
        progress::suspend(|| {
            self.stdout.write_all(line)?;
            self.stdout.flush()
        })
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}
