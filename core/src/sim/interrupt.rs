//! Interrupts of a run, as its code arms them.

use alloc::sync::Arc;
use std::sync::Mutex;

use super::{
    lock,
    thread::{caught, expect_inside},
    trace::Who,
    world,
};

/// Arms an interrupt: `handler` is called once, at some step of this run, of whoever is running then.
///
/// It runs on the stack of whom it interrupts, who stands still meanwhile, as everybody else does. For as long
/// [`SimPlatform`](super::SimPlatform) says that it must not block, and to take a lock of the library or to park is a
/// [fault](super::Fault::WaitsInInterrupt) of the run. A panic is one, too. No interrupt comes inside of a lock, or while another's
/// handler runs.
///
/// When it comes is a choice of the [walk](super::Walk). It comes at the latest when nobody can go on, or has ended, or when it was put off
/// for a quarter of the run's [patience](super::Simulation::patience).
///
/// ```
/// use concurrent_futures::sim::{self, Simulation, Walk};
/// use std::sync::{Arc, Mutex};
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let explored = Simulation::new().walk(Walk::Exhaustive { interruptions: 0 }).check({
///     let seen = Arc::clone(&seen);
///     move || {
///         let step = Arc::new(Mutex::new(0));
///         let interrupt = sim::interrupt({
///             let step = Arc::clone(&step);
///             move || *step.lock().unwrap()
///         });
///         for n in 1..=3 {
///             *step.lock().unwrap() = n;
///             sim::note(n);
///         }
///         seen.lock().unwrap().push(interrupt.join());
///     }
/// });
/// assert!(explored.is_complete());
/// seen.lock().unwrap().sort();
/// assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 3], "at each step, and when the body waits for it");
/// ```
///
/// # Panics
/// Outside of a simulation.
#[track_caller]
pub fn interrupt<T: Send + 'static>(handler: impl FnOnce() -> T + Send + 'static) -> Interrupt<T> {
    let returned = Arc::new(Mutex::new(None));
    let place = Arc::clone(&returned);
    let handler = move || {
        let value = handler();
        *lock(&place) = Some(value);
    };
    let number = expect_inside(world::arm(caught(handler)));
    Interrupt { number, returned }
}

/// An interrupt that was armed by [`interrupt`]. Dropping it leaves it armed.
#[derive(Debug)]
pub struct Interrupt<T> {
    number: usize,
    returned: Arc<Mutex<Option<T>>>,
}

impl<T> Interrupt<T> {
    /// Waits until it has come; gives what the handler returned. It may come in this very wait.
    pub fn join(self) -> T {
        world::await_interrupt(self.number);
        match lock(&self.returned).take() {
            Some(value) => value,
            // It panicked, so this run is over.
            None => panic!("{} did not return", self.who()),
        }
    }

    /// Which one it is, in traces.
    #[must_use]
    pub fn who(&self) -> Who {
        Who::Interrupt(self.number)
    }
}
