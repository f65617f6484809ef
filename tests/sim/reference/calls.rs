//! Calls and callbacks: how they are submitted, and what they do.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use concurrent_futures::{Done, Policy, SubmitError, core::executor::Scope, sim};

use super::{
    operations::{Keeping, Kind, Pick, Reaction, Simple, Stay, Waiting, millis},
    shared::{Named, Oops, Out, Shared, Starting, Tracked, seen, seen_ref},
    specification::{By, Form, Gives, Id, Part, Refusal},
    waits,
};

/// What a call is to do, with the futures that it waits for.
enum Job {
    Simple(Simple),
    Waits(Option<Named>, Waiting),
    WaitsForMany(Vec<Named>, concurrent_futures::ReturnWhen, Option<u8>),
    Collects(Vec<Named>),
    Submits(Simple),
    Cancels(Pick),
    Sets(Pick),
    Scopes(Vec<Simple>),
    ShutsDown(Stay, bool),
    DropsPool,
}

impl Job {
    fn new(shared: &Shared, kind: &Kind) -> Self {
        match kind {
            Kind::Simple(simple) => Self::Simple(*simple),
            Kind::Waits(pick, how @ (Waiting::Take | Waiting::TakeFor(_))) => {
                Self::Waits(shared.remove(*pick), *how)
            }
            Kind::Waits(pick, how) => Self::Waits(shared.pick(*pick), *how),
            Kind::WaitsForMany(picks, when, timeout) => {
                Self::WaitsForMany(shared.pick_all(picks), *when, *timeout)
            }
            Kind::Collects(picks) => Self::Collects(shared.pick_all(picks)),
            Kind::Submits(simple) => Self::Submits(*simple),
            Kind::Cancels(pick) => Self::Cancels(*pick),
            Kind::Sets(pick) => Self::Sets(*pick),
            Kind::Scopes(calls) => Self::Scopes(calls.clone()),
            Kind::ShutsDown(stay, cancel) => Self::ShutsDown(*stay, *cancel),
            Kind::DropsPool => Self::DropsPool,
        }
    }
}

/// What a call of that kind gives, in a form that takes an `Err` for a failure, or in one that does not.
pub(crate) fn gives(simple: Simple, errs_fail: bool) -> Gives {
    match simple {
        Simple::Returns | Simple::Sleeps(_) => Gives::Value,
        Simple::Panics => Gives::Panic,
        Simple::Fails | Simple::ReturnsErr if errs_fail => Gives::Failure,
        Simple::Fails | Simple::ReturnsErr => Gives::Err,
    }
}

/// Does the part of a call that waits for nobody.
pub(crate) fn run_simple(shared: &Shared, id: Id, simple: Simple) -> Out {
    if let Simple::Sleeps(time) = simple {
        sim::sleep(millis(time));
    }
    shared.book.with(|spec| spec.ended(id));
    match simple {
        Simple::Panics => panic!("call {id}"),
        Simple::Fails | Simple::ReturnsErr => Err(Oops(id)),
        Simple::Returns | Simple::Sleeps(_) => Ok(shared.tracked(Part::Outcome, id)),
    }
}

pub(crate) fn start(shared: &Shared, id: Id) {
    shared.book.with(|spec| spec.started(id));
    sim::note(format_args!("call {id} runs"));
}

fn run(shared: &Arc<Shared>, id: Id, job: Job) -> Out {
    start(shared, id);
    // A call that its submitter runs is not on a worker: see `operations.rs`.
    let on_worker = shared.case.pool.policy != Policy::RunInCaller;
    match job {
        Job::Simple(simple) => return run_simple(shared, id, simple),
        Job::Waits(Some(named), how) => waits::one(shared, named, how),
        Job::Waits(None, _) => {}
        Job::WaitsForMany(named, when, timeout) => waits::many(shared, named, when, timeout),
        Job::Collects(named) => waits::as_completed(shared, named, usize::MAX, None),
        Job::Submits(simple) => submit(shared, &Kind::Simple(simple), false, By::Inside),
        Job::Cancels(pick) => waits::cancel(shared, pick),
        Job::Sets(pick) => {
            if let Some(promise) = shared.pick_promise(pick) {
                shared.keep(promise, Keeping::Sets);
            }
        }
        Job::Scopes(calls) => scope(shared, &calls, false, By::Inside),
        Job::ShutsDown(_, cancel) if !on_worker => shut_down(shared, Stay::No, cancel, true),
        Job::ShutsDown(stay, cancel) => shut_down(shared, stay, cancel, true),
        Job::DropsPool if on_worker => drop_pool(shared, true),
        Job::DropsPool => {}
    }
    run_simple(shared, id, Simple::Returns)
}

