//! Waiting for several calls that run on other harts.

use core::{
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    time::Duration,
};

use checks::{Verdict, expect};
use concurrent_futures_core::future::{Future, ReturnWhen, wait_in};

use super::pools::{Pool, close, spawn};
use crate::{clint, spawner::HartSpawner};

/// Two pools: a slice may have futures of both.
static LEFT: Pool<4> = Pool::with_workers(2, HartSpawner);
static RIGHT: Pool<4> = Pool::with_workers(1, HartSpawner);

/// Which of the calls may end: all below.
static OPEN: AtomicU32 = AtomicU32::new(0);

fn gated(number: u32) -> u32 {
    while OPEN.load(Ordering::Acquire) <= number {
        core::hint::spin_loop();
    }
    number
}

/// Three calls that run until they may end.
fn three(round: u32) -> Result<[Future<u32>; 3], &'static str> {
    let first = 3 * round;
    Ok([
        spawn(&RIGHT, move || gated(first + 2))?,
        spawn(&LEFT, move || gated(first))?,
        spawn(&LEFT, move || gated(first + 1))?,
    ])
}

fn opened() {
    OPEN.fetch_add(1, Ordering::AcqRel);
}

/// One after the other ends, each when a timer says so.
pub(super) fn slice() -> Verdict {
    for round in 0..300 {
        let mut futures = three(round)?;
        let mut waiting = &mut futures[..];
        while !waiting.is_empty() {
            let ended = OPEN.load(Ordering::Acquire);
            // Sometimes before the wait, sometimes after.
            clint::once(round * 8, opened);
            let (done, not_done) = wait_in(waiting, ReturnWhen::FirstCompleted, None);
            expect!(done.len() == 1, "not one call is done");
            expect!(
                matches!(done[0].result_ref(), Ok(&number) if number == ended),
                "another call is done"
            );
            waiting = not_done;
        }
    }
    Ok(())
}

/// The limit of a wait, and waiting for all.
pub(super) fn limit() -> Verdict {
    const LIMIT: Duration = Duration::from_millis(1);
    let ended = OPEN.load(Ordering::Acquire);
    let mut futures = three(ended / 3)?;
    let (done, not_done) = wait_in(&mut futures, ReturnWhen::AllCompleted, Some(LIMIT));
    expect!(
        (done.len(), not_done.len()) == (0, 3),
        "a call ended by itself"
    );
    opened();
    let (done, not_done) = wait_in(not_done, ReturnWhen::FirstCompleted, None);
    expect!(
        (done.len(), not_done.len()) == (1, 2),
        "not one call is done"
    );
    OPEN.store(ended + 3, Ordering::Release);
    let (done, _) = wait_in(&mut futures, ReturnWhen::AllCompleted, None);
    expect!(done.len() == 3, "not all calls are done");
    Ok(())
}

/// The first failure ends a wait for it.
pub(super) fn failure() -> Verdict {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    for round in 1..=200 {
        let call = move |number| {
            while TURN.load(Ordering::Acquire) < round {
                core::hint::spin_loop();
            }
            if number == 0 { Err(number) } else { Ok(number) }
        };
        // There are more slots than calls of a round.
        let mut futures = [
            LEFT.submit_result(call, 1)
                .map_err(|_| "a call is refused")?,
            RIGHT
                .submit_result(call, 0)
                .map_err(|_| "a call is refused")?,
        ];
        clint::once(round as u32 * 8, || {
            TURN.fetch_add(1, Ordering::AcqRel);
        });
        let (done, _) = wait_in(&mut futures, ReturnWhen::FirstException, None);
        expect!(
            done.iter().any(Future::failed),
            "it ended, and nothing failed"
        );
        let (done, _) = wait_in(&mut futures, ReturnWhen::AllCompleted, None);
        expect!(done.len() == 2, "not all calls are done");
    }
    // Its hart first: a pool is closed when all are free.
    expect!(
        RIGHT.shutdown(true, false).is_ok(),
        "it may not wait for its worker"
    );
    close(&LEFT)
}
