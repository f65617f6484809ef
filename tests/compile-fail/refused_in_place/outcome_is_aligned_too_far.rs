//! What a call gives must not be aligned further than a slot.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 64> = StaticPool::new();

#[repr(align(32))]
struct Aligned(#[expect(dead_code)] u8);

fn main() {
    let _ = POOL.spawn(|| Aligned(1));
}
