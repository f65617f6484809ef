//! The scheduling logic on a platform that the test steps by hand: it decides when a worker starts, what happens while one
//! parks or just before it does, and what time it is. Single-threaded, so that every test goes the same way every time.

mod between_locks;
mod carry;
mod fast_path;
mod given_back;
mod initializer;
mod interrupts;
mod nested_wait;
mod no_more_than_needed;
mod platform;
mod policy;
mod pump;
mod pump_end;
mod seams;
mod shutdown;
mod slot;
mod spin;
mod start;
mod timeout;
mod trace;
mod wake;
mod world;
