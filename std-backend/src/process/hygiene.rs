//! What a new worker does to itself before it runs anybody's code, and the watch over its parent.
//! All but [`watch`] and [`ForkMark`] is for a process that has one thread.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{fs, io, mem, ptr, thread};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec, fcntl_getfd};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::net::{AddressFamily, SocketType, getpeername, sockopt};
use rustix::param::page_size;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpgrp, getpid, getrlimit,
    kill_current_process_group, pidfd_open, setrlimit,
};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};

/// The exit status of a worker whose parent is gone.
const ORPHANED: i32 = 1;

/// The lowest descriptor the channel may have: programs expect the small numbers for themselves.
const OUT_OF_THE_WAY: RawFd = 10;

/// Moves the channel from standard input to a close-on-exec descriptor from 10 on, puts
/// `/dev/null` in its place, and closes every other descriptor from 3 on. Fails, with nothing
/// changed, if standard input is no connected Unix stream socket.
pub(crate) fn take_channel() -> io::Result<OwnedFd> {
    if sockopt::socket_domain(stdin())? != AddressFamily::UNIX
        || sockopt::socket_type(stdin())? != SocketType::STREAM
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a Unix stream socket",
        ));
    }
    // A listening socket is a Unix stream socket too.
    getpeername(stdin())?;

    let channel = fcntl_dupfd_cloexec(stdin(), OUT_OF_THE_WAY)?;
    let null = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&null)?;
    // Otherwise the next file to be opened becomes standard output. Before `main`, the standard
    // library has not seen to this yet. It may be `null` itself that has got the number.
    if null.as_raw_fd() == 1 || fcntl_getfd(stdout()).is_err() {
        put_null(&null, 1)?;
    }
    if null.as_raw_fd() == 2 || fcntl_getfd(stderr()).is_err() {
        put_null(&null, 2)?;
    }
    if null.as_raw_fd() <= 2 {
        // It stays open as what it has become.
        mem::forget(null);
    } else {
        drop(null);
    }
    close_all_but(channel.as_raw_fd())?;
    Ok(channel)
}

/// Makes standard output (1) or standard error (2) a copy of `null`, kept across exec.
fn put_null(null: &fs::File, number: RawFd) -> io::Result<()> {
    if null.as_raw_fd() == number {
        // `dup2` onto itself would leave it close-on-exec.
        rustix::io::fcntl_setfd(null, rustix::io::FdFlags::empty())?;
    } else if number == 1 {
        dup2_stdout(null)?;
    } else {
        dup2_stderr(null)?;
    }
    Ok(())
}

/// Closes every descriptor from 3 on, except `keep`, which is not below 3.
fn close_all_but(keep: RawFd) -> io::Result<()> {
    let keep_number = keep.unsigned_abs();
    let below = close_from_to(3, keep_number - 1);
    let above = below.and_then(|()| close_from_to(keep_number + 1, u32::MAX));
    // Older kernels do not have the call, older sandboxes refuse it with all kinds of errors.
    above.or_else(|_| close_listed(keep))
}

/// `close_range`, which the libc may not have a function for.
fn close_from_to(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: no memory is passed. The descriptors may belong to something that a constructor has
    // opened; the caller, a new worker with one thread, means to take them away.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Closes what `/proc/self/fd` lists from 3 on, except `keep`.
fn close_listed(keep: RawFd) -> io::Result<()> {
    // Collected first, so that the descriptor of the directory itself is closed by its owner.
    let names = fs::read_dir("/proc/self/fd")?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    for name in names {
        let number = name.to_str().and_then(|name| name.parse::<RawFd>().ok());
        if let Some(number) = number.filter(|number| *number >= 3 && *number != keep) {
            // SAFETY: no memory is passed; for the descriptors see `close_from_to`.
            unsafe { libc::close(number) };
        }
    }
    Ok(())
}

/// Empties the signal mask and has every ignored signal act as by default: both are what is left of whoever started this process. But
/// ignores `SIGPIPE`, as every Rust program does, and `SIGTTOU`, so that printing in a background process group does not stop the worker.
/// Handlers are those of this program's own constructors, and stay.
pub(crate) fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // Taken by glibc for itself.
        if matches!(signal, 32 | 33) {
            continue;
        }
        let handler = match signal {
            libc::SIGPIPE | libc::SIGTTOU => libc::SIG_IGN,
            _ if is_ignored(signal) => libc::SIG_DFL,
            _ => continue,
        };
        // SAFETY: `signal` returns an error for a number that cannot be set, and neither disposition runs any code of this process.
        unsafe { libc::signal(signal, handler) };
    }
    // SAFETY: `sigset_t` is an array of integers, for which zeros are a value.
    let mut none: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to the set above, which is this function's own.
    unsafe { libc::sigemptyset(&raw mut none) };
    // Last, so that what was blocked and pending meets the dispositions from above.
    // SAFETY: the set is initialised, and the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) };
}

fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: it is made of integers and an address, for which zeros are a value.
    let mut present: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: nothing is set, and the place for what is there is this function's own.
    let known = unsafe { libc::sigaction(signal, ptr::null(), &raw mut present) } == 0;
    known && present.sa_sigaction == libc::SIG_IGN
}

/// Sets the name that `ps -o comm` shows, of which the kernel keeps 15 bytes.
pub(crate) fn set_name(name: &CStr) {
    // It fails for no string, and a worker without a name would work as well.
    let _ = rustix::thread::set_name(name);
}

/// Limits the address space to `bytes`, soft and hard, or to the present hard limit if that is
/// lower.
pub(crate) fn limit_address_space(bytes: u64) -> io::Result<()> {
    let present = getrlimit(Resource::As).maximum;
    let limit = Some(present.map_or(bytes, |present| present.min(bytes)));
    Ok(setrlimit(
        Resource::As,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    )?)
}

/// A word that reads 1 in this process and 0 in any process forked from it: it is on a page of its
/// own, which the kernel gives to a forked process zeroed. (Not after `vfork`, which shares it.)
#[derive(Debug)]
pub(crate) struct ForkMark(NonNull<AtomicU32>);

// SAFETY: the page belongs to the value, and the only access to it is through an atomic.
unsafe impl Send for ForkMark {}
// SAFETY: as above.
unsafe impl Sync for ForkMark {}

impl ForkMark {
    /// Marks this process as the original.
    pub(crate) fn new() -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: with a null address and without `FIXED` the kernel picks a free range.
        let page =
            unsafe { mmap_anonymous(ptr::null_mut(), page_size(), access, MapFlags::PRIVATE) }?;
        let mark = Self(NonNull::new(page.cast()).ok_or(Errno::NOMEM)?);
        // SAFETY: the page is this value's own, and the advice changes nothing in this process.
        unsafe { madvise(page, page_size(), Advice::LinuxWipeOnFork) }?;
        mark.word().store(1, Ordering::Relaxed);
        Ok(mark)
    }

    /// Whether this is the process that made the mark.
    #[inline]
    pub(crate) fn is_original(&self) -> bool {
        self.word().load(Ordering::Relaxed) == 1
    }

    #[inline]
    fn word(&self) -> &AtomicU32 {
        // SAFETY: `new` mapped the page, zeroed and aligned to its size, and `drop` unmaps it.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for ForkMark {
    fn drop(&mut self) {
        // SAFETY: `new` mapped this range, and nothing borrows from the value any more.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), page_size()) };
    }
}

/// Waits until the other end of `channel` is closed or the process `parent` is gone. Then kills
/// this process together with its process group if it leads one, or else exits at once.
pub(crate) fn watch(channel: BorrowedFd<'_>, parent: Pid) -> ! {
    // Another process may have inherited the other end of the channel and outlive the parent.
    let process = pidfd_open(parent, PidfdFlags::empty())
        // Out of the way, like the channel.
        .and_then(|process| fcntl_dupfd_cloexec(process, OUT_OF_THE_WAY));
    if matches!(process, Err(Errno::SRCH)) {
        end();
    }
    // No `IN` for the channel: data on it is for somebody else.
    let mut watched = vec![PollFd::from_borrowed_fd(channel, PollFlags::RDHUP)];
    watched.extend(
        process
            .iter()
            .map(|process| PollFd::new(process, PollFlags::IN)),
    );
    loop {
        match poll(&mut watched, None) {
            Ok(_) if watched.iter().any(|watched| !watched.revents().is_empty()) => break,
            Ok(_) | Err(Errno::INTR) => {}
            // Out of memory or, with hardly any descriptors allowed, not allowed: no news.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
    end()
}

fn end() -> ! {
    if getpgrp() == getpid() {
        let _ = kill_current_process_group(Signal::KILL);
    }
    // SAFETY: it takes any status, and runs nothing of this process.
    unsafe { libc::_exit(ORPHANED) }
}

#[cfg(test)]
mod tests;
