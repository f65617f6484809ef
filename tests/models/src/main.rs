//! Models of the real state word, ring, idle protocol, growth, blocked producers and completion, explored by loom.
//!
//! Every model must hold, and with an essential step switched off the model that needs it must fail, for the reason that is
//! expected. Each exploration is a process of its own: `models` runs them all, `models NAME [ESSENTIAL]` one.

mod completion;
mod platform;
mod pools;
mod ring;

use std::{
    env,
    process::{Command, ExitCode},
};

use concurrent_futures_core::sync::{Essential, switch_off};

/// One model: its name, how many preemptions are explored in the short and in the long form, and what runs in every execution.
struct Model {
    name: &'static str,
    preemptions: (usize, usize),
    run: fn(),
}

const MODELS: &[Model] = &[
    Model { name: "ring-two-producers", preemptions: (3, 5), run: ring::two_producers },
    Model { name: "ring-two-consumers", preemptions: (3, 5), run: ring::two_consumers },
    Model { name: "cancel-against-start", preemptions: (3, 5), run: completion::cancel_against_start },
    Model { name: "completion-against-waiter", preemptions: (3, 4), run: completion::against_waiter },
    Model { name: "completion-against-drop", preemptions: (3, 5), run: completion::against_drop },
    Model { name: "two-step-completion", preemptions: (3, 4), run: completion::callback_then_taker },
    Model { name: "wait-set-against-completion", preemptions: (3, 4), run: completion::wait_set },
    Model { name: "idle", preemptions: (2, 3), run: pools::idle },
    Model { name: "idle-chain", preemptions: (1, 2), run: pools::chain },
    Model { name: "growth", preemptions: (3, 4), run: pools::growth },
    Model { name: "growth-refused", preemptions: (2, 3), run: pools::growth_refused },
    Model { name: "blocked-producer", preemptions: (3, 4), run: pools::blocked_producer },
    Model { name: "blocked-producers-timeout", preemptions: (2, 3), run: pools::blocked_producers_timeout },
    Model { name: "submit-against-shutdown", preemptions: (3, 4), run: pools::submit_against_shutdown },
];

/// Every essential step, its name, the model that needs it, and what loom says when it is missing.
const ESSENTIALS: &[(Essential, &str, &str, &[&str])] = &[
    (Essential::SubmitterFence, "submitter-fence", "idle", &["deadlock"]),
    (Essential::SleeperFence, "sleeper-fence", "idle", &["deadlock"]),
    (Essential::SecondLook, "second-look", "idle", &["deadlock"]),
    (Essential::ChainWake, "chain-wake", "idle-chain", &["deadlock"]),
    (Essential::WakerAccounting, "waker-accounting", "growth", &["more workers than allowed"]),
    (Essential::GrowthLooksAgain, "growth-looks-again", "growth-refused", &["deadlock"]),
    (Essential::UnfusedCompletion, "unfused-completion", "completion-against-waiter", &["Causality violation", "concurrent"]),
    (Essential::TakerWaits, "taker-waits", "two-step-completion", &["Causality violation", "concurrent", "the outcome was taken before its callback ran"]),
    (Essential::ProducerSecondLook, "producer-second-look", "blocked-producer", &["deadlock"]),
    (Essential::ProducerPassesOn, "producer-passes-on", "blocked-producers-timeout", &["deadlock"]),
];

fn explore(model: &Model, essential: Option<Essential>, long: bool) {
    switch_off(essential);
    let mut builder = loom::model::Builder::new();
    let (short_bound, long_bound) = model.preemptions;
    builder.preemption_bound = Some(if long { long_bound } else { short_bound });
    builder.max_branches = 100_000;
    builder.check(model.run);
}

/// Runs one exploration in a process of its own; gives its exit status and what it said.
fn child(model: &str, essential: Option<&str>, long: bool) -> (bool, String) {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.arg(model);
    if let Some(name) = essential {
        command.arg(name);
    }
    if long {
        command.env("MODELS_LONG", "1");
    }
    let output = command.env("RUST_BACKTRACE", "0").output().expect("this program starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn run_all(long: bool) -> ExitCode {
    let mut failed = 0;
    for model in MODELS {
        let (held, text) = child(model.name, None, long);
        if held {
            println!("holds: {}", model.name);
        } else {
            failed += 1;
            println!("BROKEN: {}\n{text}", model.name);
        }
    }
    for (_, name, model, expected) in ESSENTIALS {
        let (held, text) = child(model, Some(name), long);
        if !held && expected.iter().any(|expected| text.contains(expected)) {
            println!("caught: {name}");
        } else {
            failed += 1;
            println!("NOT CAUGHT: {name} by {model}\n{text}");
        }
    }
    println!(
        "{} passed, {failed} failed",
        MODELS.len() + ESSENTIALS.len() - failed
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let long = env::var_os("MODELS_LONG").is_some();
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        return run_all(long);
    };
    let essential = arguments.next().map(|name| {
        ESSENTIALS
            .iter()
            .find(|(_, known, ..)| *known == name)
            .unwrap_or_else(|| panic!("no essential step is called {name}"))
            .0
    });
    let model = MODELS
        .iter()
        .find(|model| model.name == name)
        .unwrap_or_else(|| panic!("no model is called {name}"));
    explore(model, essential, long);
    ExitCode::SUCCESS
}
