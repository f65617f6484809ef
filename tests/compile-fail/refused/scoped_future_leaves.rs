//! The future of a scope's call cannot leave the scope: its result may borrow from there.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let text = String::from("borrowed");
    let future = pool.scope(|s| s.spawn(|| text.len()).unwrap());
    let _ = future.result();
}
