//! The deterministic simulator: code that schedules, tested without luck (feature `sim`, on hosts).
//!
//! In a [`Simulation`] every worker of a [`SimExecutor`] is a *virtual thread* with a stack of its own, and so are the body of the
//! simulation and whatever it starts by [`spawn`]. One of them runs at a time, on one thread of the operating system. At every step of the
//! scheduler, which is the real one, the simulator decides who goes on: at every point of its protocols
//! ([`Point`](crate::platform::Point)), before every lock, when somebody parks, is woken or is started, or looks at the clock or at the
//! state of a future. A run depends on these decisions and on nothing else, so each has a [`Schedule`] by which it happens again.
//!
//! At every such step an [interrupt](#interrupts) may come as well.
//!
//! # Testing your own code
//!
//! Write what you test so that it takes an [`Executor`](crate::executor::Executor), or a [`Handle`](crate::executor::Handle) of any
//! backend. In production it gets a pool of threads. In a test it gets a [`SimExecutor`], inside the body of a simulation:
//!
//! ```
//! use concurrent_futures::{Executor, sim::{SimExecutor, Simulation}};
//!
//! fn sum_of_squares<E: Executor>(executor: &E, numbers: Vec<u64>) -> Result<u64, Box<dyn std::error::Error>> {
//!     let mut sum = 0;
//!     for square in executor.map(|n: u64| n * n, numbers)? {
//!         sum += square?;
//!     }
//!     Ok(sum)
//! }
//!
//! let explored = Simulation::new().check(|| {
//!     assert_eq!(sum_of_squares(&SimExecutor::new(2), vec![3, 4]).unwrap(), 25);
//! });
//! println!("{explored}"); // how many runs, and how many of them distinct
//! ```
//!
//! [`check`](Simulation::check) panics with a report if any run goes wrong: its fault, the seed, the schedule and the trace, shortened as
//! far as the fault goes on to show. [`explore`](Simulation::explore) gives the [`Failure`] instead.
//!
//! ## An example of a bug
//!
//! Two calls each read a counter, and write it back one higher. On threads that works nearly always.
//!
//! ```
//! use concurrent_futures::sim::{self, Fault, SimExecutor, Simulation, Walk};
//! use std::sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}};
//!
//! fn body() {
//!     let counter = Arc::new(AtomicU32::new(0));
//!     let pool = SimExecutor::new(2);
//!     let calls = [1, 2].map(|n| {
//!         let counter = Arc::clone(&counter);
//!         pool.spawn(move || {
//!             let seen = counter.load(Relaxed);
//!             sim::note(format_args!("call {n} saw {seen}")); // a step: somebody else may go on here
//!             counter.store(seen + 1, Relaxed);
//!         }).unwrap()
//!     });
//!     for call in calls {
//!         call.result().unwrap();
//!     }
//!     assert_eq!(counter.load(Relaxed), 2);
//! }
//!
//! let failure = Simulation::new().explore(body).unwrap_err();
//! assert!(matches!(failure.fault(), Fault::Panicked(_)));
//! let notes: Vec<_> = failure.trace().notes().collect();
//! assert!(notes.contains(&"call 1 saw 0") && notes.contains(&"call 2 saw 0"), "{failure}");
//!
//! // The schedule of the report is the same run again.
//! let again = Simulation::new().walk(Walk::Replay(failure.schedule().clone())).explore(body).unwrap_err();
//! assert_eq!(again.trace(), failure.trace());
//! ```
//!
//! Between two of its own instructions code is not interrupted. Where your code shares something without the library's help, mark the
//! place: by [`Executor::step`](crate::executor::Executor::step) or [`Handle::step`](crate::executor::Handle::step), which do nothing
//! elsewhere, so that they may stay in production code; in a test also by [`note`] or [`yield_now`]. A race between two accesses without
//! such a place between them is not seen.
//!
//! A schedule belongs to just one body with just these settings: it is for a look at the failure now. What to keep as a test are the
//! seeds, or the order [by hand](Simulation::by_hand).
//!
//! ## What is found
//!
//! A run must come to its end, and leave nothing behind: see [`Fault`]. A wait is a deadlock only if nobody can ever end it: virtual threads
//! wait for each other in any order that threads could.
//!
//! A panic of a call, of a callback or of an error hook is an outcome and no fault, as on threads: assert in the body, or use [`fail`].
//!
//! ## Which schedules
//!
//! [`Walk`] says how they are chosen: at random, by random priorities, all of them within a bound, or one again. By default time stands
//! still as long as anybody can go on, no worker is refused and nobody wakes up without reason;
//! [`timeouts_race`](Simulation::timeouts_race), [`refused_starts`](Simulation::refused_starts) and
//! [`spurious_wake_ups`](Simulation::spurious_wake_ups) let these happen. With [`by_hand`](Simulation::by_hand) the body says itself who does
//! the next step.
//!
//! ## Interrupts
//!
//! [`interrupt`] arms an interrupt: its handler is called once, at some step of whoever is running, and on that stack. It runs to its end
//! while everybody else stands still, as on one processor: neither a virtual thread nor another handler comes between. (A handler on
//! another processor is a thread here: [`spawn`] it.) A handler may submit calls to a static pool by its
//! [`InterruptSide`](crate::executor::InterruptSide), and must not wait for anybody: to take a lock of the library and to park are
//! [faults](Fault::WaitsInInterrupt).
//!
//! When it comes is part of the schedule. A random walk draws the moment, an exhaustive one tries every step, without counting it as
//! an interruption of a thread, and a replay repeats it. It always comes: at the latest when nobody can go on.
//!
//! ```
//! use concurrent_futures::core::executor::StaticPool;
//! use concurrent_futures::sim::{self, SimPlatform, Simulation, Walk};
//! use std::sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}};
//!
//! let explored = Simulation::new().walk(Walk::Exhaustive { interruptions: 0 }).check(|| {
//!     // One for each run: a real `static` would remember the run before.
//!     let pool: &'static StaticPool<SimPlatform, 2, 32> = Box::leak(Box::new(StaticPool::new()));
//!     let samples = Arc::new(AtomicU32::new(0));
//!     let interrupt = sim::interrupt({
//!         let samples = Arc::clone(&samples);
//!         move || pool.interrupt_side().submit_detached(move || { samples.fetch_add(1, Relaxed); }).is_ok()
//!     });
//!     let call = pool.spawn(|| 6 * 7).unwrap();
//!     assert_eq!(call.result().unwrap(), 42);
//!     assert!(interrupt.join(), "there was room");
//!     pool.run_until_idle();
//!     assert_eq!(samples.load(Relaxed), 1);
//! });
//! assert!(explored.is_complete());
//! ```
//!
//! The workers of a static pool are virtual threads if a [`SimSpawner`] starts them. As in all runs, a pool with workers must be shut down,
//! and calls that nobody has run by the end are a fault. With [`by_hand`](Simulation::by_hand) the body says [where](Hand::interrupt)
//! the interrupt comes.
//!
//! ## What a body must not do
//!
//! * Block on what the simulator does not know: a mutex that somebody holds across a step, a channel or a condition variable of the
//!   standard library, a future of another platform ([`promise`] makes one of this). All virtual threads share one thread, so all would
//!   stand still: [`Fault::Stuck`]. Waiting for a virtual thread is [`JoinHandle::join`]; waiting in a loop needs a step in the loop, which
//!   looking at a future's state is.
//! * Wake a virtual thread from a real one.
//! * Depend on anything but its schedule: the time of day, random numbers without a fixed seed, the order of a hash map, a `static` that
//!   the last run left changed. Thread-local values are shared by all virtual threads, and by
//!   all runs.
//! * Rely on [`std::thread::panicking`], or on a mutex of the standard library not being poisoned, while a panic unwinds through something
//!   that waits: the standard library counts panics by the real thread.
//! * Take a step where the text of a panic is made.
//! * Need more [stack](Simulation::stack_size) than it has.
//!
//! Panics of virtual threads are not printed but kept for the report: the first simulation of a process chains a panic hook for that,
//! which is to stay.
//! What did not end in a failed run stays in memory. What was carried out of a run does no harm, but nobody can wait for it there.

mod book;
mod chooser;
mod executor;
mod explorer;
mod fault;
mod fiber;
mod hand;
mod interrupt;
mod panics;
mod platform;
mod schedule;
mod simulation;
mod thread;
mod trace;
mod walk;
mod world;

pub use executor::{SimBackend, SimConfig, SimExecutor, SimQueue, SimSpawner};
pub use fault::{Failure, Fault};
pub use hand::Hand;
pub use interrupt::{Interrupt, interrupt};
pub use platform::{SimClock, SimLock, SimParker, SimPlatform};
pub use schedule::{Schedule, ScheduleError};
pub use simulation::Simulation;
pub use thread::{JoinHandle, block_on, fail, note, now, promise, sleep, spawn, yield_now};
pub use trace::{Event, Trace, What, Who};
pub use walk::{Explored, Walk};
pub use world::Stands;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what is whole at every moment, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
