//! How a worker is recognised before `main` runs, with no line in the user's program: a
//! constructor, which the C library calls in every program that this crate is linked into.

use std::ffi::CStr;
#[cfg(target_env = "gnu")]
use std::ffi::{c_char, c_int};

use super::{image::Image, worker};

/// The environment variable that makes this executable a worker, if its value begins with [`VERSION`].
pub(crate) const MARKER: &str = "CONCURRENT_FUTURES_WORKER";

/// Two versions of this crate may be in one program: each knows its own workers.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "/");

const MARKER_C: &CStr = c"CONCURRENT_FUTURES_WORKER";

/// What the entries of `.init_array` point to. glibc passes the arguments of `main`.
#[cfg(target_env = "gnu")]
type Constructor = extern "C" fn(c_int, *const *const c_char, *const *const c_char);
/// What the entries of `.init_array` point to. musl passes nothing.
#[cfg(not(target_env = "gnu"))]
type Constructor = extern "C" fn();

/// The entry of this crate among the constructors.
#[used]
#[unsafe(link_section = ".init_array")]
static ENTRY: Constructor = hook;

// The linker knows where the constructors begin and end. In a shared library some linkers do not,
// and then a plain reference from Rust would make the library impossible to load; a weak reference
// is null there. The table is weak as well because two versions of this crate may meet.
std::arch::global_asm!(
    ".pushsection .data.rel.ro.concurrent_futures_constructors, \"aw\", %progbits",
    ".weak __init_array_start",
    ".hidden __init_array_start",
    ".weak __init_array_end",
    ".hidden __init_array_end",
    ".weak concurrent_futures_constructors",
    ".hidden concurrent_futures_constructors",
    ".balign {size}",
    "concurrent_futures_constructors:",
    ".{size}byte __init_array_start",
    ".{size}byte __init_array_end",
    ".popsection",
    size = const size_of::<usize>(),
);

unsafe extern "C" {
    /// Where the constructors of this executable begin and end.
    safe static concurrent_futures_constructors: [*const Option<Constructor>; 2];
}

#[cfg(target_env = "gnu")]
extern "C" fn hook(count: c_int, arguments: *const *const c_char, variables: *const *const c_char) {
    if is_marked() {
        become_worker(|constructor| constructor(count, arguments, variables));
    }
}

#[cfg(not(target_env = "gnu"))]
extern "C" fn hook() {
    if is_marked() {
        become_worker(|constructor| constructor());
    }
}

/// Whether this process was started as a worker. This runs in every program that links the crate.
#[inline]
fn is_marked() -> bool {
    // SAFETY: the name is a C string, and no other thread changes the environment yet.
    let value = unsafe { libc::getenv(MARKER_C.as_ptr()) };
    if value.is_null() {
        return false;
    }
    // SAFETY: a variable's value is a C string, and stays while nobody changes the environment.
    let value = unsafe { CStr::from_ptr(value) };
    if !value.to_bytes().starts_with(VERSION.as_bytes()) {
        return false;
    }
    // Whoever starts a program that has more rights than himself must not choose what it runs.
    // SAFETY: any number may be asked for.
    let more_rights = unsafe { libc::getauxval(libc::AT_SECURE) };
    more_rights == 0
}

/// Calls the constructors behind this crate's own, then enters the worker. Returns only if this
/// code does not belong to the main program.
fn become_worker(call: impl Fn(Constructor)) {
    let own = &raw const ENTRY;
    if Image::main()
        .offset_of_data(own.addr(), size_of::<Constructor>())
        .is_none()
    {
        return;
    }
    let [start, end] = concurrent_futures_constructors;
    if !(start.addr()..end.addr()).contains(&own.addr()) {
        return;
    }
    // This function never returns to the C library, so nobody else will call them.
    let mut next = start.with_addr(own.addr() + size_of::<Constructor>());
    while next < end {
        // SAFETY: the linker put the constructors of this program, pointers without gaps, between
        // the two addresses, and `next` lies in between, at the distance of whole pointers.
        let constructor = unsafe { next.read_volatile() };
        constructor.into_iter().for_each(&call);
        next = next.wrapping_add(1);
    }
    worker::enter()
}

/// Refers to the constructor, so that the linker keeps this object file. To be called from where
/// workers are started.
pub(crate) fn keep() {
    // SAFETY: the pointer is to a static, which is initialised and never written.
    unsafe { (&raw const ENTRY).read_volatile() };
}

/// Makes a process that a pool has started its worker, and never returns then; does nothing in others.
///
/// A worker is recognised before `main` begins, so this is not needed, but in a program whose linker leaves that out. Then it is to be
/// the first thing in `main`.
///
/// ```
/// concurrent_futures::init_worker();
/// // The rest of `main`.
/// ```
pub fn init_worker() {
    if is_marked() {
        worker::enter()
    }
}

/// A process that was started as a worker, and was not recognised, must not go on as if it were the program: it would start workers, too.
pub(crate) fn exit_if_missed() {
    if is_marked() {
        eprintln!(
            "this process was started as a worker of a process pool, and came to make a pool itself: nothing recognised it before. Call \
             `concurrent_futures::init_worker()` at the beginning of `main`"
        );
        std::process::exit(worker::UNFIT);
    }
}
