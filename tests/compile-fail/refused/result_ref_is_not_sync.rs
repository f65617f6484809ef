//! A result that is not `Sync` is not lent: several threads may ask for it at once.

use std::cell::Cell;

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let future = pool.spawn(|| Cell::new(1)).unwrap();
    let _ = future.result_ref();
}
