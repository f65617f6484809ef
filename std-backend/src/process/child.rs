//! A worker process, as the pool has it: started, written to, read from, ended, and waited for.

use std::{
    env,
    io::{self, IoSlice},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use concurrent_futures_core::future::{CodecStage, Ended};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        SocketFlags, SocketType, recv, sendmsg, socketpair,
    },
    process::{Pid, PidfdFlags, Signal, pidfd_open},
};

use super::{
    board::Board,
    codec,
    hello::Hello,
    hook,
    image::Image,
    settings::{Shared, send_signal},
    watch::Watch,
    wire::{Header, Inbox, Kind},
};

/// How long a worker has to end after it was told to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// One worker process.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    /// How many were started before it.
    pub(crate) index: u64,
    pid: Pid,
    pidfd: OwnedFd,
    channel: OwnedFd,
    pub(crate) board: Arc<Board>,
    shared: Arc<Shared>,
    /// The greeting, the descriptor that goes with its first byte, and how much of it was sent.
    greeting: Vec<u8>,
    memory: Option<OwnedFd>,
    greeted: usize,
    /// Positions in the stream that comes from it: what the socket has given, and what was taken in, from there or from the board.
    received: u64,
    taken_in: u64,
    pub(crate) ready: bool,
    /// Why it cannot work, in its own words.
    pub(crate) unfit: Option<String>,
    /// How many items were sent to it.
    pub(crate) served: u64,
    /// The number of the next call. Those that are with it are numbered without gaps.
    pub(crate) next_call: u32,
    pub(crate) watch: Watch,
    /// Whether it was waited for.
    buried: bool,
}

/// What happened to one of the two descriptors that are waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    /// Something can be read, or will never be.
    pub(crate) readable: bool,
    /// There is room for more.
    pub(crate) writable: bool,
    /// The process has ended.
    pub(crate) ended: bool,
}

impl Happened {
    /// Nothing that is told, but not that nothing has happened.
    pub(crate) const SOMETHING: Self = Self {
        readable: false,
        writable: true,
        ended: false,
    };
}

