//! Worker processes (feature `process`, Linux).
//!
//! The scheduling is the core's, as for threads: a pool has workers, and each is a thread of this process that looks after one worker
//! process. `owner` and `carry` are what such a thread does, with `exchange`, `watch` and `replies`; `burial` what it does when its process
//! has ended. `child` is the process as the pool has it, `worker` the process itself. They talk over one socket ([`wire`], with `codec` for
//! values), and know of each call whether it was started by a word that they share (`board`). `function` names functions; `feed`, `run`,
//! `ticket` and `map` are what maps are made of.

mod board;
mod builder;
mod burial;
mod carry;
mod child;
mod codec;
mod exchange;
mod executor;
mod failure;
mod feed;
mod function;
#[cfg(cf_fuzz)]
pub mod fuzz;
mod handle;
mod hello;
mod hook;
mod hygiene;
mod image;
mod map;
mod options;
mod outbox;
mod owner;
mod panics;
mod parcel;
mod replies;
mod run;
mod settings;
mod spawner;
mod ticket;
mod watch;
mod window;
mod wire;
mod worker;

pub use builder::ProcessPoolBuilder;
pub use executor::ProcessPoolExecutor;
pub use handle::ProcessPoolHandle;
pub use hook::init_worker;
pub use map::{ProcessMap, ProcessMapUnordered};
pub use options::CallOptions;
pub use settings::{ChildOutput, OnDeath};
