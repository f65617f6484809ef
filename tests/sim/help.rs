//! What the tests of the simulator share.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake},
    time::Duration,
};

use concurrent_futures::{
    core::{
        platform::{Parker, Platform, Unparker},
        sync::Shared,
    },
    sim::{Explored, Failure, Schedule, SimPlatform, Simulation, Walk},
};

/// A short exploration of both random walks.
pub(crate) fn few() -> Simulation {
    Simulation::new().seeds(0..40)
}

/// The first failure that `body` has.
#[track_caller]
pub(crate) fn failure(simulation: Simulation, body: impl Fn() + Send + Sync + 'static) -> Failure {
    match simulation.explore(body) {
        Err(failure) => failure,
        Ok(explored) => panic!("nothing was found in {explored}"),
    }
}

/// Every kind of walk, each with a small bound.
pub(crate) fn walks() -> Vec<Simulation> {
    let walk = |walk| Simulation::new().walk(walk).seeds(0..40);
    vec![
        walk(Walk::Mixed),
        walk(Walk::Random),
        walk(Walk::Priorities { depth: 1 }),
        walk(Walk::Priorities { depth: 4 }),
        walk(Walk::Exhaustive { interruptions: 0 }).max_runs(100),
        walk(Walk::Exhaustive { interruptions: 2 }).max_runs(200),
        walk(Walk::Replay(Schedule::default())),
    ]
}

/// `body` has no fault under any kind of walk.
#[track_caller]
pub(crate) fn never_fails(body: impl Fn() + Send + Sync + 'static) {
    let body = Arc::new(body);
    for simulation in walks() {
        let body = Arc::clone(&body);
        let explored: Explored = simulation.check(move || body());
        assert!(explored.runs() > 0);
    }
}

/// What a shared list holds; nobody keeps its lock across a step.
#[derive(Debug)]
pub(crate) struct List<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> List<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    pub(crate) fn push(&self, value: T) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(value);
    }

    pub(crate) fn take(&self) -> Vec<T> {
        core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Wakes a virtual thread.
struct Wakes(Mutex<Option<Unparker>>);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        let unparker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(unparker) = unparker {
            unparker.unpark();
        }
    }
}

/// Runs an async block on the virtual thread that calls this.
pub(crate) fn block_on<T>(task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    loop {
        let unparker = SimPlatform::with_parker(Parker::unparker);
        let waker = Arc::new(Wakes(Mutex::new(Some(unparker)))).into();
        if let Poll::Ready(value) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        SimPlatform::with_parker(Parker::park);
    }
}

/// An error hook that lists what it is told.
pub(crate) fn hook(told: List<String>) -> concurrent_futures::core::future::ErrorHook {
    Shared::new(Box::new(move |report| told.push(report.to_string())))
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
