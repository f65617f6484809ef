//! Finds a bug of ordering that threads hardly ever show.
//!
//! ```text
//! simulate [--seeds N | --exhaustive N | --replay SCHEDULE]
//! ```
//!
//! `table.rs` is code as people write it, for any [`Executor`](concurrent_futures::Executor), in
//! two versions: a hasty one, which is wrong, and a patient one. On threads both work, nearly
//! always. The simulator runs the hasty one on virtual threads, where it decides who does the next
//! step, until a table has rows above its head; says in what order that happens; and has it happen
//! again. With the patient one nothing goes wrong.
//!
//! The status is 0 if all of this came true (with `--replay`: if something went wrong under that
//! schedule), else 1.

mod table;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use concurrent_futures::ThreadPoolExecutor;
use concurrent_futures::sim::{Failure, Schedule, SimExecutor, Simulation, Walk};

use crate::table::{hasty, patient};

/// How often on threads.
const RUNS: usize = 200;
/// How long the server of the threads looks for the rows of a place.
const SLOW: Duration = Duration::from_millis(10);

const PLACES: [&str; 2] = ["Lima", "Oslo"];

/// Has the simulator look for a bug in a small program, and for none in the mended one
#[derive(Parser)]
#[command(name = "simulate")]
struct Args {
    /// How many schedules to try, each made from a seed
    #[arg(long, value_name = "N", default_value_t = 1000)]
    seeds: u64,

    /// Instead of seeds: every schedule with at most so many interruptions
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    exhaustive: Option<usize>,

    /// Only this schedule, which an earlier report gave
    #[arg(long, value_name = "SCHEDULE", conflicts_with_all = ["seeds", "exhaustive"])]
    replay: Option<Schedule>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let as_expected = match args.replay {
        Some(schedule) => match replay(&schedule) {
            Err(failure) => {
                print!("{failure}");
                true
            }
            Ok(()) => {
                println!("nothing goes wrong under this schedule");
                false
            }
        },
        None => {
            println!("on threads: {} of {RUNS} tables are right", on_threads()?);
            let simulation = match args.exhaustive {
                Some(interruptions) => Simulation::new().walk(Walk::Exhaustive { interruptions }),
                None => Simulation::new().seeds(0..args.seeds),
            };
            is_found(&simulation) && holds(&simulation)
        }
    };
    Ok(if as_expected {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How many tables of the hasty version are right.
fn on_threads() -> Result<usize, Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    let mut right = 0;
    for _ in 0..RUNS {
        let table = hasty(&pool, slow_server, &PLACES)?;
        right += usize::from(is_right(&table));
    }
    Ok(right)
}

/// Whether the bug of the hasty version is found, and found again by its schedule.
fn is_found(simulation: &Simulation) -> bool {
    let failure = match simulation.explore(hasty_body) {
        Err(failure) => failure,
        Ok(explored) => {
            println!("hasty: nothing went wrong in {explored}");
            return false;
        }
    };
    print!("\nhasty: {failure}\nreplayed: ");
    match replay(failure.schedule()) {
        Err(again) if again.trace() == failure.trace() => {
            println!("the same trace");
            true
        }
        Err(again) => {
            print!("another trace\n{again}");
            false
        }
        Ok(()) => {
            println!("nothing went wrong");
            false
        }
    }
}

/// Whether there is no bug in the patient version.
fn holds(simulation: &Simulation) -> bool {
    match simulation.explore(patient_body) {
        Ok(explored) => {
            println!("patient: nothing went wrong in {explored}");
            true
        }
        Err(failure) => {
            print!("patient: {failure}");
            false
        }
    }
}

fn replay(schedule: &Schedule) -> Result<(), Failure> {
    let simulation = Simulation::new().walk(Walk::Replay(schedule.clone()));
    simulation.explore(hasty_body).map(drop)
}

/// What the simulator runs: the code as it is, on an executor of the simulation.
fn hasty_body() {
    let table = hasty(&SimExecutor::new(2), server, &PLACES).unwrap();
    assert!(is_right(&table), "rows above the head");
}

fn patient_body() {
    let table = patient(&SimExecutor::new(2), server, &PLACES).unwrap();
    assert!(is_right(&table), "rows above the head");
}

fn is_right(table: &str) -> bool {
    table.starts_with("place,degrees\n")
}

fn server(part: String) -> String {
    match part.as_str() {
        "head" => "place,degrees\n",
        "Lima" => "Lima,19\n",
        "Oslo" => "Oslo,-3\n",
        _ => "",
    }
    .into()
}

/// It has the head at hand, and everything else to look for.
fn slow_server(part: String) -> String {
    if part != "head" {
        thread::sleep(SLOW);
    }
    server(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bug_is_found() {
        assert!(is_found(&Simulation::new()));
    }

    #[test]
    fn the_mended_version_holds() {
        Simulation::new().check(patient_body);
    }
}
