//! What changes a whole process is tried in a child: this executable again, with one test, that
//! looks into the environment for what to do.

use std::io::{Read, Write};
use std::os::fd::{AsFd, IntoRawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::{env, net};

use super::*;

const ROLE: &str = "HYGIENE_TEST_ROLE";
const PARENT: &str = "HYGIENE_TEST_PARENT";

/// A command that runs `child` below in the role, with `input` as its standard input.
fn role(role: &str, input: impl Into<Stdio>) -> Command {
    let (_, path) = module_path!().split_once("::").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", &format!("{path}::child")]);
    command
        .env(ROLE, role)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the role and expects that it comes to its end.
fn run(name: &str, input: impl Into<Stdio>) {
    let output = role(name, input).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.contains("1 passed"), "{printed}");
}

#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    match role.as_str() {
        "take" => take(),
        "take with closed output" => {
            for number in [1, 2] {
                // SAFETY: no memory is passed; this process is about to end.
                unsafe { libc::close(number) };
            }
            let taken = take_channel();
            let right = taken.is_ok() && names(1).as_deref() == Some("/dev/null");
            let right = right && names(2).as_deref() == Some("/dev/null");
            let kept = |fd| fcntl_getfd(fd).is_ok_and(|flags| flags.is_empty());
            let right = right && kept(stdout()) && kept(stderr());
            // SAFETY: it runs nothing of this process.
            unsafe { libc::_exit(if right { 40 } else { 41 }) };
        }
        "take nothing" => {
            let before = names(0);
            take_channel().unwrap_err();
            assert_eq!(names(0), before);
        }
        "close listed" => {
            let (keep, other) = (open_null(), open_null());
            close_listed(keep).unwrap();
            assert!(names(keep).is_some());
            assert!(names(other).is_none());
            assert!(names(2).is_some());
        }
        "signals" => signals(),
        "limit" => {
            let before = getrlimit(Resource::As).maximum.unwrap_or(u64::MAX);
            limit_address_space(1 << 32).unwrap();
            let limit = Some(before.min(1 << 32));
            assert_eq!(
                getrlimit(Resource::As),
                Rlimit {
                    current: limit,
                    maximum: limit
                }
            );
            limit_address_space(1 << 40).unwrap();
            assert_eq!(
                getrlimit(Resource::As),
                Rlimit {
                    current: limit,
                    maximum: limit
                }
            );
            Vec::<u8>::new().try_reserve_exact(1 << 33).unwrap_err();
        }
        "watch" | "watch a closed one" => {
            let parent = env::var(PARENT)
                .unwrap()
                .parse()
                .ok()
                .and_then(Pid::from_raw)
                .unwrap();
            let mut channel = stdin();
            if role == "watch a closed one" {
                // So high that nothing else gets the number.
                let high = fcntl_dupfd_cloexec(channel, 500).unwrap().into_raw_fd();
                // SAFETY: nothing uses it but `watch`, which is to see that it is closed.
                channel = unsafe { BorrowedFd::borrow_raw(high) };
                // SAFETY: no memory is passed.
                unsafe { libc::close(high) };
            } else {
                if getpgrp() == getpid() {
                    // Somebody else in the group, that holds the standard output open.
                    let mut other = Command::new("sleep");
                    let mut other = other.arg("100").stdin(Stdio::null()).spawn().unwrap();
                    thread::spawn(move || other.wait());
                }
                rustix::io::write(stdout(), b"begun").unwrap();
            }
            watch(channel, parent);
        }
        other => panic!("no role {other}"),
    }
}

/// What the descriptor is open on.
fn names(number: RawFd) -> Option<String> {
    let link = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

fn open_null() -> RawFd {
    fs::File::open("/dev/null").unwrap().into_raw_fd()
}

fn take() {
    let (before, among) = (open_null(), open_null());
    // SAFETY: no memory is passed. It is far above anything else that is open here.
    let above = unsafe { libc::dup2(among, 500) };
    let channel = take_channel().unwrap();
    assert!(channel.as_raw_fd() >= 10);
    assert_eq!(fcntl_getfd(&channel).unwrap(), rustix::io::FdFlags::CLOEXEC);
    assert_eq!(names(0).as_deref(), Some("/dev/null"));
    assert!(fcntl_getfd(stdin()).unwrap().is_empty());
    for number in [before, among, above] {
        assert!(number == channel.as_raw_fd() || names(number).is_none());
    }
    let open: Vec<_> = (3..1000)
        .filter(|number| names(*number).is_some())
        .collect();
    assert_eq!(open, [channel.as_raw_fd()]);
    UnixStream::from(channel).write_all(b"taken").unwrap();
}

#[test]
fn the_channel_is_taken() {
    let (mut here, there) = UnixStream::pair().unwrap();
    run("take", OwnedFd::from(there));
    let mut said = String::new();
    here.read_to_string(&mut said).unwrap();
    assert_eq!(said, "taken");
}

#[test]
fn closed_output_is_opened() {
    let (_here, there) = UnixStream::pair().unwrap();
    let status = role("take with closed output", OwnedFd::from(there))
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(40));
}

