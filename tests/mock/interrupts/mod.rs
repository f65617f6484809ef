//! Interrupts at every step of what a thread does with a static pool: the handler submits, and nothing is lost, dropped in the
//! handler, or waited for.

mod chip;
mod ending;
mod full;
mod pumped;
mod workers;

use std::cell::RefCell;

use concurrent_futures_core::{
    executor::{Pumped, StaticPool},
    future::SubmitError,
    platform::Spawner,
};

use chip::{Chip, assert_is_for_users, calm, interrupted};

/// Pools of these tests.
type Pool<const SLOTS: usize, S = Pumped> = StaticPool<Chip, SLOTS, 48, S>;

/// What became of the calls of one run of a scenario.
#[derive(Default)]
struct Book {
    /// The numbers of those that the pool took from handlers.
    accepted: Vec<usize>,
    /// What handlers got back.
    full: Vec<Box<dyn FnOnce()>>,
    shut_down: Vec<Box<dyn FnOnce()>>,
    no_worker: Vec<Box<dyn FnOnce()>>,
    /// The numbers of those that ran, in their order.
    ran: Vec<usize>,
    /// The numbers of those whose captures were dropped.
    dropped: Vec<usize>,
}

thread_local! {
    static BOOK: RefCell<Book> = RefCell::default();
}

fn book<R>(look: impl FnOnce(&mut Book) -> R) -> R {
    BOOK.with_borrow_mut(look)
}

/// Captures must be dropped once, and neither in a handler nor under a lock.
struct Captured(usize);

impl Drop for Captured {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_is_for_users();
            chip::step();
            book(|book| book.dropped.push(self.0));
        }
    }
}

/// A call that notes its number, and gives it back.
fn call(number: usize) -> impl FnOnce() -> usize + Send + 'static {
    let captured = Captured(number);
    move || {
        assert_is_for_users();
        let Captured(number) = &captured;
        chip::step();
        book(|book| book.ran.push(*number));
        *number
    }
}

/// What a handler does: submits the call of this number, and notes what came of it.
fn submit<const SLOTS: usize, S: Spawner>(pool: &'static Pool<SLOTS, S>, number: usize) {
    let call = call(number);
    let call = move || {
        call();
    };
    let outcome = pool.interrupt_side().submit_detached(call);
    book(|book| match outcome {
        Ok(()) => book.accepted.push(number),
        // Kept, because who drops it drops it here.
        Err(SubmitError::Full(back)) => book.full.push(Box::new(back.into_inner())),
        Err(SubmitError::ShutDown(back)) => book.shut_down.push(Box::new(back.into_inner())),
        Err(SubmitError::NoWorker(back)) => book.no_worker.push(Box::new(back.into_inner())),
        Err(other) => panic!("{other:?}"),
    });
}

/// How many calls the pool has taken from handlers.
fn accepted() -> usize {
    book(|book| book.accepted.len())
}

/// Runs what is left, when no handler comes any more; says how many ran.
fn settle<const SLOTS: usize>(pool: &'static Pool<SLOTS>) -> usize {
    calm(|| pool.run_until_idle())
}

/// The number of the first call that a handler submits.
const FROM_HANDLERS: usize = 100;

/// Runs `scenario` again and again: with a handler that submits coming in at its first step, at its second, and so on until it has
/// no such step. Then with a handler that is interrupted itself, at each of its steps, by one that is, too. `scenario` gets the number of
/// the run, and leaves its pool as it was. Returns how many handlers there were at most, one on top of the other.
fn at_every_step<const SLOTS: usize, S: Spawner>(
    pool: impl Fn(usize) -> &'static Pool<SLOTS, S>,
    scenario: impl Fn(usize),
) -> usize {
    let mut run = 0;
    let mut deepest = 0;
    'outer: for outer in 0.. {
        'inner: for inner in 0.. {
            for innermost in 0.. {
                assert!(run < RUNS, "a scenario does not end");
                drop(BOOK.take());
                let pool = pool(run);
                let is_reached = std::rc::Rc::new(std::cell::Cell::new([false; 2]));
                let reached = std::rc::Rc::clone(&is_reached);
                let handler = move || {
                    let third = move || submit(pool, FROM_HANDLERS + 2);
                    let innermost_reached = std::rc::Rc::new(std::cell::Cell::new(false));
                    let told = std::rc::Rc::clone(&innermost_reached);
                    let second = move || {
                        let inside = || submit(pool, FROM_HANDLERS + 1);
                        told.set(interrupted(innermost, third, inside));
                    };
                    let inner_reached = interrupted(inner, second, || submit(pool, FROM_HANDLERS));
                    reached.set([inner_reached, innermost_reached.get()]);
                };
                let is_outer_reached = interrupted(outer, handler, || scenario(run));
                run += 1;
                if !is_outer_reached {
                    break 'outer;
                }
                let [inner_reached, innermost_reached] = is_reached.get();
                deepest =
                    deepest.max(1 + usize::from(inner_reached) + usize::from(innermost_reached));
                if !inner_reached {
                    break 'inner;
                }
                if !innermost_reached {
                    break;
                }
            }
        }
    }
    assert!(run > 1, "there is a handler at some step");
    deepest
}

/// How many runs of one scenario there may be.
const RUNS: usize = 4_000;

/// Fails unless the calls of these numbers and those that were taken from handlers ran, each once, and nothing is kept of any.
#[track_caller]
fn assert_ran_once(own: &[usize]) {
    assert_ran(own, &[]);
}

/// As [`assert_ran_once`]; the calls of the numbers in `cancelled` were dropped without running.
#[track_caller]
fn assert_ran(own: &[usize], cancelled: &[usize]) {
    let (mut ran, mut expected, back) = book(|book| {
        let back: Vec<_> = book
            .full
            .drain(..)
            .chain(book.shut_down.drain(..))
            .chain(book.no_worker.drain(..))
            .collect();
        let taken = book
            .accepted
            .iter()
            .copied()
            .filter(|n| !cancelled.contains(n));
        let expected: Vec<_> = own.iter().copied().chain(taken).collect();
        (book.ran.clone(), expected, back)
    });
    ran.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ran, expected);
    // What came back is what was given: it can be called.
    let refused = back.len();
    for call in back {
        call();
    }
    book(|book| {
        assert_eq!(book.ran.len(), expected.len() + refused);
        let mut known: Vec<_> = book.ran.iter().chain(cancelled).copied().collect();
        known.sort_unstable();
        book.dropped.sort_unstable();
        assert_eq!(book.dropped, known, "each was dropped once");
    });
}
