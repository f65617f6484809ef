//! A closure must own what it uses: the pool may run it at any time.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 32> = StaticPool::new();

fn main() {
    let text = String::from("borrowed");
    let length = POOL.spawn(|| text.len()).unwrap();
    drop(text);
    let _ = length.result();
}
