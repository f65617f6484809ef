//! A worker process, from its first moment to its end: this program again, which never comes to its `main`.

use std::{
    env,
    ffi::CString,
    io::{self, ErrorKind, IoSliceMut},
    mem::{ManuallyDrop, MaybeUninit},
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::Arc,
    thread,
    time::Instant,
};

use concurrent_futures_core::future::CodecStage;
use rustix::{
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recv, recvmsg},
    process::Pid,
};

use super::{
    board::Board,
    codec,
    failure::Failure,
    function::{Callee, Function},
    hello::Hello,
    hook::{MARKER, VERSION},
    hygiene::{self, ForkMark},
    image::Image,
    outbox::Outbox,
    panics,
    wire::{self, Frame, Header, Inbox, KEEP, Kind, WireError},
};

/// How deep in workers of workers this process is.
pub(crate) const DEPTH: &str = "CONCURRENT_FUTURES_DEPTH";

/// The status of a worker that cannot work, and has said why.
pub(crate) const UNFIT: i32 = 70;

/// Is a worker, and never returns. Before `main`, or at its beginning: there is no other thread yet.
pub(crate) fn enter() -> ! {
    let marker = env::var(MARKER).unwrap_or_default();
    let depth = marker.strip_prefix(VERSION).unwrap_or_default();
    // SAFETY: there is no other thread yet.
    unsafe { env::remove_var(MARKER) };
    // SAFETY: as above.
    unsafe { env::set_var(DEPTH, depth) };
    let channel = match hygiene::take_channel() {
        Ok(channel) => ManuallyDrop::new(channel),
        Err(error) => {
            eprintln!(
                "this process was started as a worker of a process pool, but its standard input is not the channel to one ({error}); \
                 do not set {MARKER} by hand"
            );
            process::exit(UNFIT);
        }
    };
    hygiene::reset_signals();
    // SAFETY: it is never closed; if a call closes it nevertheless, all that is done with it fails.
    let channel = unsafe { BorrowedFd::borrow_raw(channel.as_raw_fd()) };
    match Worker::greeted(channel) {
        Ok((worker, hello)) => worker.begin(hello, channel),
        // The pool is gone, or never had a call for this worker.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => process::exit(0),
        Err(error) => {
            eprintln!("a worker of a process pool got no greeting: {error}");
            process::exit(UNFIT)
        }
    }
}

struct Worker {
    channel: BorrowedFd<'static>,
    inbox: Inbox,
    board: Arc<Board>,
    original: ForkMark,
    result: Vec<u8>,
    known: Option<(Function, Callee)>,
}

impl Worker {
    /// Waits for the greeting.
    fn greeted(channel: BorrowedFd<'static>) -> io::Result<(Self, Hello)> {
        let mut inbox = Inbox::default();
        let memory = receive_with_descriptor(channel, &mut inbox)?;
        let frame = loop {
            match inbox.next().map_err(io::Error::other)? {
                Some(frame) => break frame,
                None if receive(channel, &mut inbox)? => {}
                None => return Err(ErrorKind::UnexpectedEof.into()),
            }
        };
        if frame.header.kind != Kind::Hello {
            return Err(io::Error::other(WireError::Unexpected(frame.header.kind)));
        }
        let hello = codec::decode(inbox.body(frame.body), CodecStage::DecodeArguments)
            .map_err(io::Error::other)?;
        let worker = Self {
            channel,
            inbox,
            board: Arc::new(Board::open(&memory)?),
            original: ForkMark::new()?,
            result: Vec::new(),
            known: None,
        };
        Ok((worker, hello))
    }

    /// Works on a thread of its own, with a stack of known size; this one watches.
    fn begin(self, hello: Hello, channel: BorrowedFd<'static>) -> ! {
        if let Ok(name) = CString::new(hello.name.clone()) {
            hygiene::set_name(&name);
        }
        // It always is a number; else only the channel would be watched.
        let parent = i32::try_from(hello.parent).ok().and_then(Pid::from_raw);
        let parent = parent.unwrap_or(Pid::INIT);
        let stack = usize::try_from(hello.stack_size).unwrap_or(usize::MAX);
        let board = Arc::clone(&self.board);
        let name = hello.name.clone();
        let started = thread::Builder::new()
            .name(name)
            .stack_size(stack)
            .spawn(move || self.live(hello));
        // It has not begun to write if it has not begun.
        if started.is_err() {
            panics::set_outbox(Outbox::new(board, channel));
        }
        match started {
            Ok(_) => hygiene::watch(channel, parent),
            Err(error) => unfit(&format!(
                "it cannot start a thread with a stack of {stack} bytes: {error}"
            )),
        }
    }

    fn live(mut self, hello: Hello) -> ! {
        panics::set_outbox(Outbox::new(Arc::clone(&self.board), self.channel));
        panics::install();
        if let Err(why) = self.prepare(&hello) {
            unfit(&why);
        }
        let ready = Header::plain(Kind::Ready, 8);
        send(ready, &Image::main().fingerprint().to_le_bytes());
        loop {
            match self.inbox.next() {
                Ok(Some(frame)) => self.obey(frame),
                Ok(None) => {
                    flush();
                    match receive(self.channel, &mut self.inbox) {
                        Ok(true) => {}
                        // The watcher sees it too; whoever is first.
                        Ok(false) | Err(_) => process::exit(0),
                    }
                }
                Err(error) => unfit(&format!("what its pool sent cannot be read: {error}")),
            }
        }
    }

