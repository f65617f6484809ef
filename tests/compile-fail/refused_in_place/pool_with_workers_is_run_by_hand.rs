//! Who runs the calls of a pool is either its workers or whoever asks.

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

static POOL: StaticPool<StdPlatform, 4, 32, Threads> = StaticPool::with_workers(2, Threads);

fn main() {
    let _ = POOL.run_one();
}
