//! The only place that names an atomic type.
//!
//! Four sources, one interface: `core`'s atomics, the same operations inside critical sections where the target has no
//! compare-and-swap (or under `--cfg cf_critical`, so that a host can test them), loom's under `--cfg cf_model` and shuttle's
//! under `--cfg cf_shuttle`. Everything else in the crate imports from here and never knows which it got.

#[cfg(any(cf_model, cf_shuttle))]
mod alive;
#[cfg(any(not(target_has_atomic = "ptr"), cf_critical))]
mod critical;
mod essential;
mod shared;

#[cfg(cf_model)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicUsize, fence},
};

#[cfg(cf_shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicUsize, fence};

#[cfg(all(
    not(any(cf_model, cf_shuttle)),
    target_has_atomic = "ptr",
    not(cf_critical)
))]
pub(crate) use core::sync::atomic::{AtomicUsize, fence};

#[cfg(all(
    not(any(cf_model, cf_shuttle)),
    any(not(target_has_atomic = "ptr"), cf_critical)
))]
pub(crate) use critical::{AtomicUsize, fence};

#[cfg(not(cf_model))]
pub(crate) use self::cell::UnsafeCell;
#[cfg(any(cf_model, cf_shuttle))]
pub(crate) use alive::Alive;
pub(crate) use core::sync::atomic::Ordering;
#[cfg(any(cf_model, cf_shuttle))]
pub use essential::switch_off;
#[cfg(all(feature = "sim", not(any(cf_model, cf_shuttle))))]
pub(crate) use essential::switch_off;
pub use essential::{Essential, essential};
#[cfg(not(cf_model))]
pub(crate) use shared::Counted;
#[cfg(feature = "alloc")]
pub use shared::Shared;
#[cfg(not(feature = "alloc"))]
pub(crate) use shared::Shared;

/// Functions that are `const` wherever atomics can be made in a constant: loom's cannot.
macro_rules! const_fn {
    ($($(#[$meta:meta])* $vis:vis const fn $name:ident $rest:tt -> $out:ty $body:block)*) => {
        $(
            #[cfg(not(cf_model))]
            $(#[$meta])*
            $vis const fn $name $rest -> $out $body

            #[cfg(cf_model)]
            $(#[$meta])*
            $vis fn $name $rest -> $out $body
        )*
    };
}
pub(crate) use const_fn;

/// Orders what follows after the release of `count` by all others, whose values this thread's own change of it saw.
#[inline]
pub(crate) fn acquire(count: &AtomicUsize) {
    if cfg!(cf_tsan) {
        // ThreadSanitizer does not know fences.
        count.load(Ordering::Acquire);
    } else {
        fence(Ordering::Acquire);
    }
}

/// Ends the program: for states that must not be left by unwinding.
#[cold]
pub(crate) fn abort(why: &str) -> ! {
    /// A panic while panicking ends the program, with or without an operating system.
    struct Again<'a>(&'a str);
    impl Drop for Again<'_> {
        fn drop(&mut self) {
            panic!("{}", self.0);
        }
    }
    let _again = Again(why);
    panic!("{why}");
}

/// Ends the program if it is dropped, which is when what it guards unwinds.
pub(crate) struct AbortOnUnwind(pub(crate) &'static str);

impl AbortOnUnwind {
    pub(crate) fn disarm(self) {
        core::mem::forget(self);
    }
}

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        abort(self.0);
    }
}

/// A value on cache lines of its own, so that writers of its neighbours do not slow its readers.
///
/// 128 bytes on 64 bits: adjacent lines are fetched in pairs on x86-64 and are one line on recent Arm. Microcontrollers have no such
/// lines, and little memory.
#[cfg_attr(target_pointer_width = "64", repr(align(128)))]
#[cfg_attr(
    all(not(target_pointer_width = "64"), not(target_os = "none")),
    repr(align(64))
)]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> core::ops::Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(not(cf_model))]
mod cell {
    /// `core`'s cell behind loom's interface: every access names whether it reads or writes.
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}
