//! An interrupt handler cancels nothing: closures are dropped where they are cancelled.

use concurrent_futures_core::{
    executor::InterruptSide,
    platform::{ConstLock, InterruptUnpark},
};

fn handler<P: InterruptUnpark>(side: InterruptSide<P, 4, 32>)
where
    P::Lock: ConstLock,
{
    side.cancel();
}

fn main() {}
