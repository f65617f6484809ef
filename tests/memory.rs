//! What a pending call costs in memory that is really there. A test binary of its own: it measures the whole process.

use std::{fs, hint::black_box};

use concurrent_futures::ThreadPoolExecutor;
use concurrent_futures_tests::{Gate, eventually};

const CALLS: usize = 1_000_000;
/// Bytes for a call with 16 bytes of captures, its place in the queue and its future included.
const MOST: f64 = 80.0;

/// Resident bytes of this process, by the second field of `statm`, which counts pages.
fn resident() -> Option<usize> {
    // SAFETY: this only reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = pages.split(' ').nth(1)?.parse().ok()?;
    Some(pages * usize::try_from(page).ok()?)
}

#[test]
fn a_million_pending_calls_take_eighty_bytes_each() {
    if resident().is_none() {
        println!("this system does not say what is resident; nothing was measured");
        return;
    }
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .capacity(1 << 20)
        .build()
        .unwrap();
    let gate = Gate::new();
    let held = pool.spawn({
        let gate = gate.clone();
        move || gate.pass()
    });
    let held = held.unwrap();
    eventually("the worker is held", || held.running());
    let mut futures = Vec::with_capacity(CALLS);

    let before = resident().unwrap();
    for n in 0..CALLS as u64 {
        let captured = [n, n + 1];
        futures.push(pool.spawn(move || black_box(captured)[1]).unwrap());
    }
    let after = resident().unwrap();

    assert_eq!(pool.stats().queued, CALLS);
    let each = (after - before) as f64 / CALLS as f64;
    println!("{each:.1} resident bytes per pending call");
    assert!(each <= MOST, "{each:.1} bytes, more than {MOST}");

    gate.open();
    held.result().unwrap();
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n as u64 + 1);
    }
}
