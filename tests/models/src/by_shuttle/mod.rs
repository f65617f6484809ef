//! What shuttle explores: whole pools, with more parties than loom could go through.
//!
//! Shuttle's machine is sequentially consistent: what the fences are for is loom's to find.

mod books;
mod calls;
mod growth;
mod interrupts;
mod maps;
mod nested;
mod platform;
mod producers;
mod scopes;
mod seams;
mod sets;
mod shutdown;

use concurrent_futures_core::sync::Essential;
use shuttle::{
    Config, MaxSteps, Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

use crate::harness::{Model, Removal};

/// Schedules of each kind, short and long.
const USUAL: (usize, usize) = (10_000, 100_000);
/// The same for models with many steps.
const FEWER: (usize, usize) = (4_000, 50_000);

/// All models of this explorer.
pub fn models() -> Vec<Model> {
    let mut models = vec![
        Model::new("one-call", USUAL, calls::one_call),
        Model::new("promise", USUAL, calls::promise),
        Model::new("error-hook", USUAL, calls::error_hook),
        Model::new("wait-set", USUAL, sets::wait_set),
        Model::new("wait-set-async", USUAL, sets::awaited_set),
        Model::new("wait", USUAL, sets::wait_forms),
        Model::new("as-completed", USUAL, sets::as_completed_in_time),
        Model::new("two-shutdowns", USUAL, shutdown::two_at_once),
        Model::new("shutdown-from-worker", USUAL, shutdown::from_worker),
        Model::new("last-owner-on-worker", USUAL, shutdown::last_owner),
        Model::new("scope-borrows", USUAL, scopes::borrows),
        Model::new("scope-body-panics", USUAL, scopes::body_panics),
        Model::new("scope-child-panics", USUAL, scopes::child_panics),
        Model::new("scope-on-worker", USUAL, scopes::on_worker),
        Model::new("crossed-waits-one-worker", USUAL, || nested::crossed(1)),
        Model::new("crossed-waits-two-workers", USUAL, || nested::crossed(2)),
        Model::new("claims-all-first", USUAL, nested::claims_all_first),
        Model::new("recursion-one-worker", FEWER, || nested::recursion(1)),
        Model::new("recursion-two-workers", FEWER, || nested::recursion(2)),
        Model::new("give-back-shutdown", USUAL, seams::against_shutdown),
        Model::new("give-back-nested", USUAL, seams::against_nested),
        Model::new("give-back-pumped", USUAL, seams::against_pumping),
        Model::new("blocked-producers", USUAL, producers::blocked),
        Model::new("blocked-timeout", USUAL, producers::patient_and_impatient),
        Model::new("blocked-shutdown", USUAL, producers::against_shutdown),
        Model::new("full-policies", USUAL, producers::policies),
        Model::new("one-after-another", USUAL, growth::one_after_another),
        Model::new("one-is-enough", USUAL, growth::one_is_enough),
        Model::new("chain", USUAL, growth::chain),
        Model::new("most-workers", USUAL, growth::most_workers),
        Model::new("refused-starts", USUAL, growth::refused),
        Model::new("initializer-fails", USUAL, growth::initializer_fails),
        Model::new("map-dropped", USUAL, maps::dropped),
        Model::new("interrupts", USUAL, interrupts::submit),
        Model::new("interrupts-shutdown", USUAL, interrupts::against_shutdown),
    ];
    models.extend(shutdown::FORMS.map(|(name, wait, cancel)| {
        Model::new(name, USUAL, move || shutdown::against_submit(wait, cancel))
    }));
    models
}

/// The essential steps that matter on such a machine, with what shuttle, the core or the model says without them.
#[rustfmt::skip]
pub const REMOVALS: &[Removal] = &[
    (Essential::SecondLook, "second-look", "one-after-another", &["deadlock!"]),
    (Essential::ChainWake, "chain-wake", "chain", &["deadlock!"]),
    (Essential::WakerAccounting, "waker-accounting", "most-workers", &["more workers than allowed"]),
    (Essential::GrowthLooksAgain, "growth-looks-again", "refused-starts", &["deadlock!"]),
    (Essential::UnfusedCompletion, "unfused-completion", "one-after-another", &["a call was used after it was freed"]),
    (Essential::TakerWaits, "taker-waits", "one-call", &["the outcome was taken before"]),
    (Essential::ProducerSecondLook, "producer-second-look", "blocked-producers", &["deadlock!"]),
    (Essential::ProducerPassesOn, "producer-passes-on", "blocked-timeout", &["deadlock!"]),
    (Essential::SecondLook, "second-look", "interrupts", &["deadlock!"]),
    (Essential::ChainWake, "chain-wake", "interrupts", &["deadlock!"]),
    (Essential::WokenLooks, "woken-looks", "interrupts", &["deadlock!"]),
    (Essential::PostLooksAgain, "post-looks-again", "interrupts-shutdown", &["a call was lost"]),
    (Essential::InboxNotes, "inbox-notes", "interrupts", &["deadlock!"]),
];

/// Draws schedules for `model`: the same each time. First evenly, then with few preemptions at drawn places, which finds what
/// even draws would take for ever to come to.
pub fn explore(model: &Model, long: bool) {
    const SEED: u64 = 1;
    const PREEMPTIONS: usize = 3;
    let (short, many) = model.effort;
    let schedules = if long { many } else { short };
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.silence_warnings = true;
    let execution = || {
        let run = model.run.clone();
        move || {
            platform::restart();
            books::open();
            run();
            books::close();
        }
    };
    let evenly = RandomScheduler::new_from_seed(SEED, schedules);
    Runner::new(evenly, config.clone()).run(execution());
    let few = PctScheduler::new_from_seed(SEED, PREEMPTIONS, schedules);
    Runner::new(few, config).run(execution());
}
