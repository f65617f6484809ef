//! What is done with futures: waiting for one or many, cancelling, looking.

use std::sync::Arc;

use concurrent_futures::{
    ResultError, ReturnWhen, Split, TaskState, WaitSet, as_completed as completed,
    as_completed_timeout, sim,
};

use super::{
    operations::{Millis, Pick, Waiting, millis},
    shared::{Named, Shared, seen, seen_ref},
    specification::Gathered,
};

/// Looks at a future's state, in every way that there is. Each look is told before the next: others go on in between.
pub(crate) fn look(shared: &Shared, Named(id, future): &Named) {
    let state = future.state();
    shared.book.with(|spec| spec.looked(*id, state));
    let done = future.done();
    shared.book.with(|spec| spec.done(*id, done));
    let failed = future.failed();
    shared.book.with(|spec| spec.failed(*id, failed));
    if future.running() {
        shared
            .book
            .with(|spec| spec.looked(*id, TaskState::Running));
    }
    if future.cancelled() {
        shared
            .book
            .with(|spec| spec.looked(*id, TaskState::Cancelled));
    }
    let text = format!("{future:?}");
    let state = match &*text {
        "Future(pending)" => TaskState::Pending,
        "Future(running)" => TaskState::Running,
        "Future(finished)" => TaskState::Finished,
        _ => TaskState::Cancelled,
    };
    shared.book.with(|spec| spec.looked(*id, state));
}

pub(crate) fn cancel(shared: &Shared, pick: Pick) {
    if let Some(Named(id, future)) = shared.pick(pick) {
        shared.book.with(|spec| spec.cancels(id));
        let said = future.cancel();
        shared.book.with(|spec| spec.cancelled(id, said));
    }
}

/// Waits for one future.
pub(crate) fn one(shared: &Shared, Named(id, future): Named, how: Waiting) {
    let takes = matches!(how, Waiting::Take | Waiting::TakeFor(_));
    let was_over = shared.book.with(|spec| spec.is_over_for(id, takes));
    let begun = sim::now();
    let timed_out = || {
        if let Some(timeout) = how.timeout() {
            let waited = sim::now() - begun;
            shared
                .book
                .with(|spec| spec.timed_out(id, was_over, waited, millis(timeout)));
        }
    };
    let future = if takes {
        Arc::try_unwrap(future)
    } else {
        Err(future)
    };
    match (future, how) {
        (Ok(future), Waiting::TakeFor(time)) => {
            let outcome = match future.result_timeout(millis(time)) {
                Ok(value) => Ok(value),
                Err(ResultError::Task(error)) => Err(error),
                Err(ResultError::Unfinished(future) | ResultError::WouldBlock(future)) => {
                    timed_out();
                    return shared.put(id, Arc::new(future));
                }
                Err(other) => panic!("a wait for call {id} gave {other:?}"),
            };
            let outcome = seen(&outcome);
            shared
                .book
                .with(|spec| (spec.saw(id, outcome), spec.took(id)));
        }
        (Ok(future), _) => {
            let outcome = seen(&future.result());
            shared
                .book
                .with(|spec| (spec.saw(id, outcome), spec.took(id)));
        }
        (Err(future), how) => {
            lend(shared, &Named(id, future), how, takes, &timed_out);
        }
    }
}

/// Waits for one future that others have, too.
fn lend(shared: &Shared, named: &Named, how: Waiting, looks: bool, timed_out: &dyn Fn()) {
    let Named(id, future) = named;
    let outcome = match how.timeout() {
        None if looks || how == Waiting::Lend => Some(seen_ref(future.result_ref())),
        Some(time) if looks || matches!(how, Waiting::LendFor(_)) => {
            match future.result_ref_timeout(millis(time)) {
                Some(outcome) => Some(seen_ref(outcome)),
                None => return timed_out(),
            }
        }
        None => {
            let said = future.wait();
            shared.book.with(|spec| {
                spec.demand(said, "R1", || format!("a wait for call {id} did not wait"));
            });
            None
        }
        Some(time) => {
            if !future.wait_timeout(millis(time)) {
                return timed_out();
            }
            None
        }
    };
    match outcome {
        Some(outcome) => shared.book.with(|spec| spec.saw(*id, outcome)),
        None => {
            let state = future.state();
            shared.book.with(|spec| {
                spec.looked(*id, state);
                let over = spec.is_over(*id);
                spec.demand(over, "R1", || {
                    format!("call {id} is {state:?} after a wait")
                });
            });
        }
    }
}

