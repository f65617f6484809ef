//! What a worker is told before anything else.

use serde::{Deserialize, Serialize};

use super::function::Function;

/// What a [`Hello`](super::wire::Kind::Hello) frame carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The program that the pool runs in.
    pub(crate) fingerprint: u64,
    /// The process that the pool is in.
    pub(crate) parent: u32,
    /// Its name in lists of processes.
    pub(crate) name: String,
    /// The most bytes of address space.
    pub(crate) address_space: Option<u64>,
    /// The size of the stack of calls, in bytes.
    pub(crate) stack_size: u64,
    /// What is called before the first call, and its encoded arguments.
    pub(crate) initializer: Option<(Function, Vec<u8>)>,
}
