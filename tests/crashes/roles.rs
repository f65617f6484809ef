//! Tests that need a process of their own start this executable again, with a role in the environment.

use std::{
    env,
    io::{self, BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{descriptors, hangs, killed, matrix, orphans, start, storm, sys};

const ROLE: &str = "CRASHES_ROLE";
const ARGUMENT: &str = "CRASHES_ARGUMENT";
const MARK: &str = "role: ";

/// A process that plays a role.
pub(crate) struct Other {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    pub(crate) fn start(role: &str, argument: &str) -> Self {
        Self::start_from(&env::current_exe().unwrap(), role, argument)
    }

    /// The same from a copy of this executable.
    pub(crate) fn start_from(executable: &Path, role: &str, argument: &str) -> Self {
        let mut child = Command::new(executable)
            .args(["roles::plays_the_role_it_was_started_for", "--exact"])
            .args(["--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(ARGUMENT, argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing that it says.
    #[track_caller]
    pub(crate) fn says(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("it says something").unwrap();
            if let Some(said) = line.strip_prefix(MARK) {
                return said.to_owned();
            }
        }
    }

    /// The next thing that it says: a number.
    #[track_caller]
    pub(crate) fn says_number(&mut self) -> u32 {
        self.says().parse().unwrap()
    }

    /// Lets it go on from [`hear`].
    pub(crate) fn tell(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap()).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.end();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a role may take that is played to its end.
const LIMIT: Duration = Duration::from_secs(20);

/// Fails unless the role is played to its end in another process, and soon.
#[track_caller]
pub(crate) fn plays(role: &str, argument: &str) {
    let mut other = Other::start(role, argument);
    let start = Instant::now();
    let status = loop {
        if let Some(status) = other.child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            other.kill();
            panic!("as {role} of {argument}: it hangs");
        }
        thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        let said: Vec<_> = other.lines.by_ref().map_while(Result::ok).collect();
        panic!("as {role} of {argument}: {status}\n{}", said.join("\n"));
    }
}

/// For a role: says something.
pub(crate) fn say(what: impl std::fmt::Display) {
    // The harness has begun a line of its own.
    print!("\n{MARK}{what}\n");
    io::stdout().flush().unwrap();
}

/// For a role: waits until it is told to go on.
pub(crate) fn hear() {
    io::stdin().read_line(&mut String::new()).unwrap();
}

// The other process; nothing where no role is given.
#[test]
fn plays_the_role_it_was_started_for() {
    let Ok(role) = env::var(ROLE) else { return };
    let argument = env::var(ARGUMENT).unwrap();
    sys::no_core();
    match role.as_str() {
        "cell" => matrix::play(&argument),
        "parent" => orphans::play(&argument),
        "start" => start::play(&argument),
        "descriptors" => descriptors::play(&argument),
        "killed" => killed::play(&argument),
        "hangs" => hangs::play(&argument),
        "storm" => storm::play(&argument),
        other => panic!("no such role: {other}"),
    }
}
