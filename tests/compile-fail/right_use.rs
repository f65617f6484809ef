//! What the refused cases come close to, and is fine.

use std::cell::Cell;

use concurrent_futures::{Executor, ThreadPoolExecutor};

fn double(n: u32) -> u32 {
    2 * n
}

fn twice<E: Executor>(executor: &E) -> u32 {
    executor.submit(double, 21).unwrap().result().unwrap()
}

fn main() {
    let pool = ThreadPoolExecutor::new(2).unwrap();

    // A closure that owns what it uses.
    let text = String::from("owned");
    let length = pool.spawn(move || text.len()).unwrap();
    // By reference, any number of times, as `usize` is `Sync`.
    assert_eq!(length.result_ref().unwrap(), length.result_ref().unwrap());

    // A value that is not `Sync` may be taken.
    let cell = pool.spawn(|| Cell::new(7)).unwrap();
    assert_eq!(cell.result().unwrap().get(), 7);

    // A scope's call may borrow what outlives the scope; its value may leave.
    let words = vec![String::from("borrowed"), String::from("too")];
    let count = pool.scope(|s| s.spawn(|| words.len()).unwrap().result().unwrap());
    assert_eq!(count, words.len());

    // A plain function, or a closure that captures nothing, goes everywhere.
    assert_eq!(twice(&pool), 42);
    assert_eq!(
        Executor::submit(&pool, |n: u32| n + 1, 1)
            .unwrap()
            .result()
            .unwrap(),
        2
    );

    // The worker-local value, by its own type.
    let counting = ThreadPoolExecutor::builder()
        .max_workers(1)
        .initializer(|| Ok::<_, String>(Cell::new(40)))
        .build()
        .unwrap();
    let local = counting
        .spawn_with(|local: &Cell<i32>| local.get() + 2)
        .unwrap();
    assert_eq!(local.result().unwrap(), 42);
}
