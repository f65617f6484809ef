//! A call gets the value that the pool's initializer left, not one of another type.

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::builder()
        .initializer(|| Ok::<_, String>(7_u32))
        .build()
        .unwrap();
    let _ = pool.spawn_with(|local: &String| local.len());
}
