//! A worker that is kept busy for as long as a test needs it.

use concurrent_futures::{Future, ThreadPoolHandle};
use concurrent_futures_tests::Gate;

/// A call that runs until it is released, or until this is dropped.
pub(crate) struct Held {
    gate: Gate,
    call: Option<Future<()>>,
}

impl Held {
    /// Keeps one worker of `pool` busy: returns when the call runs.
    pub(crate) fn on<L: 'static>(pool: &ThreadPoolHandle<L>) -> Self {
        let (gate, started) = (Gate::new(), Gate::new());
        let call = pool
            .spawn({
                let (gate, started) = (gate.clone(), started.clone());
                move || {
                    started.open();
                    gate.pass();
                }
            })
            .expect("a pool that takes calls");
        started.pass();
        Self {
            gate,
            call: Some(call),
        }
    }

    /// What the call waits for.
    pub(crate) fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Lets the call end, and sees that it did.
    pub(crate) fn release(mut self) {
        self.gate.open();
        if let Some(call) = self.call.take() {
            call.result().expect("a call that only waited");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gate.open();
    }
}
