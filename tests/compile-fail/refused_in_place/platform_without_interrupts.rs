//! Only platforms that can wake from an interrupt handler have a side for it.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 32> = StaticPool::new();

fn main() {
    let _ = POOL.interrupt_side().submit_detached(|| ());
}
