//! The platform: what the library needs of an RTOS, in terms of the kernel's calls. Nothing here is
//! of the host: it would be the same on a board, with the kernel's own calls.

use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};
use core::task::{RawWaker, RawWakerVTable, Waker};
use core::time::Duration;

use concurrent_futures_core::platform::{
    Clock, ConstLock, Current, Entry, InterruptUnpark, Lock, Parker, Platform, SpawnError, Spawner,
    Stripe, Ticks, Time, Unparker, WorkerContext,
};

use crate::kernel::{self, Stack, TaskId};

// --- Lock: a critical section of the kernel --------------------------------------------------

pub(crate) struct RtosLock(());

/// Leaves the section, however that ends.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        kernel::exit_critical();
    }
}

// SAFETY: no task and no interrupt handler gets in between `enter_critical` and `exit_critical`,
// which order what happens inside.
unsafe impl Lock for RtosLock {
    fn new() -> Self {
        Self::NEW
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        kernel::enter_critical();
        let _inside = Inside;
        section()
    }
}

impl ConstLock for RtosLock {
    const NEW: Self = Self(());
}

// --- Clock: the tick counter, which wraps ----------------------------------------------------

pub(crate) struct RtosClock;

impl Clock for RtosClock {
    fn now() -> Option<Time> {
        static TICKS: Ticks<RtosLock> = Ticks::new(kernel::HZ);
        Some(TICKS.time(kernel::tick_count()))
    }
}

/// How many ticks `duration` takes, the last one begun included: rounded down, a wait would end too
/// early, and be a busy one until the tick.
fn ticks(duration: Duration) -> u32 {
    const TICK: u64 = 1_000_000_000 / kernel::HZ as u64;
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    // Returning early is allowed, so the longest wait with a limit is good for all longer ones.
    u32::try_from(nanos.div_ceil(TICK))
        .map_or(kernel::FOREVER - 1, |ticks| ticks.min(kernel::FOREVER - 1))
}

// --- Parker: the notifications of a task -----------------------------------------------------

/// The calling task's own.
pub(crate) struct TaskParker;

fn notify(task: TaskId) {
    if kernel::in_isr() {
        kernel::notify_from_isr(task);
    } else {
        kernel::notify(task);
    }
}

/// A waker is the number of its task: there is nothing to count and nothing to free.
const VTABLE: RawWakerVTable =
    RawWakerVTable::new(|task| RawWaker::new(task, &VTABLE), wake, wake, |_| ());

fn wake(task: *const ()) {
    #[expect(clippy::cast_possible_truncation, reason = "it came from a `u32`")]
    notify(TaskId::from_number(task.addr() as u32));
}

impl Parker for TaskParker {
    fn unparker(&self) -> Unparker {
        let task = ptr::without_provenance(self.id());
        // SAFETY: the functions take any number, on any thread, any number of times; none of them
        // frees anything.
        Unparker::new(unsafe { Waker::from_raw(RawWaker::new(task, &VTABLE)) })
    }

    fn id(&self) -> usize {
        // Whoever is no task never parks.
        kernel::current_task().map_or(0, |task| task.number() as usize)
    }

    fn park(&self) {
        kernel::notify_take(kernel::FOREVER);
    }

    fn park_until(&self, deadline: Time) {
        if let Some(now) = RtosClock::now() {
            kernel::notify_take(ticks(deadline.saturating_since(now)));
        }
    }
}

// --- Platform: who calls ---------------------------------------------------------------------

pub(crate) struct Rtos;

// SAFETY: there is one lock. The pointer of a task's own is set inside `enter` only, and restored
// when that is left. All closures are called once, in place.
unsafe impl Platform for Rtos {
    type Parker = TaskParker;
    type Lock = RtosLock;
    type Clock = RtosClock;

    fn with_parker<R>(wait: impl FnOnce(&TaskParker) -> R) -> R {
        wait(&TaskParker)
    }

    /// Critical sections nest, so one is enough.
    fn stripe(_: Stripe, _: usize) -> &'static RtosLock {
        static ALL: RtosLock = RtosLock::NEW;
        &ALL
    }

    fn current() -> Current {
        // Before the scheduler is started there is no task either.
        if kernel::current_task().is_none() {
            return Current::MustNotBlock;
        }
        NonNull::new(kernel::task_local().cast()).map_or(Current::Foreign, Current::Worker)
    }

    fn enter<R>(context: &WorkerContext, life: impl FnOnce() -> R) -> R {
        /// Restores, however `life` ends.
        struct Leave(*mut ());
        impl Drop for Leave {
            fn drop(&mut self) {
                kernel::set_task_local(self.0);
            }
        }
        let _leave = Leave(kernel::task_local());
        kernel::set_task_local(ptr::from_ref(context).cast_mut().cast());
        life()
    }
}

