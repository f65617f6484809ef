//! One run: its fibers, whose turn it is, its clock, and what is wrong with it.
//!
//! It is in thread-local storage of the thread that drives the run, where the platform's operations find it. Nothing of the
//! user's and nothing of the library's runs while it is borrowed.

mod diagnosis;
mod drive;
mod interrupt;
mod live;
mod thread;
mod token;
mod turn;

use alloc::{sync::Arc, vec::Vec};
use core::{cell::RefCell, ptr::NonNull, task::Waker, time::Duration};
use corosensei::stack::DefaultStack;

pub use self::thread::Stands;
pub(super) use self::{
    drive::{Outcome, run},
    interrupt::{arm, await_all_at_the_end, await_interrupt, interrupt},
    live::Live,
    thread::Life,
};
use self::{
    interrupt::Interrupts,
    thread::{State, Thread},
    token::token,
};
use super::{
    book::Book,
    chooser::{Choice, Chooser, Stance},
    fault::{Caught, Fault},
    fiber::Suspender,
    trace::{Event, What, Who},
};
use crate::platform::{CallEvent, Point, WorkerContext};

/// What a run may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Deadlines may pass while others can go on.
    pub(super) timeouts_race: bool,
    /// How many times somebody may wake up by itself.
    pub(super) spurious: usize,
    /// How many workers the platform may refuse.
    pub(super) refusals: usize,
    pub(super) max_steps: usize,
    pub(super) patience: usize,
    pub(super) stack_size: usize,
    /// The body runs the others by hand.
    pub(super) by_hand: bool,
    /// The schedule is one of this body: what it asks for must be there.
    pub(super) repeats: bool,
}

/// The body's.
pub(super) const MAIN: usize = 0;

pub(super) struct World {
    run: usize,
    rules: Rules,
    threads: Vec<Thread>,
    /// Who is running, if not the driver.
    current: Option<usize>,
    /// Whom the driver is to resume.
    next: Option<usize>,
    now: Duration,
    pub(super) chooser: Chooser,
    pub(super) live: Arc<Live>,
    pub(super) book: Book,
    interrupts: Interrupts,
    /// How many locks the current one is inside of.
    locks: usize,
    pub(super) steps: usize,
    spurious: usize,
    refusals: usize,
    /// How many starts are to be refused, by hand.
    pub(super) refuse_next: usize,
    fault: Option<Fault>,
    /// How often somebody else had its turn.
    turns: usize,
    stacks: Vec<DefaultStack>,
}

std::thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Lends the world of the run that this thread drives; `None` outside of a run.
pub(super) fn with<R>(look: impl FnOnce(&mut World) -> R) -> Option<R> {
    // Also while thread-local values are dropped.
    WORLD
        .try_with(|world| world.borrow_mut().as_mut().map(look))
        .ok()
        .flatten()
}

/// Lends the world to code that a fiber runs; `None` elsewhere.
pub(super) fn inside<R>(look: impl FnOnce(&mut World, usize) -> R) -> Option<R> {
    with(|world| Some(look(world, world.current?))).flatten()
}

/// What the current fiber has to do before it goes on.
enum Turn {
    /// It is somebody else's turn.
    Others(Suspender),
    /// This handler interrupts it.
    Interrupt(Life),
}

/// Does what is to be done before the current fiber goes on.
fn follow(mut turn: Option<Turn>) {
    while let Some(now) = turn {
        turn = match now {
            Turn::Others(suspender) => {
                // SAFETY: it was read from the thread that is running, on whose stack this is.
                unsafe { suspender.suspend() };
                inside(|world, _| world.begin_interrupt()).flatten()
            }
            Turn::Interrupt(handler) => {
                handler();
                inside(|world, _| world.end_interrupt()).flatten()
            }
        };
    }
}

/// The current one does `what`; then it may be somebody else's turn. Nothing outside of a run.
pub(super) fn step(what: What, stance: Stance) {
    let turn = inside(|world, me| {
        if world.is_interrupted() {
            if what == What::Locks {
                world.blame_handler("is about to take a lock");
            }
        } else {
            let thread = &mut world.threads[me];
            thread.latest = match what {
                What::Reaches(point) => Some(point),
                _ => None,
            };
            thread.at = thread.latest.or(thread.at);
        }
        world.record(what);
        world.turn(me, stance)
    });
    follow(turn.flatten());
}

