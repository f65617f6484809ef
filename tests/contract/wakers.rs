//! Hand-made wakers: one that counts, one that runs code of the test in all its functions, and a way to await on a thread.

use std::{
    mem::ManuallyDrop,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker},
    thread::{self, Thread},
};

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    /// One that was not woken yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// How often it was woken.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A waker that counts here.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }

    /// How many wakers count here.
    pub(crate) fn kept(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls `future` once with a waker that counts at `wakes`.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(&wakes.waker()))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Awaits on the calling thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// What a [`calling`] waker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happens {
    Clone,
    Wake,
    Drop,
}

type Code = dyn Fn(Happens) + Send + Sync;

const CALLING: &RawWakerVTable = &RawWakerVTable::new(
    |data| {
        // SAFETY: every waker of this table has a count of its own of an `Arc<Box<Code>>`, kept here by not dropping it.
        let code = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Box<Code>>()) });
        code(Happens::Clone);
        RawWaker::new(Arc::into_raw(Arc::clone(&code)).cast(), CALLING)
    },
    |data| {
        // SAFETY: as above; waking consumes the waker and its count.
        let code = unsafe { Arc::from_raw(data.cast::<Box<Code>>()) };
        code(Happens::Wake);
    },
    |data| {
        // SAFETY: as above; the count stays with the waker.
        let code = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Box<Code>>()) });
        code(Happens::Wake);
    },
    |data| {
        // SAFETY: as above; the waker ends here, and its count with it.
        let code = unsafe { Arc::from_raw(data.cast::<Box<Code>>()) };
        code(Happens::Drop);
    },
);

/// A waker that calls `code` when it is cloned, woken and dropped without being woken.
pub(crate) fn calling(code: impl Fn(Happens) + Send + Sync + 'static) -> Waker {
    let code: Arc<Box<Code>> = Arc::new(Box::new(code));
    let raw = RawWaker::new(Arc::into_raw(code).cast(), CALLING);
    // SAFETY: the table's functions do what wakers must, and are callable on any thread because the code is.
    unsafe { Waker::from_raw(raw) }
}
