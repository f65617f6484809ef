//! A promise is kept once.

fn main() {
    let (promise, _future) = concurrent_futures::promise();
    let _ = promise.set(1);
    let _ = promise.set(2);
}