impl Child {
    /// Starts this program again, to be a worker. It is told how to be with the first that is sent.
    pub(crate) fn launch(shared: &Arc<Shared>) -> io::Result<Self> {
        hook::keep();
        let settings = &shared.settings;
        let (channel, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let (board, memory) = Board::create()?;
        let (index, name) = shared.next_name();
        let hello = Hello {
            fingerprint: Image::main().fingerprint(),
            parent: std::process::id(),
            name: name.clone(),
            address_space: settings.address_space,
            stack_size: settings.stack_size,
            initializer: settings.initializer.clone(),
        };
        let mut body = Vec::new();
        codec::encode(&hello, &mut body, CodecStage::EncodeArguments).map_err(io::Error::other)?;
        let mut greeting = Header::plain(Kind::Hello, body.len()).to_bytes().to_vec();
        greeting.append(&mut body);

        let mut command = Command::new("/proc/self/exe");
        let program = env::args_os().next().unwrap_or_default();
        command.arg0(format!("{}: worker {name}", program.display()));
        if settings.clear_environment {
            command.env_clear();
        }
        for (variable, value) in &settings.environment {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        if let Some(directory) = &settings.directory {
            command.current_dir(directory);
        }
        let process = command
            .env(hook::MARKER, format!("{}{}", hook::VERSION, settings.depth))
            .process_group(0)
            .stdin(Stdio::from(theirs))
            .stdout(settings.stdout.open()?)
            .stderr(settings.stderr.open()?)
            .spawn()?;
        Self::new(process, index, channel, shared, (board, memory), greeting)
    }

    fn new(
        mut process: std::process::Child,
        index: u64,
        channel: OwnedFd,
        shared: &Arc<Shared>,
        (board, memory): (Board, OwnedFd),
        greeting: Vec<u8>,
    ) -> io::Result<Self> {
        let pid = Pid::from_child(&process);
        let board = Arc::new(board);
        // Nobody else waits for it, so that the number is its own.
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from);
        let pidfd = match pidfd {
            Ok(pidfd) if shared.born(pid, &board) => pidfd,
            pidfd => {
                // Nothing can go wrong but that it has ended by itself.
                let _ = process.kill();
                let _ = process.wait();
                return Err(pidfd.err().unwrap_or(io::ErrorKind::Interrupted.into()));
            }
        };
        Ok(Self {
            process,
            index,
            pid,
            pidfd,
            channel,
            board,
            shared: Arc::clone(shared),
            greeting,
            memory: Some(memory),
            greeted: 0,
            received: 0,
            taken_in: 0,
            ready: false,
            unfit: None,
            served: 0,
            next_call: 0,
            watch: Watch::new(),
            buried: false,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_pid().cast_unsigned()
    }

    /// Whether the greeting was not sent in full.
    pub(crate) fn has_greeting(&self) -> bool {
        self.greeted < self.greeting.len()
    }

    /// Sends as much of the greeting as there is room for.
    pub(crate) fn greet(&mut self) -> io::Result<()> {
        while self.has_greeting() {
            let rest = [IoSlice::new(&self.greeting[self.greeted..])];
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut rights = SendAncillaryBuffer::new(&mut space);
            let descriptors = self.memory.as_ref().map(|memory| [memory.as_fd()]);
            if let Some(descriptors) = &descriptors {
                rights.push(SendAncillaryMessage::ScmRights(descriptors));
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.channel, &rest, &mut rights, flags) {
                Ok(sent) => {
                    self.memory = None;
                    self.greeted += sent;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.greeting = Vec::new();
        self.greeted = 0;
        Ok(())
    }

    /// Sends some of the pieces, as much as there is room for now.
    pub(crate) fn send(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            let mut nothing = SendAncillaryBuffer::default();
            match sendmsg(&self.channel, pieces, &mut nothing, flags) {
                Ok(sent) => return Ok(sent),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(0),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes in what is in the socket now, some of it; `None` if there is nothing, `Some(0)` at its end.
    pub(crate) fn receive(&mut self, inbox: &mut Inbox) -> io::Result<Option<usize>> {
        let room = inbox.room();
        let before = room.len();
        let received = loop {
            let spare = rustix::buffer::spare_capacity(room);
            match recv(&self.channel, spare, RecvFlags::DONTWAIT) {
                Ok((received, _)) => break received,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                // It ended with something unread.
                Err(Errno::CONNRESET) => break 0,
                Err(error) => return Err(error.into()),
            }
        };
        // What was taken from the board does not count twice.
        let known = (self.taken_in - self.received).min(received as u64) as usize;
        room.drain(before..before + known);
        self.received += received as u64;
        self.taken_in = self.taken_in.max(self.received);
        Ok(Some(received))
    }

    /// Takes in what the worker has written and not sent.
    pub(crate) fn collect(&mut self, inbox: &mut Inbox) {
        let collected = self.board.read_unsent(self.taken_in, inbox.room());
        self.taken_in += collected as u64;
    }

    /// Waits until there is something to read, or to write if that is `wanted`, or the process has ended, or the time is over.
    pub(crate) fn wait(&self, writable: bool, timeout: Option<Duration>) -> io::Result<Happened> {
        let events = if writable {
            PollFlags::IN | PollFlags::OUT
        } else {
            PollFlags::IN
        };
        let mut descriptors = [
            PollFd::new(&self.channel, events),
            PollFd::new(&self.pidfd, PollFlags::IN),
        ];
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => {
                return Ok(Happened::SOMETHING);
            }
            Err(error) => return Err(error.into()),
        }
        let [channel, end] = descriptors.map(|descriptor| descriptor.revents());
        Ok(Happened {
            readable: channel.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
            writable: channel.contains(PollFlags::OUT),
            ended: !end.is_empty(),
        })
    }

    /// Sends a signal to it, and to what it has started.
    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(self.pid, signal);
    }

    /// Whether it ends before `timeout`, if there is one, is over.
    pub(crate) fn ends_within(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut end = [PollFd::new(&self.pidfd, PollFlags::IN)];
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut end, left.as_ref()) {
                Ok(ready) => return ready > 0,
                Err(Errno::INTR) => {}
                // Who cannot ask does not wait.
                Err(_) => return false,
            }
        }
    }

    /// Kills what is left of it and of what it has started, and waits for it.
    pub(crate) fn bury(mut self) -> Ended {
        self.kill()
    }

    fn kill(&mut self) -> Ended {
        // As long as it was not waited for, its number, and that of its group, is nobody else's.
        self.signal(Signal::KILL);
        self.ends_within(None);
        self.wait_for_it()
    }

    fn wait_for_it(&mut self) -> Ended {
        self.buried = true;
        self.shared.gone(self.pid);
        match self.process.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Ended::Exited(code),
                (None, Some(signal)) => Ended::Signal(signal),
                (None, None) => Ended::Unknown,
            },
            // The program ignores SIGCHLD, or waits for any child.
            Err(_) => Ended::Unknown,
        }
    }

    /// Tells it to end when it has done what was sent, and waits until it has. What it has started goes on. One that was never greeted
    /// has run nothing of anybody's, and never will.
    pub(crate) fn stop(mut self) {
        let stop = Header::plain(Kind::Stop, 0).to_bytes();
        let told = self.memory.is_none()
            && self.greet().is_ok()
            && !self.has_greeting()
            && matches!(self.send(&[IoSlice::new(&stop)]), Ok(sent) if sent == stop.len());
        if !told || !self.ends_within(Some(PATIENCE)) {
            self.signal(Signal::KILL);
        }
        self.wait_for_it();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.buried {
            self.kill();
        }
    }
}
