//! What users hold: pools and their handles, `map`, scopes, the inline executor, and the trait that all executors share.

#[cfg(feature = "alloc")]
mod by_handle;
mod call;
#[cfg(feature = "alloc")]
mod handle;
#[cfg(feature = "alloc")]
mod inline;
#[cfg(feature = "alloc")]
mod map;
#[cfg(cf_model)]
mod model;
#[cfg(feature = "alloc")]
mod pool;
#[cfg(feature = "alloc")]
mod pump;
#[cfg(feature = "alloc")]
mod scope;
#[cfg(feature = "alloc")]
mod seams;
#[cfg(not(cf_model))]
mod static_pool;
mod submit;
#[cfg(feature = "serde")]
mod traits;

pub use crate::scheduler::{ShutdownError, ShutdownReport, Stats};
#[cfg(feature = "alloc")]
pub use crate::scheduler::{Started, Taken};
#[cfg(feature = "alloc")]
pub use handle::Handle;
#[cfg(feature = "alloc")]
pub use inline::{InlineBackend, InlineExecutor, NoQueue};
#[cfg(feature = "alloc")]
pub use map::{Map, MapError, MapOptions, MapUnordered};
#[cfg(feature = "alloc")]
pub use pool::Pool;
#[cfg(feature = "alloc")]
pub use pump::{NoSpawner, PumpBackend, PumpExecutor};
#[cfg(feature = "alloc")]
pub use scope::{Scope, ScopedFuture};
#[cfg(not(cf_model))]
pub use static_pool::{InterruptSide, Pumped, StaticPool};
#[cfg(feature = "serde")]
pub use traits::{Executor, Payload};
