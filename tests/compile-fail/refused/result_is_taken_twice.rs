//! An outcome is taken once.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let future = pool.spawn(|| String::from("once")).unwrap();
    let _ = future.result();
    let _ = future.result();
}