/// The current one looks at what others may change, and may do so again and again.
pub(super) fn look() {
    let stance = inside(|world, me| {
        let turn = world.turns;
        if world.is_interrupted() {
            return Stance::GoesOn;
        }
        let looked = &mut world.threads[me].looked;
        *looked = if looked.0 == turn {
            (turn, looked.1 + 1)
        } else {
            (turn, 1)
        };
        if looked.1 == 1 {
            Stance::GoesOn
        } else {
            Stance::Polls
        }
    });
    step(
        What::Reaches(Point::Looked),
        stance.unwrap_or(Stance::GoesOn),
    );
}

/// The current virtual thread panics. False outside of a run, and if it is the simulator itself that panics.
pub(super) fn note_panic(caught: Caught) -> bool {
    let noted = WORLD.try_with(|world| {
        let mut world = world.try_borrow_mut().ok()?;
        let world = world.as_mut()?;
        let me = world.current?;
        world.record(What::Panics(caught.message.clone()));
        world.threads[me].panic = Some(caught);
        Some(())
    });
    matches!(noted, Ok(Some(())))
}

/// What the current one panicked with last.
pub(super) fn take_panic() -> Option<Caught> {
    inside(|world, me| world.threads[me].panic.take()).flatten()
}

/// It may be somebody else's turn now. Nothing outside of a run.
pub(super) fn turn() {
    follow(inside(|world, me| world.turn(me, Stance::GoesOn)).flatten());
}

/// By hand: the body lets `index` go on, up to its next step.
pub(super) fn hand_over(index: usize) {
    follow(inside(|world, _| world.hand_over(index)).flatten());
}

/// The current one parks for what is none of the scheduler's business.
pub(super) fn park_otherwise(deadline: Option<Duration>) {
    inside(|world, me| {
        if !world.is_interrupted() {
            world.threads[me].at = None;
        }
    });
    park(deadline);
}

/// The current one parks, until it is woken, or until `deadline`. Nothing outside of a run.
pub(super) fn park(deadline: Option<Duration>) {
    let turn = inside(|world, me| {
        world.record(deadline.map_or(What::Parks, What::ParksUntil));
        if world.is_interrupted() {
            world.blame_handler("is about to wait");
            return world.turn(me, Stance::Blocked);
        }
        let now = world.now;
        let thread = &mut world.threads[me];
        let stance = if thread.token || deadline.is_some_and(|deadline| deadline <= now) {
            Stance::GoesOn
        } else {
            thread.state = State::Parked(deadline);
            thread.since = world.steps;
            Stance::Blocked
        };
        world.turn(me, stance)
    });
    follow(turn.flatten());
    inside(|world, me| {
        let thread = &mut world.threads[me];
        thread.token = false;
        thread.awaits = None;
    });
}

/// Whether the platform refuses the current one a worker, as it does outside of a run.
pub(super) fn is_refused() -> bool {
    let refused = inside(|world, me| {
        let refused = if world.rules.by_hand {
            let refused = world.refuse_next > 0;
            world.refuse_next = world.refuse_next.saturating_sub(1);
            refused
        } else if world.refusals > 0 {
            let options = [Choice::Start, Choice::Refuse];
            let refused = world.choose(&options, me, Stance::Blocked) == Choice::Refuse;
            world.refusals -= usize::from(refused);
            refused
        } else {
            false
        };
        if refused {
            world.record(What::IsRefused);
        }
        refused
    });
    refused.unwrap_or(true)
}

/// A new virtual thread, which may begin at once or late; `None` outside of a run.
pub(super) fn start(kind: Kind, life: Life) -> Option<usize> {
    let mut life = Some(life);
    let started = inside(|world, _| {
        let index = world.add(kind, life.take()?);
        let who = world.threads[index].who;
        world.record(What::Starts(who));
        if let Kind::Worker(executor) = kind
            && let Err(text) = world.book.worker_started(executor)
        {
            world.blame(Fault::TooManyWorkers(text));
        }
        Some(index)
    });
    started.flatten()
}

/// What a new thread is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Main,
    /// Of this executor.
    Worker(usize),
    Thread,
}

impl World {
    fn add(&mut self, kind: Kind, life: Life) -> usize {
        let index = self.threads.len();
        let count = |who: fn(&Who) -> bool| self.threads.iter().filter(|t| who(&t.who)).count();
        let who = match kind {
            Kind::Main => Who::Main,
            Kind::Worker(_) => Who::Worker(count(|who| matches!(who, Who::Worker(_)))),
            Kind::Thread => Who::Thread(count(|who| matches!(who, Who::Thread(_)))),
        };
        let executor = match kind {
            Kind::Worker(executor) => Some(executor),
            Kind::Main | Kind::Thread => None,
        };
        let waker = token(self.run, index);
        self.threads
            .push(Thread::new(who, executor, waker, life, self.steps));
        index
    }

