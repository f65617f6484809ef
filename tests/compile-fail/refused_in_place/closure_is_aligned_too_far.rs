//! A call must not be aligned further than a slot.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 64> = StaticPool::new();

#[repr(align(16))]
struct Aligned(u8);

fn main() {
    let sent = Aligned(1);
    let _ = POOL.spawn(move || {
        let sent = sent;
        sent.0
    });
}
