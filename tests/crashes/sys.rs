//! What the operating system is asked for here, and ways to end.

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::Path,
    ptr::{self, NonNull},
    slice,
    sync::atomic::AtomicU32,
};

/// Sends a signal; false if there is no such process.
pub(crate) fn kill(pid: u32, signal: i32) -> bool {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid.cast_signed(), signal) == 0 }
}

/// Ends this process by SIGKILL.
pub(crate) fn kill_self() -> ! {
    kill(std::process::id(), libc::SIGKILL);
    loop {
        std::thread::park();
    }
}

/// No core files of what crashes on purpose.
pub(crate) fn no_core() {
    limit(libc::RLIMIT_CORE, 0);
}

/// Aborts.
pub(crate) fn abort() -> ! {
    no_core();
    std::process::abort()
}

/// Writes where nothing may be written.
pub(crate) fn segfault() -> ! {
    no_core();
    // SAFETY: a new mapping, which replaces nothing.
    let page = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0)
    };
    // SAFETY: it is not sound, and the system is to notice; the page belongs to nobody else.
    unsafe { page.cast::<u8>().write_volatile(1) };
    unreachable!("a page without permissions was written")
}

/// Lowers, or raises again, the soft limit of a resource; the limit that there was.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, soft: u64) -> u64 {
    let mut now = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `now` is for the system to write.
    let got = unsafe { libc::getrlimit(resource, &raw mut now) };
    assert_eq!(got, 0, "{}", io::Error::last_os_error());
    let before = now.rlim_cur;
    now.rlim_cur = soft;
    // SAFETY: `now` is read only.
    let set = unsafe { libc::setrlimit(resource, &raw const now) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
    before
}

/// Forks: the number of the other process, or 0 in it.
pub(crate) fn fork() -> i32 {
    // SAFETY: it is what a reckless call may do; only this thread goes on in the other process.
    unsafe { libc::fork() }
}

/// Closes a descriptor, whoever needs it.
pub(crate) fn close(descriptor: i32) {
    // SAFETY: it is what a reckless call may do.
    unsafe { libc::close(descriptor) };
}

/// Writes to a descriptor, whatever it is.
pub(crate) fn write(descriptor: i32, bytes: &[u8]) {
    // SAFETY: the bytes are read only.
    unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
}

/// Ends this process without anything being run for that.
pub(crate) fn exit_at_once(status: i32) -> ! {
    // SAFETY: no memory is involved.
    unsafe { libc::_exit(status) }
}

/// Has the exit of this process never end.
pub(crate) fn never_exit() {
    extern "C" fn forever() {
        loop {
            std::thread::park();
        }
    }
    // SAFETY: the function is there until the process ends.
    unsafe { libc::atexit(forever) };
}

/// Has the calling thread, and those that it starts, take no signals.
pub(crate) fn block_all_signals() {
    // SAFETY: a set of signals is plain data.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `all` is for the system to write.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: `all` is read only.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut()) };
}

/// Has this process take no notice of a signal.
pub(crate) fn ignore(signal: i32) {
    // SAFETY: no handler is involved.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Waits for any child; false if there was none, or none that had ended.
pub(crate) fn wait_for_any() -> bool {
    // SAFETY: the status is not asked for.
    unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) > 0 }
}

/// A new session, which a leader of a group cannot have.
pub(crate) fn new_session() {
    // SAFETY: no memory is involved.
    unsafe { libc::setsid() };
}

/// Moves this process to the group of its parent. False if the system did not allow it.
pub(crate) fn join_group_of_parent() -> bool {
    // SAFETY: no memory is involved.
    let parent = unsafe { libc::getppid() };
    // SAFETY: no memory is involved.
    let group = unsafe { libc::getpgid(parent) };
    // SAFETY: no memory is involved.
    unsafe { libc::setpgid(0, group) == 0 }
}

/// Whether this process is root; then it becomes a user who has nothing else.
pub(crate) fn become_nobody_in_particular() {
    // SAFETY: no memory is involved.
    let root = unsafe { libc::geteuid() == 0 };
    if root {
        let user = 1_000_000 + std::process::id();
        // SAFETY: no memory is involved.
        let set = unsafe { libc::setuid(user) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
        // SAFETY: no memory is involved.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
    }
}

/// A pipe with a name.
pub(crate) fn make_fifo(path: &Path) {
    let mut name = path.as_os_str().as_encoded_bytes().to_vec();
    name.push(0);
    // SAFETY: the name ends with a zero.
    let made = unsafe { libc::mkfifo(name.as_ptr().cast(), 0o600) };
    assert_eq!(made, 0, "{}", io::Error::last_os_error());
}

/// Counters in a file, which all processes that open it share.
pub(crate) struct Counters {
    at: NonNull<AtomicU32>,
    count: usize,
}

// SAFETY: what it points to is only ever used as atomics.
unsafe impl Send for Counters {}
// SAFETY: as above.
unsafe impl Sync for Counters {}

impl Counters {
    /// So many counters in this file, all zero if it is new.
    pub(crate) fn open(path: impl AsRef<Path>, count: usize) -> Self {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file: File = options.open(path).unwrap();
        let bytes = count * size_of::<AtomicU32>();
        if file.metadata().unwrap().len() < bytes as u64 {
            file.set_len(bytes as u64).unwrap();
        }
        // SAFETY: a new mapping of a file that is at least so long, which replaces nothing.
        let at = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let descriptor = file.as_raw_fd();
            libc::mmap(
                ptr::null_mut(),
                bytes,
                access,
                libc::MAP_SHARED,
                descriptor,
                0,
            )
        };
        assert_ne!(at, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        let at = NonNull::new(at.cast()).unwrap();
        Self { at, count }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[AtomicU32] {
        // SAFETY: the mapping has so many, aligned to a page, until `self` is dropped.
        unsafe { slice::from_raw_parts(self.at.as_ptr(), self.count) }
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        let bytes = self.count * size_of::<AtomicU32>();
        // SAFETY: this is the mapping that `open` made, and nobody uses it any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), bytes) };
    }
}
