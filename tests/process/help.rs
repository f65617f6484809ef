//! What these tests need to see into worker processes: a place for files, a gate that holds calls there, a record of what ran, and
//! this program again in another role.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use concurrent_futures::{ProcessPoolBuilder, ProcessPoolExecutor, TaskError};
use concurrent_futures_tests::{bounded, eventually, left::Clean};

/// Runs `test` alone and within the time limit; fails if it leaves a child or a descriptor.
pub(crate) fn alone(test: impl FnOnce() + Send + 'static) {
    let clean = Clean::begin();
    bounded(test);
    clean.check();
}

/// A pool of one worker.
pub(crate) fn one() -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(1).unwrap()
}

/// The choices for a pool of one worker.
pub(crate) fn one_with() -> ProcessPoolBuilder {
    ProcessPoolExecutor::builder().max_workers(1)
}

/// The process that a call runs in.
pub(crate) fn pid(_: ()) -> u32 {
    process::id()
}

/// What a call of `pid` says.
#[track_caller]
pub(crate) fn pid_of(pool: &ProcessPoolExecutor) -> u32 {
    pool.submit(pid, ()).unwrap().result().unwrap()
}

/// Ends a process at once.
#[track_caller]
pub(crate) fn kill(pid: u32, signal: i32) {
    // SAFETY: a signal for another process touches no memory of this one.
    let sent = unsafe { libc::kill(pid.try_into().unwrap(), signal) };
    assert_eq!(sent, 0, "{}", io::Error::last_os_error());
}

/// How a worker ended, and its number.
#[track_caller]
pub(crate) fn death<T: std::fmt::Debug>(
    outcome: Result<T, TaskError>,
) -> concurrent_futures::WorkerDied {
    match outcome {
        Err(TaskError::WorkerDied(death)) => death,
        other => panic!("not the end of a worker: {other:?}"),
    }
}

/// A folder of one test, gone when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("cf-process-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, as a call can take it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Adds a line to a file, whole, whoever else does so too.
pub(crate) fn note(file: impl AsRef<Path>, line: impl std::fmt::Display) {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Notes a number: a call by which a test sees that it ran.
pub(crate) fn note_number((file, number): (String, u32)) -> u32 {
    note(file, number);
    number
}

/// The numbers that were noted so far.
pub(crate) fn noted(file: impl AsRef<Path>) -> Vec<u32> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Something that calls in other processes wait for, until the test opens it, or ends.
pub(crate) struct ProcessGate(Folder);

impl ProcessGate {
    /// A closed gate.
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        fs::write(folder.path().join("closed"), "").unwrap();
        Self(folder)
    }

    /// The argument for [`hold`] and [`pass`].
    pub(crate) fn key(&self) -> String {
        self.0.path().to_str().unwrap().to_owned()
    }

    /// Lets everybody through, from now on.
    pub(crate) fn open(&self) {
        fs::remove_file(self.0.path().join("closed")).unwrap();
    }

    /// The processes of those who came, in that order.
    pub(crate) fn arrived(&self) -> Vec<u32> {
        noted(self.0.path().join("arrived"))
    }

    /// Waits until so many have come.
    #[track_caller]
    pub(crate) fn wait_for(&self, calls: usize) -> Vec<u32> {
        eventually("so many calls came to the gate", || {
            self.arrived().len() >= calls
        });
        self.arrived()
    }

    /// A call on this pool that runs, and waits here. Its future and its process.
    #[track_caller]
    pub(crate) fn hold_on(
        &self,
        pool: &ProcessPoolExecutor,
    ) -> (concurrent_futures::Future<u32>, u32) {
        let before = self.arrived().len();
        let call = pool.submit(hold, self.key()).unwrap();
        let worker = self.wait_for(before + 1)[before];
        (call, worker)
    }
}

/// Waits at a gate: a call.
pub(crate) fn hold(gate: String) -> u32 {
    note(Path::new(&gate).join("arrived"), process::id());
    pass(gate);
    process::id()
}

/// Waits at a gate and leaves no trace: a call.
pub(crate) fn pass(gate: String) {
    let closed = Path::new(&gate).join("closed");
    while closed.exists() {
        thread::sleep(Duration::from_millis(1));
    }
}

const ROLE: &str = "CONCURRENT_FUTURES_PROCESS_TEST_ROLE";

/// The role of this process, if [`again`] started it.
pub(crate) fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// This test program again, with only the named test, which finds its role.
pub(crate) fn again(test: &str, role: &str) -> Command {
    again_as(&env::current_exe().unwrap(), test, role)
}

/// A copy of this test program, in the same way.
pub(crate) fn again_as(program: &Path, test: &str, role: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// What this process tells the test that started it.
pub(crate) fn tell(text: impl std::fmt::Display) {
    println!("\ntold: {text}");
}

/// The next that a process tells.
pub(crate) fn told(child: &mut BufReader<process::ChildStdout>) -> Option<String> {
    child
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("told: ").map(str::to_owned))
}

/// What a process says.
pub(crate) fn output_of(child: &mut Child) -> BufReader<process::ChildStdout> {
    BufReader::new(child.stdout.take().unwrap())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(std::sync::Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}