pub(crate) fn refusal<F>(error: &SubmitError<F>) -> Refusal {
    match error {
        SubmitError::Broken(..) => Refusal::Broken,
        SubmitError::ShutDown(_) => Refusal::ShutDown,
        SubmitError::Full(_) => Refusal::Full,
        _ => Refusal::NoWorker,
    }
}

/// Submits a call, and puts its future where others find it.
pub(crate) fn submit(shared: &Arc<Shared>, kind: &Kind, never_blocks: bool, by: By) {
    let fails = *kind == Kind::Simple(Simple::Fails) && !never_blocks;
    let gives = match kind {
        Kind::Simple(simple) => gives(*simple, fails),
        _ => Gives::Value,
    };
    let job = Job::new(shared, kind);
    let id = shared.book.with(|spec| spec.submits(gives, by));
    let capture = shared.tracked(Part::Closure, id);
    let call = {
        let shared = Arc::clone(shared);
        move || {
            let _capture = capture;
            run(&shared, id, job)
        }
    };
    let begun = sim::now();
    let submitted = if never_blocks {
        shared.handle.try_spawn(call)
    } else if fails {
        shared.handle.spawn_result(call)
    } else {
        shared.handle.spawn(call)
    };
    match submitted {
        Ok(future) => {
            shared.book.with(|spec| spec.accepted(id));
            shared.put(id, Arc::new(future));
        }
        Err(error) => {
            let form = if never_blocks {
                Form::NeverBlocks
            } else {
                Form::ByPolicy(sim::now() - begun)
            };
            shared
                .book
                .with(|spec| spec.refused(id, refusal(&error), form, true));
            drop(error.into_inner());
        }
    }
}

/// A scope with some calls, whose outcomes are looked at or not.
pub(crate) fn scope(shared: &Arc<Shared>, calls: &[Simple], look: bool, by: By) {
    type Children<'scope, 'env> =
        Scope<'scope, 'env, concurrent_futures::sim::SimBackend<Starting>>;
    fn child(
        shared: &Arc<Shared>,
        simple: Simple,
        by: By,
    ) -> (Id, impl FnOnce() -> Out + Send + use<>) {
        let id = shared
            .book
            .with(|spec| spec.submits(gives(simple, false), by));
        let capture = shared.tracked(Part::Closure, id);
        let shared = Arc::clone(shared);
        let call = move || {
            let _capture: Tracked = capture;
            start(&shared, id);
            run_simple(&shared, id, simple)
        };
        (id, call)
    }
    let mut ids = Vec::new();
    shared.handle.scope(|s: &Children<'_, '_>| {
        let mut futures = Vec::new();
        for simple in calls {
            let (id, call) = child(shared, *simple, by);
            ids.push(id);
            let never_blocks = by == By::Inside;
            let form = if never_blocks {
                Form::NeverBlocks
            } else {
                Form::WaitsForRoom
            };
            let submitted = if never_blocks {
                s.try_spawn(call).map_err(SubmitError::without_inner)
            } else {
                s.spawn(call)
            };
            match submitted {
                Ok(future) => {
                    shared.book.with(|spec| spec.accepted(id));
                    futures.push((id, future));
                }
                Err(error) => {
                    let why = refusal(&error);
                    shared.book.with(|spec| spec.refused(id, why, form, false));
                }
            }
        }
        if look {
            for (id, future) in futures {
                let outcome = seen(&future.result());
                shared
                    .book
                    .with(|spec| (spec.saw(id, outcome), spec.took(id)));
            }
        }
    });
    shared.book.with(|spec| spec.scope_over(&ids));
}

