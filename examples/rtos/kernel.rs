//! A kernel of the shape of FreeRTOS, played on threads of the host.
//!
//! One processor: of all tasks one runs at a time, the one of the highest priority that can. Time
//! is a number: it passes while a task [works](work), and when all tasks wait it jumps to where
//! something is due. So a run is the same each time. A task is interrupted at its calls of the
//! kernel only, but for handlers that the host [raises](interrupt), which run beside it as on
//! another processor.
//!
//! Where a real kernel would be damaged by a call, this one panics: a wait inside a critical
//! section or in an interrupt handler, a critical section in a handler, a stack that two tasks run
//! on.

mod state;

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::{MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use self::state::{CHANGED, MASKED, State, Task, Waits, lock, wait};

/// Ticks in a second.
pub(crate) const HZ: u32 = 1_000;
/// What the tick counter starts with: it soon wraps.
pub(crate) const INITIAL_TICK: u32 = u32::MAX - 19;
/// To wait without a limit.
pub(crate) const FOREVER: u32 = u32::MAX;

/// How many tasks there can be.
const MOST_TASKS: usize = 8;
/// For how long the host may raise no interrupt while nothing else can happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a task runs on; here only a token, as the host's threads bring their own.
pub(crate) struct Stack {
    _bytes: [u64; 128],
}

impl Stack {
    pub(crate) const fn new() -> Self {
        Self { _bytes: [0; 128] }
    }
}

/// A task, for ever: the number of one that has ended is not given again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TaskId(u32);

impl TaskId {
    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

thread_local! {
    static ME: Cell<Option<TaskId>> = const { Cell::new(None) };
    static IN_ISR: Cell<bool> = const { Cell::new(false) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static SECTION: RefCell<Option<MutexGuard<'static, ()>>> = const { RefCell::new(None) };
    static LOCAL: Cell<*mut ()> = const { Cell::new(ptr::null_mut()) };
}

/// Runs the handlers that are due.
fn alarm(mut state: MutexGuard<'static, State>) -> MutexGuard<'static, State> {
    while let Some(index) = state
        .alarms
        .iter()
        .position(|alarm| alarm.0 <= state.elapsed)
    {
        let (_, handler) = state.alarms.remove(index);
        drop(state);
        handle(handler);
        state = lock();
    }
    state
}

/// Nobody can run: time jumps to where something is due, or the host has to raise an interrupt.
fn idle(mut state: MutexGuard<'static, State>) -> MutexGuard<'static, State> {
    if let Some(due) = state.next_due() {
        state.advance(due);
        return alarm(state);
    }
    let (state, waited) = CHANGED
        .wait_timeout(state, PATIENCE)
        .unwrap_or_else(PoisonError::into_inner);
    assert!(!waited.timed_out(), "all tasks wait, and nothing is due");
    state
}

/// Gives the processor, which the caller has, to whoever is to run; returns when `me` has it again.
fn reschedule(mut state: MutexGuard<'static, State>, me: Option<TaskId>) {
    state.running = None;
    while !state.tasks.is_empty() {
        if let Some(next) = state.elect() {
            state.running = Some(next);
            break;
        }
        state = idle(state);
    }
    CHANGED.notify_all();
    while me.is_some() && state.running != me {
        state = wait(state);
    }
}

/// Gives the processor away if somebody of a higher priority is ready.
fn preempt() {
    let me = ME.get();
    if me.is_none() || IN_ISR.get() || DEPTH.get() > 0 {
        return;
    }
    let state = lock();
    if state.running == me && state.elect() != me {
        reschedule(state, me);
    }
}

/// Waits on the calling task, which may do so.
fn block(waits: impl FnOnce(u64) -> Waits) {
    let me = ME.get().expect("only tasks wait");
    assert!(!IN_ISR.get(), "a wait in an interrupt handler");
    assert_eq!(DEPTH.get(), 0, "a wait inside a critical section");
    let mut state = lock();
    let now = state.elapsed;
    if let Some(task) = state.task(me) {
        task.waits = waits(now);
    }
    reschedule(state, Some(me));
}

/// Creates a task of this function and argument. It ends by returning, and is deleted then; nobody
/// can wait for that. `None` if there are as many as can be.
pub(crate) fn create_static(
    function: fn(usize),
    argument: usize,
    stack: &'static mut Stack,
    priority: u8,
) -> Option<TaskId> {
    assert!(!IN_ISR.get(), "a task is created in an interrupt handler");
    let mut state = lock();
    assert!(!state.stopped, "a task has panicked");
    if state.tasks.len() == MOST_TASKS {
        return None;
    }
    let is_used = |task: &Task| ptr::eq::<Stack>(task.stack, stack);
    assert!(
        !state.tasks.iter().any(is_used),
        "a stack is used by a task"
    );
    state.created += 1;
    let id = TaskId(state.created);
    state.tasks.push(Task {
        id,
        priority,
        ready_since: 0,
        waits: Waits::No,
        notifications: 0,
        stack,
    });
    state.make_ready(id);
    state
        .threads
        .push(thread::spawn(move || live(id, function, argument)));
    drop(state);
    preempt();
    Some(id)
}

/// A task's life, on a thread of the host.
fn live(id: TaskId, function: fn(usize), argument: usize) {
    ME.set(Some(id));
    let mut state = lock();
    while state.running != Some(id) {
        state = wait(state);
    }
    drop(state);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        function(argument);
        let mut state = lock();
        state.tasks.retain(|task| task.id != id);
        reschedule(state, None);
    }));
    if let Err(fault) = ended {
        let mut state = lock();
        state.fault.get_or_insert(fault);
        state.stopped = true;
        CHANGED.notify_all();
    }
}

/// Whether this task has ended and the kernel has let go of its stack.
pub(crate) fn is_deleted(task: TaskId) -> bool {
    lock().task(task).is_none()
}

/// The task that calls, if one does.
pub(crate) fn current_task() -> Option<TaskId> {
    ME.get().filter(|_| !IN_ISR.get())
}

/// A pointer of the calling task's own: null until it is set.
pub(crate) fn task_local() -> *mut () {
    LOCAL.get()
}

pub(crate) fn set_task_local(pointer: *mut ()) {
    LOCAL.set(pointer);
}

/// Adds one to the notifications of a task. Of one that has ended: nothing.
pub(crate) fn notify(task: TaskId) {
    assert!(!IN_ISR.get(), "`notify` in an interrupt handler");
    lock().notify(task);
    preempt();
}

/// [`notify`] for interrupt handlers.
pub(crate) fn notify_from_isr(task: TaskId) {
    assert!(IN_ISR.get(), "`notify_from_isr` in a task");
    lock().notify(task);
}

/// Takes all notifications of the calling task, and waits for one if there are none; 0 if none came
/// within `timeout` ticks.
pub(crate) fn notify_take(timeout: u32) -> u32 {
    let me = ME.get().expect("only tasks have notifications");
    let take = || {
        lock()
            .task(me)
            .map_or(0, |task| std::mem::take(&mut task.notifications))
    };
    let taken = take();
    if taken > 0 || timeout == 0 {
        return taken;
    }
    let limit = (timeout != FOREVER).then_some(u64::from(timeout));
    block(|now| Waits::Notification(limit.map(|limit| now + limit)));
    take()
}

/// Waits for so many ticks.
pub(crate) fn delay(ticks: u32) {
    block(|now| Waits::Until(now + u64::from(ticks)));
}

/// Lets the calling task compute for so many ticks, in which it may be interrupted.
pub(crate) fn work(ticks: u32) {
    for_each_step(u64::from(ticks), || {
        let me = ME.get().expect("only tasks work");
        let state = alarm(lock());
        if state.elect() != Some(me) {
            reschedule(state, Some(me));
        }
    });
}

/// Lets time pass up to each point at which something is due, and calls `due` there.
fn for_each_step(mut left: u64, due: impl Fn()) {
    while left > 0 {
        let mut state = lock();
        let end = state.elapsed + left;
        let step = state.next_due().unwrap_or(end).clamp(state.elapsed, end);
        left -= step - state.elapsed;
        state.advance(step);
        drop(state);
        due();
    }
}

/// The tick counter, which wraps.
pub(crate) fn tick_count() -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "a counter that wraps")]
    let elapsed = lock().elapsed as u32;
    INITIAL_TICK.wrapping_add(elapsed)
}

