//! Pools in a `static`, which allocate nothing: the same contract, with a slot for each call.

mod cancel;
mod ending;
mod nested;
mod pumped;
mod slots;
mod spawner;
mod storm;
mod submit;
mod workers;

use std::sync::{Arc, Mutex};

use concurrent_futures::{
    Future, StdPlatform,
    core::{
        executor::{Pumped, StaticPool},
        platform::Spawner,
    },
};
use concurrent_futures_tests::Gate;

use spawner::Staffed;

/// A pool without workers, and without an allocator.
type Pump<const SLOTS: usize> = StaticPool<StdPlatform, SLOTS, BYTES, Pumped>;

/// Room for what these tests call.
const BYTES: usize = 64;

/// Notes in which order calls ran.
#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<usize>>>);

impl Order {
    /// Submits a call that notes `n` and gives it back.
    fn call<const SLOTS: usize, S: Spawner>(
        &self,
        pool: &'static StaticPool<StdPlatform, SLOTS, BYTES, S>,
        n: usize,
    ) -> Future<usize> {
        let order = Arc::clone(&self.0);
        pool.spawn(move || {
            order.lock().unwrap().push(n);
            n
        })
        .unwrap()
    }

    fn ran(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }
}

/// A call that runs until its gate is opened. Returns when it runs, so the pool has a worker for it.
fn held<const SLOTS: usize>(pool: &'static Staffed<SLOTS>) -> (Gate, Future<()>) {
    let (started, gate) = (Gate::new(), Gate::new());
    let call = pool.spawn({
        let (started, gate) = (started.clone(), gate.clone());
        move || {
            started.open();
            gate.pass();
        }
    });
    started.pass();
    (gate, call.unwrap())
}
