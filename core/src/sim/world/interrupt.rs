//! Interrupts: which are armed, and how they come.
//!
//! A handler runs on the stack of whoever is interrupted, at one of its steps, in one go. Who goes on is chosen after it, as it would have
//! been without it.

use alloc::{format, vec::Vec};

use super::{Life, State, Turn, World, inside, park_otherwise, step};
use crate::sim::{
    chooser::{Choice, Stance},
    fault::Fault,
    lock,
    trace::{What, Who},
};

/// One that has not come.
struct Armed {
    number: usize,
    /// At which step it was armed.
    since: usize,
    handler: Life,
}

/// One that comes: the handler runs, or is to run on the stack that is resumed next.
struct Now {
    number: usize,
    /// Taken when the handler begins.
    handler: Option<Life>,
    /// Whom it interrupts.
    host: usize,
    /// For whom, and how it stood, when it was chosen.
    after: (usize, Stance),
}

/// The interrupts of a run.
#[derive(Default)]
pub(super) struct Interrupts {
    armed: Vec<Armed>,
    count: usize,
    now: Option<Now>,
    /// Who waits for one to have come.
    waiting: Vec<usize>,
}

impl Interrupts {
    /// As with fibers that have not ended: what would be dropped may be linked with what remains.
    pub(super) fn forget(self) {
        core::mem::forget((self.armed, self.now));
    }
}

/// Arms an interrupt; gives its number. `None` outside of a run.
pub(in crate::sim) fn arm(handler: Life) -> Option<usize> {
    let mut handler = Some(handler);
    let number = inside(|world, _| {
        let (number, since) = (world.interrupts.count, world.steps);
        world.interrupts.count += 1;
        world.interrupts.armed.push(Armed {
            number,
            since,
            handler: handler.take()?,
        });
        Some(number)
    })
    .flatten()?;
    step(What::Arms(Who::Interrupt(number)), Stance::GoesOn);
    Some(number)
}

/// Waits until the interrupt has come.
pub(in crate::sim) fn await_interrupt(number: usize) {
    await_while(|world, _| {
        let armed = &world.interrupts.armed;
        armed.iter().any(|armed| armed.number == number) || world.interrupts.is_now(number)
    });
}

/// The last one alive waits until all have come.
pub(in crate::sim) fn await_all_at_the_end() {
    await_while(|world, me| {
        let ended = |index: usize| index == me || world.threads[index].state == State::Ended;
        !world.interrupts.armed.is_empty() && (0..world.threads.len()).all(ended)
    });
}

fn await_while(is_awaited: impl Fn(&World, usize) -> bool) {
    let waits = |world: &mut World, me: usize| {
        // One that waits in a handler has gone wrong already.
        let waits = world.fault.is_none() && is_awaited(world, me);
        if waits && !world.interrupts.waiting.contains(&me) {
            world.interrupts.waiting.push(me);
        }
        waits
    };
    while inside(waits) == Some(true) {
        park_otherwise(None);
    }
}

/// By hand: the one that was armed first comes, where `index` stands. False if there is none, or nobody to interrupt.
pub(in crate::sim) fn interrupt(index: usize) -> bool {
    let turn = inside(|world, me| {
        let thread = &world.threads[index];
        let can_come = index == me || thread.fiber.is_some();
        let first = world.interrupts.armed.first().filter(|_| can_come)?;
        let number = first.number;
        Some(world.send(number, index, (me, Stance::GoesOn)))
    });
    let Some(turn) = turn.flatten() else {
        return false;
    };
    super::follow(turn);
    true
}

impl Interrupts {
    fn is_now(&self, number: usize) -> bool {
        self.now.as_ref().is_some_and(|now| now.number == number)
    }

    /// The one whose handler runs, and whom it interrupted.
    pub(super) fn running(&self) -> Option<(Who, usize)> {
        let now = self.now.as_ref()?;
        Some((Who::Interrupt(now.number), now.host))
    }
}

impl World {
    /// Whether a handler runs.
    pub(in crate::sim) fn is_interrupted(&self) -> bool {
        self.interrupts.now.is_some()
    }

    /// A handler does what would wait for those whom it interrupts.
    pub(super) fn blame_handler(&mut self, does: &str) {
        if let Some((who, host)) = self.interrupts.running() {
            let host = self.threads[host].who;
            self.blame(Fault::WaitsInInterrupt(format!(
                "{who} {does} while {host} stands still, which it interrupted: a handler must not wait for anybody"
            )));
        }
    }

    /// Which interrupts may come now.
    pub(super) fn offered(&self, me: usize) -> impl Iterator<Item = Choice> {
        let armed = self.host(me).map_or(&[][..], |_| &self.interrupts.armed);
        armed.iter().map(|armed| Choice::Interrupt(armed.number))
    }

    /// One that was armed more than `steps` ago.
    pub(super) fn overdue(&self, me: usize, steps: usize) -> Option<Choice> {
        let first = self.interrupts.armed.first()?;
        (self.host(me).is_some() && self.steps - first.since > steps)
            .then_some(Choice::Interrupt(first.number))
    }

    /// On whose stack a handler can run when it is the turn of `me`, or was until its end.
    fn host(&self, me: usize) -> Option<usize> {
        if self.threads[me].state != State::Ended {
            return Some(me);
        }
        // It is the driver's turn, or that of the host of the last one.
        if self.current.is_some() {
            return self.current;
        }
        let count = self.threads.len();
        let others = (1..count).map(|distance| (me + distance) % count);
        others
            .into_iter()
            .find(|&index| self.threads[index].fiber.is_some())
    }

    /// This one was chosen to come before it is decided who goes on `after` it. Gives what the current one has to do.
    pub(super) fn come(&mut self, number: usize, after: (usize, Stance)) -> Option<Turn> {
        let host = self.host(after.0)?;
        self.send(number, host, after)
    }

    fn send(&mut self, number: usize, host: usize, after: (usize, Stance)) -> Option<Turn> {
        let armed = &mut self.interrupts.armed;
        let place = armed.iter().position(|armed| armed.number == number)?;
        let handler = Some(armed.remove(place).handler);
        self.turns += 1;
        self.interrupts.now = Some(Now {
            number,
            handler,
            host,
            after,
        });
        if self.current == Some(host) {
            return self.begin_interrupt();
        }
        self.next = Some(host);
        let current = self.current?;
        self.threads[current].suspender.map(Turn::Others)
    }

    /// The current one was resumed: for an interrupt, if there is one to begin.
    pub(super) fn begin_interrupt(&mut self) -> Option<Turn> {
        let now = self.interrupts.now.as_mut()?;
        let handler = now.handler.take()?;
        let (number, host) = (now.number, self.threads[now.host].who);
        *lock(&self.live.current) = Some(Who::Interrupt(number));
        self.record(What::Interrupts(host));
        Some(Turn::Interrupt(handler))
    }

    /// The handler is over: whose turn it is.
    pub(super) fn end_interrupt(&mut self) -> Option<Turn> {
        self.record(What::Ends);
        let now = self.interrupts.now.take()?;
        *lock(&self.live.current) = Some(self.threads[now.host].who);
        self.turns += 1;
        for waiting in core::mem::take(&mut self.interrupts.waiting) {
            self.unpark(waiting);
        }
        let (me, stance) = now.after;
        self.go_on(me, stance)
    }
}
