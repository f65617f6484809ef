//! What a call costs in allocations, and that nothing of it stays. A test binary of its own: it counts for the whole process.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use concurrent_futures::{
    ReturnWhen, StdPlatform, ThreadPoolExecutor,
    core::{
        executor::StaticPool,
        future::wait_in,
        platform::{Entry, Parker, Platform, SpawnError, Spawner},
    },
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

/// What is done with a pool in a `static`, round by round; each of them is over when it returns.
fn use_a_static_pool() {
    static POOL: StaticPool<StdPlatform, 4, 40> = StaticPool::new();
    for n in 0..CALLS as u64 {
        let future = POOL.spawn(sum(n, 1)).unwrap();
        assert_eq!(future.result().unwrap(), n + 1);

        let [mut first, cancelled, dropped] =
            [1, 2, 3].map(|m| POOL.submit(|(a, b): (u64, u64)| a + b, (n, m)).unwrap());
        assert!(poll_once(&mut first).is_pending());
        assert!(cancelled.cancel());
        drop(dropped);
        let extra = POOL.spawn(sum(n, 4)).unwrap();
        assert!(POOL.spawn(sum(n, 5)).is_err(), "all slots are busy");
        let mut futures = [first, cancelled];
        let (done, not_done) = wait_in(&mut futures, ReturnWhen::AllCompleted, None);
        assert_eq!((done.len(), not_done.len()), (2, 0));
        assert!(futures[0].result_ref().is_ok() != futures[1].result_ref().is_ok());
        assert!(!extra.wait_timeout(Duration::ZERO) || extra.done());
        assert!(POOL.run_until(&extra));
        drop((futures, extra));
        assert_eq!((POOL.free_slots(), POOL.run_until_idle()), (4, 0));
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What threads and a worker do with another.
fn use_a_static_pool_with_a_worker(pool: &'static StaticPool<StdPlatform, 2, 40, OneThread>) {
    for n in 0..CALLS as u64 {
        let future = pool.spawn(sum(n, 1)).unwrap();
        assert_eq!(future.result().unwrap(), n + 1);
        let cancelled = pool.spawn(sum(n, 2)).unwrap();
        let nested = pool.spawn(move || {
            pool.spawn(sum(n, 3))
                .map_or(0, |call| call.result().unwrap())
        });
        let never_runs = cancelled.cancel();
        assert_eq!(cancelled.result().is_err(), never_runs);
        drop(nested);
        eventually("the worker has let go of all of them", || {
            pool.free_slots() == 2
        });
    }
}

/// Starts one thread.
struct OneThread;

impl Spawner for OneThread {
    fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
        std::thread::spawn(move || entry.run());
        Ok(())
    }
}

fn a_static_pool_allocates_nothing() {
    static STAFFED: StaticPool<StdPlatform, 2, 40, OneThread> =
        StaticPool::with_workers(1, OneThread);
    // What wakes a thread is allocated when that thread waits for the first time.
    drop(StdPlatform::with_parker(Parker::unparker));
    let on_the_worker = STAFFED.spawn(|| drop(StdPlatform::with_parker(Parker::unparker)));
    on_the_worker.unwrap().result().unwrap();
    let before = (ALLOCATIONS.load(Ordering::SeqCst), open());
    use_a_static_pool();
    use_a_static_pool_with_a_worker(&STAFFED);
    let after = (ALLOCATIONS.load(Ordering::SeqCst), open());
    assert_eq!(after, before);
    STAFFED.shutdown(true, false).unwrap();
}

// One test, so that nobody else allocates meanwhile.
// contract: T5, D2
#[test]
fn calls_allocate_once_and_leave_nothing() {
    // What the process keeps from its first pool on, the main thread's parts included.
    drop(warm_pool());
    a_call_is_one_allocation();
    an_idle_pool_holds_nothing_of_finished_calls();
    a_pool_leaves_nothing();
    a_static_pool_allocates_nothing();
}