    pub(super) fn record(&mut self, what: What) {
        self.record_of(self.actor(), what);
    }

    /// Who does what is done now.
    pub(super) fn actor(&self) -> Who {
        match (self.interrupts.running(), self.current) {
            (Some((who, _)), _) => who,
            (None, Some(index)) => self.threads[index].who,
            (None, None) => Who::Clock,
        }
    }

    fn record_of(&self, who: Who, what: What) {
        self.live.trace(|trace| trace.push(Event { who, what }));
    }

    /// Nobody can go on.
    fn stop(&mut self) {
        let fault = self.diagnose();
        self.fault.get_or_insert(fault);
    }

    pub(super) fn observe(&mut self, event: CallEvent, address: usize) {
        let Some(me) = self.current else { return };
        match event {
            _ if self.is_interrupted() => {}
            CallEvent::Awaited | CallEvent::AwaitedAmong => {
                self.threads[me].awaits = Some(address);
                self.threads[me].among = event == CallEvent::AwaitedAmong;
            }
            // What it did before says nothing of what it will wait for.
            CallEvent::Started => self.threads[me].at = None,
            _ => {}
        }
        let who = self.actor();
        if let Some(what) = self.book.observe(event, address, (me, who), self.steps) {
            self.record(what);
        }
    }

    /// Goes into a lock, or out of it.
    pub(super) fn lock(&mut self, inside: bool) {
        if inside {
            self.locks += 1;
        } else {
            self.locks -= 1;
        }
    }

    /// Something is wrong: the run ends with the current turn.
    pub(super) fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// All but the body.
    pub(super) fn others(&self) -> Vec<Who> {
        self.threads[1..].iter().map(|thread| thread.who).collect()
    }

    pub(super) fn run_number(&self) -> usize {
        self.run
    }

    pub(super) fn now(&self) -> Duration {
        self.now
    }

    pub(super) fn who(&self, index: usize) -> Who {
        self.threads[index].who
    }

    pub(super) fn find(&self, who: Who) -> Option<usize> {
        self.threads.iter().position(|thread| thread.who == who)
    }

    pub(super) fn waker(&self, index: usize) -> Waker {
        self.threads[index].waker.clone()
    }

    pub(super) fn worker(&self, index: usize) -> Option<NonNull<WorkerContext>> {
        self.threads[index].worker
    }

    pub(super) fn set_worker(
        &mut self,
        index: usize,
        worker: Option<NonNull<WorkerContext>>,
    ) -> Option<NonNull<WorkerContext>> {
        core::mem::replace(&mut self.threads[index].worker, worker)
    }

    /// Whether `me` has to wait for a worker of `executor`, other than itself, to end: then it is woken when one has.
    pub(super) fn waits_for_end(&mut self, me: usize, executor: usize) -> bool {
        let left = |(index, thread): &(usize, &mut Thread)| {
            *index != me && thread.executor == Some(executor) && thread.state != State::Ended
        };
        match self.threads.iter_mut().enumerate().find(left) {
            Some((_, thread)) => {
                thread.joiners.push(me);
                true
            }
            None => false,
        }
    }

    /// By hand: the body lets `index` go on, up to its next step. Gives what to suspend the body with.
    fn hand_over(&mut self, index: usize) -> Option<Turn> {
        if !self.is_ready(index) || self.current != Some(MAIN) {
            return None;
        }
        self.next = Some(index);
        self.turns += 1;
        self.threads[MAIN].suspender.map(Turn::Others)
    }

    /// By hand: takes the life of somebody who has not begun, and never will.
    pub(super) fn take_life(&mut self, index: usize) -> Option<Life> {
        let life = self.threads[index].life.take()?;
        self.end(index);
        Some(life)
    }

    pub(super) fn stands(&self, index: usize) -> Stands {
        let thread = &self.threads[index];
        match (thread.state, &thread.life) {
            (State::Ended, _) => Stands::Ended,
            (State::Parked(_), _) => Stands::Parked,
            (State::Ready, Some(_)) => Stands::NotBegun,
            (State::Ready, None) => Stands::Ready(thread.latest),
        }
    }
}
