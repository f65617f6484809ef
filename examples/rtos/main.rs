//! A static pool on a small RTOS: its workers are tasks on static stacks, and an interrupt handler
//! submits to it. The library allocates nothing here, and nobody joins a task.
//!
//! ```text
//! cargo run --example rtos
//! ```
//!
//! `kernel.rs` plays an RTOS of the shape of FreeRTOS on the host. `platform.rs` is what the
//! library has to be told of it, as one would write it for a board. This file is a program that
//! uses both; `docs/platforms.md` leads through it.

mod kernel;
mod platform;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use concurrent_futures_core::executor::StaticPool;
use concurrent_futures_core::future::{Future, Promise, ResultError, ReturnWhen, Slot, wait_in};

use self::kernel::Stack;
use self::platform::{Rtos, TaskSpawner};

/// Two workers, and room for four calls, each of at most 32 bytes. A slot more for each worker: one
/// that was interrupted by whom it gave an outcome has not let go of that slot yet.
static POOL: StaticPool<Rtos, 6, 32, TaskSpawner> = StaticPool::with_workers(2, TaskSpawner);
/// Its worker would need a stack, too.
static SECOND: StaticPool<Rtos, 2, 32, TaskSpawner> = StaticPool::with_workers(1, TaskSpawner);

/// Above that of the workers, which run while this waits.
const APPLICATION: u8 = 2;

/// A call that was submitted before there were tasks.
static EARLY: Mutex<Option<Future<u32>>> = Mutex::new(None);

/// What the timer's handler measured, what came of it, and how often the pool was full.
static SAMPLES: AtomicU32 = AtomicU32::new(0);
static SUM: AtomicU32 = AtomicU32::new(0);
static LOST: AtomicU32 = AtomicU32::new(0);

/// Whom a button's press is promised to.
static BUTTON: Slot<&str> = Slot::new();
static PRESSED: Mutex<Option<Promise<&str>>> = Mutex::new(None);

const A_WHILE: Option<Duration> = Some(Duration::from_millis(15));

fn say(what: &str, answer: impl Display) {
    println!("{:>10}  {what}: {answer}", kernel::tick_count());
}

fn main() -> Result<(), Box<dyn Error>> {
    let early = POOL.spawn(|| 6 * 7)?;
    match early.result_timeout(Duration::from_millis(5)) {
        Err(error @ ResultError::WouldBlock(_)) => {
            say("before the scheduler", &error);
            *EARLY.lock()? = error.into_future();
        }
        _ => return Err("nobody can have waited".into()),
    }
    // A `static`, on a board.
    let stack = Box::leak(Box::new(Stack::new()));
    let task = |_| application().expect("the application works");
    kernel::create_static(task, 0, stack, APPLICATION).ok_or("there are too many tasks")?;
    kernel::start_scheduler();
    say("tasks left", kernel::task_count());
    say("stacks free", platform::free_stacks());
    Ok(())
}

fn application() -> Result<(), Box<dyn Error>> {
    let early = EARLY.lock()?.take().ok_or("it was put there before")?;
    say("the early call", early.result()?);

    a_limit_while_the_counter_wraps()?;
    cancelling()?;
    interrupts()?;
    stacks()
}

fn a_limit_while_the_counter_wraps() -> Result<(), Box<dyn Error>> {
    let slow = POOL.spawn(|| {
        kernel::delay(50);
        "here it is"
    })?;
    let Err(ResultError::Unfinished(slow)) = slow.result_timeout(Duration::from_millis(30)) else {
        return Err("it takes longer than that".into());
    };
    say("30 ms later", format_args!("{:?}", slow.state()));
    say("without a limit", slow.result()?);
    Ok(())
}

/// Two calls keep both workers busy; those that wait meanwhile are cancelled.
fn cancelling() -> Result<(), Box<dyn Error>> {
    let call = |ticks| {
        let wait = |ticks| {
            kernel::delay(ticks);
            ticks
        };
        POOL.submit(wait, ticks)
    };
    let mut calls = [call(20)?, call(10)?, call(5)?, call(1)?];
    let (done, _) = wait_in(&mut calls, ReturnWhen::FirstCompleted, A_WHILE);
    say("done first", done.len());
    let cancelled = calls.iter().filter(|call| call.cancel()).count();
    say("cancelled", cancelled);
    for call in calls {
        match call.result() {
            Ok(ticks) => say("a call that waits", format_args!("{ticks} ms")),
            Err(error) => say("no result", error),
        }
    }
    Ok(())
}

fn interrupts() -> Result<(), Box<dyn Error>> {
    // One from outside.
    let (promise, future) = BUTTON.promise::<Rtos>()?;
    *PRESSED.lock()? = Some(promise);
    let finger = thread::spawn(|| kernel::interrupt(on_button));
    say("the button", future.result()?);
    finger.join().map_err(|_| "the handler panicked")?;

    // A timer, every 2 ms.
    for n in 1..=12 {
        kernel::set_alarm(2 * n, on_timer);
    }
    kernel::delay(60);
    say("samples", SAMPLES.load(Ordering::Relaxed));
    say("lost", LOST.load(Ordering::Relaxed));
    say("sum of the others", SUM.load(Ordering::Relaxed));
    Ok(())
}

/// A timer's interrupt handler. Its call takes a worker longer than it is until the next but one,
/// so that the slots are all busy in the end.
fn on_timer() {
    let sample = SAMPLES.fetch_add(1, Ordering::Relaxed) + 1;
    let queued = POOL.interrupt_side().submit_detached(move || {
        kernel::work(4);
        SUM.fetch_add(sample, Ordering::Relaxed);
    });
    if queued.is_err() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// Another one. A worker tells who waits: a handler drops nothing and wakes nobody but workers.
fn on_button() {
    let queued = POOL.interrupt_side().submit_detached(|| {
        if let Some(promise) = PRESSED.lock().ok().and_then(|mut pressed| pressed.take()) {
            let _ = promise.set("was pressed");
        }
    });
    queued.unwrap_or_else(|_| LOST.store(u32::MAX, Ordering::Relaxed));
}

/// There are two of them, which the workers of `POOL` have.
fn stacks() -> Result<(), Box<dyn Error>> {
    match SECOND.spawn(|| ()) {
        Err(refused) => say("a second pool", refused),
        Ok(_) => return Err("there is no stack left".into()),
    }
    drop(POOL.spawn(|| kernel::delay(3))?);
    let report = POOL.shutdown(true, false)?;
    say("ran since the shutdown", report.ran);
    if let Err(refused) = POOL.spawn(|| ()) {
        say("another call", refused);
    }
    // Nobody joins a task: the workers' lives are over, and their tasks end when they come to run
    // again.
    kernel::delay(1);
    say("stacks free", platform::free_stacks());

    // This task has the higher priority: as long as it works, a worker does not begin.
    let never = SECOND.spawn(|| ())?;
    kernel::work(5);
    say("withdrawn", platform::withdraw());
    if let Err(error) = never.result() {
        say("its call", error);
    }
    kernel::delay(1);
    say(
        "the second pool",
        SECOND.spawn(|| "has a worker now")?.result()?,
    );
    SECOND.shutdown(true, false)?;
    Ok(())
}
