//! The simulator: what it finds, that it finds nothing else, and the scheduler on it.

mod by_hand;
mod by_hand_events;
mod corners;
mod deadlocks;
mod determinism;
mod faults;
mod help;
mod interrupted_pools;
mod interrupts;
mod leftovers;
mod legal_settings;
mod legal_uses;
mod legal_waits;
mod long_runs;
mod outside;
mod progress;
mod reference;
mod regressions;
mod resources;
mod schedules;
mod static_pools;
mod time;
