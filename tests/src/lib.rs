//! What the tests share: a time limit, gates that hold calls where a test wants them, counters for drops, and a look at which
//! threads are left.

pub mod left;

use std::{
    panic,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use concurrent_futures::{ThreadPoolBuilder, ThreadPoolExecutor};

/// How long a test may take before it counts as hung.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Runs `test` on a thread of its own and fails if it takes longer than [`LIMIT`]; its panic is the caller's.
pub fn bounded<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (tell, told) = mpsc::channel();
    let running = thread::spawn(move || {
        let result = test();
        let _ = tell.send(());
        result
    });
    if told.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the test did not end within {LIMIT:?}");
    }
    running
        .join()
        .unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Something that calls wait for, until the test opens it. Clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody through, from now on.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits until the gate is open.
    pub fn pass(&self) {
        let mut open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.0.1.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Counts how many of its tokens were dropped.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

/// Counts its drop.
pub struct Token(Drops);

impl Drops {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more thing to be dropped.
    pub fn token(&self) -> Token {
        Token(self.clone())
    }

    /// How many were dropped.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A name for one test's threads, to see whether any is left.
pub struct Threads(String);

impl Threads {
    /// A prefix that no other test of this process has. At most nine bytes, so that the system shows it whole.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(format!("cf{}t", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// A builder whose threads have this prefix.
    pub fn builder(&self) -> ThreadPoolBuilder {
        ThreadPoolExecutor::builder().thread_name_prefix(self.0.clone())
    }

    /// A pool whose threads have this prefix.
    pub fn pool(&self, workers: usize) -> ThreadPoolExecutor {
        self.builder()
            .max_workers(workers)
            .build()
            .expect("a pool of this test's choice")
    }

    /// How many such threads there are.
    pub fn alive(&self) -> usize {
        let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
            return 0;
        };
        let prefix = format!("{}_", self.0);
        tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
            .filter(|name| name.starts_with(&prefix))
            .count()
    }

    /// Fails if there are any after a shutdown or a drop that waited. The system may list a thread for a moment after it was
    /// joined.
    #[track_caller]
    pub fn assert_none_left(&self) {
        eventually("no worker threads are left", || self.alive() == 0);
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until `condition` holds; fails after [`LIMIT`].
#[track_caller]
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "never came true: {what}");
        thread::yield_now();
    }
}
