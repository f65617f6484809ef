//! The reference model: what random programs see of a pool in the simulator, against what the contract allows.
//!
//! `operations.rs` says what a program is, and why none can bring itself to a standstill; `strategies.rs` makes them up. `perform.rs`,
//! `calls.rs`, `maps.rs` and `waits.rs` do what it says, and tell `specification.rs` of all that they see. `expected.rs` knows of the
//! simplest programs all that happens, in advance.
//!
//! The programs are the same in every run of the tests. `CF_REFERENCE_CASES=10000` in the environment asks each test for so many.

mod calls;
mod expected;
mod maps;
mod operations;
mod perform;
mod shared;
mod specification;
mod strategies;
mod waits;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use concurrent_futures::{
    core::sync::Essential,
    sim::{Failure, Simulation},
};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use self::{
    operations::Case,
    specification::{Rules, Wrong},
    strategies::{Focus, case, sequential_case},
};

/// Under which rules the simulator runs a case.
struct Variant {
    races: bool,
    spurious: usize,
    refused: usize,
    seeds: u64,
}

const VARIANTS: [Variant; 4] = [
    Variant {
        races: false,
        spurious: 0,
        refused: 0,
        seeds: 4,
    },
    Variant {
        races: true,
        spurious: 0,
        refused: 0,
        seeds: 2,
    },
    Variant {
        races: true,
        spurious: 2,
        refused: 0,
        seeds: 2,
    },
    Variant {
        races: false,
        spurious: 0,
        refused: 2,
        seeds: 2,
    },
];

/// Runs one case under all of them.
fn explore(case: &Case, wrong: Option<Wrong>, base: &Simulation) -> Result<usize, Failure> {
    let shared = Arc::new(case.clone());
    let mut runs = 0;
    let mut seed = case.seed;
    for variant in &VARIANTS {
        let case = Arc::clone(&shared);
        let rules = Rules {
            races: variant.races,
            refusals: variant.refused > 0,
            wrong,
        };
        let explored = base
            .clone()
            .seeds(seed..seed + variant.seeds)
            // Many times as many as any has, so that what goes round for ever is soon found, and soon shrunk.
            .max_steps(20_000)
            .patience(5_000)
            .timeouts_race(variant.races)
            .spurious_wake_ups(variant.spurious)
            .refused_starts(variant.refused)
            .explore(move || perform::body(&case, rules))?;
        runs += explored.runs();
        seed += variant.seeds;
    }
    Ok(runs)
}