// SAFETY: the kernel's notification may be given from a handler, takes a bounded time, and does
// nothing for a task that has ended.
unsafe impl InterruptUnpark for Rtos {
    fn unpark(id: usize) {
        if let Ok(number) = u32::try_from(id) {
            notify(TaskId::from_number(number));
        }
    }
}

// --- Spawner: tasks on static stacks ---------------------------------------------------------

/// How many workers there can be, those of all pools together.
pub(crate) const STACKS: usize = 2;
/// Below that of whoever submits and waits: on one processor workers run while it waits.
const PRIORITY: u8 = 1;

/// What a stack is used for.
enum Use {
    Free,
    /// A worker is being created; what it is to run is here until it begins.
    Starting(Option<Entry>),
    /// A worker was created, and may have ended.
    Given(TaskId, Option<Entry>),
}

impl Use {
    fn is_free(&self) -> bool {
        match self {
            Self::Free => true,
            Self::Starting(_) => false,
            // A worker cannot give its stack back itself, while it runs on it: the kernel says when
            // it is gone.
            Self::Given(task, _) => kernel::is_deleted(*task),
        }
    }

    fn entry(&mut self) -> Option<Entry> {
        match self {
            Self::Free => None,
            Self::Starting(entry) | Self::Given(_, entry) => entry.take(),
        }
    }
}

/// The stacks, and what they are used for.
struct Places {
    uses: UnsafeCell<[Use; STACKS]>,
    stacks: [UnsafeCell<Stack>; STACKS],
}

// SAFETY: `uses` is touched in critical sections only, and a stack by the one worker that it was
// given to.
unsafe impl Sync for Places {}

static PLACES: Places = Places {
    uses: UnsafeCell::new([const { Use::Free }; STACKS]),
    stacks: [const { UnsafeCell::new(Stack::new()) }; STACKS],
};

impl Places {
    /// Runs `section`, which must not come back here, inside a critical section.
    fn with<R>(&self, section: impl FnOnce(&mut [Use; STACKS]) -> R) -> R {
        RtosLock::NEW.with(|| {
            let uses = self.uses.get();
            // SAFETY: nobody else is in a critical section, and this one does not come back.
            section(unsafe { &mut *uses })
        })
    }

    /// The stack of a place that was free, and is now the caller's.
    fn stack(&self, place: usize) -> &'static mut Stack {
        let stack = PLACES.stacks[place].get();
        // SAFETY: the place was free, so no task has the stack, and it is given to one only.
        unsafe { &mut *stack }
    }
}

/// Starts a task for each worker.
pub(crate) struct TaskSpawner;

impl Spawner for TaskSpawner {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        let mut entry = Some(entry);
        let place = PLACES.with(|uses| {
            let place = uses.iter().position(Use::is_free)?;
            uses[place] = Use::Starting(entry.take());
            Some(place)
        });
        let task = place
            .and_then(|place| kernel::create_static(live, place, PLACES.stack(place), PRIORITY));
        let Some(place) = place else {
            return entry.map_or(Ok(()), |entry| Err(SpawnError::new(entry)));
        };
        // It may have run already, to its end even.
        let entry = PLACES.with(|uses| {
            let entry = uses[place].entry();
            match task {
                Some(task) => {
                    uses[place] = Use::Given(task, entry);
                    None
                }
                None => {
                    uses[place] = Use::Free;
                    entry
                }
            }
        });
        entry.map_or(Ok(()), |entry| Err(SpawnError::new(entry)))
    }
}

/// A worker's task. When it returns, the kernel deletes it.
fn live(place: usize) {
    // What a worker is to run must be taken out before: it may run as long as the program.
    let entry = PLACES.with(|uses| uses[place].entry());
    if let Some(entry) = entry {
        entry.run();
    }
}

/// Lets go of the workers that have not begun: whoever waits for them is told that they never will.
/// Says how many.
pub(crate) fn withdraw() -> usize {
    (0..STACKS)
        // Dropped outside of the section: that tells the pool.
        .filter_map(|place| PLACES.with(|uses| uses[place].entry()))
        .count()
}

/// How many more workers there can be.
pub(crate) fn free_stacks() -> usize {
    PLACES.with(|uses| uses.iter().filter(|place| place.is_free()).count())
}
