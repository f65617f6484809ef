//! The steps that the lock-free arguments stand on, each of which an explorer of schedules can switch off.
//!
//! A proof that no test can break proves nothing: in builds for model checking and with the simulator every essential consults a
//! switch, and tests show that each removal is found. In every other build [`essential`] is the constant `true`.

/// A step without which a protocol of this crate is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[non_exhaustive]
pub enum Essential {
    /// The submitter's fence between pushing a call and looking for idle workers.
    SubmitterFence = 1,
    /// The worker's fence between listing itself as asleep and looking at the queue again.
    SleeperFence,
    /// That second look at the queue.
    SecondLook,
    /// The last searcher that finds work wakes another worker for what is left.
    ChainWake,
    /// The waker moves the worker it wakes from sleeping to searching; the sleeper does not do it after waking.
    WakerAccounting,
    /// Completion keeps its own reference while a waiter is registered.
    UnfusedCompletion,
    /// Whoever takes the outcome by value waits for the last callback.
    TakerWaits,
    /// A producer looks at the full queue again after it has listed itself as blocked.
    ProducerSecondLook,
    /// A producer that leaves although it was woken passes the wake on.
    ProducerPassesOn,
    /// When a worker cannot be started, what was skipped on its account is looked at again.
    GrowthLooksAgain,
    /// A sleeper that was woken without being taken off the list, by an interrupt handler, looks at the queue.
    WokenLooks,
    /// Whoever takes a sleeper off the list notes whom an interrupt handler is to wake from then on.
    LatestNoted,
    /// An interrupt handler that has pushed a call looks whether the pool was closed, and takes the call back.
    PostLooksAgain,
    /// Whoever takes what came into an inbox notes that it is in order, before nothing is left of it where it came in.
    InboxNotes,
}

/// Whether this step is to be done: always.
#[cfg(not(any(cf_model, cf_shuttle, feature = "sim")))]
#[inline(always)]
#[must_use]
pub const fn essential(_: Essential) -> bool {
    true
}

#[cfg(any(cf_model, cf_shuttle, feature = "sim"))]
std::thread_local! {
    static OFF: core::cell::Cell<Option<Essential>> = const { core::cell::Cell::new(None) };
}

/// Whether this step is to be done: always, but where this thread explores what happens without it.
#[cfg(any(cf_model, cf_shuttle, feature = "sim"))]
#[inline]
#[must_use]
pub fn essential(step: Essential) -> bool {
    OFF.get() != Some(step)
}

/// Switches one step off for what this thread explores, or none. Explorers run all their threads on one.
#[cfg(any(cf_model, cf_shuttle))]
pub fn switch_off(step: Option<Essential>) {
    OFF.set(step);
}

/// Switches one step off for what this thread explores, or none: not one that guards memory.
#[cfg(all(feature = "sim", not(any(cf_model, cf_shuttle))))]
pub(crate) fn switch_off(step: Option<Essential>) {
    OFF.set(step);
}
