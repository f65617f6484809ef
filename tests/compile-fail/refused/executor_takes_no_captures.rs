//! The portable interface takes plain functions: captures cannot travel to another process.

use concurrent_futures::{Executor, ThreadPoolExecutor};

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let captured = 1;
    let _ = Executor::submit(&pool, |n: u32| n + captured, 1);
}
