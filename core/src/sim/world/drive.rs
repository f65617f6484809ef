//! The driver: on the thread's own stack, it resumes one fiber after the other.

use alloc::{sync::Arc, vec::Vec};
use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use corosensei::stack::DefaultStack;

use super::{Interrupts, Kind, Life, Live, MAIN, Rules, State, WORLD, World, turn::Next, with};
use crate::sim::{
    book::Book,
    chooser::{Chooser, Stance},
    fault::Fault,
    fiber::Fiber,
    lock,
    trace::What,
};

static RUNS: AtomicUsize = AtomicUsize::new(0);

/// What came of a run.
pub(in crate::sim) struct Outcome {
    pub(in crate::sim) fault: Option<Fault>,
    pub(in crate::sim) chooser: Chooser,
    pub(in crate::sim) steps: usize,
}

/// Runs `body`, and everything that it starts, to the end, on these stacks and more.
///
/// Not on a thread on which a run has gone wrong: what did not end there left its mark on thread-local values, and if it was unwinding,
/// in the standard library's count of panics.
pub(in crate::sim) fn run(
    rules: Rules,
    chooser: Chooser,
    live: &Arc<Live>,
    stacks: &mut Vec<DefaultStack>,
    body: Life,
) -> Outcome {
    live.trace(Vec::clear);
    live.taken(Vec::clear);
    let mut world = World {
        run: RUNS.fetch_add(1, Ordering::Relaxed),
        rules,
        threads: Vec::new(),
        current: None,
        next: Some(MAIN),
        now: Duration::ZERO,
        chooser,
        live: Arc::clone(live),
        book: Book::default(),
        interrupts: Interrupts::default(),
        locks: 0,
        steps: 0,
        spurious: rules.spurious,
        refusals: rules.refusals,
        refuse_next: 0,
        fault: None,
        turns: 0,
        stacks: core::mem::take(stacks),
    };
    world.add(Kind::Main, body);
    WORLD.set(Some(world));
    while let Some((index, fiber)) = with(World::enter_next).flatten() {
        let mut fiber = fiber;
        let ended = fiber.resume();
        with(|world| world.leave(index, fiber, ended));
    }
    let world = WORLD.take();
    match world {
        Some(mut world) => {
            *stacks = core::mem::take(&mut world.stacks);
            world.conclude()
        }
        None => unreachable!("nobody else takes the world away"),
    }
}

impl World {
    /// The driver's: whom to resume next.
    fn enter_next(&mut self) -> Option<(usize, Fiber)> {
        if self.fault.is_some() {
            return None;
        }
        let index = self.next.take()?;
        self.current = Some(index);
        let who = self.threads[index].who;
        *lock(&self.live.current) = Some(who);
        let thread = &mut self.threads[index];
        thread.unwinds = false;
        if let Some(fiber) = thread.fiber.take() {
            return Some((index, fiber));
        }
        let life = thread.life.take()?;
        self.record(What::Begins);
        let stack = self
            .stacks
            .pop()
            .map_or_else(|| DefaultStack::new(self.rules.stack_size), Ok);
        let stack = match stack {
            Ok(stack) => stack,
            Err(error) => panic!("there is no memory for another stack: {error}"),
        };
        let fiber = Fiber::new(stack, move |suspender| {
            with(|world| world.threads[index].suspender = Some(suspender));
            life();
        });
        Some((index, fiber))
    }

    /// The driver's: `index` suspended itself, or ended.
    fn leave(&mut self, index: usize, fiber: Fiber, ended: bool) {
        if !ended {
            self.current = None;
            self.threads[index].fiber = Some(fiber);
            return;
        }
        self.stacks.push(fiber.into_stack());
        self.live.beats.fetch_add(1, Ordering::Relaxed);
        self.turns += 1;
        self.record(What::Ends);
        self.end(index);
        self.current = None;
        match self.pick(index, Stance::Blocked) {
            Some(Next::Run(next)) => self.next = Some(next),
            Some(Next::Interrupt(number)) => {
                // Nobody is running who would have to do anything.
                let _ = self.come(number, (index, Stance::Blocked));
            }
            None if self.threads.iter().any(|t| t.state != State::Ended) => self.stop(),
            None => {}
        }
    }

    pub(super) fn end(&mut self, index: usize) {
        self.threads[index].state = State::Ended;
        if let Some(executor) = self.threads[index].executor {
            self.book.worker_ended(executor);
        }
        for joiner in core::mem::take(&mut self.threads[index].joiners) {
            self.unpark(joiner);
        }
    }
}
