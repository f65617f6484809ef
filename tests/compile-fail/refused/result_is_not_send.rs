//! A result must be `Send`: it comes from another thread.

use std::rc::Rc;

use concurrent_futures::ThreadPoolExecutor;

fn main() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let _ = pool.spawn(|| Rc::new(1));
}