/// Keeps interrupts and other tasks away until [`exit_critical`]; may be nested.
pub(crate) fn enter_critical() {
    assert!(!IN_ISR.get(), "a critical section in an interrupt handler");
    if DEPTH.get() == 0 {
        let section = MASKED.lock().unwrap_or_else(PoisonError::into_inner);
        SECTION.replace(Some(section));
    }
    DEPTH.set(DEPTH.get() + 1);
}

pub(crate) fn exit_critical() {
    DEPTH.set(DEPTH.get() - 1);
    if DEPTH.get() == 0 {
        SECTION.replace(None);
        preempt();
    }
}

/// Whether an interrupt handler calls.
pub(crate) fn in_isr() -> bool {
    IN_ISR.get()
}

/// An interrupt: its handler runs on a thread of its own, for which the calling task, if it is one,
/// stands still.
pub(crate) fn interrupt(handler: fn()) {
    assert_eq!(DEPTH.get(), 0, "interrupts are off");
    handle(handler);
    preempt();
}

fn handle(handler: fn()) {
    thread::scope(|host| {
        host.spawn(|| {
            let _masked = MASKED.lock().unwrap_or_else(PoisonError::into_inner);
            IN_ISR.set(true);
            handler();
        });
    });
}

/// Has an interrupt come in so many ticks.
pub(crate) fn set_alarm(ticks: u32, handler: fn()) {
    let mut state = lock();
    let due = state.elapsed + u64::from(ticks);
    state.alarms.push((due, handler));
}

/// Starts the tasks. On a board this never returns; here it does once all have ended.
///
/// # Panics
/// With what a task panicked with.
pub(crate) fn start_scheduler() {
    reschedule(lock(), None);
    let mut state = lock();
    while !state.tasks.is_empty() && !state.stopped {
        state = wait(state);
    }
    if let Some(fault) = state.fault.take() {
        drop(state);
        panic::resume_unwind(fault);
    }
    let threads = std::mem::take(&mut state.threads);
    drop(state);
    for thread in threads {
        thread.join().expect("a task's panic is a fault");
    }
}

/// How many tasks there are.
pub(crate) fn task_count() -> usize {
    lock().tasks.len()
}