    fn prepare(&mut self, hello: &Hello) -> Result<(), String> {
        if hello.fingerprint != Image::main().fingerprint() {
            return Err(
                "it is not the same program as its pool's; it was changed on the way".into(),
            );
        }
        if let Some(bytes) = hello.address_space {
            hygiene::limit_address_space(bytes).map_err(|error| {
                format!("its address space cannot be limited to {bytes} bytes: {error}")
            })?;
        }
        let Some((function, arguments)) = &hello.initializer else {
            return Ok(());
        };
        let callee = self
            .find(*function)
            .ok_or("its initializer is not in its program")?;
        self.result.clear();
        let made = catch_unwind(AssertUnwindSafe(|| {
            callee.call(arguments, &mut self.result)
        }));
        self.end_if_copy();
        match made {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Failure::from(error).about_initializer()),
            Err(payload) => return Err(panics::taken(&*payload).about_initializer()),
        }
        match codec::decode::<Result<(), String>>(&self.result, CodecStage::DecodeResult) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the initializer failed: {error}")),
            Err(error) => Err(format!("the initializer: {error}")),
        }
    }

    fn find(&mut self, function: Function) -> Option<Callee> {
        if let Some((known, callee)) = self.known
            && known == function
        {
            return Some(callee);
        }
        // SAFETY: the pool named it, whose program was compared with this one.
        let callee = unsafe { Callee::find(function) }?;
        self.known = Some((function, callee));
        Some(callee)
    }

    fn obey(&mut self, frame: Frame) {
        match frame.header.kind {
            Kind::Call => {
                if let Err(error) = self.call(&frame) {
                    unfit(&format!(
                        "a call that its pool sent cannot be read: {error}"
                    ));
                }
            }
            Kind::Stop => {
                flush();
                process::exit(0);
            }
            kind => unfit(&WireError::Unexpected(kind).to_string()),
        }
    }

    /// Calls a function with each item of a call that was not taken back.
    fn call(&mut self, frame: &Frame) -> Result<(), WireError> {
        let Header {
            call, item: items, ..
        } = frame.header;
        let inbox = std::mem::take(&mut self.inbox);
        let mut body = inbox.body(frame.body.clone());
        let callee = self.find(wire::read_function(&mut body)?);
        let began = Instant::now();
        let board = Arc::clone(&self.board);
        let slot = board.slot(call);
        for _ in 0..items {
            let arguments = wire::read_item(&mut body)?;
            let Some(item) = slot.start() else {
                reply(Kind::End, call, items, true, began, &[]);
                break;
            };
            panics::about(call, item);
            let failure = self.call_once(callee, arguments);
            let last = item + 1 == items;
            match failure {
                None => reply(Kind::Value, call, item, last, began, &self.result),
                Some(failure) => {
                    self.result.clear();
                    // It is made of texts and numbers.
                    let _ = codec::encode(&failure, &mut self.result, CodecStage::EncodeResult);
                    reply(Kind::Failure, call, item, last, began, &self.result);
                }
            }
        }
        self.inbox = inbox;
        Ok(())
    }

    /// A call has forked, and this is the copy: it has no business with the pool.
    fn end_if_copy(&self) {
        if !self.original.is_original() {
            // SAFETY: it ends the copy, and runs nothing of it.
            unsafe { libc::_exit(0) };
        }
    }

    fn call_once(&mut self, callee: Option<Callee>, arguments: &[u8]) -> Option<Failure> {
        self.result.clear();
        if self.result.capacity() > KEEP {
            self.result = Vec::new();
        }
        let Some(callee) = callee else {
            return Some(Failure::Arguments(
                "the function is not in the worker's program".into(),
            ));
        };
        let result = &mut self.result;
        let outcome = catch_unwind(AssertUnwindSafe(|| callee.call(arguments, result)));
        self.end_if_copy();
        match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.into()),
            Err(payload) => {
                let failure = panics::taken(&*payload);
                // Its drop is code of the call's, and may panic in turn.
                if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(again);
                }
                Some(failure)
            }
        }
    }
}

fn reply(kind: Kind, call: u32, item: u32, last: bool, began: Instant, body: &[u8]) {
    let nanos = if last {
        u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    } else {
        0
    };
    let header = Header {
        kind,
        last,
        call,
        length: wire::length_of(body.len()),
        item,
        nanos,
    };
    send(header, body);
}

fn send(header: Header, body: &[u8]) {
    or_exit(panics::with_outbox(|outbox| outbox.frame(header, body)));
}

fn flush() {
    or_exit(panics::with_outbox(Outbox::flush));
}

/// There is nobody to send to, or a call has closed the channel: this worker is of no use any more.
fn or_exit(sent: io::Result<()>) {
    if sent.is_err() {
        process::exit(UNFIT);
    }
}

/// Tells the pool why this worker cannot work, and ends.
fn unfit(why: &str) -> ! {
    send(Header::plain(Kind::Unfit, why.len()), why.as_bytes());
    flush();
    process::exit(UNFIT)
}

/// Waits for more bytes; false at the end of the stream.
fn receive(channel: BorrowedFd<'_>, inbox: &mut Inbox) -> io::Result<bool> {
    loop {
        let room = rustix::buffer::spare_capacity(inbox.room());
        match recv(channel, room, RecvFlags::empty()) {
            Err(Errno::INTR) => {}
            received => return Ok(received?.0 > 0),
        }
    }
}

/// The first bytes, and the descriptor that comes with them.
fn receive_with_descriptor(channel: BorrowedFd<'_>, inbox: &mut Inbox) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 4096];
    let received = loop {
        let mut slices = [IoSliceMut::new(&mut bytes)];
        match recvmsg(
            channel,
            &mut slices,
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        ) {
            Err(Errno::INTR) => {}
            received => break received?,
        }
    };
    if received.bytes == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    inbox.room().extend_from_slice(&bytes[..received.bytes]);
    let rights = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    rights.ok_or_else(|| io::Error::other("no board came with it"))
}
