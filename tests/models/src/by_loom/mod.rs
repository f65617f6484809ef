//! What loom explores: the state word, the ring, the inbox, sleeping and waking, by interrupt handlers too, growth, blocked producers,
//! completion, and every pair and triple of parties of one call.

mod completion;
mod inbox;
mod interrupts;
mod one_call;
mod platform;
mod pools;
mod ring;

use concurrent_futures_core::sync::Essential;

use crate::harness::{Model, Removal};

/// Preemptions explored: three find what is known to be there, and more take long.
const USUAL: (usize, usize) = (3, 5);

/// The same for models of a few steps.
const INBOX: (usize, usize) = (6, 8);

/// All models of this explorer.
pub fn models() -> Vec<Model> {
    let mut models = vec![
        Model::new("ring-two-producers", USUAL, ring::two_producers),
        Model::new("ring-two-consumers", USUAL, ring::two_consumers),
        Model::new(
            "cancel-against-start",
            USUAL,
            completion::cancel_against_start,
        ),
        Model::new(
            "completion-against-waiter",
            (3, 4),
            completion::against_waiter,
        ),
        Model::new("completion-against-drop", USUAL, completion::against_drop),
        Model::new(
            "two-step-completion",
            (3, 4),
            completion::callback_then_taker,
        ),
        Model::new("wait-set-against-completion", (3, 4), completion::wait_set),
        Model::new("inbox-two-pushers", INBOX, inbox::two_pushers),
        Model::new("inbox-seen-while-in", INBOX, inbox::seen_while_in),
        Model::new("inbox-seen-once-pushed", INBOX, inbox::seen_once_pushed),
        Model::new("inbox-reused", INBOX, inbox::reused),
        Model::new("inbox-two-poppers", INBOX, inbox::two_poppers),
        Model::new("inbox-remove-against-pop", INBOX, inbox::remove_against_pop),
        Model::new(
            "inbox-remove-against-push",
            INBOX,
            inbox::remove_against_push,
        ),
        Model::new("inbox-dropped", INBOX, inbox::dropped),
        Model::new("inbox-cancel-against-take", USUAL, interrupts::cancelled),
        Model::new("interrupt-idle", (2, 3), interrupts::idle),
        Model::new("interrupt-two", (1, 2), interrupts::two),
        Model::new(
            "interrupt-against-submit",
            (1, 2),
            interrupts::against_submit,
        ),
        Model::new("interrupt-another", (1, 1), || interrupts::another(true)),
        Model::new("interrupt-two-of-which-one-waits", (1, 1), || {
            interrupts::another(false)
        }),
        Model::new("interrupt-against-shutdown", (1, 2), || {
            interrupts::against_shutdown(false)
        }),
        Model::new("interrupt-against-cancelling-shutdown", (1, 2), || {
            interrupts::against_shutdown(true)
        }),
        Model::new("idle", (2, 3), pools::idle),
        Model::new("idle-chain", (1, 2), pools::chain),
        Model::new("growth", (3, 4), pools::growth),
        Model::new("growth-refused", (2, 3), pools::growth_refused),
        Model::new("blocked-producer", (3, 4), pools::blocked_producer),
        Model::new(
            "blocked-producers-timeout",
            (2, 3),
            pools::blocked_producers_timeout,
        ),
        Model::new(
            "submit-against-shutdown",
            (3, 4),
            pools::submit_against_shutdown,
        ),
    ];
    models.extend(one_call::models());
    models
}

/// Every essential step.
#[rustfmt::skip]
pub const REMOVALS: &[Removal] = &[
    (Essential::SubmitterFence, "submitter-fence", "idle", &["deadlock"]),
    (Essential::SleeperFence, "sleeper-fence", "idle", &["deadlock"]),
    (Essential::SecondLook, "second-look", "idle", &["deadlock"]),
    (Essential::ChainWake, "chain-wake", "idle-chain", &["deadlock"]),
    (Essential::WakerAccounting, "waker-accounting", "growth", &["more workers than allowed"]),
    (Essential::GrowthLooksAgain, "growth-looks-again", "growth-refused", &["deadlock"]),
    (Essential::UnfusedCompletion, "unfused-completion", "call: run, look, take", &["Causality violation", "concurrent"]),
    (Essential::TakerWaits, "taker-waits", "two-step-completion", &["Causality violation", "concurrent", "the outcome was taken before its callback ran"]),
    (Essential::ProducerSecondLook, "producer-second-look", "blocked-producer", &["deadlock"]),
    (Essential::ProducerPassesOn, "producer-passes-on", "blocked-producers-timeout", &["deadlock"]),
    (Essential::SubmitterFence, "submitter-fence", "interrupt-two", &["deadlock"]),
    (Essential::SleeperFence, "sleeper-fence", "interrupt-two", &["deadlock"]),
    (Essential::SecondLook, "second-look", "interrupt-two", &["deadlock"]),
    (Essential::WokenLooks, "woken-looks", "interrupt-two", &["deadlock"]),
    (Essential::ChainWake, "chain-wake", "interrupt-another", &["deadlock"]),
    (Essential::LatestNoted, "latest-noted", "interrupt-another", &["deadlock"]),
    (Essential::LatestNoted, "latest-noted", "interrupt-two-of-which-one-waits", &["deadlock"]),
    (Essential::PostLooksAgain, "post-looks-again", "interrupt-against-shutdown", &["a call was lost"]),
    (Essential::InboxNotes, "inbox-notes", "inbox-seen-while-in", &["a value was overlooked"]),
];

/// Goes through all interleavings of `model`.
pub fn explore(model: &Model, long: bool) {
    let mut builder = loom::model::Builder::new();
    let (short_bound, long_bound) = model.effort;
    builder.preemption_bound = Some(if long { long_bound } else { short_bound });
    builder.max_branches = 100_000;
    let run = model.run.clone();
    builder.check(move || run());
}
