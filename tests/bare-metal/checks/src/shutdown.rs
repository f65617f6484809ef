//! How a pool in a `static` ends.

use concurrent_futures_core::{
    executor::ShutdownError,
    future::{CancelledBy, SubmitError, TaskError},
};

use crate::{
    Board, Check, Verdict,
    calls::refused,
    checks, expect, in_handler,
    tracked::{Count, Digits, Tracked},
};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "X1" "shutdown that waits runs what waits, also a second time" waits::<B>;
        "X1 X7" "shutdown that does not wait leaves what waits to whoever runs it" does_not_wait::<B>;
        "X1 X3" "shutdown that cancels and waits cancels what has not started" cancels_and_waits::<B>;
        "X1 X3" "shutdown that cancels and does not wait cancels all the same" cancels::<B>;
        "X4" "a call that shuts its pool down and waits gets an error, and the pool is closed" from_call::<B>;
        "X5" "shutdown before any call is submitted" unused::<B>;
        "X5" "shutdown after the only call was cancelled" cancelled_before::<B>;
        "S2" "a pool that is shut down says so, and hands the closure back, also if it is full" says_so::<B>;
        "S6" "a call cannot submit to its pool after that was shut down" from_call_after::<B>;
    ]
}

fn waits<B: Board>() -> Verdict {
    let pool = B::pools().to_close()?;
    let one = pool.spawn(|| 1).map_err(refused)?;
    let two = pool.spawn(|| 2).map_err(refused)?;
    let Ok(report) = pool.shutdown(true, false) else {
        return Err("an error");
    };
    expect!(
        (report.ran, report.cancelled, report.still_queued) == (2, 0, 0),
        "another report"
    );
    expect!(
        matches!((one.try_result(), two.try_result()), (Ok(1), Ok(2))),
        "another outcome"
    );
    expect!(
        pool.shutdown(true, true).is_ok(),
        "the second time is an error"
    );
    Ok(())
}

fn does_not_wait<B: Board>() -> Verdict {
    let pool = B::pools().to_close()?;
    let future = pool.spawn(|| 1).map_err(refused)?;
    let Ok(report) = pool.shutdown(false, false) else {
        return Err("an error");
    };
    expect!(
        (report.ran, report.cancelled, report.still_queued) == (0, 0, 1),
        "another report"
    );
    expect!(!future.done(), "the call was run");
    expect!(matches!(future.result(), Ok(1)), "nobody runs it");
    Ok(())
}

fn cancels_and_waits<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    let pool = B::pools().to_close()?;
    let captured = Tracked::new::<B>(&DROPPED);
    let future = pool.spawn(move || drop(captured)).map_err(refused)?;
    drop(pool.spawn(|| 2).map_err(refused)?);
    let Ok(report) = pool.shutdown(true, true) else {
        return Err("an error");
    };
    expect!(
        (report.ran, report.cancelled, report.still_queued) == (0, 2, 0),
        "another report"
    );
    expect!(DROPPED.in_threads() == 1, "the closure is kept");
    expect!(
        matches!(
            future.result(),
            Err(TaskError::Cancelled(CancelledBy::Shutdown))
        ),
        "another outcome"
    );
    expect!(pool.free_slots() == 2, "slots are not free");
    Ok(())
}

fn cancels<B: Board>() -> Verdict {
    let pool = B::pools().to_close()?;
    let future = pool.spawn(|| 1).map_err(refused)?;
    // A handler's, which nobody waits for.
    let taken = in_handler::<B, _>(|| pool.interrupt_side().submit_detached(|| ()).is_ok());
    expect!(taken, "it is refused");
    let Ok(report) = pool.shutdown(false, true) else {
        return Err("an error");
    };
    expect!(
        (report.cancelled, report.still_queued) == (2, 0),
        "another report"
    );
    expect!(future.cancelled(), "it is not cancelled");
    expect!(!pool.run_one(), "a call is left");
    Ok(())
}

fn from_call<B: Board>() -> Verdict {
    let pool = B::pools().to_close()?;
    let future = pool.spawn(|| pool.shutdown(true, false)).map_err(refused)?;
    let error = future.result();
    expect!(
        matches!(error, Ok(Err(ShutdownError::FromWorker))),
        "another answer"
    );
    expect!(
        matches!(pool.spawn(|| ()), Err(SubmitError::ShutDown(_))),
        "the pool is open"
    );
    Ok(())
}

fn unused<B: Board>() -> Verdict {
    let pool = B::pools().to_close()?;
    let Ok(report) = pool.shutdown(true, false) else {
        return Err("an error");
    };
    expect!(
        (report.ran, report.cancelled, report.still_queued) == (0, 0, 0),
        "another report"
    );
    Ok(())
}

fn cancelled_before<B: Board>() -> Verdict {
    let pool = B::pools().to_close()?;
    let future = pool.spawn(|| 1).map_err(refused)?;
    expect!(future.cancel(), "it is not cancelled");
    let Ok(report) = pool.shutdown(true, false) else {
        return Err("an error");
    };
    expect!(
        (report.ran, report.still_queued) == (0, 0),
        "another report"
    );
    Ok(())
}

fn says_so<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    let pool = B::pools().to_close()?;
    let one = pool.spawn(|| 1).map_err(refused)?;
    let two = pool.spawn(|| 2).map_err(refused)?;
    expect!(pool.shutdown(false, false).is_ok(), "an error");
    let captured = Tracked::new::<B>(&DROPPED);
    let call = move || drop(captured);
    let Err(SubmitError::ShutDown(back)) = pool.spawn(call) else {
        return Err("something else, while it is full");
    };
    let call = back.into_inner();
    expect!(pool.run_until_idle() == 2, "not both ran");
    drop((one, two));
    let back = in_handler::<B, _>(move || match pool.interrupt_side().submit_detached(call) {
        Err(SubmitError::ShutDown(back)) => Some(back.into_inner()),
        _ => None,
    });
    let Some(back) = back else {
        return Err("something else, to a handler");
    };
    expect!(
        DROPPED.in_threads() + DROPPED.in_handlers() == 0,
        "the closure was dropped"
    );
    back();
    expect!(pool.free_slots() == 2, "slots are not free");
    Ok(())
}

fn from_call_after<B: Board>() -> Verdict {
    static REFUSED: Digits = Digits::new();
    let pool = B::pools().to_close()?;
    let call = || {
        let refused = matches!(pool.spawn(|| ()), Err(SubmitError::ShutDown(_)));
        REFUSED.write(1 + usize::from(refused));
    };
    drop(pool.spawn(call).map_err(refused)?);
    expect!(pool.shutdown(true, false).is_ok(), "an error");
    expect!(REFUSED.take() == 2, "it is not refused");
    Ok(())
}
