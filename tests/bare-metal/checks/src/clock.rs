//! Time, from a counter that wraps.

use core::time::Duration;

use concurrent_futures_core::{
    future::{ResultError, Slot},
    platform::{Clock, Platform},
};

use crate::{Board, Check, Verdict, checks, expect, promises::pair};

/// Shorter than the way round of any counter; the machine's time may be the host's, which may be busy.
pub(crate) const A_WHILE: Duration = Duration::from_secs(1);

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "R1" "time goes on when its counter wraps, also for who waits then" wraps::<B>;
    ]
}

fn wraps<B: Board>() -> Verdict {
    static SLOT: Slot<u32> = Slot::new();
    const LIMIT: Duration = Duration::from_millis(2);
    let (_promise, mut future) = pair::<B::Platform, _>(&SLOT)?;
    let now = || <B::Platform as Platform>::Clock::now().ok_or("no clock");
    let first = B::ticks();
    expect!(first > u32::MAX / 2, "the counter did wrap before");
    while B::ticks() >= first {
        let start = now()?;
        let Err(ResultError::Unfinished(untouched)) = future.result_timeout(LIMIT) else {
            return Err("the future does not come back");
        };
        future = untouched;
        let waited = now()?.saturating_since(start);
        expect!(
            waited >= LIMIT && waited < LIMIT + A_WHILE,
            "a wait is not as long as it should be"
        );
    }
    Ok(())
}
