//! A call must have room in a slot, arguments and all.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 32> = StaticPool::new();

fn main() {
    let large = [1_u64; 5];
    let _ = POOL.submit(|large: [u64; 5]| large.len(), large);
}
