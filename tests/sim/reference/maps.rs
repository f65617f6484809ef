//! Maps: with and without order and buffer, run out or dropped early.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use concurrent_futures::{MapError, MapOptions, SubmitError, sim};

use super::{
    calls::{gives, refusal, run_simple, start},
    operations::{MapShape, Simple, millis},
    shared::{Out, Shared, Tracked, lock, seen, seen_ref},
    specification::{By, Form, Id, Part, Seen},
};

/// What a map's input, and whoever takes its results, have to know of each other.
struct Items {
    shared: Arc<Shared>,
    ids: Mutex<Vec<Id>>,
    /// The latest, if it is not known yet whether it was accepted: a refusal comes after the results that are there.
    going: Mutex<Option<Id>>,
    yielded: Mutex<usize>,
    buffer: Option<usize>,
    errs_fail: bool,
}

impl Items {
    /// What was consumed before is accepted.
    fn accept(&self) {
        let going = lock(&self.going).take();
        if let Some(id) = going {
            self.shared.book.with(|spec| spec.accepted(id));
        }
    }

    fn refuse(&self, error: &SubmitError<()>) {
        let going = lock(&self.going).take();
        let book = &self.shared.book;
        match going {
            Some(id) => book.with(|spec| {
                spec.refused(id, refusal(error), Form::WaitsForRoom, false);
            }),
            None => book.with(|spec| {
                spec.demand(false, "M9", || {
                    format!("refused without an item: {error:?}")
                });
            }),
        }
    }

    fn consume(&self, item: Simple) -> (Id, Simple, Tracked) {
        self.accept();
        let book = &self.shared.book;
        let id = book.with(|spec| spec.submits(gives(item, self.errs_fail), By::Map));
        let outstanding = {
            let mut ids = lock(&self.ids);
            ids.push(id);
            ids.len() - *lock(&self.yielded)
        };
        book.with(|spec| spec.consumed(outstanding, self.buffer));
        *lock(&self.going) = Some(id);
        (id, item, self.shared.tracked(Part::Closure, id))
    }

    /// Takes results, as many as asked for.
    fn take(
        &self,
        shape: &MapShape,
        begun: Duration,
        results: &mut dyn Iterator<Item = Result<Out, MapError>>,
    ) {
        let mut over = false;
        for number in 0..shape.take {
            self.shared.book.with(|spec| spec.ends_map());
            let next = results.next();
            let waited = sim::now() - begun;
            self.shared.book.with(|spec| spec.ended_map(None));
            let demand = |holds: bool, line: &str, what: &str| {
                let what = || format!("result {number} of {shape:?}: {what}");
                self.shared.book.with(|spec| spec.demand(holds, line, what));
            };
            match next {
                None => {
                    let all = number == shape.items.len();
                    return demand(over || all, "M1", "there was none");
                }
                Some(_) if over => return demand(false, "M3", "there was one after an error"),
                Some(Ok(value)) => {
                    over = self.yielded(number, &seen_ref(Ok(&value)), shape);
                }
                Some(Err(MapError::Task(error))) => {
                    over = self.yielded(number, &seen(&Err(error)), shape);
                }
                Some(Err(MapError::TimedOut)) => {
                    over = true;
                    let timeout = shape.timeout.map(millis);
                    let is_late = timeout.is_some_and(|timeout| waited >= timeout);
                    demand(is_late, "M4", "the time was not over");
                }
                Some(Err(MapError::Refused(error))) => {
                    over = true;
                    self.refuse(&error);
                }
                Some(Err(other)) => return demand(false, "M1", &other.to_string()),
            }
        }
    }

    /// Says whether it is the last one.
    fn yielded(&self, number: usize, seen: &Seen, shape: &MapShape) -> bool {
        *lock(&self.yielded) += 1;
        let ids = lock(&self.ids).clone();
        let of = if shape.ordered {
            ids.get(number).copied()
        } else {
            let named = |id: &&Id| match seen {
                Seen::Value(of) | Seen::Err(of) => of == *id,
                Seen::Panicked(text) => *text == format!("call {id}"),
                _ => false,
            };
            ids.iter().find(named).copied()
        };
        let by_nobody = *seen == Seen::Cancelled(concurrent_futures::CancelledBy::Caller);
        self.shared.book.with(|spec| {
            match of {
                Some(id) => spec.saw(id, seen.clone()),
                None => spec.saw_some(seen),
            }
            spec.demand(!by_nobody, "M3", || {
                format!("result {number} of {shape:?} was cancelled by nobody")
            });
        });
        let failed = match seen {
            Seen::Value(_) => false,
            Seen::Err(_) => self.errs_fail,
            _ => true,
        };
        failed && !shape.keep_going
    }
}

pub(crate) fn map(shared: &Arc<Shared>, shape: &MapShape) {
    let items = Arc::new(Items {
        shared: Arc::clone(shared),
        ids: Mutex::default(),
        going: Mutex::default(),
        yielded: Mutex::default(),
        buffer: shape.buffer,
        errs_fail: shape.ordered,
    });
    let input = {
        let items = Arc::clone(&items);
        let simple = shape.items.clone().into_iter();
        simple.map(move |item| items.consume(item))
    };
    let function = {
        let shared = Arc::clone(shared);
        move |(id, item, capture): (Id, Simple, Tracked)| {
            let _capture = capture;
            start(&shared, id);
            run_simple(&shared, id, item)
        }
    };
    let mut options = MapOptions::new().keep_going(shape.keep_going);
    if let Some(calls) = shape.buffer {
        options = options.buffer_size(calls);
    }
    if let Some(time) = shape.timeout {
        options = options.timeout(millis(time));
    }
    let begun = sim::now();
    // It may be refused, and cancel what it has submitted.
    shared.book.with(|spec| spec.ends_map());
    let mapped: Result<Box<dyn Iterator<Item = _>>, _> = if shape.ordered {
        shared
            .handle
            .map_result_with(options, function, input)
            .map(|map| Box::new(map) as Box<_>)
    } else {
        shared
            .handle
            .map_unordered(options, function, input)
            .map(|map| Box::new(map) as Box<_>)
    };
    shared.book.with(|spec| spec.ended_map(None));
    match mapped {
        Ok(mut results) => {
            items.accept();
            let consumed = lock(&items.ids).len();
            let wanted = shape.buffer.unwrap_or(usize::MAX).min(shape.items.len());
            shared.book.with(|spec| {
                spec.demand(consumed == wanted, "M2", || {
                    format!("{shape:?} has consumed {consumed} items before its first result")
                });
            });
            items.take(shape, begun, &mut results);
            shared.book.with(|spec| spec.ends_map());
            drop(results);
        }
        Err(error) => {
            items.refuse(&error);
            shared.book.with(|spec| spec.ends_map());
        }
    }
    let ids = lock(&items.ids).clone();
    let going = lock(&items.going).take();
    shared.book.with(|spec| {
        spec.ended_map(Some(&ids));
        if let Some(id) = going {
            spec.accepted_or_not(id);
        }
    });
}
