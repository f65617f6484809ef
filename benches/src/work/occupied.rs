//! Keeps all workers of a pool busy, which also proves that there are as many as there should be.

use std::cell::Cell;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::contender::{Contender, WORKERS};

/// Ample for starting a few threads on a busy machine: later, the pool has too few workers and would hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls that wait behind a gate, one on each worker.
pub(super) struct Occupied<'a, C: Contender> {
    pool: &'a C,
    gate: Arc<Gate>,
    calls: Vec<C::Handle<usize>>,
}

impl<'a, C: Contender> Occupied<'a, C> {
    /// Returns when every worker of `pool` runs one of the waiting calls.
    pub(super) fn all_workers(pool: &'a C) -> Self {
        let gate = Arc::new(Gate::default());
        let calls = (0..WORKERS)
            .map(|_| {
                let gate = Arc::clone(&gate);
                pool.spawn(move || {
                    gate.pass();
                    this_thread()
                })
            })
            .collect();
        gate.wait_for_arrivals(WORKERS);
        Self { pool, gate, calls }
    }

    /// Lets the workers go on, and checks that the calls ran on as many threads, none of them this one.
    pub(super) fn release(self) {
        self.gate.open();
        let mut threads: Vec<_> = self
            .calls
            .into_iter()
            .map(|call| self.pool.get(call))
            .collect();
        threads.push(this_thread());
        threads.sort_unstable();
        threads.dedup();
        assert_eq!(
            threads.len(),
            WORKERS + 1,
            "calls shared a thread, or ran on the caller's"
        );
    }
}

#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    arrived: usize,
    open: bool,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| !state.open).unwrap());
    }

    fn wait_for_arrivals(&self, expected: usize) {
        let state = self.state.lock().unwrap();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.arrived < expected)
            .unwrap();
        let arrived = state.arrived;
        if arrived < expected {
            drop(state);
            // Opened first: unwinding drops the pool, and a pool waits for its calls.
            self.open();
            panic!("only {arrived} of {expected} workers took a call");
        }
    }

    fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }
}

/// A number that no other living thread has.
///
/// The address of a thread-local: reading it costs a call next to nothing, unlike `thread::current().id()`.
pub(super) fn this_thread() -> usize {
    thread_local!(static MARK: Cell<u8> = const { Cell::new(0) });
    MARK.with(|mark| ptr::from_ref(mark).addr())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn threads_have_their_own_numbers() {
        let here = this_thread();
        assert_eq!(here, this_thread());
        assert_ne!(here, thread::spawn(this_thread).join().unwrap());
    }
}
