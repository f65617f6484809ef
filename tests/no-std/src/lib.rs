//! The core without a standard library: a static library that a C program links and asks for numbers.
//!
//! The panic handler is this crate's own. If anything here brought the standard library in, there would be two of them, and
//! this would not compile.

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

mod critical;
#[cfg(feature = "alloc")]
mod heap;
mod platform;
#[cfg(feature = "alloc")]
mod with_allocator;
mod without_allocator;

use core::panic::PanicInfo;

unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}
