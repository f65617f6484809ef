//! What these tests share.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::Read,
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use concurrent_futures::{
    Ended, ProcessPoolExecutor, ProcessPoolHandle, SubmitError, TaskError, WorkerDied,
};
use concurrent_futures_tests::{
    bounded,
    left::{Clean, is_alive},
};

use crate::sys;

/// What passes for large: more than any channel holds.
pub(crate) const LARGE: usize = 64 << 20;

/// Runs a test within the limit of time, no other one of this file's at the same time, and fails if it leaves a child, a zombie or a
/// descriptor. (Waiting for its turn is not in the limit.)
#[track_caller]
pub(crate) fn alone(test: impl FnOnce() + Send + 'static) {
    let clean = Clean::begin();
    bounded(test);
    clean.check();
}

/// A pool with so many workers, everything else as it is by default.
pub(crate) fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(workers).unwrap()
}

/// Has the pool run a call, and says by which worker.
#[track_caller]
pub(crate) fn worker_of(pool: &ProcessPoolHandle) -> u32 {
    let call = pool.submit(|()| process::id(), ()).unwrap();
    call.result().expect("the pool works")
}

/// What is known of the death that this outcome is.
#[track_caller]
pub(crate) fn death<T>(outcome: Result<T, TaskError>) -> WorkerDied {
    match outcome {
        Err(TaskError::WorkerDied(death)) => death,
        Err(other) => panic!("not the death of a worker: {other:?}"),
        Ok(_) => panic!("not the death of a worker: a value"),
    }
}

/// Fails unless this is a death by SIGKILL.
#[track_caller]
pub(crate) fn assert_killed<T>(outcome: Result<T, TaskError>) {
    assert_eq!(death(outcome).ended(), Ended::Signal(libc::SIGKILL));
}

/// Whether the process is gone a second from now, or earlier.
pub(crate) fn is_gone(pid: u32) -> bool {
    let start = Instant::now();
    while is_alive(pid) {
        if start.elapsed() > Duration::from_secs(1) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Fails if the process is still there a second from now.
#[track_caller]
pub(crate) fn gone_within_a_second(pid: u32) {
    if !is_gone(pid) {
        // For what comes after this test.
        sys::kill(pid, libc::SIGKILL);
        panic!("process {pid} is there a second later");
    }
}

/// Whether this is an error by which a pool says that it cannot start a worker.
pub(crate) fn says_no_worker<T>(submitted: Result<T, SubmitError<impl Sized>>) -> Result<T, bool> {
    match submitted {
        Ok(taken) => Ok(taken),
        Err(SubmitError::NoWorker(_) | SubmitError::Broken(..)) => Err(true),
        Err(_) => Err(false),
    }
}

/// Fails unless the call is refused, or fails, because no worker can be started.
#[track_caller]
pub(crate) fn assert_no_worker(pool: &ProcessPoolHandle) {
    match says_no_worker(pool.submit(|()| (), ())) {
        Ok(future) => {
            let outcome = future.result();
            assert!(
                matches!(outcome, Err(TaskError::NoWorker | TaskError::Broken(_))),
                "{outcome:?}"
            );
        }
        Err(says_so) => assert!(says_so, "another error than that there is no worker"),
    }
}

/// A folder for one test, which is deleted with everything in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("crashes-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The path as an argument of a call.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// A place at which calls wait.
    pub(crate) fn door(&self, name: &str) -> Door {
        let door = Door(self.text(name));
        sys::make_fifo(&self.path(name));
        door
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A place at which one call waits for the test, and the test for the call.
pub(crate) struct Door(String);

/// As long as there is this, the call stays at the door.
pub(crate) struct Held(#[expect(dead_code, reason = "its drop is what counts")] File);

impl Door {
    /// For [`wait_at`].
    pub(crate) fn name(&self) -> String {
        self.0.clone()
    }

    /// Waits until the call is there.
    pub(crate) fn meet(&self) -> Held {
        Held(OpenOptions::new().write(true).open(&self.0).unwrap())
    }
}

/// For a call: waits until the test has met it at the door, and let it go.
pub(crate) fn wait_at(door: &str) {
    let mut file = File::open(door).unwrap();
    let _ = file.read(&mut [0]);
}

/// A call that does nothing else.
pub(crate) fn stay(door: String) -> u32 {
    wait_at(&door);
    process::id()
}
