//! Maps that are left at any moment.

use concurrent_futures_core::executor::MapOptions;
use shuttle::thread;

use super::platform::{any_of, perhaps, pool};

/// Results in order, or as they come, all at once or few at a time; the rest is cancelled with the iterator.
// contract: M1 M2 M5 M6 M9
pub fn dropped() {
    const ITEMS: usize = 4;
    let pool = pool(2);
    let options = if perhaps() {
        MapOptions::new().buffer_size(2)
    } else {
        MapOptions::new()
    };
    let closer = thread::spawn({
        let handle = pool.handle();
        move || perhaps() && handle.shutdown(false, false).is_ok()
    });
    let most = any_of(ITEMS + 1);
    // A pool that is closed meanwhile ends the map; until then every result is there.
    let results: Vec<usize> = if perhaps() {
        let map = pool.map_with(options, |n| n, 0..ITEMS);
        let results = map.into_iter().flatten().take(most);
        results.map_while(Result::ok).collect()
    } else {
        let map = pool.map_unordered(options, |n| n, 0..ITEMS);
        let results = map.into_iter().flatten().take(most);
        let mut results: Vec<_> = results.map_while(Result::ok).collect();
        results.sort_unstable();
        results.dedup();
        results
    };
    let closed = closer.join().expect("it does not panic");
    assert!(closed || results.len() == most, "{results:?} of {most}");
    assert!(results.iter().all(|result| *result < ITEMS));
}
