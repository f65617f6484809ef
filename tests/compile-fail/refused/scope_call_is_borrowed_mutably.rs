//! What a scope's call changes cannot be looked at before the scope is over.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let mut sum = 0;
    pool.scope(|s| {
        let _ = s.spawn(|| sum += 1);
        println!("{sum}");
    });
}
