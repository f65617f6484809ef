//! What a call gives must have room in a slot.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 32> = StaticPool::new();

fn main() {
    let _ = POOL.spawn(|| [1_u8; 100]);
}
