//! Every pair and triple of parties of one call.
//!
//! Parties are data, and so are their combinations. Left out are
//! * two who have the queue's entry: a queue gives it to one of them;
//! * two who have the future by value, and one who has it by value while others have a reference: the language forbids it, so
//!   whoever has it by value comes when all references are gone, while the party with the entry is still at it;
//! * those in which nobody runs, cancels or abandons the call: a waiter waits for ever then, and rightly;
//! * the same parties in another order: all start at once.

use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use concurrent_futures_core::{
    future::{CancelledBy, Future, ResultError, TaskError},
    scheduler::model::{Lone, LoneWorker},
};
use loom::thread;

use super::platform::{Model as Platform, park, waker};
use crate::{
    counts::{Answer, Counts, Value},
    harness::Model,
};

/// What one party does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Role {
    // With the queue's entry.
    Run,
    Shutdown,
    Abandon,
    // With a reference to the future.
    Cancel,
    Callback,
    Look,
    LookBriefly,
    // With the future.
    Take,
    TakeBriefly,
    Claim,
    Await,
    AwaitBriefly,
    Drop,
}
use Role::*;

const WITH_ENTRY: [Option<Role>; 4] = [Some(Run), Some(Shutdown), Some(Abandon), None];
const WITH_REFERENCE: [Role; 4] = [Cancel, Callback, Look, LookBriefly];
const WITH_FUTURE: [Role; 6] = [Take, TakeBriefly, Claim, Await, AwaitBriefly, Drop];

/// Preemptions, short and long.
const USUAL: (usize, usize) = (3, 4);
/// Where three are at it at the same time there are too many interleavings for that.
const THREE_AT_ONCE: (usize, usize) = (2, 3);
/// And in these there are too many even so.
const FEWER: &[(&[Role], (usize, usize))] = &[
    (&[Abandon, Callback, Claim], (2, 3)),
    (&[Abandon, Callback, Take], (2, 3)),
    (&[Abandon, Look, Look], (1, 2)),
    (&[Abandon, Look, LookBriefly], (1, 2)),
];

impl Role {
    fn name(self) -> &'static str {
        match self {
            Run => "run",
            Shutdown => "shutdown",
            Abandon => "abandon",
            Cancel => "cancel",
            Callback => "callback",
            Look => "look",
            LookBriefly => "look-briefly",
            Take => "take",
            TakeBriefly => "take-briefly",
            Claim => "claim",
            Await => "await",
            AwaitBriefly => "await-briefly",
            Drop => "drop",
        }
    }
}

/// All pairs and triples.
fn combinations() -> Vec<Vec<Role>> {
    let mut combinations = Vec::new();
    for entry in WITH_ENTRY {
        let mut add = |others: &[Role]| {
            // Without the entry's party somebody else has to end the call.
            if entry.is_some() || others.len() > 1 && others.contains(&Cancel) {
                combinations.push(entry.into_iter().chain(others.iter().copied()).collect());
            }
        };
        for (index, &first) in WITH_REFERENCE.iter().enumerate() {
            add(&[first]);
            for &second in &WITH_REFERENCE[index..] {
                add(&[first, second]);
            }
            for last in WITH_FUTURE {
                add(&[first, last]);
                // Three with the future's side only: the canceller ends the call.
                if entry.is_none() && first != Cancel {
                    add(&[Cancel, first, last]);
                }
            }
        }
        for last in WITH_FUTURE {
            add(&[last]);
        }
    }
    combinations
}

/// A model for each.
pub fn models() -> impl Iterator<Item = Model> {
    combinations().into_iter().map(|roles| {
        let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
        let at_once = roles.iter().filter(|role| **role < Take).count();
        let usual = if at_once == 3 { THREE_AT_ONCE } else { USUAL };
        let fewer = FEWER.iter().find(|(fewer, _)| *fewer == roles);
        let effort = fewer.map_or(usual, |(_, effort)| *effort);
        Model::new(format!("call: {}", names.join(", ")), effort, move || {
            one_call(&roles);
        })
    })
}

/// What a party found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// It ran, cancelled or abandoned the call, or did not.
    Did(bool),
    Told(Answer),
    Nothing,
}

