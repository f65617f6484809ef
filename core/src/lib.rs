//! The core of `concurrent-futures`: the future state machine, the bounded queues and all scheduling logic, for any place that
//! can say how to start a worker ([`platform::Spawner`]) and how a thread waits ([`platform::Parker`]).
//!
//! It is `no_std` without conditions. Programs on an operating system depend on the `concurrent-futures` crate, which adds
//! threads and re-exports this one; this crate alone is for runtimes without `std`, and for tests of scheduling logic.
//!
//! * without features: platforms, queues, pools and promises in a `static` ([`executor::StaticPool`], [`future::Slot`]), waiting for a slice
//!   of futures ([`future::wait_in`]);
//! * `alloc`: pools that are made and dropped, callbacks, `map`, `wait`, `as_completed`, scopes;
//! * `serde`: the portable [`Executor`](executor::Executor) trait;
//! * `sim`: the deterministic simulator, on a host.
//!
//! A call passes through the folders in this order: `executor` (submit) → `task` → `queue` → `scheduler` (worker) → `task`
//! (outcome) → `future`.

#![no_std]
// Without an allocator only static pools use the scheduler, and not all of it; what they use is not public then.
#![cfg_attr(
    not(feature = "alloc"),
    allow(dead_code, unused_imports, unreachable_pub)
)]

#[cfg(feature = "alloc")]
extern crate alloc;
// Explorers of schedules run on hosts.
#[cfg(any(cf_model, cf_shuttle, feature = "sim"))]
extern crate std;

pub mod executor;
pub mod future;
pub mod platform;
pub mod queue;
#[cfg(feature = "alloc")]
pub mod scheduler;
#[cfg(not(feature = "alloc"))]
mod scheduler;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sync;
pub mod task;