#[test]
fn what_is_no_channel_is_not_taken() {
    run("take nothing", Stdio::null());
    let (_here, there) = UnixDatagram::pair().unwrap();
    run("take nothing", OwnedFd::from(there));
    run(
        "take nothing",
        OwnedFd::from(net::TcpListener::bind("127.0.0.1:0").unwrap()),
    );
    let path = env::temp_dir().join(format!("hygiene-test-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    run("take nothing", OwnedFd::from(listener));
}

#[test]
fn descriptors_are_closed_without_close_range() {
    run("close listed", Stdio::null());
}

fn signals() {
    extern "C" fn nothing(_: libc::c_int) {}
    for signal in [libc::SIGINT, libc::SIGUSR2, libc::SIGRTMIN() + 3, 64] {
        // SAFETY: ignoring a signal runs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: the handler does nothing, so it can run at any time.
    unsafe {
        libc::signal(
            libc::SIGPIPE,
            nothing as extern "C" fn(libc::c_int) as usize,
        )
    };
    // SAFETY: zeros are a value of the set.
    let mut all: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: the set is this function's own.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: the set is initialised, and the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut()) };
    assert_ne!(signal_field("SigBlk"), 0);

    reset_signals();

    let bit = |signal: libc::c_int| 1_u64 << (signal - 1);
    assert_eq!(signal_field("SigBlk"), 0);
    // Those that the libc takes for itself. (`posix_spawn` of glibc leaves 32 ignored.)
    let reserved = bit(32) | bit(33) | bit(34);
    let ignored = bit(libc::SIGPIPE) | bit(libc::SIGTTOU);
    assert_eq!(signal_field("SigIgn") & !reserved, ignored);
    assert_eq!(signal_field("SigCgt") & bit(libc::SIGPIPE), 0);
}

fn signal_field(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

#[test]
fn signals_are_reset() {
    run("signals", Stdio::null());
}

#[test]
fn the_name_is_set() {
    // In a thread of its own, whose name it is.
    let name = thread::spawn(|| {
        set_name(c"worker-with-a-long-name");
        fs::read_to_string("/proc/thread-self/comm").unwrap()
    });
    assert_eq!(name.join().unwrap(), "worker-with-a-l\n");
}

#[test]
fn the_address_space_is_limited() {
    run("limit", Stdio::null());
}

#[test]
fn a_forked_process_is_not_the_original() {
    let mark = ForkMark::new().unwrap();
    assert!(mark.is_original());
    // SAFETY: the child does nothing but read the mark and exit.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let status = if mark.is_original() { 50 } else { 51 };
        // SAFETY: it runs nothing of this process.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: the status is this function's own.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, libc::WEXITSTATUS(status)), (child, 51));
    assert!(mark.is_original());
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&mark);
}

/// A child that watches, with the other end of its channel, once it has begun.
fn watching(leads: bool, parent: u32) -> (Child, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    let mut command = role("watch", OwnedFd::from(there));
    command
        .env(PARENT, parent.to_string())
        .stderr(Stdio::null());
    if leads {
        command.process_group(0);
    }
    let mut child = command.spawn().unwrap();
    let mut said = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    while !said.ends_with(b"begun") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        said.extend(byte);
    }
    (child, here)
}

/// Whether it still runs after a while.
fn stays(child: &mut Child) -> bool {
    thread::sleep(Duration::from_millis(150));
    child.try_wait().unwrap().is_none()
}

#[test]
fn a_leader_whose_channel_closes_dies_with_its_group() {
    let (mut child, mut here) = watching(true, std::process::id());
    here.write_all(b"some data").unwrap();
    assert!(stays(&mut child));
    drop(here);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    // The other process of the group held the pipe open.
    child.stdout.unwrap().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn one_whose_parent_is_gone_dies() {
    let mut parent = Command::new("sleep").arg("100").spawn().unwrap();
    let (mut child, here) = watching(true, parent.id());
    here.as_fd();
    assert!(stays(&mut child));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    drop(here);
}

#[test]
fn one_that_leads_no_group_only_exits() {
    let (mut child, here) = watching(false, std::process::id());
    assert!(stays(&mut child));
    drop(here);
    assert_eq!(child.wait().unwrap().code(), Some(ORPHANED));
}

#[test]
fn one_whose_parent_was_gone_before_dies() {
    // Nobody has this number.
    let (mut child, _here) = watching(true, i32::MAX.unsigned_abs());
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

#[test]
fn a_closed_descriptor_counts_as_a_closed_channel() {
    let (_here, there) = UnixStream::pair().unwrap();
    let mut command = role("watch a closed one", OwnedFd::from(there));
    command.env(PARENT, std::process::id().to_string());
    assert_eq!(command.output().unwrap().status.code(), Some(ORPHANED));
}
