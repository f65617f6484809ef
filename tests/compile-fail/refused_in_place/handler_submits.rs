//! There is no future in an interrupt handler: it could only be dropped there.

use concurrent_futures_core::{
    executor::InterruptSide,
    platform::{ConstLock, InterruptUnpark},
};

fn handler<P: InterruptUnpark>(side: InterruptSide<P, 4, 32>)
where
    P::Lock: ConstLock,
{
    let _ = side.submit(|n: u8| n, 1);
}

fn main() {}
