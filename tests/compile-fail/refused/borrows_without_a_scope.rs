//! Without a scope a call must own what it uses: it may run after the caller has returned.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let text = String::from("local");
    let _ = pool.spawn(|| text.len());
}
