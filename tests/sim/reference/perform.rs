//! What is done in one run of a case.

use std::sync::Arc;

use concurrent_futures::sim;

use super::{
    calls, maps,
    operations::{Case, Kind, Op, Stay, millis},
    shared::{Named, Shared, lock, seen_ref},
    specification::{By, Rules},
    waits,
};

/// One thread's part.
fn perform_all(shared: &Arc<Shared>, thread: usize) {
    let mut set = waits::Set::default();
    let case = Arc::clone(&shared.case);
    for op in &case.threads[thread] {
        sim::note(format_args!("{op:?}"));
        perform(shared, op, &mut set);
        shared.demand();
    }
}

fn perform(shared: &Arc<Shared>, op: &Op, set: &mut waits::Set) {
    match op {
        Op::Submit(kind) => calls::submit(shared, kind, false, By::Thread),
        Op::TrySubmit(simple) => {
            calls::submit(shared, &Kind::Simple(*simple), true, By::Thread);
        }
        Op::Promise => shared.promise(),
        Op::Keep(pick, how) => {
            if let Some(id) = shared.pick_promise(*pick) {
                shared.keep(id, *how);
            }
        }
        Op::Cancel(pick) => waits::cancel(shared, *pick),
        Op::Look(pick) => {
            if let Some(named) = shared.pick(*pick) {
                waits::look(shared, &named);
            }
        }
        Op::Wait(pick, how) => {
            use super::operations::Waiting::{Take, TakeFor};
            let named = match how {
                Take | TakeFor(_) => shared.remove(*pick),
                _ => shared.pick(*pick),
            };
            if let Some(named) = named {
                waits::one(shared, named, *how);
            }
        }
        Op::Callback(pick, reaction) => {
            if let Some(named) = shared.pick(*pick) {
                calls::add_callback(shared, &named, *reaction);
            }
        }
        Op::Drop(pick) => drop(shared.remove(*pick)),
        Op::WaitForMany(picks, when, timeout) => {
            waits::many(shared, shared.pick_all(picks), *when, *timeout);
        }
        Op::AsCompleted(picks, take, timeout) => {
            waits::as_completed(shared, shared.pick_all(picks), *take, *timeout);
        }
        Op::Insert(pick) => {
            if let Some(named) = shared.pick(*pick) {
                set.insert(shared, named);
            }
        }
        Op::Next(timeout) => set.next(shared, *timeout),
        Op::DropSet => *set = waits::Set::default(),
        Op::Map(shape) => maps::map(shared, shape),
        Op::Scope(children, look) => calls::scope(shared, children, *look, By::Thread),
        Op::ShutDown(stay, cancel) => calls::shut_down(shared, *stay, *cancel, false),
        Op::DropPool => calls::drop_pool(shared, false),
        Op::Detach => {
            let pool = lock(&shared.pool).take();
            if let Some(pool) = pool {
                let begun = shared.book.with(|spec| spec.shuts_down(false));
                pool.detach();
                shared
                    .book
                    .with(|spec| spec.shut_down(begun, false, false, None));
            }
        }
        Op::Sleep(time) => sim::sleep(millis(*time)),
    }
}

/// A run: what all threads do, and then the end of everything.
pub(crate) fn body(case: &Arc<Case>, rules: Rules) {
    let shared = Shared::new(case, rules);
    let others: Vec<_> = (1..case.threads.len())
        .map(|thread| {
            let shared = Arc::clone(&shared);
            sim::spawn(move || perform_all(&shared, thread))
        })
        .collect();
    perform_all(&shared, 0);
    for other in others {
        other.join();
    }
    end(&shared);
}

/// A run of a single thread: gives what happened, one event after the other.
pub(crate) fn logged(case: &Arc<Case>) -> Vec<String> {
    let shared = Shared::new(case, Rules::default());
    perform_all(&shared, 0);
    let log = shared.book.with(|spec| std::mem::take(&mut spec.log));
    end(&shared);
    log
}

fn end(shared: &Arc<Shared>) {
    shared.keep_all();
    calls::drop_pool(shared, false);
    // Where it was detached, or dropped by one of its calls, this is what waits.
    calls::shut_down(shared, Stay::Forever, false, false);
    for (id, future) in shared.remove_all() {
        let state = future.state();
        shared.book.with(|spec| {
            spec.looked(id, state);
            let over = spec.is_over(id);
            spec.demand(over, "F5", || format!("call {id} is {state:?} in the end"));
        });
        shared.demand();
        waits::look(shared, &Named(id, Arc::clone(&future)));
        let outcome = seen_ref(future.result_ref());
        shared.book.with(|spec| spec.saw(id, outcome));
    }
    shared.book.with(|spec| spec.finish());
    shared.demand();
}
