//! What a test of worker processes must not leave behind: children, zombies included, and descriptors.

use std::{
    collections::BTreeSet,
    fs, process,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::eventually;

/// One test at a time, and what there was when it began.
pub struct Clean {
    before: (BTreeSet<u32>, BTreeSet<String>),
    _alone: MutexGuard<'static, ()>,
}

impl Clean {
    /// Waits until no other test of this process that asks for this runs, and looks at what there is.
    pub fn begin() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            before: (children(), descriptors()),
            _alone: alone,
        }
    }

    /// Fails if there is anything more than there was, also after a while.
    #[track_caller]
    pub fn check(self) {
        eventually("no child or descriptor is left", || {
            children().is_subset(&self.before.0) && descriptors().is_subset(&self.before.1)
        });
    }
}

/// The children of this process, those included that have ended and were not waited for.
pub fn children() -> BTreeSet<u32> {
    let own = process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(own))
        .collect()
}

/// The parent of a process, if there is such a process, be it dead.
pub fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may contain anything, brackets too.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// Whether there is such a process, and it has not ended.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Whether all of a process is stopped, by SIGSTOP for example.
pub fn is_stopped(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let mut threads = threads.into_iter().flatten().flatten();
    threads.all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

/// The open descriptors of this process, and what they lead to.
pub fn descriptors() -> BTreeSet<String> {
    let open = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    open.filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        // The listing itself, and what the harness opens and closes meanwhile.
        (!target.starts_with("/proc"))
            .then(|| format!("{:?} -> {}", entry.file_name(), target.display()))
    })
    .collect()
}
