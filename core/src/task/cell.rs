//! The block of memory of one call, and the functions that know its type.

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::{self, NonNull},
};

use super::{
    Call, Local,
    header::{Header, Raw, Vtable},
    waiters::Node,
};
use crate::{
    future::{Panic, TaskError},
    platform::{CallEvent, Erased, Owner, Platform},
    sync::UnsafeCell,
};

/// What a finished call leaves.
pub(crate) type Outcome<R> = Result<R, TaskError>;

/// The call until it starts, its outcome from when it ends.
union Stage<C: Call> {
    call: ManuallyDrop<C>,
    #[expect(
        dead_code,
        reason = "it makes the room; reached by pointer, like the call"
    )]
    outcome: ManuallyDrop<Outcome<C::Output>>,
}

/// Where a cell lives, and what it keeps alive.
pub(crate) trait Storage<C: Call>: Sized + 'static {
    /// Gives the memory back.
    ///
    /// # Safety
    /// Nobody uses the cell any more, and neither a call nor an outcome is in it.
    unsafe fn free(cell: NonNull<Cell<C, Self>>);

    /// Whether whoever waits for a call runs calls of the pool that it keeps alive.
    const IS_PUMPED: bool = false;

    /// Runs one call of that pool; false if there is none.
    fn pump(&self) -> bool {
        false
    }

    /// Whether the call runs elsewhere, so that its outcome has a way to go.
    const IS_ELSEWHERE: bool = false;

    /// What the call brought along for a worker that runs it elsewhere.
    fn cargo(&self) -> NonNull<()> {
        NonNull::dangling()
    }

    /// Takes the call back from where it was lent to; false if it was started there.
    fn recall(&self) -> bool {
        true
    }

    /// A node for whoever awaits the call, where it is not to be allocated.
    fn await_node(&self) -> Option<&Node> {
        None
    }

    /// Takes the entry of a call that the calling thread has cancelled or claimed just now out of its queue, if it is there and the queue can
    /// do that: see [`Pool::unqueue`](crate::scheduler::Pool::unqueue). Not under a lock.
    fn unqueue(&self, raw: Raw) {
        let _ = raw;
    }
}

/// One call. `repr(C)`: a pointer to it is a pointer to its header.
#[repr(C)]
pub(crate) struct Cell<C: Call, S> {
    header: Header,
    stage: UnsafeCell<Stage<C>>,
    pub(crate) storage: S,
}

/// Makes the vtable of a call type on a platform.
struct Functions<C, P, S>(PhantomData<(C, P, S)>);

