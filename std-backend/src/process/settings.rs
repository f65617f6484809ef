//! What a pool of processes is like, and what all of its parts share.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering, fence},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{board::Board, child::Child, feed::Feed, function::Function};

/// What happens to a call whose worker process ends while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDeath {
    /// It fails, with what is known of the end. Nothing else is affected.
    #[default]
    Fail,
    /// It is run again, on another worker, at most so many times; then it fails. For calls that may run twice.
    Retry(u32),
    /// It fails, and with it the pool and everything in it, as in CPython.
    Break,
}

/// Where what the worker processes print goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildOutput {
    /// To where this process prints.
    #[default]
    Inherit,
    /// Nowhere.
    Discard,
    /// To the end of this file, which is made if it is not there.
    Append(PathBuf),
}

impl ChildOutput {
    pub(crate) fn open(&self) -> io::Result<Stdio> {
        match self {
            Self::Inherit => Ok(Stdio::inherit()),
            Self::Discard => Ok(Stdio::null()),
            Self::Append(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path)?;
                Ok(Stdio::from(file))
            }
        }
    }
}

/// Everything that was chosen.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) max_workers: usize,
    pub(crate) max_tasks_per_child: Option<u64>,
    pub(crate) window: usize,
    pub(crate) on_death: OnDeath,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) address_space: Option<u64>,
    pub(crate) stack_size: u64,
    pub(crate) clear_environment: bool,
    pub(crate) environment: Vec<(OsString, Option<OsString>)>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) stdout: ChildOutput,
    pub(crate) stderr: ChildOutput,
    pub(crate) initializer: Option<(Function, Vec<u8>)>,
    /// How deep in workers of workers the workers of this pool are.
    pub(crate) depth: u32,
}

/// How many workers in a row may end before they are ready: each of them started when the one before it had ended.
const MOST_UNREADY: u32 = 3;

/// The workers in a row that ended before they were ready.
#[derive(Debug, Default)]
struct Unready {
    row: u32,
    /// The first that was not started yet when the last of them ended.
    next: u64,
}

/// What the parts of one pool share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// The worker processes that nobody has waited for yet: their numbers belong to nobody else.
    alive: Mutex<Vec<(Pid, Arc<Board>)>>,
    /// Started, and not yet looked after.
    nursery: Mutex<Vec<Child>>,
    started: AtomicU64,
    unready: Mutex<Unready>,
    cancelled: AtomicBool,
    /// Of the maps that there are.
    feeds: Mutex<Vec<Weak<Feed>>>,
    ended: Mutex<Option<Verdict>>,
}

/// Why all workers were ended.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// Somebody asked for it.
    Asked(&'static str),
    /// The pool is broken.
    Broken(String),
}

/// Sends a signal to a process that nobody has waited for, and to what it has started. It may have left its group.
pub(crate) fn send_signal(pid: Pid, signal: Signal) {
    // Those that are not there any more need no signal.
    let _ = kill_process_group(pid, signal);
    let _ = kill_process(pid, signal);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            alive: Mutex::default(),
            nursery: Mutex::default(),
            started: AtomicU64::new(0),
            unready: Mutex::default(),
            cancelled: AtomicBool::new(false),
            feeds: Mutex::default(),
            ended: Mutex::default(),
        }
    }

    /// The index and the name of the next worker.
    pub(crate) fn next_name(&self) -> (u64, String) {
        let index = self.started.fetch_add(1, Ordering::Relaxed);
        (index, format!("{}_{index}", self.settings.prefix))
    }

    /// Has a process be ended with the others. False, and it is not, if they were ended already.
    pub(crate) fn born(&self, pid: Pid, board: &Arc<Board>) -> bool {
        let ended = lock(&self.ended);
        if ended.is_none() {
            lock(&self.alive).push((pid, Arc::clone(board)));
        }
        ended.is_none()
    }

    /// Somebody is about to wait for it: its number may soon be another's.
    pub(crate) fn gone(&self, pid: Pid) {
        lock(&self.alive).retain(|(alive, _)| *alive != pid);
    }

    /// Leaves a process that was started to the worker that will look after it.
    pub(crate) fn hand_over(&self, child: Child) {
        lock(&self.nursery).push(child);
    }

    /// A process that nobody looks after yet.
    pub(crate) fn adopt(&self) -> Option<Child> {
        lock(&self.nursery).pop()
    }

    /// Sends a signal to all workers, and what they have started; none are started any more.
    pub(crate) fn end_all(&self, verdict: Verdict, signal: Signal) {
        lock(&self.ended).get_or_insert(verdict);
        for (pid, _) in lock(&self.alive).iter() {
            send_signal(*pid, signal);
        }
    }

    /// Why all workers were ended, if they were.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        lock(&self.ended).clone()
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        let alive = lock(&self.alive);
        let pids = alive.iter().map(|(pid, _)| pid.as_raw_pid());
        pids.map(i32::cast_unsigned).collect()
    }

    /// What no worker has started is cancelled, items of maps included.
    pub(crate) fn cancel_queued(&self) {
        self.cancelled.store(true, Ordering::Release);
        // SeqCst: either whoever offers a call to a worker sees this, or the offer is seen here.
        fence(Ordering::SeqCst);
        for (_, board) in lock(&self.alive).iter() {
            board.revoke_all();
        }
        let feeds = std::mem::take(&mut *lock(&self.feeds));
        for feed in feeds.iter().filter_map(Weak::upgrade) {
            feed.cancel();
        }
    }

    /// Has the items of a map be cancelled with all others.
    pub(crate) fn register(&self, feed: &Arc<Feed>) {
        {
            let mut feeds = lock(&self.feeds);
            feeds.retain(|feed| feed.strong_count() > 0);
            feeds.push(Arc::downgrade(feed));
        }
        // Either it is in the list that `cancel_queued` takes, or that was before.
        if self.is_cancelled() {
            feed.cancel();
        }
    }

    /// Whether what was just offered to a worker has to be taken back, because what is not started is cancelled.
    pub(crate) fn offered_in_vain(&self) -> bool {
        // SeqCst: see `cancel_queued`.
        fence(Ordering::SeqCst);
        self.is_cancelled()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// A worker was ready.
    pub(crate) fn was_ready(&self) {
        lock(&self.unready).row = 0;
    }

    /// A worker ended before it was ready. True if that happened too often. Those that were killed together count once.
    pub(crate) fn was_not_ready(&self, index: u64) -> bool {
        let mut unready = lock(&self.unready);
        if index >= unready.next {
            unready.row += 1;
            unready.next = self.started.load(Ordering::Relaxed);
        }
        unready.row >= MOST_UNREADY
    }
}
