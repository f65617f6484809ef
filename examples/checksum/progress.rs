//! The progress bar, and everything else that goes to standard error.
//!
//! There is one bar for the process, because the calls that move it are plain functions: they
//! capture nothing.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shown only to somebody who looks: in a pipe or a log there is none of it.
static BAR: LazyLock<ProgressBar> = LazyLock::new(|| {
    if !visible() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length().with_style(style("{spinner} {bytes} at {bytes_per_sec}"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
});

pub(crate) fn visible() -> bool {
    io::stderr().is_terminal()
}

/// So many more bytes were read.
pub(crate) fn advance(bytes: u64) {
    BAR.inc(bytes);
}

/// From now on the end is known, and with it the time that remains.
pub(crate) fn set_total(bytes: u64) {
    BAR.set_style(style(
        "{wide_bar} {bytes} of {total_bytes} at {bytes_per_sec}, {eta} left",
    ));
    BAR.set_length(bytes);
}

/// Runs `f` while the bar is off the screen.
pub(crate) fn suspend<R>(f: impl FnOnce() -> R) -> R {
    BAR.suspend(f)
}

/// Prints a message for the user.
pub(crate) fn report(message: &dyn Display) {
    suspend(|| eprintln!("checksum: {message}"));
}

/// Leaves the screen as if there had been no bar.
pub(crate) fn clear() {
    BAR.finish_and_clear();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are valid")
}
