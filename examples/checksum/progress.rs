//! The progress bar, and everything else that goes to standard error.
//!
//! There is one bar for the process, because the calls that move it are plain functions: they
//! capture nothing. A worker process has none, because it never comes to `main`: what it has read
//! moves the bar by whole files, when the main program learns of it.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// From now on there is a bar. It is shown only to somebody who looks: in a pipe or a log there is
/// none of it.
pub(crate) fn show() {
    BAR.get_or_init(|| {
        if !visible() {
            return ProgressBar::hidden();
        }
        let style = style("{spinner} {bytes} at {bytes_per_sec}");
        let bar = ProgressBar::no_length().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    });
}

pub(crate) fn visible() -> bool {
    io::stderr().is_terminal()
}

/// So many more bytes were read. False if this process has no bar to show it.
pub(crate) fn advance(bytes: u64) -> bool {
    let bar = BAR.get();
    if let Some(bar) = bar {
        bar.inc(bytes);
    }
    bar.is_some()
}

/// From now on the end is known, and with it the time that remains.
pub(crate) fn set_total(bytes: u64) {
    if let Some(bar) = BAR.get() {
        bar.set_style(style(
            "{wide_bar} {bytes} of {total_bytes} at {bytes_per_sec}, {eta} left",
        ));
        bar.set_length(bytes);
    }
}

/// Runs `f` while the bar is off the screen.
pub(crate) fn suspend<R>(f: impl FnOnce() -> R) -> R {
    match BAR.get() {
        Some(bar) => bar.suspend(f),
        None => f(),
    }
}

/// Prints a message for the user.
pub(crate) fn report(message: &dyn Display) {
    suspend(|| eprintln!("checksum: {message}"));
}

/// Leaves the screen as if there had been no bar.
pub(crate) fn clear() {
    if let Some(bar) = BAR.get() {
        bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are valid")
}
