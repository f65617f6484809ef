//! The future of a scope's call cannot be put where the scope does not reach either.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let mut kept = None;
    pool.scope(|s| kept = Some(s.spawn(|| 1).unwrap()));
    drop(kept);
}
