//! The parts by themselves: the list of parked threads and the census. What they do together is in `tests/mock`.

extern crate std;

use alloc::{boxed::Box, rc::Rc, string::ToString, sync::Arc, task::Wake, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    ptr::NonNull,
};
use std::{sync::Mutex, thread_local};

use super::{
    MAX_WORKERS, ShutdownError,
    idle::{Idle, MOST_WORKERS, Rouse},
    park_list::{ParkList, Parked},
};
use crate::platform::{
    Current, NoClock, Parker, Platform, SpinLock, Stripe, Time, Unparker, WorkerContext,
};

/// Notes a name when it is woken.
struct Named(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// A list, its nodes, and who was woken.
struct Parks {
    list: ParkList,
    nodes: Box<[Parked]>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Parks {
    /// A list of one thread for each of `processors`, in that order; their names are their places.
    fn on(processors: &[Option<usize>]) -> Self {
        let mut this = Self {
            list: ParkList::new(),
            nodes: processors.iter().map(|_| Parked::new()).collect(),
            woken: Arc::default(),
        };
        for (name, &processor) in processors.iter().enumerate() {
            this.nodes[name].set_processor(processor);
            this.push(name);
        }
        this
    }

    fn of(count: usize) -> Self {
        Self::on(&[None].repeat(count))
    }

    fn push(&mut self, name: usize) {
        let node = NonNull::from(&self.nodes[name]);
        let waker = Arc::new(Named(name, Arc::clone(&self.woken))).into();
        // SAFETY: it is not in the list, and stays in its box for as long as the list is used.
        unsafe { self.list.push(node, Unparker::new(waker)) };
    }

    fn remove(&mut self, name: usize) -> bool {
        self.list.remove(&self.nodes[name])
    }

    /// Wakes them all, the oldest first; gives their names.
    fn wake_the_rest(mut self) -> Vec<usize> {
        while let Some(unparker) = self.list.pop_oldest() {
            unparker.unpark();
        }
        assert!(self.list.is_empty() && self.nodes.iter().all(|node| !node.is_linked()));
        let woken = self.woken.lock().unwrap();
        woken.clone()
    }
}

/// Who is woken for a waker on processor `busy`.
fn latest(parks: &mut Parks, busy: Option<usize>) -> Option<usize> {
    parks.list.pop_latest(busy)?.unpark();
    parks.woken.lock().unwrap().pop()
}

#[test]
fn who_has_waited_longest_is_woken_first() {
    assert_eq!(Parks::of(3).wake_the_rest(), [0, 1, 2]);
    assert_eq!(Parks::of(0).wake_the_rest(), []);
}

#[test]
fn whoever_leaves_a_list_leaves_the_others_in_their_order() {
    for leaving in 0..3 {
        let mut parks = Parks::of(3);
        assert!(parks.nodes[leaving].is_linked() && !parks.list.is_empty());
        assert!(parks.remove(leaving));
        assert!(!parks.remove(leaving), "it left already");
        assert!(!parks.nodes[leaving].is_linked());
        parks.push(leaving);
        let mut order: Vec<_> = (0..3).filter(|&name| name != leaving).collect();
        order.push(leaving);
        assert_eq!(parks.wake_the_rest(), order);
    }
}

#[test]
fn the_last_one_to_leave_leaves_an_empty_list() {
    let mut parks = Parks::of(2);
    assert!(parks.remove(1) && !parks.list.is_empty());
    assert!(parks.remove(0) && parks.list.is_empty());
    assert_eq!(latest(&mut parks, None), None);
    parks.push(1);
    assert_eq!(latest(&mut parks, None), Some(1));
    assert!(parks.list.is_empty() && !parks.nodes[1].is_linked());
}

#[test]
fn of_sleepers_whose_processor_is_unknown_the_latest_is_woken() {
    for busy in [None, Some(0)] {
        let mut parks = Parks::of(3);
        assert_eq!(latest(&mut parks, busy), Some(2));
        assert_eq!(parks.wake_the_rest(), [0, 1]);
    }
}

#[test]
fn of_sleepers_the_latest_that_ran_on_another_processor_is_woken() {
    let (here, there) = (Some(1), Some(2));
    let mut parks = Parks::on(&[there, there, None, here]);
    assert_eq!(latest(&mut parks, here), Some(1));
    assert_eq!(latest(&mut parks, here), Some(0));
    assert_eq!(
        latest(&mut parks, here),
        Some(3),
        "all that are left are as good"
    );
    assert_eq!(latest(&mut parks, there), Some(2));
}

#[test]
fn a_waker_whose_processor_is_unknown_wakes_the_latest_whose_is_known() {
    let mut parks = Parks::on(&[Some(1), Some(2), None]);
    assert_eq!(latest(&mut parks, None), Some(1));
    assert_eq!(parks.wake_the_rest(), [0, 2]);
}

#[test]
fn only_the_latest_few_sleepers_are_looked_at() {
    let mut processors = [Some(1); 9];
    processors[0] = Some(2);
    let mut parks = Parks::on(&processors);
    assert_eq!(latest(&mut parks, Some(1)), Some(8), "the ninth is too far");
    assert_eq!(latest(&mut parks, Some(1)), Some(0), "the eighth is not");
}

/// One thread, which never really waits.
struct Here;

thread_local! {
    static PROCESSOR: Cell<Option<usize>> = const { Cell::new(None) };
    static PARKED: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

impl Parker for Here {
    fn unparker(&self) -> Unparker {
        Unparker::new(core::task::Waker::noop().clone())
    }

    fn park(&self) {
        let meanwhile = PARKED.take().expect("nobody would end this");
        meanwhile();
    }

    fn park_until(&self, _: Time) {
        self.park();
    }
}

// SAFETY: there is one lock for each test's thread, which is never a worker's.
unsafe impl Platform for Here {
    type Parker = Self;
    type Lock = SpinLock;
    type Clock = NoClock;

    fn with_parker<R>(wait: impl FnOnce(&Self) -> R) -> R {
        wait(&Self)
    }

    fn stripe(_: Stripe, _: usize) -> &'static SpinLock {
        unreachable!("no call is waited for")
    }

    fn current() -> Current {
        Current::Foreign
    }

    fn enter<R>(_: &WorkerContext, life: impl FnOnce() -> R) -> R {
        life()
    }

    fn processor() -> Option<usize> {
        PROCESSOR.get()
    }
}

/// Searching, sleeping, all.
fn counts(idle: &Idle<Here>) -> (usize, usize, usize) {
    let census = idle.census();
    (census.searching(), census.sleeping(), census.total())
}

fn starts(idle: &Idle<Here>) -> bool {
    matches!(idle.rouse(|| true), Rouse::Start)
}

fn finds_nobody(idle: &Idle<Here>, may_start: bool) -> bool {
    matches!(idle.rouse(|| may_start), Rouse::Nobody)
}

#[test]
fn workers_are_counted_from_before_their_start_to_their_end() {
    let idle = Idle::<Here>::over(SpinLock::new(), 2);
    assert_eq!((idle.max_workers(), counts(&idle)), (2, (0, 0, 0)));
    assert!(finds_nobody(&idle, false), "none may be started");
    assert!(starts(&idle));
    assert_eq!(counts(&idle), (1, 0, 1));
    assert!(finds_nobody(&idle, true), "one looks for work already");
    assert!(idle.found(), "it was the only one");
    assert_eq!(counts(&idle), (0, 0, 1));

    assert!(starts(&idle));
    idle.not_started();
    assert_eq!(counts(&idle), (0, 0, 1));

    assert!(starts(&idle));
    idle.search();
    assert_eq!(counts(&idle), (2, 0, 2));
    assert!(!idle.found() && idle.found(), "the second was the last one");
    assert!(finds_nobody(&idle, true), "there may be no more");

    idle.leave(false);
    assert_eq!(counts(&idle), (0, 0, 1));
    idle.search();
    idle.leave(true);
    assert_eq!(counts(&idle), (0, 0, 0));
}

#[test]
fn a_sleeper_is_counted_as_searching_by_who_wakes_it() {
    let idle = Idle::<Here>::over(SpinLock::new(), 1);
    assert!(starts(&idle));
    let looks = Cell::new(0);
    idle.sleep(|| {
        looks.set(looks.get() + 1);
        assert_eq!(counts(&idle), (0, 1, 1));
        assert!(idle.pushed().0, "somebody sleeps");
        assert!(matches!(idle.rouse(|| true), Rouse::Sleeper(_)));
        assert_eq!(counts(&idle), (1, 0, 1));
        false
    });
    assert_eq!((looks.get(), counts(&idle)), (1, (1, 0, 1)));
    // Nobody wakes it, but it finds something.
    idle.sleep(|| true);
    assert_eq!(counts(&idle), (1, 0, 1));
}

#[test]
fn a_sleeper_parks_until_it_is_woken() {
    let idle = Rc::new(Idle::<Here>::over(SpinLock::new(), 1));
    assert!(starts(&idle));
    let waker = Rc::clone(&idle);
    PARKED.set(Some(Box::new(move || {
        // Returning early is no wake.
        PARKED.set(Some(Box::new(move || {
            assert_eq!(counts(&waker), (0, 1, 1));
            assert!(matches!(waker.rouse(|| false), Rouse::Sleeper(_)));
        })));
    })));
    idle.sleep(|| false);
    assert!(PARKED.take().is_none());
    assert_eq!(counts(&idle), (1, 0, 1));
}

#[test]
fn a_sleeper_is_chosen_by_where_it_went_to_sleep() {
    let idle = Idle::<Here>::over(SpinLock::new(), 2);
    idle.enter();
    idle.enter();
    idle.search();
    idle.search();
    PROCESSOR.set(Some(1));
    idle.sleep(|| {
        PROCESSOR.set(Some(2));
        idle.sleep(|| {
            // The waker runs where the latest sleeper did: it wakes the other one, and the latest finds something itself.
            assert!(matches!(idle.rouse(|| false), Rouse::Sleeper(_)));
            true
        });
        assert_eq!(counts(&idle), (2, 0, 2));
        false
    });
}

#[test]
fn somebody_is_roused_for_a_call_unless_somebody_searches_or_nobody_can_be() {
    let idle = Idle::<Here>::over(SpinLock::new(), 2);
    assert!(idle.pushed().0, "there may be workers");
    idle.enter();
    assert!(idle.pushed().0, "there may be more workers");
    idle.search();
    assert!(!idle.pushed().0, "one will look");
    idle.found();
    idle.enter();
    assert!(!idle.pushed().0, "both are busy");
    assert_eq!(idle.pushed().1.total(), 2);
}

#[test]
fn a_closed_census_still_counts_and_says_when_nobody_is_left() {
    let idle = Idle::<Here>::over(SpinLock::new(), 2);
    assert!(starts(&idle));
    assert!(!idle.census().is_closed());
    idle.close();
    idle.close();
    assert!(idle.census().is_closed());
    assert_eq!(counts(&idle), (1, 0, 1));
    idle.found();
    // Its last calls may still need a second one.
    assert!(starts(&idle));
    idle.not_started();
    idle.leave(false);
    assert!(matches!(idle.rouse(|| true), Rouse::Closed));
    assert_eq!(counts(&idle), (0, 0, 0));
}

#[test]
fn closing_wakes_all_who_sleep_and_nobody_goes_to_sleep_after() {
    let idle = Idle::<Here>::over(SpinLock::new(), 2);
    idle.enter();
    idle.enter();
    idle.search();
    idle.search();
    idle.sleep(|| {
        idle.sleep(|| {
            assert_eq!(counts(&idle), (0, 2, 2));
            idle.close();
            assert_eq!(counts(&idle), (2, 0, 2));
            false
        });
        false
    });
    idle.sleep(|| false);
    assert_eq!(counts(&idle), (2, 0, 2));
}

#[test]
fn as_many_workers_as_can_be_counted_are() {
    let idle = Idle::<Here>::over(SpinLock::new(), usize::MAX);
    assert_eq!(
        (idle.max_workers(), MAX_WORKERS),
        (MOST_WORKERS, MOST_WORKERS)
    );
    assert_eq!(
        MOST_WORKERS,
        (1 << ((usize::BITS - 1) / 3)) - 1,
        "three numbers and a bit in a word"
    );
    for _ in 0..MOST_WORKERS {
        idle.enter();
        idle.search();
    }
    assert_eq!(counts(&idle), (MOST_WORKERS, 0, MOST_WORKERS));
    assert!(!idle.census().is_closed() && finds_nobody(&idle, true));
    idle.sleep(|| {
        assert_eq!(counts(&idle), (MOST_WORKERS - 1, 1, MOST_WORKERS));
        true
    });
    idle.close();
    assert_eq!(counts(&idle), (MOST_WORKERS, 0, MOST_WORKERS));
}

#[test]
fn why_a_shutdown_did_not_wait_is_said_in_words() {
    let (worker, handler) = (ShutdownError::FromWorker, ShutdownError::WouldBlock);
    assert!(worker.to_string().contains("its own worker"), "{worker}");
    assert!(handler.to_string().contains("must not wait"), "{handler}");
}
