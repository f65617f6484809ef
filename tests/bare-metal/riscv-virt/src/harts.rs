//! What the harts other than the first one do: wait for a job, do it, wait again.

use core::cell::Cell;

use concurrent_futures_core::platform::Entry;
use critical_section::Mutex;

use crate::{
    clint,
    interrupts::{mask, unmask, wait_for_interrupt},
    platform,
    start::HARTS,
};

/// The harts that take jobs.
pub(crate) const HELPERS: core::ops::Range<usize> = 1..HARTS;

/// What a hart can be asked to do.
pub(crate) enum Job {
    /// A worker's life.
    Life(Entry),
    /// A part of a check that needs no pool.
    Call(fn()),
}

/// Where a hart is, and the job on its way to it.
enum Mailbox {
    Parked,
    /// Somebody has a job for it.
    Reserved,
    Given(Job),
    /// A job that does not get through: see [`withhold`].
    Withheld(Job),
    Busy,
}

static MAILBOXES: [Mutex<Cell<Mailbox>>; HARTS] =
    [const { Mutex::new(Cell::new(Mailbox::Parked)) }; HARTS];

/// How many of the next jobs do not get through.
static WITHHOLD: Mutex<Cell<usize>> = Mutex::new(Cell::new(0));

/// Replaces what is in the mailbox of `hart` by what `change` makes of it.
fn change<R>(hart: usize, change: impl FnOnce(Mailbox) -> (Mailbox, R)) -> R {
    critical_section::with(|section| {
        let mailbox = MAILBOXES[hart].borrow(section);
        let (after, result) = change(mailbox.replace(Mailbox::Busy));
        mailbox.set(after);
        result
    })
}

/// Finds a hart that has no job, and keeps it for one.
pub(crate) fn reserve() -> Option<usize> {
    HELPERS.clone().find(|&hart| {
        change(hart, |mailbox| match mailbox {
            Mailbox::Parked => (Mailbox::Reserved, true),
            other => (other, false),
        })
    })
}

/// Gives `job` to the hart that was reserved for it.
pub(crate) fn send(hart: usize, job: Job) {
    critical_section::with(|section| {
        let withhold = WITHHOLD.borrow(section);
        let left = withhold.get();
        withhold.set(left.saturating_sub(1));
        let mailbox = match left {
            0 => Mailbox::Given(job),
            _ => Mailbox::Withheld(job),
        };
        MAILBOXES[hart].borrow(section).set(mailbox);
    });
    clint::raise(hart);
}

/// Has a hart run `part`; false if all have a job.
pub(crate) fn call(part: fn()) -> bool {
    let hart = reserve();
    if let Some(hart) = hart {
        send(hart, Job::Call(part));
    }
    hart.is_some()
}

/// The next `count` jobs are taken, and do not get to their harts.
pub(crate) fn withhold(count: usize) {
    critical_section::with(|section| WITHHOLD.borrow(section).set(count));
}

fn withheld(hart: usize, after: fn(Job) -> (Mailbox, Option<Job>)) -> Option<Job> {
    change(hart, |mailbox| match mailbox {
        Mailbox::Withheld(job) => after(job),
        other => (other, None),
    })
}

/// Lets through what was withheld.
pub(crate) fn deliver() {
    for hart in HELPERS {
        withheld(hart, |job| (Mailbox::Given(job), None));
        clint::raise(hart);
    }
}

/// Drops what was withheld: it never gets there.
pub(crate) fn lose() {
    for hart in HELPERS {
        drop(withheld(hart, |job| (Mailbox::Parked, Some(job))));
    }
}

/// How many harts have no job.
pub(crate) fn parked() -> usize {
    HELPERS
        .filter(|&hart| {
            change(hart, |mailbox| {
                let parked = matches!(mailbox, Mailbox::Parked);
                (mailbox, parked)
            })
        })
        .count()
}

/// Waits until no hart has a job, which is to be soon: false if it is not.
pub(crate) fn all_parked() -> bool {
    soon(|| parked() == HELPERS.len())
}

/// How long something may take that is to happen soon: the machine is an emulated one, and its host may have other work.
const SOON: u64 = 10 * clint::HERTZ as u64;

/// Looks again and again until `ready`, which is to be soon: false if it is not.
pub(crate) fn soon(mut ready: impl FnMut() -> bool) -> bool {
    let start = clint::now();
    while !ready() {
        if clint::now() - start > SOON {
            return false;
        }
        core::hint::spin_loop();
    }
    true
}

/// Runs `part` once on every hart, this one included, and waits for all: false if one of them was not free.
pub(crate) fn on_every_hart(part: fn()) -> bool {
    // All before any begins: one that is done with its part would be free for the next.
    let mut harts = [const { None }; HARTS];
    for hart in &mut harts[HELPERS] {
        *hart = reserve();
    }
    let reserved = harts.into_iter().flatten();
    let given = reserved.map(|hart| send(hart, Job::Call(part))).count();
    part();
    all_parked() && given == HELPERS.count()
}

/// The life of a hart: jobs for ever.
pub(crate) fn serve(hart: usize) -> ! {
    loop {
        // The interrupt that announces a job stays pending from the look until `wfi`, which it ends.
        let before = mask();
        let job = change(hart, |mailbox| match mailbox {
            Mailbox::Given(job) => (Mailbox::Busy, Some(job)),
            other => (other, None),
        });
        if job.is_none() {
            wait_for_interrupt();
        }
        if before {
            unmask();
        }
        let Some(job) = job else { continue };
        platform::forget_token();
        match job {
            Job::Life(entry) => entry.run(),
            Job::Call(part) => part(),
        }
        change(hart, |_| (Mailbox::Parked, ()));
    }
}
