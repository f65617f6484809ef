//! Awaits calls of a pool from an async program.
//!
//! Heavy or blocking work would hold up every task of an async runtime. On a pool it holds up
//! nobody, and the future of the call can be awaited on any runtime; this one is tokio's.

use std::error::Error;
use std::thread;
use std::time::Duration;

use concurrent_futures::{ThreadPoolExecutor, as_completed};
use futures_util::StreamExt;
use tokio::time::timeout;

/// Work that blocks its thread.
fn nap(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(4)?;

    let answer = pool.spawn(|| 6 * 7)?.await?;
    println!("awaited: {answer}");

    // Awaited by reference the future survives the timeout, and the call runs on in any case.
    let mut long = pool.submit(nap, 600)?;
    match timeout(Duration::from_millis(100), &mut long).await {
        Ok(slept) => println!("not so long: {} ms", slept?),
        Err(_) => println!("timeout: still {:?} after 100 ms", long.state()),
    }
    println!("awaited again: {} ms", long.await?);

    // The iterator of the blocking world is a stream in this one; both have a `next`.
    let mut naps = Vec::new();
    for milliseconds in [500, 100, 300] {
        naps.push(pool.submit(nap, milliseconds)?);
    }
    let mut completed = as_completed(naps);
    while let Some(nap) = StreamExt::next(&mut completed).await {
        println!("completed: {} ms", nap.await?);
    }
    Ok(())
}