/// Looks at those that were said to be done.
fn look_at_done(shared: &Shared, Named(id, future): &Named) -> bool {
    let state = future.state();
    shared.book.with(|spec| {
        spec.looked(*id, state);
        let over = spec.is_over(*id);
        spec.demand(over, "W1, A1", || {
            format!("call {id} is {state:?}, and was said to be done")
        });
    });
    let failed = future.failed();
    shared.book.with(|spec| spec.failed(*id, failed));
    failed
}

fn ids(named: &[Named]) -> Vec<usize> {
    named.iter().map(|named| named.0).collect()
}

/// `wait`.
pub(crate) fn many(shared: &Shared, named: Vec<Named>, when: ReturnWhen, timeout: Option<Millis>) {
    let timeout = timeout.map(millis);
    let awaited = shared
        .book
        .with(|spec| spec.awaits(&ids(&named), when, timeout));
    let begun = sim::now();
    let Split { done, not_done } = concurrent_futures::wait(named, when, timeout);
    let waited = sim::now() - begun;
    let failed = done
        .iter()
        .filter(|named| look_at_done(shared, named))
        .count();
    let (done, not_done) = (ids(&done), ids(&not_done));
    shared
        .book
        .with(|spec| spec.split(&awaited, (&done, &not_done), failed > 0, waited));
}

/// `as_completed`, of which at most so many are asked for.
pub(crate) fn as_completed(
    shared: &Shared,
    named: Vec<Named>,
    take: usize,
    timeout: Option<Millis>,
) {
    let mut gathered = shared.book.with(|spec| spec.gathers(&ids(&named)));
    let Some(timeout) = timeout.map(millis) else {
        let mut iterator = completed(named);
        shared.book.with(|spec| spec.entered(&mut gathered));
        for _ in 0..take {
            let Some(named) = iterator.next() else {
                return shared.book.with(|spec| spec.gathered(&gathered));
            };
            look_at_done(shared, &named);
            shared
                .book
                .with(|spec| spec.handed_back(&mut gathered, named.0, true));
        }
        return;
    };
    let begun = sim::now();
    let mut iterator = as_completed_timeout(named, timeout);
    shared.book.with(|spec| spec.entered(&mut gathered));
    for _ in 0..take {
        match iterator.next() {
            None => return shared.book.with(|spec| spec.gathered(&gathered)),
            Some(Ok(named)) => {
                look_at_done(shared, &named);
                shared
                    .book
                    .with(|spec| spec.handed_back(&mut gathered, named.0, true));
            }
            Some(Err(over)) => {
                let counts = (over.pending, over.total);
                let (waited, is_last) = (sim::now() - begun, iterator.next().is_none());
                return shared.book.with(|spec| {
                    spec.gave_up(&gathered, counts, waited, timeout);
                    spec.demand(is_last, "A2", || "something came after the timeout".into());
                });
            }
        }
    }
}

/// A thread's own set.
#[derive(Default)]
pub(crate) struct Set {
    set: WaitSet<Named>,
    gathered: Gathered,
}

impl Set {
    pub(crate) fn insert(&mut self, shared: &Shared, named: Named) {
        let id = named.0;
        let was_over = shared.book.with(|spec| spec.is_over(id));
        let said = self.set.insert(named);
        shared
            .book
            .with(|spec| spec.inserted(&mut self.gathered, id, said, was_over));
    }

    pub(crate) fn next(&mut self, shared: &Shared, timeout: Option<Millis>) {
        let begun = sim::now();
        let next = match timeout.map(millis) {
            None => self.set.next(),
            Some(timeout) => match self.set.next_timeout(timeout) {
                Ok(next) => next,
                Err(over) => {
                    let waited = sim::now() - begun;
                    let counts = (over.pending, over.total);
                    return shared
                        .book
                        .with(|spec| spec.gave_up(&self.gathered, counts, waited, timeout));
                }
            },
        };
        if let Some(named) = &next {
            look_at_done(shared, named);
            shared
                .book
                .with(|spec| spec.handed_back(&mut self.gathered, named.0, false));
        }
        let (left, was_none) = (self.set.len(), next.is_none());
        let known = self.gathered.ids.len();
        shared.book.with(|spec| {
            let counts = left == known && !(was_none && left > 0);
            spec.demand(counts, "W4", || {
                format!("{left} are left in a set of {known}")
            });
        });
    }
}