/// The same cases each time; more of them if the environment says so.
fn runner(cases: u32) -> TestRunner {
    let asked = std::env::var("CF_REFERENCE_CASES").ok();
    let cases = asked.and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

/// Looks for a case that `check` does not like; gives the smallest that it finds, and why.
fn find(
    cases: u32,
    strategy: &impl Strategy<Value = Case>,
    check: impl Fn(&Case) -> Result<usize, Failure>,
) -> Result<usize, (Case, String)> {
    let runs = AtomicUsize::new(0);
    let result = runner(cases).run(strategy, |case| match check(&case) {
        Ok(more) => {
            runs.fetch_add(more, Relaxed);
            Ok(())
        }
        Err(failure) => Err(TestCaseError::fail(failure.to_string())),
    });
    match result {
        Ok(()) => Ok(runs.into_inner()),
        Err(TestError::Fail(why, case)) => Err((case, why.to_string())),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

#[track_caller]
fn assert_none_is_found(found: Result<usize, (Case, String)>) {
    match found {
        Ok(runs) => println!("{runs} runs"),
        Err((case, why)) => panic!("{case:#?}\n{why}"),
    }
}

/// What the model finds wrong with a scheduler without `step`, and how small it gets.
#[track_caller]
fn assert_is_missed(step: Essential, faults: &[&str], most: usize) {
    let simulation = Simulation::new().without(step);
    let found = find(400, &case(&strategies::anything()), |case| {
        explore(case, None, &simulation)
    });
    assert_is_found(found, faults, most);
}

#[track_caller]
fn assert_is_found(found: Result<usize, (Case, String)>, faults: &[&str], most: usize) {
    let Err((case, why)) = found else {
        panic!("nothing was found");
    };
    println!(
        "{} operations: {}",
        case.len(),
        why.lines().next().unwrap_or("")
    );
    let is_known = faults.iter().any(|fault| why.contains(fault));
    assert!(is_known, "{case:#?}\n{why}");
    assert!(
        case.len() <= most,
        "{} operations: {case:#?}\n{why}",
        case.len()
    );
}

/// No run of any of these cases shows what the contract does not allow.
#[track_caller]
fn assert_holds(cases: u32, focus: &Focus) {
    let found = find(cases, &case(focus), |case| {
        explore(case, None, &Simulation::new())
    });
    assert_none_is_found(found);
}

// contract: F1, F3, F5
#[test]
fn whatever_threads_do_is_as_the_contract_says() {
    assert_holds(200, &strategies::anything());
}

// contract: R1, R2, R3
#[test]
fn waiting() {
    assert_holds(60, &strategies::waiting_for_one());
}

// contract: S5, S7, R8
#[test]
fn failures() {
    assert_holds(60, &strategies::failing());
}

// contract: K1, K2, F2
#[test]
fn cancelling() {
    assert_holds(60, &strategies::cancelling());
}

// contract: C1, C2, C4
#[test]
fn callbacks() {
    assert_holds(60, &strategies::calling_back());
}

// contract: W1, W2, W3
#[test]
fn waiting_for_many() {
    assert_holds(60, &strategies::waiting_for_many());
}

// contract: A1, A2, W4
#[test]
fn gathering() {
    assert_holds(60, &strategies::gathering());
}

// contract: M1, M2, M5
#[test]
fn maps() {
    assert_holds(60, &strategies::mapping());
}

// contract: X1, X2, X6
#[test]
fn shutting_down() {
    assert_holds(60, &strategies::ending());
}

// contract: T6, T7, X4
#[test]
fn waiting_inside_of_calls() {
    assert_holds(60, &strategies::nesting());
}

// contract: S2, S3, S4
#[test]
fn submitting() {
    assert_holds(60, &strategies::submitting());
}

// contract: D1, S4, C1
#[test]
fn with_one_worker_and_one_thread_it_is_just_what_was_expected() {
    assert_none_is_found(find(2_000, &sequential_case(), expected::check));
}

// contract: T2, D1
#[test]
fn sleepers_that_do_not_look_again_are_found() {
    assert_is_missed(Essential::SecondLook, &["T2: ", "lost wake-up"], 6);
}

// contract: T2, D1
#[test]
fn searchers_that_wake_nobody_for_what_is_left_are_found() {
    assert_is_missed(Essential::ChainWake, &["T2: ", "lost wake-up"], 8);
}

// contract: T2, D1
#[test]
fn a_waker_that_leaves_the_count_to_the_woken_is_found() {
    assert_is_missed(Essential::WakerAccounting, &["too many workers"], 4);
}

// contract: S3, D1
#[test]
fn producers_that_do_not_look_again_are_found() {
    assert_is_missed(Essential::ProducerSecondLook, &["lost wake-up", "T2: "], 6);
}

#[test]
fn a_specification_without_cancelling_is_found_to_be_wrong() {
    assert_is_wrong(Wrong::CancelIsNeverTrue, &["K1: "], 6);
}

#[test]
fn a_specification_without_panics_is_found_to_be_wrong() {
    assert_is_wrong(Wrong::FailuresAreCancelled, &["R3, S5: "], 6);
}

#[test]
fn a_specification_without_an_end_is_found_to_be_wrong() {
    assert_is_wrong(Wrong::ShutdownTakesCalls, &["S2, S3: "], 6);
}

#[track_caller]
fn assert_is_wrong(wrong: Wrong, faults: &[&str], most: usize) {
    let found = find(100, &case(&strategies::anything()), |case| {
        explore(case, Some(wrong), &Simulation::new())
    });
    assert_is_found(found, faults, most);
}
