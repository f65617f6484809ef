//! Driving a run by hand.

use alloc::vec::Vec;
use core::{marker::PhantomData, time::Duration};

use super::{
    trace::{Trace, Who},
    world::{self, Stands, inside},
};
use crate::platform::Point;

/// Drives a run by hand: the body says who does the next step. See [`Simulation::by_hand`](super::Simulation::by_hand).
///
/// Nobody else does anything until the body lets them, or waits: then all others run, each until it waits in turn.
#[derive(Debug)]
pub struct Hand {
    /// It stays with the body: nobody else drives.
    stays: PhantomData<*mut ()>,
}

impl Hand {
    pub(super) fn new() -> Self {
        Self { stays: PhantomData }
    }

    #[track_caller]
    fn index(&self, who: Who) -> usize {
        match inside(|world, _| world.find(who)).flatten() {
            Some(index) => index,
            None => panic!("{who} was not started"),
        }
    }

    /// Lets `who` go on up to its next step.
    ///
    /// # Panics
    /// If there is no such thread (here and below), or it is the body itself.
    #[track_caller]
    pub fn step(&mut self, who: Who) -> Stands {
        assert!(
            who != Who::Main,
            "the body drives the others, and goes on by itself"
        );
        world::hand_over(self.index(who));
        self.stands(who)
    }

    /// Lets `who` go on until it waits or ends.
    #[track_caller]
    pub fn run(&mut self, who: Who) -> Stands {
        loop {
            match self.step(who) {
                Stands::NotBegun | Stands::Ready(_) => {}
                stands => return stands,
            }
        }
    }

    /// Lets `who` go on until it comes to `point`; false if it waits or ends before that.
    #[track_caller]
    pub fn run_to(&mut self, who: Who, point: Point) -> bool {
        loop {
            match self.step(who) {
                Stands::Ready(at) if at == Some(point) => return true,
                Stands::NotBegun | Stands::Ready(_) => {}
                Stands::Parked | Stands::Ended => return false,
            }
        }
    }

    /// Lets all others go on until each waits or has ended.
    pub fn run_all(&mut self) {
        loop {
            let ready =
                |who: &Who| matches!(self.stands(*who), Stands::NotBegun | Stands::Ready(_));
            let Some(who) = self.others().into_iter().find(ready) else {
                return;
            };
            self.run(who);
        }
    }

    /// How it stands with `who`.
    #[track_caller]
    #[must_use]
    pub fn stands(&self, who: Who) -> Stands {
        let index = self.index(who);
        inside(|world, _| world.stands(index)).unwrap_or(Stands::Ended)
    }

    /// All but the body, in the order of their start.
    #[must_use]
    pub fn others(&self) -> Vec<Who> {
        inside(|world, _| world.others()).unwrap_or_default()
    }

    /// The platform refuses the next `count` workers.
    pub fn refuse_starts(&mut self, count: usize) {
        inside(|world, _| world.refuse_next = count);
    }

    /// The platform loses a worker that it started and that has not begun: its entry is dropped. False if it has begun.
    #[track_caller]
    pub fn lose(&mut self, who: Who) -> bool {
        let index = self.index(who);
        // Dropped here: what that does is the library's business.
        inside(|world, _| world.take_life(index))
            .flatten()
            .is_some()
    }

    /// Wakes `who` without reason; false if it does not wait.
    #[track_caller]
    pub fn wake(&mut self, who: Who) -> bool {
        let index = self.index(who);
        inside(|world, _| world.wake_spuriously(index)).unwrap_or(false)
    }

    /// Lets the [interrupt](super::interrupt()) that was armed first come, with `who` where it stands, which may be the body. False if none is
    /// armed, or `who` has not begun, or has ended.
    #[track_caller]
    pub fn interrupt(&mut self, who: Who) -> bool {
        world::interrupt(self.index(who))
    }

    /// Lets time pass; whose deadline is over can go on.
    pub fn advance(&mut self, time: Duration) {
        inside(|world, _| world.advance(world.now().saturating_add(time)));
    }

    /// What happened so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace(inside(|world, _| world.live.trace(|trace| trace.clone())).unwrap_or_default())
    }
}
