//! Who waits busily looks again in every turn, and parks when the platform says so.

use concurrent_futures_core::{
    future::{SubmitError, promise},
    platform::Point,
    queue::Policy,
};

use crate::{
    platform::{MockPlatform, MockPool, ROOM, close, work},
    world::{Event, World, advance, now, run_worker, spin, then, trace, turns},
};

fn parks() -> usize {
    let parks = |event: &Event| matches!(event, Event::Parks(_));
    trace().iter().filter(|&event| parks(event)).count()
}

#[test]
fn a_worker_finds_a_call_that_comes_while_it_looks_for_one() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let first = pool.spawn(|| 1).unwrap();
    let handle = pool.handle();
    spin(|| ());
    spin(move || handle.spawn(|| 2).map(drop).unwrap());
    let handle = pool.handle();
    then(move || {
        assert!(!trace().contains(&Event::Unparked(1)), "it never slept");
        assert_eq!((handle.stats().queued, handle.stats().idle), (0, 1));
        close(&handle);
    });
    assert!(run_worker());
    assert_eq!(first.result().unwrap(), 1);
    let in_vain = Event::Point(1, Point::SearchedInVain);
    let slept = trace().iter().filter(|&&event| event == in_vain).count();
    assert_eq!((turns(), slept, parks()), (vec![0, 1], 1, 1));
}

#[test]
fn a_worker_that_looked_in_vain_sleeps() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let call = pool.spawn(|| 1).unwrap();
    for _ in 0..3 {
        spin(|| ());
    }
    pool.run_out();
    assert_eq!(call.result().unwrap(), 1);
    assert_eq!((turns(), parks()), (vec![0, 1, 2], 1));
}

// contract: S3
#[test]
fn a_blocked_submitter_finds_room_that_comes_while_it_looks_for_some() {
    let _world = World::new();
    let pool = MockPool::new(1);
    let _calls: Vec<_> = (0..ROOM).map(|n| pool.spawn(move || n).unwrap()).collect();
    let handle = pool.handle();
    for _ in 0..2 {
        spin(|| ());
    }
    spin(move || work(&handle));
    let last = pool.spawn(|| ROOM).unwrap();
    assert_eq!((turns(), parks()), (vec![0, 1, 2], 0));
    pool.run_out();
    assert_eq!(last.result().unwrap(), ROOM);
}

// contract: S3
#[test]
fn a_blocked_submitter_that_looked_in_vain_waits_no_longer_than_it_may() {
    let _world = World::new();
    let second = std::time::Duration::from_secs(1);
    let pool = MockPool::with_policy(Policy::BlockTimeout(2 * second));
    let _calls: Vec<_> = (0..ROOM).map(|n| pool.spawn(move || n).unwrap()).collect();
    spin(move || advance(second));
    let refused = pool.spawn(|| ROOM).unwrap_err();
    assert!(matches!(refused, SubmitError::Full(_)));
    assert_eq!((turns(), now(), parks()), (vec![0], 2 * second, 1));
    pool.run_out();
}

// contract: R1
#[test]
fn a_result_is_found_that_comes_while_it_is_looked_for() {
    let _world = World::new();
    let (promise, future) = promise::<MockPlatform, u32>();
    spin(|| ());
    spin(move || promise.set(7).unwrap());
    assert_eq!(future.result().unwrap(), 7);
    assert_eq!((turns(), parks()), (vec![0, 1], 0));
}
