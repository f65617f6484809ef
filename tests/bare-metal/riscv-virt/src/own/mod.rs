//! What only a machine with several harts can check.

mod calls;
mod exclusion;
mod interrupting;
mod pools;
mod promises;
mod waits;
mod waking;
mod workers;

use checks::Check;

macro_rules! checks {
    ($($lines:literal $sentence:literal $run:expr;)*) => {
        &[$(Check { lines: $lines, sentence: $sentence, run: $run }),*]
    };
}

/// All of them: lines of the contract, a sentence, and the function that looks. What a check needs was checked before it.
pub(crate) const ALL: &[Check] = checks![
    "D2" "the platform's lock keeps four harts and their interrupt handlers apart"
        exclusion::platform_lock;
    "D2" "a critical section keeps four harts and their interrupt handlers apart"
        exclusion::critical_section;
    "D2" "a critical section inside another ends with the outer one"
        exclusion::nested;
    "D2" "a token that is put before a hart parks is there when it does"
        waking::early;
    "D2" "an interrupt handler wakes the hart that it interrupts"
        waking::from_a_handler;
    "D2" "a token passed around four harts, which sleep in between, never gets lost"
        waking::around;
    "R1" "a hart that parks until a time sleeps no shorter, and is woken by its timer"
        waking::until;
    "R1" "the time never goes back, on whichever hart"
        waking::time;
    "F2 R1" "outcomes that three harts set reach the first one, which sleeps until they do"
        promises::results;
    "F2 R1" "an outcome that an interrupt handler sets wakes a hart that waits for it"
        promises::from_a_handler;
    "R1" "a wait that is over too early leaves the future as it is"
        promises::timeout;
    "F2 K1" "of cancelling and setting at the same time exactly one is done"
        promises::cancel_or_set;
    "T2 S1" "calls that wait for each other run on three harts at the same time"
        calls::at_the_same_time;
    "S1 R1" "each of thousands of calls on three harts runs once, and its result reaches the first hart"
        calls::exactly_once;
    "D2" "a slot is free once its outcome is taken, though another hart brought it"
        calls::slot_again;
    "D3 S3" "four harts submit to a pool without workers, and run what waits while they wait"
        calls::pumped_by_all;
    "T2" "workers that sleep after each call wake for the next"
        calls::idle_again_and_again;
    "T2" "a worker on its way to sleep does not miss a call"
        calls::just_before_it_sleeps;
    "T6" "a call waits for another one of its pool, which has one worker"
        calls::nested;
    "K1 K2" "of thousands of calls that are cancelled as they may start each is run or cancelled"
        calls::cancel_or_run;
    "W1 W2" "of calls on three harts and in two pools a wait over a slice gives each as it ends"
        waits::slice;
    "W1 W3" "a wait over a slice whose time is over gives what there is, and one without a limit all"
        waits::limit;
    "W2 R8" "a wait for the first failure ends with it"
        waits::failure;
    "D2" "timers of four harts submit while these submit and run calls, and nothing is lost or dropped in a handler"
        interrupting::submit_while_working;
    "D2 S2" "a handler gets its closure back where no worker was started"
        interrupting::before_the_first_worker;
    "D2" "a call of an interrupt handler wakes a worker that sleeps"
        interrupting::wakes_workers;
    "D2 X1" "what handlers submit as a pool is shut down is run or handed back"
        interrupting::until_shutdown;
    "D2" "a full pool gives an interrupt handler its closure back"
        interrupting::full_gives_back;
    "D2 X1" "waking a worker that has ended does nothing, and nothing to the next one on its hart"
        interrupting::unpark_ended;
    "T8" "with no hart free a call is refused and handed back, and later taken"
        workers::no_hart_is_free;
    "T8" "with fewer harts than workers the pool runs smaller"
        workers::fewer_harts_than_workers;
    "T8 K1" "calls wait for workers that come late, and can be cancelled until then"
        workers::late;
    "T8" "a call that waits for a worker whose life is dropped fails, and the next one is run"
        workers::lost;
    "T8" "a worker whose life is dropped leaves the calls to the others"
        workers::one_lost;
    "X1 X3 S2" "shutdown cancels what waits, lets run what runs, and takes nothing more"
        workers::shutdown;
    "X4" "a worker that shuts its own pool down is told that it cannot wait"
        workers::shutdown_from_a_worker;
    "X6" "after a shutdown, without joining, the harts are free for one pool after another"
        workers::again;
];
