//! What a closure captures must be `Send`: it may run on another thread.

use std::rc::Rc;

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 32> = StaticPool::new();

fn main() {
    let counted = Rc::new(1);
    let _ = POOL.spawn(move || *counted);
}
