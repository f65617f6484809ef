//! What the kernel knows: its tasks, what each waits for, and what time it is.

use std::any::Any;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::{Stack, TaskId};

/// What a task waits for.
pub(super) enum Waits {
    No,
    /// Nothing but this tick.
    Until(u64),
    /// A notification, until this tick if there is a limit.
    Notification(Option<u64>),
}

pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) priority: u8,
    /// Its place among the ready ones of its priority: who has been ready for longest comes first.
    pub(super) ready_since: u64,
    pub(super) waits: Waits,
    pub(super) notifications: u32,
    pub(super) stack: &'static mut Stack,
}

pub(super) struct State {
    /// Ticks since the kernel came to life.
    pub(super) elapsed: u64,
    pub(super) running: Option<TaskId>,
    pub(super) tasks: Vec<Task>,
    pub(super) created: u32,
    pub(super) readied: u64,
    /// Handlers, and the ticks at which they are due.
    pub(super) alarms: Vec<(u64, fn())>,
    pub(super) threads: Vec<JoinHandle<()>>,
    /// What a task panicked with, and that it did: there is no way on from there.
    pub(super) fault: Option<Box<dyn Any + Send>>,
    pub(super) stopped: bool,
}

pub(super) static STATE: Mutex<State> = Mutex::new(State {
    elapsed: 0,
    running: None,
    tasks: Vec::new(),
    created: 0,
    readied: 0,
    alarms: Vec::new(),
    threads: Vec::new(),
    fault: None,
    stopped: false,
});
pub(super) static CHANGED: Condvar = Condvar::new();
/// Held in critical sections and by interrupt handlers: neither begins while another is inside.
pub(super) static MASKED: Mutex<()> = Mutex::new(());

pub(super) fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn wait(state: MutexGuard<'static, State>) -> MutexGuard<'static, State> {
    CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(super) fn task(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.id == id)
    }

    /// Who is to run: of those that can, of the highest priority, the first.
    pub(super) fn elect(&self) -> Option<TaskId> {
        let ready = self
            .tasks
            .iter()
            .filter(|task| matches!(task.waits, Waits::No));
        let first = ready.min_by_key(|task| (u8::MAX - task.priority, task.ready_since));
        first.map(|task| task.id)
    }

    pub(super) fn make_ready(&mut self, id: TaskId) {
        self.readied += 1;
        let readied = self.readied;
        if let Some(task) = self.task(id) {
            task.waits = Waits::No;
            task.ready_since = readied;
        }
    }

    /// When the next thing is due.
    pub(super) fn next_due(&self) -> Option<u64> {
        let tasks = self.tasks.iter().filter_map(Task::due);
        tasks.chain(self.alarms.iter().map(|alarm| alarm.0)).min()
    }

    /// Lets time pass, and readies whom that wakes.
    pub(super) fn advance(&mut self, to: u64) {
        self.elapsed = self.elapsed.max(to);
        let now = self.elapsed;
        let woken = |task: &&Task| task.due().is_some_and(|due| due <= now);
        let woken: Vec<_> = self
            .tasks
            .iter()
            .filter(woken)
            .map(|task| task.id)
            .collect();
        for id in woken {
            self.make_ready(id);
        }
    }

    pub(super) fn notify(&mut self, id: TaskId) {
        let Some(task) = self.task(id) else {
            return;
        };
        task.notifications += 1;
        if matches!(task.waits, Waits::Notification(_)) {
            self.make_ready(id);
            CHANGED.notify_all();
        }
    }
}

impl Task {
    pub(super) fn due(&self) -> Option<u64> {
        match self.waits {
            Waits::No => None,
            Waits::Until(due) => Some(due),
            Waits::Notification(due) => due,
        }
    }
}
