//! How a pool of zero workers ends.

use std::time::Duration;

use concurrent_futures_core::{
    executor::{Handle, PumpBackend},
    future::SubmitError,
    platform::Point,
};

use crate::{
    platform::{MockPlatform, Pump, Small},
    world::{World, advance, at, note, notes},
};

const SECOND: Duration = Duration::from_secs(1);

fn pump() -> Pump {
    Pump::new(Small::new())
}

fn close(handle: &Handle<PumpBackend<MockPlatform, Small>>) {
    handle.shutdown(false, false).unwrap();
}

// contract: X2, D3
#[test]
fn dropping_it_runs_what_waits_before_the_drop_is_over() {
    let _world = World::new();
    let pump = pump();
    let calls = ["a", "b"].map(|what| pump.spawn(move || note(what)).unwrap());
    drop(pump);
    note("dropped");
    assert!(calls.iter().all(|call| call.done()));
    assert_eq!(notes(), ["a", "b", "dropped"]);
}

// contract: X1, D3
#[test]
fn a_shutdown_runs_calls_until_its_time_is_over() {
    let _world = World::new();
    let pump = pump();
    let slow = pump.spawn(|| advance(2 * SECOND)).unwrap();
    let next = pump.spawn(|| note("next")).unwrap();
    let report = pump.shutdown_timeout(SECOND, false).unwrap();
    assert_eq!((report.ran, report.still_queued), (1, 1));
    assert_eq!((report.cancelled, report.still_running), (0, 0));
    assert!(slow.done() && !next.done());
    assert_eq!(pump.shutdown(true, false).unwrap().ran, 2);
    assert!(next.done());
}

// contract: X1, D3
#[test]
fn a_shutdown_that_does_not_wait_runs_nothing() {
    let _world = World::new();
    let pump = pump();
    let call = pump.spawn(|| note("run")).unwrap();
    let report = pump.shutdown(false, false).unwrap();
    assert_eq!((report.ran, report.still_queued), (0, 1));
    assert!(!call.done());
    assert!(pump.run_one(), "whoever asks may still run it");
    assert_eq!(notes(), ["run"]);
}

// contract: S2, D3
#[test]
fn a_call_that_is_pushed_while_it_closes_comes_back_and_leaves_nothing() {
    let _world = World::new();
    let pump = pump();
    let handle = pump.handle();
    at(Point::Pushed, move || close(&handle));
    let refused = pump.spawn(|| 7).unwrap_err();
    assert!(matches!(refused, SubmitError::ShutDown(_)));
    assert_eq!(refused.into_inner()(), 7);
    assert!(!pump.run_one(), "nobody has to pass what was taken back");
}

// contract: D3
#[test]
fn a_call_that_is_given_back_after_it_closed_waits_for_who_runs_it() {
    let _world = World::new();
    let pump = pump();
    let call = pump.spawn(|| 7).unwrap();
    let taken = pump.take().unwrap();
    close(&pump);
    taken.give_back();
    assert!(!call.done());
    assert!(pump.run_one());
    assert_eq!(call.result().unwrap(), 7);
}
