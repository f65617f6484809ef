//! The peers: `python/peers.py`, which runs in one Python process for all measurements.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::row::{Contender, Load, Row};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/peers.py");

/// The running script. Dropping it ends the script and waits for its end.
#[derive(Debug)]
pub(crate) struct Python {
    child: Child,
    // `None` only while being dropped.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    version: String,
}

#[derive(Deserialize)]
struct Greeting {
    python: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Seconds(f64),
    Error(String),
}

impl Python {
    /// Starts the script and waits until it says that it runs.
    ///
    /// # Errors
    ///
    /// If there is no `python3`, or it does not run the script.
    pub(crate) fn start() -> io::Result<Self> {
        Self::start_with("python3")
    }

    fn start_with(program: &str) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(SCRIPT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe was asked for"));
        let mut python = Self {
            child,
            requests,
            answers,
            version: String::new(),
        };
        let greeting: Greeting = python.read()?;
        python.version = greeting.python;
        Ok(python)
    }

    /// Which Python it is, and which release.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The time that all calls of a load take one of the peers.
    ///
    /// # Errors
    ///
    /// If the script has ended, or could not measure that.
    pub(crate) fn measure(
        &mut self,
        row: Row,
        contender: Contender,
        load: Load,
    ) -> io::Result<Duration> {
        let Load { calls, bytes } = load;
        let mut requests = self.requests.as_ref().expect("not being dropped");
        // In one piece: there is no buffer in between.
        requests.write_all(format!("{row} {contender} {calls} {bytes}\n").as_bytes())?;
        match self.read()? {
            Answer::Seconds(seconds) => {
                Duration::try_from_secs_f64(seconds).map_err(io::Error::other)
            }
            Answer::Error(error) => Err(io::Error::other(error)),
        }
    }

    fn read<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(io::Error::other("the script has ended"));
        }
        serde_json::from_str(&line)
            .map_err(|error| io::Error::other(format!("the script said {line:?}: {error}")))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its input ends the script.
        self.requests = None;
        if let Err(error) = self.child.wait() {
            eprintln!("processes: waiting for python3: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::row::Sizes;

    #[test]
    fn without_python_there_is_an_error() {
        let error = Python::start_with("no-such-python3").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg_attr(not(unix), ignore = "cat is a Unix program")]
    fn a_program_that_says_something_else_is_not_python() {
        let error = Python::start_with("cat").unwrap_err().to_string();
        assert!(error.starts_with("the script said"), "{error}");
    }

    #[test]
    fn the_script_measures_every_peer_in_every_row() {
        let Ok(mut python) = Python::start() else {
            eprintln!("not tested: there is no python3");
            return;
        };
        assert!(python.version().contains(" 3."), "{}", python.version());
        for &row in Row::value_variants() {
            for &contender in &row.contenders()[1..] {
                let load = row.load(contender, &Sizes::QUICK);
                let elapsed = python.measure(row, contender, load).unwrap();
                assert!(elapsed > Duration::ZERO);
            }
        }
    }

    #[test]
    fn what_the_script_cannot_measure_is_an_error_and_not_its_end() {
        let Ok(mut python) = Python::start() else {
            eprintln!("not tested: there is no python3");
            return;
        };
        let load = Row::Echo.load(Contender::Ours, &Sizes::QUICK);
        for _ in 0..2 {
            let error = python.measure(Row::Echo, Contender::Ours, load);
            assert!(error.unwrap_err().to_string().contains("KeyError"));
        }
    }
}
