//! What users hold: pools and their handles, `map`, scopes, the inline executor, and the trait that all executors share.

mod by_handle;
mod call;
mod handle;
mod inline;
mod map;
mod pool;
mod pump;
mod scope;
mod seams;
#[cfg(feature = "serde")]
mod traits;

pub use crate::scheduler::{Started, Taken};
pub use handle::Handle;
pub use inline::{InlineBackend, InlineExecutor, NoQueue};
pub use map::{Map, MapError, MapOptions, MapUnordered};
pub use pool::Pool;
pub use pump::{NoSpawner, PumpBackend, PumpExecutor};
pub use scope::{Scope, ScopedFuture};
#[cfg(feature = "serde")]
pub use traits::{Executor, Payload};
