//! A promise and its future in a `static`: states, outcomes, cancellation.

use core::time::Duration;

use concurrent_futures_core::{
    future::{CancelledBy, Future, InvalidState, Promise, ResultError, Slot, TaskError, TaskState},
    platform::Platform,
};

use crate::{
    Board, Check, Verdict, checks, expect, in_handler,
    tracked::{Count, Tracked},
};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "F1" "a future is pending, running, finished, in this order" states::<B>;
        "F1 F3" "a cancelled future is done, and neither running nor finished" cancelled_state::<B>;
        "F2" "a value that comes after a cancel is handed back" too_late::<B>;
        "F2 R4" "a value goes from an interrupt handler to the thread, and is dropped there" across::<B>;
        "F5" "a promise that is dropped fails its future" abandoned::<B>;
        "F5" "a promise that is dropped in an interrupt handler fails its future" abandoned_in_handler::<B>;
        "R3" "cancelled, abandoned, too early and must not wait are four answers" variants::<B>;
        "R4" "an outcome is lent any number of times, and then moved out" lent::<B>;
        "K1" "cancel is true exactly if the work was not begun" cancel_or_not::<B>;
        "K4" "dropping a future does not cancel, but where that is asked for" dropped::<B>;
        "D2" "a slot is free once both its ends have let go, whichever is first" slot_is_free::<B>;
        "D3" "a context that must not block gets its future back, and does not wait" must_not_block::<B>;
    ]
}

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_hours(1);

/// The two ends of a slot's next outcome.
pub(crate) fn pair<P: Platform, T: Send>(
    slot: &'static Slot<T>,
) -> Result<(Promise<T>, Future<T>), &'static str> {
    slot.promise::<P>().map_err(|_| "the slot is not free")
}

fn states<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (mut promise, future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(future.state() == TaskState::Pending, "not pending");
    expect!(
        !future.running() && !future.done(),
        "pending is more than that"
    );
    expect!(promise.start(), "it does not start");
    expect!(future.state() == TaskState::Running, "not running");
    expect!(
        future.running() && !future.done(),
        "running is not only that"
    );
    expect!(promise.set(1).is_ok(), "it takes no value");
    expect!(future.state() == TaskState::Finished, "not finished");
    expect!(
        future.done() && !future.running() && !future.failed(),
        "finished is not only that"
    );
    expect!(matches!(future.result(), Ok(1)), "another outcome");
    Ok(())
}

fn cancelled_state<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (_promise, future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(future.cancel(), "it is not cancelled");
    expect!(future.state() == TaskState::Cancelled, "another state");
    expect!(future.done() && future.cancelled(), "cancelled is not done");
    expect!(
        !future.running() && !future.failed(),
        "cancelled is more than done"
    );
    Ok(())
}

fn too_late<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(future.cancel(), "it is not cancelled");
    let late = promise.set(7).map_err(InvalidState::into_inner);
    expect!(late == Err(7), "the value is gone");
    expect!(
        matches!(
            future.result(),
            Err(TaskError::Cancelled(CancelledBy::Caller))
        ),
        "the first outcome did not stay"
    );
    Ok(())
}

fn across<B: Board>() -> Verdict {
    static SLOT: Slot<Tracked> = Slot::new();
    static DROPPED: Count = Count::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    let value = Tracked::new::<B>(&DROPPED);
    let set = in_handler::<B, _>(move || promise.set(value).is_ok());
    expect!(set, "it takes no value");
    expect!(
        DROPPED.in_threads() + DROPPED.in_handlers() == 0,
        "dropped on its way"
    );
    let value = future.result().map_err(|_| "no value arrives")?;
    drop(value);
    expect!(DROPPED.in_handlers() == 0, "dropped in the handler");
    expect!(DROPPED.in_threads() == 1, "not dropped once");
    Ok(())
}

fn abandoned<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    drop(promise);
    expect!(future.done() && future.failed(), "pending for ever");
    expect!(
        matches!(future.result(), Err(TaskError::Abandoned)),
        "another outcome"
    );
    Ok(())
}

fn abandoned_in_handler<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    in_handler::<B, _>(move || drop(promise));
    expect!(
        matches!(future.result(), Err(TaskError::Abandoned)),
        "another outcome"
    );
    Ok(())
}

fn variants<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    let Err(ResultError::Unfinished(future)) = future.try_result() else {
        return Err("a poll that is too early says something else");
    };
    let future = in_handler::<B, _>(move || match promise.set(3) {
        Ok(()) => Some(future),
        Err(_) => None,
    });
    let Some(future) = future else {
        return Err("it takes no value");
    };
    expect!(matches!(future.result(), Ok(3)), "another outcome");

    let (mut promise, future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(promise.start(), "it does not start");
    expect!(
        promise.set_error(TaskError::NoWorker).is_ok(),
        "it takes no error"
    );
    expect!(future.failed(), "an error is no failure");
    expect!(
        matches!(
            future.try_result(),
            Err(ResultError::Task(TaskError::NoWorker))
        ),
        "another error"
    );
    Ok(())
}

fn lent<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(promise.set(5).is_ok(), "it takes no value");
    for _ in 0..2 {
        expect!(matches!(future.result_ref(), Ok(5)), "it is not lent");
    }
    let lent = in_handler::<B, _>(|| matches!(future.result_ref(), Ok(5)));
    expect!(lent, "it is not lent to a handler");
    expect!(matches!(future.result(), Ok(5)), "it is not moved out");
    Ok(())
}

fn cancel_or_not<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (mut promise, future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(promise.start(), "it does not start");
    expect!(!future.cancel(), "what runs is cancelled");
    expect!(promise.set(1).is_ok(), "it takes no value");
    expect!(!future.cancel(), "what is finished is cancelled");
    drop(future);

    let (mut promise, future) = pair::<B::Platform, _>(&SLOT)?;
    let cancelled = in_handler::<B, _>(|| future.cancel());
    expect!(cancelled, "what waits is not cancelled");
    expect!(future.cancel(), "what is cancelled is not");
    expect!(!promise.start(), "what is cancelled starts");
    Ok(())
}

fn dropped<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    drop(future);
    expect!(promise.set(1).is_ok(), "dropping the future cancels");

    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    drop(future.cancel_on_drop());
    expect!(
        promise.set(1).is_err(),
        "dropping the guard does not cancel"
    );
    Ok(())
}

fn slot_is_free<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let free = || SLOT.promise::<B::Platform>().is_ok();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(!free(), "given twice");
    drop(future);
    expect!(!free(), "free while the promise is there");
    drop(promise);
    expect!(free(), "not free after both");

    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    in_handler::<B, _>(move || drop(promise));
    expect!(!free(), "free while the future is there");
    drop(future);
    expect!(free(), "not free after both, the other way round");
    Ok(())
}

fn must_not_block<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    let (promise, future) = pair::<B::Platform, _>(&SLOT)?;
    let waited = in_handler::<B, _>(|| future.wait() || future.wait_timeout(LONG));
    expect!(!waited, "a wait says that it is over");
    let lent = in_handler::<B, _>(|| matches!(future.result_ref(), Err(TaskError::WouldBlock)));
    expect!(lent, "an outcome that is not there is lent");
    let back = in_handler::<B, _>(move || match future.result_timeout(LONG) {
        Err(ResultError::WouldBlock(future)) => Some(future),
        _ => None,
    });
    let Some(future) = back else {
        return Err("the future does not come back");
    };
    expect!(promise.set(2).is_ok(), "it takes no value");
    expect!(matches!(future.result(), Ok(2)), "another outcome");
    Ok(())
}
