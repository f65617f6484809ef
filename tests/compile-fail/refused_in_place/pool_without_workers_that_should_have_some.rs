//! A pool with workers must have at least one.

use concurrent_futures::StdPlatform;
use concurrent_futures_core::{
    executor::StaticPool,
    platform::{Entry, SpawnError, Spawner},
};

struct Threads;

impl Spawner for Threads {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        std::thread::spawn(move || entry.run());
        Ok(())
    }
}

static POOL: StaticPool<StdPlatform, 4, 32, Threads> = StaticPool::with_workers(0, Threads);

fn main() {
    let _ = POOL.spawn(|| 1);
}
