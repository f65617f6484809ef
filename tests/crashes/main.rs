//! Everything that can go wrong with a worker process, at every moment at which it can.

mod common;
mod descriptors;
mod hangs;
mod hostile;
mod killed;
mod many;
mod matrix;
mod orphans;
mod policies;
mod reckless;
mod roles;
mod start;
mod storm;
mod sys;
