//! What the caller holds: [`Future`] and [`Promise`], and the ways to wait for one or many.

#[cfg(feature = "alloc")]
mod as_completed;
mod block;
#[cfg(feature = "alloc")]
mod callback;
mod cancel;
mod error;
mod handle;
mod hook;
mod panic;
mod poll;
mod promise;
#[cfg(feature = "alloc")]
mod remote;
#[cfg(not(cf_model))]
mod slot;
mod wait;
mod wait_in;
#[cfg(feature = "alloc")]
mod wait_set;

#[cfg(feature = "alloc")]
pub use as_completed::{
    AsCompleted, AsCompletedTimeout, Timeout, as_completed, as_completed_timeout,
};
pub(crate) use block::{NotYet, Until, block, claim};
#[cfg(feature = "alloc")]
pub use callback::Done;
#[cfg(feature = "alloc")]
pub(crate) use callback::add_scoped_callback;
pub use cancel::CancelOnDrop;
pub use error::{
    BrokenExecutor, BrokenKind, CancelledBy, InvalidState, Refused, ResultError, SubmitError,
    TaskError,
};
pub use handle::{Future, FutureId, TaskState};
pub use hook::ErrorReport;
pub(crate) use hook::Hook;
#[cfg(feature = "alloc")]
pub use hook::{ErrorHook, HookFn};
pub use panic::{Panic, PanicPayload};
pub use promise::Promise;
#[cfg(feature = "alloc")]
pub use promise::promise;
#[cfg(feature = "alloc")]
pub use remote::{CodecError, CodecStage, Ended, TimedOut, WorkerDied};
#[cfg(not(cf_model))]
pub use slot::{Slot, SlotBusy};
pub use wait::{AsFuture, ReturnWhen};
#[cfg(feature = "alloc")]
pub use wait::{Split, wait};
pub use wait_in::wait_in;
#[cfg(feature = "alloc")]
pub use wait_set::WaitSet;
