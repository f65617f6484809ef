//! A callback does not get to see an outcome that is not `Sync`: others may look at the same time.

use std::cell::Cell;

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let future = pool.spawn(|| Cell::new(1)).unwrap();
    future.add_done_callback(|done| drop(done.outcome()));
}
