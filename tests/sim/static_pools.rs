//! Static pools without interrupts: what went wrong once.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Wake},
    time::Duration,
};

use concurrent_futures::{
    ReturnWhen,
    core::{
        executor::StaticPool,
        future::wait_in,
        platform::{Entry, SpawnError, Spawner},
    },
    sim::{self, SimPlatform, SimSpawner, Simulation, Walk},
};

type Pumped = StaticPool<SimPlatform, 2, 64>;

fn all(interruptions: usize) -> Simulation {
    Simulation::new().walk(Walk::Exhaustive { interruptions })
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
        // Somebody else may go on here.
        sim::yield_now();
    }
}

/// The worker kept its hold on the slot until the wake was over, which may be after whoever was woken has submitted again.
// contract: D2, R1
#[test]
fn the_slot_of_an_outcome_is_free_for_whoever_was_woken_for_it() {
    all(2).check(|| {
        type Worked = StaticPool<SimPlatform, 1, 64, SimSpawner>;
        let pool: &'static Worked = Box::leak(Box::new(Worked::with_workers(1, SimSpawner::new())));
        let mut call = pool.spawn(|| 1).unwrap();
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Arc::clone(&woken).into();
        if pin!(&mut call)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            // Who looks before he is woken may be faster than the worker.
            while !woken.0.load(Ordering::Relaxed) {
                sim::yield_now();
            }
            assert_eq!(call.result().unwrap(), 1);
            assert_eq!(pool.spawn(|| 2).unwrap().result().unwrap(), 2);
        } else {
            drop(call);
        }
        pool.shutdown(true, false).unwrap();
        assert_eq!(pool.free_slots(), 1);
    });
}

/// A call that was taken and not counted yet was neither queued nor running for a shutdown that waits.
// contract: X1, D3
#[test]
fn a_shutdown_that_waits_sees_a_call_that_somebody_else_has_just_taken() {
    all(2).check(|| {
        let pool: &'static Pumped = Box::leak(Box::new(Pumped::new()));
        let call = pool.spawn(|| 1).unwrap();
        let other = sim::spawn(move || pool.run_one());
        pool.shutdown(true, false).unwrap();
        assert!(call.done(), "the shutdown has waited for it");
        other.join();
        assert_eq!(call.result().unwrap(), 1);
    });
}

/// A spawner that accepts every entry and lives none was asked again and again.
// contract: T8, D2
#[test]
fn starting_workers_ends_where_none_lives() {
    struct Drops(AtomicUsize);
    impl Spawner for Drops {
        fn spawn(&self, entry: Entry) -> Result<(), SpawnError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            drop(entry);
            Ok(())
        }
    }
    static POOL: StaticPool<SimPlatform, 2, 64, Drops> =
        StaticPool::with_workers(3, Drops(AtomicUsize::new(0)));
    assert_eq!(POOL.start(), 0);
    assert!(POOL.spawn(|| ()).is_ok_and(|call| call.result().is_err()));
}

/// A wait with a limit that always found something to run did not look at the time.
// contract: W3, M4
#[test]
fn a_wait_with_a_limit_ends_although_there_is_always_something_to_run() {
    fn again(ran: &Arc<Mutex<u32>>, pool: &'static Pumped) {
        sim::sleep(Duration::from_secs(1));
        let mut count = ran.lock().unwrap();
        *count += 1;
        if *count < 1_000 {
            let ran = Arc::clone(ran);
            drop(pool.spawn(move || again(&ran, pool)));
        }
    }
    Simulation::new().seeds(0..1).check(|| {
        let pool: &'static Pumped = Box::leak(Box::new(Pumped::new()));
        let ran = Arc::new(Mutex::new(0));
        let in_call = Arc::clone(&ran);
        drop(pool.spawn(move || again(&in_call, pool)));
        let (promise, never) = sim::promise::<()>();
        let last = pool.spawn(|| ()).unwrap();
        let mut both = [&never, &last];
        let limit = Some(Duration::from_secs(3));
        let (done, not_done) = wait_in(&mut both, ReturnWhen::AllCompleted, limit);
        assert_eq!((done.len(), not_done.len()), (1, 1));
        assert!(*ran.lock().unwrap() <= 5, "it went on long after its time");
        *ran.lock().unwrap() = 1_000;
        pool.shutdown(true, false).unwrap();
        drop(promise);
    });
}
