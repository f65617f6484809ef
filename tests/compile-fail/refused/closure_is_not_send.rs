//! A closure must be `Send`: it runs on another thread.

use std::rc::Rc;

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let shared = Rc::new(1);
    let _ = pool.spawn(move || *shared + 1);
}
