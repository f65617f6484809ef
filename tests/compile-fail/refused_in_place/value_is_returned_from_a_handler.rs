//! Nobody would see the value of what an interrupt handler submits.

use concurrent_futures_core::{
    executor::InterruptSide,
    platform::{ConstLock, InterruptUnpark},
};

fn handler<P: InterruptUnpark>(side: InterruptSide<P, 4, 32>)
where
    P::Lock: ConstLock,
{
    let _ = side.submit_detached(|| 7);
}

fn main() {}
