//! Many threads against each other, for a while: everything with everything at random, and the risky pairs by themselves.
//!
//! `STRESS_SECONDS` says for how long each test goes on, `STRESS_SEED` repeats what a failed run printed, as far as a schedule
//! can be repeated.
//!
//! Values that travel are memory of their own (vectors, boxes) and are written where they arrive, so that ThreadSanitizer sees
//! whether each way through the library orders what it must.

use std::{
    env, panic,
    sync::Once,
    thread,
    time::{Duration, Instant},
};

use concurrent_futures_tests::bounded;
use fastrand::Rng;

mod calls;
mod everything;
mod pools;
mod queues;
mod sets;

const ON_PURPOSE: &str = "on purpose";

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

/// Rounds, each with a seed of its own, until the time is over: `seconds` of it unless the environment says otherwise.
fn rounds(seconds: f64, round: fn(u64)) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let default_hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some(ON_PURPOSE) {
                default_hook(info);
            }
        }));
    });
    let limit = Duration::from_secs_f64(setting("STRESS_SECONDS").unwrap_or(seconds));
    let seed = setting("STRESS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("STRESS_SEED={seed}");
    let start = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || start.elapsed() < limit {
        let seed = seed.wrapping_add(rounds);
        bounded(move || {
            println!("STRESS_SEED={seed} for this round alone");
            round(seed);
        });
        rounds += 1;
    }
    println!("{rounds} rounds");
}

fn moment(rng: &mut Rng) -> Duration {
    Duration::from_micros(rng.u64(..200))
}

/// Lets others go ahead by a bit, or not at all.
fn dawdle(rng: &mut Rng) {
    match rng.u8(..4) {
        0 => thread::yield_now(),
        1 => (0..rng.u32(..300)).for_each(|_| std::hint::spin_loop()),
        _ => {}
    }
}

/// All numbers below `count` in a random order.
fn shuffled(rng: &mut Rng, count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    rng.shuffle(&mut order);
    order
}
