//! Measures in a child process: this program again, with the hidden option that measures one contender once.

use std::process::{Command, Stdio};
use std::{env, io};

use concurrent_futures_benches::contender::ContenderName;
use concurrent_futures_benches::work::Work;

/// One figure of one contender, from a process that has done nothing else.
pub(crate) fn measure(work: Work, contender: ContenderName, quick: bool) -> io::Result<f64> {
    let mut child = Command::new(env::current_exe()?);
    child.args([work.as_str(), "--measure-once", contender.as_str()]);
    if quick {
        child.arg("--quick");
    }
    // What the child complains about is for the reader of this process.
    let output = child.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "the process for {contender} failed, {}",
            output.status
        )));
    }
    let figure = String::from_utf8_lossy(&output.stdout);
    figure.trim().parse().map_err(|_| {
        io::Error::other(format!(
            "the process for {contender} printed {figure:?}, not a figure"
        ))
    })
}
