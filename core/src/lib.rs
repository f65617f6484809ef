//! The core of `concurrent-futures`: the future state machine, the bounded queues and all scheduling logic, for any place that
//! can say how to start a worker ([`platform::Spawner`]) and how a thread waits ([`platform::Parker`]).
//!
//! It is `no_std` without conditions. Programs on an operating system depend on the `concurrent-futures` crate, which adds
//! threads and re-exports this one; this crate alone is for runtimes without `std`, and for tests of scheduling logic.
//!
//! * without features: platforms, queues, and a promise with its future in a `static` ([`future::Slot`]);
//! * `alloc`: pools, callbacks, `map`, `wait`, `as_completed`, scopes;
//! * `serde`: the portable [`Executor`](executor::Executor) trait;
//! * `sim`: the deterministic simulator, on a host.
//!
//! A call passes through the folders in this order: `executor` (submit) → `task` → `queue` → `scheduler` (worker) → `task`
//! (outcome) → `future`.

#![no_std]
// Without an allocator promises and platforms are all there is; the parts that pools are made of wait for one.
#![cfg_attr(not(feature = "alloc"), allow(dead_code, unused_imports))]

#[cfg(feature = "alloc")]
extern crate alloc;
// Explorers of schedules run on hosts.
#[cfg(any(cf_model, cf_shuttle, feature = "sim"))]
extern crate std;

#[cfg(feature = "alloc")]
pub mod executor;
pub mod future;
pub mod platform;
pub mod queue;
#[cfg(feature = "alloc")]
pub mod scheduler;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sync;
pub mod task;
