//! A scope's call cannot borrow what does not outlive the scope: the body ends before its calls do.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    pool.scope(|s| {
        let inner = String::from("ends with the body");
        let _ = s.spawn(|| inner.len());
    });
}
