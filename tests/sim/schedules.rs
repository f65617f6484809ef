//! Schedules as text, and searches that come to an end.

use std::{
    panic::catch_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use concurrent_futures::sim::{
    self, Fault, Schedule, ScheduleError, SimExecutor, Simulation, Walk,
};

use crate::help::{failure, few};

// contract: D1
#[test]
fn schedules_come_back_from_their_text() {
    for seed in 0..500 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let words = rng.usize(..40);
        let text = (0..words)
            .map(|_| {
                let skipped = match rng.u8(..3) {
                    0 => 0,
                    1 => rng.usize(..10),
                    _ => rng.usize(..3_000),
                };
                let choice = match rng.u8(..3) {
                    0 => 1,
                    1 => rng.u16(1..20),
                    _ => rng.u16(1..),
                };
                format!("{skipped}:{choice}")
            })
            .collect::<Vec<_>>()
            .join(" ");
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!(schedule.to_string(), text);
        assert_eq!(schedule.to_string().parse(), Ok(schedule));
    }
}

// contract: D1
#[test]
fn the_empty_text_is_the_schedule_in_which_nobody_interferes() {
    assert_eq!("".parse(), Ok(Schedule::default()));
    assert_eq!(" \n ".parse(), Ok(Schedule::default()));
    assert_eq!(Schedule::default().to_string(), "");
}

// contract: D1
#[test]
fn spaces_and_choices_of_nothing_make_no_difference() {
    let schedule: Schedule = "1:2 0:1".parse().unwrap();
    assert_eq!("  1:2\n\t0:1 ".parse(), Ok(schedule.clone()));
    assert_eq!("1:2 0:1 5:0".parse(), Ok(schedule.clone()));
    assert_eq!("0:0 0:2 0:1".parse(), Ok(schedule));
}

// contract: D1
#[test]
fn nonsense_is_refused_and_named() {
    for word in [
        "x",
        "1",
        ":",
        "1:",
        ":1",
        "1:2:3",
        "-1:2",
        "1:-2",
        "1:x",
        "x:1",
        "1.5:2",
        "1:65536",
        "99999999999999999999999:1",
        "18446744073709551615:1",
        "4000000000:1",
        "1,2",
        "`",
    ] {
        for text in [word.to_owned(), format!("3:1 {word} 2:1")] {
            let error: ScheduleError = text.parse::<Schedule>().unwrap_err();
            let message = error.to_string();
            assert!(message.contains(&format!("`{word}`")), "{message}");
            assert!(message.contains("two numbers with a colon"), "{message}");
        }
    }
}

// contract: D1
#[test]
fn a_schedule_of_another_body_is_told_where_it_does_not_fit() {
    for text in ["0:65535", "1:7"] {
        let walk = Walk::Replay(text.parse().unwrap());
        let found = failure(few().walk(walk), || {
            let pool = SimExecutor::new(2);
            pool.spawn(|| ()).unwrap().result().unwrap();
        });
        assert!(matches!(found.fault(), Fault::Unrepeatable(_)), "{found}");
    }
}

// contract: D1
#[test]
fn a_body_that_does_something_else_each_time_is_told() {
    let runs = Arc::new(AtomicUsize::new(0));
    let found = failure(
        few().walk(Walk::Exhaustive { interruptions: 2 }),
        move || {
            let threads = if runs.fetch_add(1, Ordering::Relaxed) < 3 {
                3
            } else {
                0
            };
            for thread in (0..threads)
                .map(|n| sim::spawn(move || sim::note(n)))
                .collect::<Vec<_>>()
            {
                thread.join();
            }
        },
    );
    assert!(matches!(found.fault(), Fault::Unrepeatable(_)), "{found}");
}

fn tiny() {
    let threads = [1, 2].map(|n| sim::spawn(move || sim::note(n)));
    for thread in threads {
        thread.join();
    }
}

// contract: D1
#[test]
fn an_exhaustive_search_is_complete_and_the_same_each_time() {
    let mut before = 0;
    for interruptions in 0..3 {
        let search = Simulation::new().walk(Walk::Exhaustive { interruptions });
        let explored = search.check(tiny);
        assert!(explored.is_complete(), "{explored}");
        assert_eq!(search.check(tiny), explored);
        assert_eq!(
            search.clone().seeds(5..9).check(tiny),
            explored,
            "whatever the seeds"
        );
        assert!(explored.runs() > before, "more interruptions, more runs");
        assert!(explored.to_string().contains("no others within the bound"));
        before = explored.runs();
    }
}

// contract: D1
#[test]
fn an_exhaustive_search_that_was_cut_is_not_complete() {
    let search = Simulation::new().walk(Walk::Exhaustive { interruptions: 2 });
    let all = search.check(tiny).runs();
    assert!(!search.clone().max_runs(all - 1).check(tiny).is_complete());
    assert!(search.clone().max_runs(all).check(tiny).is_complete());
}

// contract: D1
#[test]
fn an_exhaustive_search_sees_every_order() {
    use std::{
        collections::BTreeSet,
        sync::{Arc, Mutex},
    };
    let orders = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&orders);
    let explored = Simulation::new()
        .walk(Walk::Exhaustive { interruptions: 2 })
        .check(move || {
            let order = Arc::new(Mutex::new(Vec::new()));
            let threads = [0, 1, 2].map(|n| {
                let order = Arc::clone(&order);
                sim::spawn(move || order.lock().unwrap().push(n))
            });
            for thread in threads {
                thread.join();
            }
            seen.lock().unwrap().insert(order.lock().unwrap().clone());
        });
    assert!(explored.is_complete());
    assert_eq!(orders.lock().unwrap().len(), 6, "all orders of three");
}

// contract: D1
#[test]
fn an_exhaustive_search_finds_what_needs_one_interruption_only_with_one() {
    // Main has to be interrupted between the two notes.
    let body = || {
        let flag = std::sync::Arc::new(std::sync::atomic::AtomicU8::new(0));
        let set = std::sync::Arc::clone(&flag);
        let thread = sim::spawn(move || set.store(1, std::sync::atomic::Ordering::Relaxed));
        let before = flag.load(std::sync::atomic::Ordering::Relaxed);
        sim::note("in between");
        let after = flag.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(before, after, "interrupted");
        thread.join();
    };
    let search = |interruptions| Simulation::new().walk(Walk::Exhaustive { interruptions });
    assert!(search(0).check(body).is_complete());
    let found = failure(search(1), body);
    assert!(found.fault().details().contains("interrupted"), "{found}");
    assert_eq!(found.seed(), None);
}

// contract: D1
#[test]
fn no_seeds_are_no_runs_and_no_success() {
    let none = Simulation::new().seeds(3..3).walk(Walk::Random);
    let explored = none.explore(|| panic!("it does not run")).unwrap();
    assert_eq!((explored.runs(), explored.steps()), (0, 0));
    let checked = catch_unwind(|| none.check(|| panic!("it does not run")));
    let message = checked.expect_err("nothing was checked").downcast::<&str>();
    assert_eq!(*message.unwrap(), "there was no run: there are no seeds");
}

// contract: D1
#[test]
fn an_exhaustive_search_has_no_run_twice() {
    let explored = Simulation::new()
        .walk(Walk::Exhaustive { interruptions: 1 })
        .check(|| {
            let pool = SimExecutor::new(1);
            pool.spawn(|| ()).unwrap().result().unwrap();
        });
    assert!(explored.is_complete());
    assert_eq!(explored.distinct(), explored.runs(), "{explored}");
}
