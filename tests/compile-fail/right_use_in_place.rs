//! What the refused uses of pools in a `static` come close to, and is fine.

use std::cell::Cell;

use concurrent_futures::StdPlatform;
use concurrent_futures_core::executor::StaticPool;

static POOL: StaticPool<StdPlatform, 4, 32> = StaticPool::new();

include!("chip.rs");

static INTERRUPTED: StaticPool<Chip, 1, 32> = StaticPool::new();

#[repr(align(8))]
struct Aligned(u8);

fn main() {
    // A closure of just the room there is, and one whose alignment is just what a slot has.
    let sent = [7_u8; 32];
    assert_eq!(POOL.spawn(move || sent[31]).unwrap().result().unwrap(), 7);
    let sent = Aligned(8);
    let aligned = POOL.spawn(move || Aligned(sent.0)).unwrap();
    assert_eq!(aligned.result().unwrap().0, 8);

    // What is `Send` and owns what it uses, with a result that is not `Sync`.
    let text = Box::new(String::from("owned"));
    let length = POOL.spawn(move || Cell::new(text.len())).unwrap();
    assert_eq!(length.result().unwrap().get(), 5);

    // A function and its arguments.
    let sum = POOL.submit(|(a, b): (u8, u8)| a + b, (3, 4)).unwrap();
    assert!(sum.cancel());

    // An interrupt handler submits, and nothing else.
    let side = INTERRUPTED.interrupt_side();
    assert!(side.submit_detached(|| ()).is_ok());
    assert!(INTERRUPTED.run_one());
}