/// One execution: everybody at once, then the accounts.
fn one_call(roles: &[Role]) {
    let counts = Arc::new(Counts::default());
    let (entry, future) = Lone::<Platform>::new(Counts::call(&counts));
    let worker = roles.contains(&Claim).then(|| entry.worker());
    let mut found = Vec::new();
    let mut entry = Some(entry);
    let holder = roles.iter().copied().find(|role| *role <= Abandon);
    let last = roles.iter().copied().find(|role| *role >= Take);
    let mut threads = Vec::new();
    if let (Some(role), Some(_)) = (holder, last) {
        let entry = entry.take().expect("it is there");
        threads.push((role, thread::spawn(move || with_entry(role, entry))));
    }
    let future = loom::sync::Arc::new(future);
    let sharing = roles
        .iter()
        .filter(|role| (Cancel..=LookBriefly).contains(role));
    let sharing: Vec<_> = sharing
        .map(|&role| {
            let (future, counts) = (future.clone(), counts.clone());
            (
                role,
                thread::spawn(move || with_reference(role, &future, counts)),
            )
        })
        .collect();
    // This thread is a party, too: the last one, or else the one with the entry.
    if let (Some(role), None) = (holder, last) {
        found.push((role, with_entry(role, entry.take().expect("it is there"))));
    }
    found.extend(sharing.into_iter().map(join));
    let future = loom::sync::Arc::try_unwrap(future).unwrap_or_else(|_| panic!("a party is left"));
    let told = with_future(last.unwrap_or(Take), future, worker);
    let callbacks = roles.iter().filter(|role| **role == Callback).count();
    if told != Found::Nothing {
        counts.check_taken(callbacks);
    }
    found.push((last.unwrap_or(Take), told));
    found.extend(threads.into_iter().map(join));
    if let Some(entry) = entry {
        found.push((Run, with_entry(Run, entry)));
    }
    check(&found, &counts, callbacks);
}

fn join((role, thread): (Role, thread::JoinHandle<Found>)) -> (Role, Found) {
    (role, thread.join().expect("it does not panic"))
}

/// The queue's entry.
fn with_entry(role: Role, entry: Lone<Platform>) -> Found {
    Found::Did(match role {
        Run => entry.run(),
        Shutdown => entry.cancel(),
        _ => entry.abandon(),
    })
}

/// A reference to the future.
fn with_reference(role: Role, future: &Future<Value>, counts: Arc<Counts>) -> Found {
    match role {
        Cancel => Found::Did(future.cancel()),
        Callback => {
            future.add_done_callback(move |done| {
                let _ = Answer::of(done.outcome());
                counts.called();
            });
            Found::Nothing
        }
        Look => Found::Told(Answer::of(future.result_ref())),
        _ => match future.result_ref_timeout(Duration::ZERO) {
            Some(outcome) => Found::Told(Answer::of(outcome)),
            None => Found::Nothing,
        },
    }
}

/// The future itself.
fn with_future(
    role: Role,
    mut future: Future<Value>,
    worker: Option<LoneWorker<Platform>>,
) -> Found {
    let told = |outcome: Result<Value, TaskError>| Found::Told(Answer::of(outcome.as_ref()));
    match role {
        Take => told(future.result()),
        TakeBriefly => match future.result_timeout(Duration::ZERO) {
            Ok(value) => told(Ok(value)),
            Err(ResultError::Task(error)) => told(Err(error)),
            Err(_) => Found::Nothing,
        },
        Claim => {
            let worker = worker.expect("whoever claims is a worker");
            told(worker.live(|| future.result()))
        }
        Await | AwaitBriefly => {
            let waker = waker();
            let mut context = Context::from_waker(&waker);
            loop {
                match Pin::new(&mut future).poll(&mut context) {
                    Poll::Ready(outcome) => return told(outcome),
                    Poll::Pending if role == AwaitBriefly => return Found::Nothing,
                    Poll::Pending => park(),
                }
            }
        }
        _ => Found::Nothing,
    }
}

/// The call came to one end, everybody was told of just that, and everything was dropped once.
fn check(found: &[(Role, Found)], counts: &Counts, callbacks: usize) {
    let did = |role| found.contains(&(role, Found::Did(true)));
    let ran = counts.ran();
    let cancelled = did(Cancel) || did(Shutdown);
    let ends = [ran, usize::from(cancelled), usize::from(did(Abandon))];
    assert_eq!(
        ends.iter().sum::<usize>(),
        1,
        "a call has one end: {found:?}"
    );
    assert!(!did(Run) || ran == 1, "{found:?}");
    let by_shutdown = did(Shutdown);
    for &(role, found_here) in found {
        match found_here {
            Found::Told(Answer::Value) => assert_eq!(ran, 1, "{found:?}"),
            Found::Told(Answer::Cancelled(CancelledBy::Shutdown)) => {
                assert!(by_shutdown, "{found:?}")
            }
            Found::Told(Answer::Cancelled(_)) => assert!(did(Cancel) && !by_shutdown, "{found:?}"),
            Found::Told(Answer::Abandoned) => assert!(did(Abandon), "{found:?}"),
            // All cancellers are told the same, but that one may have come while the call was waiting to be shut down.
            Found::Did(false) if role == Cancel => {
                assert!(
                    !cancelled,
                    "cancelled, and somebody was told that it is not: {found:?}"
                );
            }
            Found::Did(_) | Found::Nothing => {}
        }
    }
    counts.check(1, callbacks);
}
