//! A call of an interrupt handler must have room in a slot, too.

use concurrent_futures_core::executor::StaticPool;

include!("../chip.rs");

static POOL: StaticPool<Chip, 4, 32> = StaticPool::new();

fn main() {
    let large = [1_u8; 33];
    let _ = POOL.interrupt_side().submit_detached(move || {
        let _ = large.len();
    });
}
