//! What a call costs in allocations, and that nothing of it stays. A test binary of its own: it counts for the whole process.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use concurrent_futures::{
    StdPlatform, ThreadPoolExecutor,
    core::platform::{Parker, Platform},
};
use concurrent_futures_tests::eventually;

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static DEALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
/// Bytes that are allocated now.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// The largest single allocation since it was set to zero.
static LARGEST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does the work; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        HELD.fetch_add(layout.size(), Ordering::SeqCst);
        LARGEST.fetch_max(layout.size(), Ordering::SeqCst);
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    // The default clears what `alloc` gave, which would touch the memory of a queue that is not used yet.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        HELD.fetch_add(layout.size(), Ordering::SeqCst);
        LARGEST.fetch_max(layout.size(), Ordering::SeqCst);
        // SAFETY: as for this function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        DEALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as for this function.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Calls that are measured at once.
const CALLS: usize = 1_000;

/// The balance of allocations and deallocations.
fn open() -> isize {
    let (made, given_back) = (&ALLOCATIONS, &DEALLOCATIONS);
    made.load(Ordering::SeqCst).cast_signed() - given_back.load(Ordering::SeqCst).cast_signed()
}

fn held() -> usize {
    HELD.load(Ordering::SeqCst)
}

/// A pool whose only worker has run calls, sleeps, and, as this thread, has what it needs for waiting.
fn warm_pool() -> ThreadPoolExecutor {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    // What wakes a thread is allocated when that thread waits for the first time, which may be in any of its calls.
    let wait_for_the_first_time = || drop(StdPlatform::with_parker(Parker::unparker));
    wait_for_the_first_time();
    pool.spawn(wait_for_the_first_time)
        .unwrap()
        .result()
        .unwrap();
    for n in 0..CALLS {
        assert_eq!(pool.spawn(move || n).unwrap().result().unwrap(), n);
    }
    pool
}

/// A call with 16 bytes of captures and a result of 8.
fn sum(a: u64, b: u64) -> impl FnOnce() -> u64 + Send + 'static {
    let call = move || a.wrapping_add(b);
    assert_eq!(size_of_val(&call), 16);
    call
}

fn a_call_is_one_allocation() {
    let pool = warm_pool();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    LARGEST.store(0, Ordering::SeqCst);
    for n in 0..CALLS as u64 {
        assert_eq!(pool.spawn(sum(n, 1)).unwrap().result().unwrap(), n + 1);
    }
    let made = ALLOCATIONS.load(Ordering::SeqCst) - before;
    let largest = LARGEST.load(Ordering::SeqCst);
    println!("{made} allocations for {CALLS} calls, {largest} bytes each");
    assert_eq!(made, CALLS);
    if size_of::<usize>() == 8 {
        assert!(
            largest <= 40,
            "{largest} bytes for a call of 16 and a result of 8"
        );
    }
}

fn an_idle_pool_holds_nothing_of_finished_calls() {
    let pool = warm_pool();
    let idle = held();
    let futures: Vec<_> = (0..CALLS)
        .map(|n| pool.spawn(move || vec![n; 1_000]).unwrap())
        .collect();
    // The pool runs them all; some results are taken, others are dropped by their futures.
    for (n, future) in futures.into_iter().enumerate() {
        if n % 2 == 0 {
            assert_eq!(future.result().unwrap()[999], n);
        }
    }
    // Futures that were dropped early leave their results to the worker.
    pool.spawn(|| ()).unwrap().result().unwrap();
    eventually("the worker is idle", || pool.stats().idle == 1);
    eventually("nothing of the calls is held", || held() <= idle);
}

fn a_pool_leaves_nothing() {
    let (before, held_before) = (open(), held());
    let pool = warm_pool();
    let unread: Vec<_> = (0..CALLS as u64)
        .map(|n| pool.spawn(sum(n, n)).unwrap())
        .collect();
    let cancelled = pool.spawn(sum(1, 2)).unwrap();
    cancelled.cancel();
    drop(pool);
    drop((unread, cancelled));
    assert_eq!((open(), held()), (before, held_before));
}

// One test, so that nobody else allocates meanwhile.
// contract: T5
#[test]
fn calls_allocate_once_and_leave_nothing() {
    // What the process keeps from its first pool on, the main thread's parts included.
    drop(warm_pool());
    a_call_is_one_allocation();
    an_idle_pool_holds_nothing_of_finished_calls();
    a_pool_leaves_nothing();
}