impl<C: Call, P: Platform, S: Storage<C>> Functions<C, P, S> {
    const VTABLE: &'static Vtable = &Vtable {
        runtime: Erased::<P>::RUNTIME,
        run: Self::run,
        drop_call: Self::drop_call,
        put: Self::put,
        put_error: Self::put_error,
        take: Self::take,
        peek: Self::peek,
        error: Self::error,
        drop_outcome: Self::drop_outcome,
        free: Self::free,
        is_pumped: S::IS_PUMPED,
        is_elsewhere: S::IS_ELSEWHERE,
        pump: Self::pump,
        cargo: Self::cargo,
        recall: Self::recall,
        unqueue: Self::unqueue,
        await_node: Self::await_node,
    };

    /// # Safety
    /// `header` is that of a referenced `Cell<C, S>`.
    unsafe fn stage<'a>(header: NonNull<Header>) -> &'a UnsafeCell<Stage<C>> {
        // SAFETY: the cell is referenced, so it is alive.
        let cell = unsafe { header.cast::<Cell<C, S>>().as_ref() };
        &cell.stage
    }

    fn observe(event: CallEvent, header: NonNull<Header>) {
        P::observe(event, header.addr().get());
    }

    unsafe fn run(header: NonNull<Header>, local: Local) -> bool {
        Self::observe(CallEvent::Started, header);
        // SAFETY: as for this function.
        let stage = unsafe { Self::stage(header) };
        // SAFETY: the runner moved the state away from PENDING, so the call is there and is the runner's.
        let call = stage.with_mut(|stage| unsafe { ptr::read(stage.cast::<C>()) });
        let (outcome, failed) = match P::catch(move || call.call(local)) {
            Ok(Ok(value)) => {
                let failed = C::failed(&value);
                (Ok(value), failed)
            }
            Ok(Err(error)) => (Err(error), true),
            Err(payload) => (Err(TaskError::Panicked(Panic::from(payload))), true),
        };
        // SAFETY: the call was moved out; until FINISHED the place is the runner's alone.
        stage.with_mut(|stage| unsafe { ptr::write(stage.cast::<Outcome<C::Output>>(), outcome) });
        Self::observe(CallEvent::Finished, header);
        failed
    }

    unsafe fn drop_call(header: NonNull<Header>) {
        Self::observe(CallEvent::Dropped, header);
        // SAFETY: as for this function.
        let stage = unsafe { Self::stage(header) };
        // SAFETY: the caller moved the state away from PENDING, so the call is there and is the caller's.
        stage.with_mut(|stage| unsafe { ptr::drop_in_place(stage.cast::<C>()) });
    }

    unsafe fn put(header: NonNull<Header>, outcome: NonNull<()>) {
        // SAFETY: as for this function.
        let stage = unsafe { Self::stage(header) };
        // SAFETY: the caller is the runner, has moved the call out or dropped it, and gives an outcome of just this type.
        stage.with_mut(|stage| unsafe {
            ptr::copy_nonoverlapping(
                outcome.cast::<Outcome<C::Output>>().as_ptr(),
                stage.cast(),
                1,
            );
        });
        Self::observe(CallEvent::Finished, header);
    }

    unsafe fn put_error(header: NonNull<Header>, error: TaskError) {
        let outcome: Outcome<C::Output> = Err(error);
        let outcome = ManuallyDrop::new(outcome);
        // SAFETY: as for this function; the outcome is moved, and not dropped here.
        unsafe { Self::put(header, NonNull::from(&outcome).cast()) };
    }

    unsafe fn take(header: NonNull<Header>, place: NonNull<()>) {
        // SAFETY: as for this function.
        let stage = unsafe { Self::stage(header) };
        // SAFETY: the outcome is there and is the caller's, who gave a place for just this type.
        stage.with_mut(|stage| unsafe {
            ptr::copy_nonoverlapping(stage.cast::<Outcome<C::Output>>(), place.as_ptr().cast(), 1);
        });
        Self::observe(CallEvent::Taken, header);
    }

    unsafe fn peek(header: NonNull<Header>) -> NonNull<()> {
        // SAFETY: as for this function.
        let stage = unsafe { Self::stage(header) };
        stage.with(|stage| {
            // SAFETY: the place is inside a cell that is alive.
            unsafe { NonNull::new_unchecked(stage.cast_mut().cast()) }
        })
    }

    unsafe fn error(header: NonNull<Header>) -> Option<NonNull<TaskError>> {
        // SAFETY: as for this function.
        let outcome = unsafe { Self::peek(header) };
        // SAFETY: FINISHED and not TAKEN: the outcome is there and nobody moves it.
        let outcome = unsafe { outcome.cast::<Outcome<C::Output>>().as_ref() };
        outcome.as_ref().err().map(NonNull::from)
    }

    unsafe fn drop_outcome(header: NonNull<Header>) {
        Self::observe(CallEvent::Taken, header);
        // SAFETY: as for this function.
        let stage = unsafe { Self::stage(header) };
        // SAFETY: the outcome is there and is the caller's.
        stage.with_mut(|stage| unsafe {
            ptr::drop_in_place(stage.cast::<Outcome<C::Output>>());
        });
    }

    unsafe fn free(header: NonNull<Header>) {
        Self::observe(CallEvent::Freed, header);
        #[cfg(feature = "alloc")]
        {
            // SAFETY: the block is not freed yet.
            let waiters = unsafe { &header.as_ref().waiters };
            // SAFETY: the last reference is gone, so nobody else reads the list's end.
            drop(unsafe { super::waiters::take_hook(waiters) });
        }
        // SAFETY: the last reference is gone, and with it the call and the outcome.
        unsafe { S::free(header.cast()) }
    }

    unsafe fn pump(header: NonNull<Header>) -> bool {
        // SAFETY: the cell is referenced, so it is alive.
        let cell = unsafe { header.cast::<Cell<C, S>>().as_ref() };
        cell.storage.pump()
    }

    unsafe fn cargo(header: NonNull<Header>) -> NonNull<()> {
        // SAFETY: the cell is referenced, so it is alive.
        let cell = unsafe { header.cast::<Cell<C, S>>().as_ref() };
        cell.storage.cargo()
    }

    unsafe fn recall(header: NonNull<Header>) -> bool {
        // SAFETY: the cell is referenced, so it is alive.
        let cell = unsafe { header.cast::<Cell<C, S>>().as_ref() };
        cell.storage.recall()
    }

    unsafe fn await_node(header: NonNull<Header>) -> Option<NonNull<Node>> {
        // SAFETY: the cell is referenced, so it is alive.
        let cell = unsafe { header.cast::<Cell<C, S>>().as_ref() };
        cell.storage.await_node().map(NonNull::from)
    }

    unsafe fn unqueue(header: NonNull<Header>) {
        // SAFETY: the cell is referenced, so it is alive.
        let cell = unsafe { header.cast::<Cell<C, S>>().as_ref() };
        // SAFETY: the caller keeps its reference.
        cell.storage.unqueue(unsafe { Raw::new(header) });
    }
}

impl<C: Call, S: Storage<C>> Cell<C, S> {
    /// A PENDING call of `owner`, with two references.
    pub(crate) fn new<P: Platform>(call: C, owner: Option<NonNull<Owner>>, storage: S) -> Self {
        Self {
            header: Header::new(Functions::<C, P, S>::VTABLE, owner),
            stage: UnsafeCell::new(Stage {
                call: ManuallyDrop::new(call),
            }),
            storage,
        }
    }

    /// # Safety
    /// The pointer is used only as long as `cell` has references.
    pub(crate) unsafe fn raw(cell: NonNull<Self>) -> Raw {
        // SAFETY: `repr(C)` puts the header first; the rest is the caller's promise.
        unsafe { Raw::new(cell.cast()) }
    }

    /// Moves the call out of a cell that nobody will run.
    ///
    /// # Safety
    /// `raw` is of a cell of this type, and the caller moved its state away from PENDING or is alone with it.
    pub(crate) unsafe fn take_call(raw: Raw) -> C {
        raw.runtime().observe(CallEvent::Dropped, raw.address());
        // SAFETY: the caller knows the type and has a reference.
        let cell = unsafe { raw.as_ptr().cast::<Self>().as_ref() };
        // SAFETY: the call is there and is the caller's.
        cell.stage
            .with_mut(|stage| unsafe { ptr::read(stage.cast::<C>()) })
    }
}
