//! A clock that never goes back, from a counter that does.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use concurrent_futures_core::platform::{SpinLock, Ticks};
use proptest::prelude::*;

const ROUND: u64 = 1 << 32;

/// The time after that many ticks, reckoned in one go.
fn reckoned(ticks: u64, hz: u32) -> Duration {
    let hz = u128::from(hz);
    let nanos = u128::from(ticks) * 1_000_000_000 / hz;
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    Duration::new(seconds.try_into().unwrap(), rest.try_into().unwrap())
}

fn lower(ticks: u64) -> u32 {
    (ticks % ROUND).try_into().unwrap()
}

// contract: D2
#[test]
fn time_goes_on_when_the_counter_goes_round() {
    static TICKS: Ticks<SpinLock> = Ticks::new(1_000);
    // Each step is less than half a round.
    let step = ROUND / 3 + 17;
    for n in 0..100 {
        let ticks = n * step;
        let time = TICKS.time(lower(ticks));
        assert_eq!(time.since_epoch(), reckoned(ticks, 1_000), "{n}");
    }
}

// contract: D2
#[test]
fn ticks_next_to_the_end_of_a_round_are_told_apart() {
    let ticks = Ticks::<SpinLock>::new(1_000_000_000);
    let half = ROUND / 2;
    let mut last = None;
    for around in [
        half,
        ROUND,
        ROUND + half,
        2 * ROUND,
        2 * ROUND + half,
        3 * ROUND,
    ] {
        for at in around - 2..=around + 2 {
            let time = ticks.time(lower(at));
            assert_eq!(time.since_epoch(), Duration::from_nanos(at));
            assert!(last.is_none_or(|last| last < time));
            assert_eq!(ticks.time(lower(at)), time, "the counter stands");
            last = Some(time);
        }
        // On the way to the next, so that none is more than half a round away.
        ticks.time(lower(around + half / 2));
    }
}

// contract: D2
#[test]
fn a_value_from_before_the_last_is_taken_for_the_last() {
    let ticks = Ticks::<SpinLock>::new(1_000);
    for base in [1_000, ROUND - 3, ROUND + 1_000, 2 * ROUND - 3] {
        for on_the_way in [base.saturating_sub(ROUND / 3), base] {
            ticks.time(lower(on_the_way));
        }
        let now = ticks.time(lower(base + 5));
        for before in 1..5 {
            assert_eq!(ticks.time(lower(base + 5 - before)), now);
        }
        assert!(ticks.time(lower(base + 6)) > now);
        ticks.time(lower(base + ROUND / 4));
    }
}

// contract: D2
#[test]
fn slow_and_fast_counters_are_reckoned_without_overflow() {
    for hz in [
        1,
        2,
        3,
        999,
        32_768,
        48_000_000,
        999_999_937,
        1_000_000_000,
        u32::MAX,
    ] {
        let ticks = Ticks::<SpinLock>::new(hz);
        let mut total = 0;
        for _ in 0..40 {
            total += ROUND / 2 - 1;
            let time = ticks.time(lower(total)).since_epoch();
            let reckoned = reckoned(total, hz);
            assert_eq!(time, reckoned, "{total} at {hz}");
        }
    }
}

// contract: D2
#[test]
fn the_counter_may_be_anywhere_when_it_is_asked_first() {
    for start in [0, 1, ROUND / 2 - 1, ROUND / 2, ROUND / 2 + 1, ROUND - 1] {
        let ticks = Ticks::<SpinLock>::new(1_000);
        let mut last = ticks.time(lower(start));
        for n in 1..10 {
            let time = ticks.time(lower(start + n * (ROUND / 3)));
            assert_eq!(
                time.saturating_since(last),
                reckoned(start + n * (ROUND / 3), 1_000)
                    - reckoned(start + (n - 1) * (ROUND / 3), 1_000)
            );
            last = time;
        }
    }
}

// contract: D2
#[test]
#[should_panic(expected = "stands still")]
fn a_counter_that_stands_still_is_refused() {
    let _ = Ticks::<SpinLock>::new(0);
}

proptest! {
    // contract: D2
    #[test]
    fn any_steps_below_half_a_round_add_up(
        hz in 1..u32::MAX,
        steps in prop::collection::vec(0..ROUND / 2, 1..60),
    ) {
        let ticks = Ticks::<SpinLock>::new(hz);
        let mut total = 0;
        for step in steps {
            total += step;
            prop_assert_eq!(ticks.time(lower(total)).since_epoch(), reckoned(total, hz));
        }
    }

    // contract: D2
    #[test]
    fn whatever_is_read_time_does_not_go_back(reads in prop::collection::vec(any::<u32>(), 1..60)) {
        let ticks = Ticks::<SpinLock>::new(1_000);
        let mut last = ticks.time(0);
        for read in reads {
            let time = ticks.time(read);
            prop_assert!(time >= last);
            prop_assert!(time.saturating_since(last) <= reckoned(ROUND / 2, 1_000));
            last = time;
        }
    }
}

// contract: D2
#[test]
fn several_threads_read_one_counter_and_for_none_time_goes_back() {
    const THREADS: u64 = 4;
    const READS: u64 = 2_000;
    /// A quarter of a round in all, however long a thread takes between reading and asking; the counter goes round in the middle.
    const STEP: u64 = ROUND / 4 / (THREADS * READS);
    const START: u64 = ROUND - ROUND / 8;
    static TICKS: Ticks<SpinLock> = Ticks::new(1_000);
    static COUNTER: AtomicU64 = AtomicU64::new(START);
    for on_the_way in [START / 2, START] {
        TICKS.time(lower(on_the_way));
    }
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let mut last = TICKS.time(lower(COUNTER.load(Ordering::SeqCst)));
                for _ in 0..READS {
                    let read = COUNTER.fetch_add(STEP, Ordering::SeqCst) + STEP;
                    let time = TICKS.time(lower(read));
                    assert!(time >= last);
                    // Not before what it read, and not after what anybody has read.
                    assert!(time.since_epoch() >= reckoned(read, 1_000));
                    let newest = COUNTER.load(Ordering::SeqCst);
                    assert!(time.since_epoch() <= reckoned(newest, 1_000));
                    last = time;
                }
            });
        }
    });
    let end = START + THREADS * READS * STEP;
    assert!(end > ROUND);
    assert_eq!(TICKS.time(lower(end)).since_epoch(), reckoned(end, 1_000));
}
