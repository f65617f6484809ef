//! The thread of a pool that looks after one worker process: what it keeps, and what it does with a call that it took.

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    ops::{ControlFlow, Range},
    sync::Arc,
};

use concurrent_futures_core::{
    executor::Payload,
    future::{BrokenKind, TaskError},
    queue::Ring,
    scheduler::{Backend, Carry, Initializer, Taken, Worker},
    task::Task,
};

use super::{
    carry::Carrying, child::Child, codec, parcel::Parcel, settings::Shared,
    spawner::ProcessSpawner, wire::Inbox,
};
use crate::platform::StdPlatform;

/// The parts of a pool of processes.
#[derive(Debug)]
pub(crate) struct Processes(());

// SAFETY: the pool has workers of its own.
unsafe impl Backend for Processes {
    type Platform = StdPlatform;
    type Queue = Ring<Task>;
    type Spawner = ProcessSpawner;
    type Initializer = Owners;
    type Cargo = Parcel;

    const KIND: BrokenKind = BrokenKind::ProcessPool;
    const CARRY: Option<Carry<Self>> = Some(carry);
}

/// Makes the [`Owner`] of each worker.
#[derive(Debug)]
pub(crate) struct Owners(pub(crate) Arc<Shared>);

impl Initializer for Owners {
    type Local = Owner;

    fn init(&self) -> Result<Owner, String> {
        Ok(Owner {
            child: RefCell::new(self.0.adopt()),
            inbox: RefCell::default(),
            reply: Cell::default(),
            shared: Arc::clone(&self.0),
        })
    }

    fn is_trivial(&self) -> bool {
        true
    }
}

/// What the thread keeps that looks after a worker.
pub(crate) struct Owner {
    /// Missing before it is replaced.
    pub(crate) child: RefCell<Option<Child>>,
    pub(crate) inbox: RefCell<Inbox>,
    /// Where in the inbox the result is that a call is finished with.
    pub(crate) reply: Cell<(usize, usize)>,
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

impl Owner {
    /// The call that is finished next has its result there.
    pub(crate) fn arrived(&self, body: &Range<usize>) {
        self.reply.set((body.start, body.end));
    }

    /// The result of the call that is being finished.
    pub(crate) fn result<R: Payload>(&self) -> Result<R, TaskError> {
        let (start, end) = self.reply.take();
        let inbox = self.inbox.borrow();
        codec::decode_result(inbox.body(start..end)).map_err(TaskError::Codec)
    }

    /// Sees to it that there is a process.
    pub(crate) fn staff(&self) -> io::Result<()> {
        let mut child = self.child.borrow_mut();
        if child.is_none() {
            *child = Some(Child::launch(&self.shared)?);
            *self.inbox.borrow_mut() = Inbox::default();
        }
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            child.stop();
        }
    }
}

fn carry(worker: &Worker<'_, Processes>, first: Taken<'_, Processes>) -> ControlFlow<()> {
    Carrying::new(worker).carry(first)
}
