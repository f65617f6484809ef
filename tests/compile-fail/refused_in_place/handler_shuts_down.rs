//! An interrupt handler does not shut down: it cannot wait, and cancels nothing.

use concurrent_futures_core::{
    executor::InterruptSide,
    platform::{ConstLock, InterruptUnpark},
};

fn handler<P: InterruptUnpark>(side: InterruptSide<P, 4, 32>)
where
    P::Lock: ConstLock,
{
    let _ = side.shutdown(false, true);
}

fn main() {}
