//! A pool must be there for ever: its calls may run at any time.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

fn main() {
    let pool: StaticPool<StdPlatform, 4, 32> = StaticPool::new();
    let _ = pool.spawn(|| 1);
}
