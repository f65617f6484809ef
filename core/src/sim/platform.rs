//! A platform whose threads are virtual: every step of the scheduler is a moment at which it may be somebody else's turn.
//!
//! Outside of a run nobody may wait here, so that what was carried out of a simulation does no harm.

use core::{ptr::NonNull, task::Waker};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

use super::{
    chooser::Stance,
    panics,
    trace::What,
    world::{self, inside},
};
use crate::{
    future::PanicPayload,
    platform::{
        CallEvent, Clock, ConstLock, Current, InterruptUnpark, Lock, Parker, Platform, Point,
        Stripe, Time, Unparker, WorkerContext,
    },
};

/// Where a simulation runs.
#[derive(Debug)]
pub struct SimPlatform(());

/// A lock that nobody ever waits for in a run: it may be somebody else's turn before it is taken, not while it is held.
#[derive(Debug, Default)]
pub struct SimLock(Mutex<()>);

impl SimLock {
    const fn open() -> Self {
        Self(Mutex::new(()))
    }
}

/// Notes that the current thread is inside a lock.
struct Inside;

impl Inside {
    fn enter() -> Self {
        inside(|world, _| world.lock(true));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        inside(|world, _| world.lock(false));
    }
}

// SAFETY: the mutex is held while the section runs; no section of the library's suspends its thread.
unsafe impl Lock for SimLock {
    fn new() -> Self {
        Self::open()
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        world::step(What::Locks, Stance::GoesOn);
        let _inside = Inside::enter();
        // Threads outside of this run may have it: of other simulations, or with a future that left this one.
        let _locked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        section()
    }
}

impl ConstLock for SimLock {
    const NEW: Self = Self::open();
}

/// The token of the current virtual thread.
#[derive(Debug)]
pub struct SimParker(());

impl Parker for SimParker {
    fn unparker(&self) -> Unparker {
        let waker = inside(|world, me| world.waker(me));
        // Outside nobody waits.
        Unparker::new(waker.unwrap_or_else(|| Waker::noop().clone()))
    }

    fn id(&self) -> usize {
        // Outside nobody is woken.
        inside(|_, me| me).unwrap_or(0)
    }

    fn park(&self) {
        world::park(None);
    }

    fn park_until(&self, deadline: Time) {
        world::park(Some(deadline.since_epoch()));
    }
}

/// Virtual time: since the start of the run. It advances when nobody can go on.
#[derive(Debug)]
pub struct SimClock(());

impl Clock for SimClock {
    fn now() -> Option<Time> {
        world::step(What::ReadsClock, Stance::GoesOn);
        inside(|world, _| Time::from_epoch(world.now()))
    }
}

const STRIPES: usize = 16;

// SAFETY: stripes are chosen by kind and address; a virtual thread's context is set inside `enter`, on its own stack, and
// restored when that is left; all closures are called once, in place.
unsafe impl Platform for SimPlatform {
    type Parker = SimParker;
    type Lock = SimLock;
    type Clock = SimClock;

    fn with_parker<R>(wait: impl FnOnce(&SimParker) -> R) -> R {
        wait(&SimParker(()))
    }

    fn stripe(stripe: Stripe, address: usize) -> &'static SimLock {
        static CALLS: [SimLock; STRIPES] = [const { SimLock::open() }; STRIPES];
        static SETS: [SimLock; STRIPES] = [const { SimLock::open() }; STRIPES];
        let stripes = match stripe {
            Stripe::Call => &CALLS,
            Stripe::Set => &SETS,
        };
        &stripes[address / 64 % STRIPES]
    }

    fn catch<R>(code: impl FnOnce() -> R) -> Result<R, PanicPayload> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
            let caught = panics::take(&*payload);
            PanicPayload::new(payload, caught.place)
        })
    }

    fn current() -> Current {
        match inside(|world, me| (world.is_interrupted(), world.worker(me))) {
            Some((false, Some(worker))) => Current::Worker(worker),
            Some((false, None)) => Current::Foreign,
            Some((true, _)) | None => Current::MustNotBlock,
        }
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        struct Leave(Option<NonNull<WorkerContext>>);
        impl Drop for Leave {
            fn drop(&mut self) {
                inside(|world, me| world.set_worker(me, self.0));
            }
        }
        let outer = inside(|world, me| world.set_worker(me, Some(NonNull::from(context))));
        let _leave = Leave(outer.flatten());
        life()
    }

    fn point(point: Point) {
        match point {
            Point::Looked => world::look(),
            _ => world::step(What::Reaches(point), Stance::GoesOn),
        }
    }

    fn observe(event: CallEvent, address: usize) {
        inside(|world, _| world.observe(event, address));
    }
}

// SAFETY: it puts a token, in a run that one thread drives: nobody holds anything that it would wait for.
unsafe impl InterruptUnpark for SimPlatform {
    fn unpark(id: usize) {
        let unparked = inside(|world, _| world.unpark_number(id)).flatten();
        if let Some(who) = unparked {
            world::step(What::Unparks(who), Stance::GoesOn);
        }
    }
}
