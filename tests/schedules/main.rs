//! Explores the schedules of whole programs on the simulator: ten thousand seeds of each scenario, which must hold; the same seeds
//! with an essential step of the scheduler switched off, which must be found; and every schedule of a small case.
//!
//! `schedules` does all of it, `schedules SCENARIO SCHEDULE` replays what a report printed. SCHEDULES_LONG=1 allows one interruption
//! more in the small case, which takes ten times as long.

mod scenarios;

use std::{env, process::ExitCode, time::Instant};

use concurrent_futures::{
    core::sync::Essential,
    sim::{Fault, Simulation, Walk},
};

use scenarios::{SCENARIOS, Scenario};

const SEEDS: u64 = 10_000;
/// How many of them have to be different from all others.
const DISTINCT: usize = 9_000;

/// An essential step, its name, the scenario that shows it, and what its absence leads to there.
struct Removal {
    step: Essential,
    name: &'static str,
    scenario: &'static str,
    expected: fn(&Fault) -> bool,
}

fn is_lost(fault: &Fault) -> bool {
    matches!(fault, Fault::LostWakeUp(_))
}

fn is_standstill(fault: &Fault) -> bool {
    matches!(fault, Fault::LostWakeUp(_) | Fault::Deadlock(_))
}

fn is_too_many(fault: &Fault) -> bool {
    matches!(fault, Fault::TooManyWorkers(_))
}

const REMOVALS: &[Removal] = &[
    Removal {
        step: Essential::SecondLook,
        name: "second-look",
        scenario: "clients",
        expected: is_lost,
    },
    Removal {
        step: Essential::ChainWake,
        name: "chain-wake",
        scenario: "clients",
        expected: is_standstill,
    },
    Removal {
        step: Essential::WakerAccounting,
        name: "waker-accounting",
        scenario: "clients",
        expected: is_too_many,
    },
    Removal {
        step: Essential::ProducerSecondLook,
        name: "producer-second-look",
        scenario: "clients",
        expected: is_lost,
    },
    Removal {
        step: Essential::GrowthLooksAgain,
        name: "growth-looks-again",
        scenario: "refused-starts",
        expected: is_standstill,
    },
    Removal {
        step: Essential::ProducerPassesOn,
        name: "producer-passes-on",
        scenario: "impatient-producers",
        expected: is_lost,
    },
];

fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// Every seed of a scenario.
fn holds(scenario: &Scenario) -> bool {
    let start = Instant::now();
    match scenario.simulation().seeds(0..SEEDS).explore(scenario.body) {
        Ok(explored) if explored.distinct() >= DISTINCT => {
            println!(
                "holds: {}: {explored}; {:.1?}",
                scenario.name,
                start.elapsed()
            );
            true
        }
        Ok(explored) => {
            println!("TOO FEW: {}: {explored}", scenario.name);
            false
        }
        Err(failure) => {
            println!("BROKEN: {}: {failure}", scenario.name);
            false
        }
    }
}

/// The same seeds without a step.
fn caught(removal: &Removal) -> bool {
    let Some(scenario) = scenario(removal.scenario) else {
        println!("NO SCENARIO: {}", removal.scenario);
        return false;
    };
    let simulation = scenario.simulation().seeds(0..SEEDS).without(removal.step);
    match simulation.explore(scenario.body) {
        Err(failure) if (removal.expected)(failure.fault()) => {
            let (seed, fault) = (failure.seed().unwrap_or_default(), failure.fault().name());
            println!(
                "caught: {} in {}, with seed {seed}: {fault}",
                removal.name, scenario.name
            );
            true
        }
        Err(failure) => {
            println!(
                "OTHERWISE: without {} {}: {failure}",
                removal.name, scenario.name
            );
            false
        }
        Ok(explored) => {
            println!(
                "NOT CAUGHT: {} in {}: {explored}",
                removal.name, scenario.name
            );
            false
        }
    }
}

/// Every schedule of the small case in which somebody who can go on is interrupted at most so many times.
fn complete(interruptions: usize) -> bool {
    let start = Instant::now();
    let all = Walk::Exhaustive { interruptions };
    match Simulation::new()
        .walk(all)
        .max_runs(usize::MAX)
        .explore(scenarios::small_case)
    {
        Ok(explored) if explored.is_complete() && explored.distinct() == explored.runs() => {
            let (runs, time) = (explored.runs(), start.elapsed());
            println!(
                "complete: 2 workers, 3 calls, a cancel and a shutdown: all {runs} schedules with at most {interruptions} \
                 interruptions; {time:.1?}"
            );
            true
        }
        Ok(explored) => {
            println!("INCOMPLETE: {explored}");
            false
        }
        Err(failure) => {
            println!("BROKEN: {failure}");
            false
        }
    }
}

fn replay(name: &str, schedule: &str) -> ExitCode {
    let Some(scenario) = scenario(name) else {
        eprintln!("there is no scenario {name}");
        return ExitCode::from(2);
    };
    let schedule = match schedule.parse() {
        Ok(schedule) => schedule,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match scenario
        .simulation()
        .walk(Walk::Replay(schedule))
        .trace(scenario.body)
    {
        Ok(trace) => {
            print!("{trace}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [name, schedule] = &arguments[..] {
        return replay(name, schedule);
    }
    let mut results: Vec<bool> = SCENARIOS.iter().map(holds).collect();
    results.extend(REMOVALS.iter().map(caught));
    let interruptions = if env::var_os("SCHEDULES_LONG").is_some() {
        5
    } else {
        4
    };
    results.push(complete(interruptions));
    let failed = results.iter().filter(|held| !**held).count();
    println!("{} passed, {failed} failed", results.len() - failed);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
