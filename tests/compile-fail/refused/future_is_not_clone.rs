//! A future is the one right to take an outcome.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let future = pool.spawn(|| String::from("once")).unwrap();
    let _ = Clone::clone(&future);
}