/// Adds a callback.
pub(crate) fn add_callback(shared: &Arc<Shared>, Named(id, future): &Named, reaction: Reaction) {
    let id = *id;
    let panics = reaction == Reaction::Panics;
    let number = shared.book.with(|spec| spec.registers(id, panics));
    let capture = shared.tracked(Part::Callback, id);
    // Nobody else has a turn between the registration and the end of the call that makes it.
    let adding = Arc::new(AtomicBool::new(true));
    let callback = {
        let (shared, adding) = (Arc::clone(shared), Arc::clone(&adding));
        move |done: &Done<'_, Out>| {
            let _capture = capture;
            let (state, inline) = (done.state(), adding.load(Relaxed));
            shared
                .book
                .with(|spec| spec.called(id, number, state, inline));
            sim::note(format_args!("callback {number} of call {id}"));
            react(&shared, id, done, reaction);
            shared.book.with(|spec| spec.called_back(id, number));
            assert!(!panics, "callback {number} of call {id}");
        }
    };
    future.add_done_callback(callback);
    adding.store(false, Relaxed);
    shared.book.with(|spec| spec.registered(id, number));
}

fn react(shared: &Arc<Shared>, id: Id, done: &Done<'_, Out>, reaction: Reaction) {
    match reaction {
        Reaction::Notes | Reaction::Panics => {}
        Reaction::Reads => {
            let outcome = seen_ref(done.outcome());
            let failed = done.failed();
            shared.book.with(|spec| {
                spec.saw(id, outcome);
                spec.failed(id, failed);
            });
        }
        Reaction::Submits(simple) => submit(shared, &Kind::Simple(simple), true, By::Inside),
        Reaction::Cancels(pick) => waits::cancel(shared, pick),
        Reaction::ShutsDown(cancel) => shut_down(shared, Stay::No, cancel, false),
    }
}

/// Shuts the pool down by its handle; `inside` of a call, or not.
pub(crate) fn shut_down(shared: &Shared, stay: Stay, cancel: bool, inside: bool) {
    let waits = stay != Stay::No;
    let begun = shared.book.with(|spec| spec.shuts_down(cancel));
    let from = sim::now();
    let reported = match stay {
        Stay::No => shared.handle.shutdown(false, cancel),
        Stay::Forever => shared.handle.shutdown(true, cancel),
        Stay::For(time) => shared.handle.shutdown_timeout(millis(time), cancel),
    };
    let waited = sim::now() - from;
    // Nobody waits inside of a call that is not on a worker.
    let is_refused = reported.is_err();
    let report = reported.ok();
    shared.book.with(|spec| {
        spec.demand(is_refused == (inside && waits), "X4", || {
            format!("a shutdown was refused: {is_refused}, inside of a call: {inside}")
        });
        let over = waits && report.is_some_and(|report| report.still_running == 0);
        if let (Stay::For(time), Some(false)) = (stay, report.map(|_| over)) {
            spec.gave_up_shutdown(waited, millis(time));
        }
        spec.shut_down(begun, cancel, over && stay == Stay::Forever, report);
    });
    if stay == Stay::Forever && !is_refused {
        let workers = shared.handle.stats().workers;
        let outlived = || format!("{workers} workers outlived a shutdown that waited");
        shared
            .book
            .with(|spec| spec.demand(workers == 0, "X6", outlived));
    }
}

/// Drops the pool, if it is there.
pub(crate) fn drop_pool(shared: &Shared, inside: bool) {
    let pool = super::shared::lock(&shared.pool).take();
    if let Some(pool) = pool {
        let begun = shared.book.with(|spec| spec.shuts_down(false));
        drop(pool);
        shared
            .book
            .with(|spec| spec.shut_down(begun, false, !inside, None));
    }
}
