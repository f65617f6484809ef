//! The worker-local value is lent to a call, not given.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::builder()
        .initializer(|| Ok::<_, String>(7_u32))
        .build()
        .unwrap();
    let _ = pool.spawn_with(|local| local);
}
