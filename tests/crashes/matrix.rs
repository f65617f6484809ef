//! The crash matrix: every place at which user code runs on behalf of a call, and every way in which it can end there. The table is
//! also the page `docs/crash-matrix.md`.

use std::{
    env, fmt, fs,
    os::unix::process::ExitStatusExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process,
};

use concurrent_futures::{CodecStage, Ended, ProcessPoolHandle, SubmitError, TaskError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::{
    common::{alone, gone_within_a_second, pool, worker_of},
    roles::{Other, say},
    sys,
};

/// Where it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    EncodeArguments,
    DecodeArguments,
    Run,
    EncodeResult,
    DecodeResult,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Way {
    Error,
    Panic,
    Exit,
    Abort,
    Segfault,
    Kill,
}

/// What the caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// `submit` gives the arguments back.
    Refused(CodecStage),
    /// `submit` panics.
    SubmitPanics,
    /// The caller's own process ends so.
    CallerEnds(Ended),
    /// The future gives the `Err` that the function returned.
    ReturnedErr,
    /// The future gives an error of the codec.
    Codec(CodecStage),
    /// The future gives a panic, with place, stack and process number.
    PanickedInWorker,
    /// The future gives a panic of the caller's own process.
    PanickedInCaller,
    /// The future gives the death of the worker.
    Died(Ended),
}

struct Cell {
    place: Place,
    way: Way,
    outcome: Outcome,
}

const fn cell(place: Place, way: Way, outcome: Outcome) -> Cell {
    Cell {
        place,
        way,
        outcome,
    }
}

const EXIT: Ended = Ended::Exited(3);
const ABORT: Ended = Ended::Signal(6);
const KILL: Ended = Ended::Signal(9);
const SEGFAULT: Ended = Ended::Signal(11);

#[rustfmt::skip]
const MATRIX: [Cell; 30] = [
    cell(Place::EncodeArguments, Way::Error,    Outcome::Refused(CodecStage::EncodeArguments)),
    cell(Place::EncodeArguments, Way::Panic,    Outcome::SubmitPanics),
    cell(Place::EncodeArguments, Way::Exit,     Outcome::CallerEnds(EXIT)),
    cell(Place::EncodeArguments, Way::Abort,    Outcome::CallerEnds(ABORT)),
    cell(Place::EncodeArguments, Way::Segfault, Outcome::CallerEnds(SEGFAULT)),
    cell(Place::EncodeArguments, Way::Kill,     Outcome::CallerEnds(KILL)),

    cell(Place::DecodeArguments, Way::Error,    Outcome::Codec(CodecStage::DecodeArguments)),
    cell(Place::DecodeArguments, Way::Panic,    Outcome::PanickedInWorker),
    cell(Place::DecodeArguments, Way::Exit,     Outcome::Died(EXIT)),
    cell(Place::DecodeArguments, Way::Abort,    Outcome::Died(ABORT)),
    cell(Place::DecodeArguments, Way::Segfault, Outcome::Died(SEGFAULT)),
    cell(Place::DecodeArguments, Way::Kill,     Outcome::Died(KILL)),

    cell(Place::Run,             Way::Error,    Outcome::ReturnedErr),
    cell(Place::Run,             Way::Panic,    Outcome::PanickedInWorker),
    cell(Place::Run,             Way::Exit,     Outcome::Died(EXIT)),
    cell(Place::Run,             Way::Abort,    Outcome::Died(ABORT)),
    cell(Place::Run,             Way::Segfault, Outcome::Died(SEGFAULT)),
    cell(Place::Run,             Way::Kill,     Outcome::Died(KILL)),

    cell(Place::EncodeResult,    Way::Error,    Outcome::Codec(CodecStage::EncodeResult)),
    cell(Place::EncodeResult,    Way::Panic,    Outcome::PanickedInWorker),
    cell(Place::EncodeResult,    Way::Exit,     Outcome::Died(EXIT)),
    cell(Place::EncodeResult,    Way::Abort,    Outcome::Died(ABORT)),
    cell(Place::EncodeResult,    Way::Segfault, Outcome::Died(SEGFAULT)),
    cell(Place::EncodeResult,    Way::Kill,     Outcome::Died(KILL)),

    cell(Place::DecodeResult,    Way::Error,    Outcome::Codec(CodecStage::DecodeResult)),
    cell(Place::DecodeResult,    Way::Panic,    Outcome::PanickedInCaller),
    cell(Place::DecodeResult,    Way::Exit,     Outcome::CallerEnds(EXIT)),
    cell(Place::DecodeResult,    Way::Abort,    Outcome::CallerEnds(ABORT)),
    cell(Place::DecodeResult,    Way::Segfault, Outcome::CallerEnds(SEGFAULT)),
    cell(Place::DecodeResult,    Way::Kill,     Outcome::CallerEnds(KILL)),
];

const PLACES: [Place; 5] = [
    Place::EncodeArguments,
    Place::DecodeArguments,
    Place::Run,
    Place::EncodeResult,
    Place::DecodeResult,
];
const WAYS: [Way; 6] = [
    Way::Error,
    Way::Panic,
    Way::Exit,
    Way::Abort,
    Way::Segfault,
    Way::Kill,
];
const MESSAGE: &str = "on purpose";

impl Place {
    fn is_in_caller(self) -> bool {
        matches!(self, Self::EncodeArguments | Self::DecodeResult)
    }
}

impl Way {
    /// Lets it happen. Comes back if it is an error.
    fn happen(self) {
        match self {
            Self::Error => {}
            Self::Panic => panic!("{MESSAGE}"),
            Self::Exit => process::exit(3),
            Self::Abort => sys::abort(),
            Self::Segfault => sys::segfault(),
            Self::Kill => sys::kill_self(),
        }
    }
}

/// Arguments, or a result, with which something happens when they are where it is to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Luggage {
    place: Place,
    way: Way,
    caller: u32,
    is_result: bool,
}

impl Luggage {
    /// True if it is time for the error.
    fn is_at(&self, place: Place) -> bool {
        if self.place != place {
            return false;
        }
        let in_caller = process::id() == self.caller;
        assert_eq!(in_caller, place.is_in_caller(), "{place:?} elsewhere");
        self.way.happen();
        true
    }
}

impl Serialize for Luggage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = if self.is_result {
            Place::EncodeResult
        } else {
            Place::EncodeArguments
        };
        if self.is_at(place) {
            return Err(ser::Error::custom(MESSAGE));
        }
        (self.place, self.way, self.caller, self.is_result).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Luggage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (place, way, caller, is_result) = Deserialize::deserialize(deserializer)?;
        let luggage = Self {
            place,
            way,
            caller,
            is_result,
        };
        let here = if is_result {
            Place::DecodeResult
        } else {
            Place::DecodeArguments
        };
        if luggage.is_at(here) {
            return Err(de::Error::custom(MESSAGE));
        }
        Ok(luggage)
    }
}

/// The call.
fn carry(luggage: Luggage) -> Result<Luggage, String> {
    if luggage.is_at(Place::Run) {
        return Err(MESSAGE.to_owned());
    }
    Ok(Luggage {
        is_result: true,
        ..luggage
    })
}

/// Makes the call, and says in the words of the table what came of it. What the table has no word for is a failure.
fn try_it(pool: &ProcessPoolHandle, cell: &Cell, worker: u32) -> Outcome {
    let luggage = Luggage {
        place: cell.place,
        way: cell.way,
        caller: process::id(),
        is_result: false,
    };
    let submit = || pool.submit_result(carry, luggage.clone());
    let future = match catch_unwind(AssertUnwindSafe(submit)) {
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let message = payload.downcast_ref::<&str>().copied().or(text);
            assert_eq!(message, Some(MESSAGE));
            return Outcome::SubmitPanics;
        }
        Ok(Err(SubmitError::Codec(error, refused))) => {
            assert!(!error.reason().is_empty());
            assert_eq!(refused.into_inner().1, luggage, "the arguments come back");
            return Outcome::Refused(error.stage());
        }
        Ok(Err(other)) => panic!("refused otherwise: {other:?}"),
        Ok(Ok(future)) => future,
    };
    future.wait();
    assert!(future.failed(), "it counts as a failure");
    match future.result() {
        Ok(Err(error)) => {
            assert_eq!(error, MESSAGE);
            Outcome::ReturnedErr
        }
        Err(TaskError::Codec(error)) => {
            assert!(!error.reason().is_empty());
            Outcome::Codec(error.stage())
        }
        Err(TaskError::Panicked(panic)) => {
            assert_eq!(panic.message(), MESSAGE);
            let Some(pid) = panic.worker_pid() else {
                assert_eq!(panic.backtrace(), None);
                return Outcome::PanickedInCaller;
            };
            assert_eq!(pid, worker);
            let location = panic.location().expect("a place");
            assert!(location.contains("crashes/matrix.rs:"), "{location}");
            let backtrace = panic.backtrace().expect("a stack");
            assert!(backtrace.contains("happen"), "{backtrace}");
            Outcome::PanickedInWorker
        }
        Err(TaskError::WorkerDied(death)) => {
            assert_eq!(death.pid(), worker);
            assert_eq!(death.why(), None, "nobody but itself ended it");
            Outcome::Died(death.ended())
        }
        other => panic!("not in the table: {other:?}"),
    }
}

/// A cell after which there is a caller.
fn check_here(cell: &Cell) {
    let pool = pool(1);
    let worker = worker_of(&pool);
    assert_eq!(try_it(&pool, cell, worker), cell.outcome);
    let next = worker_of(&pool);
    if matches!(cell.outcome, Outcome::Died(_)) {
        assert_ne!(next, worker, "it is another worker now");
    } else {
        assert_eq!(next, worker, "the worker lives on");
    }
    pool.shutdown(true, false).unwrap();
}

/// A cell after which there is none: another process has to be the caller.
fn check_elsewhere(cell: &Cell, expected: Ended) {
    let mut caller = Other::start("cell", &format!("{:?} {:?}", cell.place, cell.way));
    let worker = caller.says_number();
    let status = caller.end();
    let ended = match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Unknown,
    };
    gone_within_a_second(worker);
    assert_eq!(ended, expected);
}

/// The caller in the other process.
pub(crate) fn play(cell: &str) {
    let is_it = |c: &&Cell| cell == format!("{:?} {:?}", c.place, c.way);
    let cell = MATRIX.iter().find(is_it).unwrap();
    let pool = pool(1);
    let worker = worker_of(&pool);
    say(worker);
    let outcome = try_it(&pool, cell, worker);
    panic!("the caller lives, and has {outcome:?}");
}

/// All ways at one place; fails with all of those that are not as in the table.
fn check_row(place: Place) {
    alone(move || {
        let mut wrong = Vec::new();
        for cell in MATRIX.iter().filter(|cell| cell.place == place) {
            let check = || match cell.outcome {
                Outcome::CallerEnds(ended) => check_elsewhere(cell, ended),
                _ => check_here(cell),
            };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(check)) {
                let text = payload.downcast_ref::<String>().cloned();
                let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                let text = text.unwrap_or_default();
                wrong.push(format!("{:?}, {:?}: {text}", cell.place, cell.way));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

// contract: P2
#[test]
fn what_goes_wrong_while_arguments_are_encoded_is_the_callers() {
    check_row(Place::EncodeArguments);
}

// contract: P2, P3, P6
#[test]
fn what_goes_wrong_while_arguments_are_decoded_fails_one_call() {
    check_row(Place::DecodeArguments);
}

// contract: P3, P6, R8
#[test]
fn what_goes_wrong_in_a_call_fails_one_call() {
    check_row(Place::Run);
}

// contract: P2, P3, P6
#[test]
fn what_goes_wrong_while_a_result_is_encoded_fails_one_call() {
    check_row(Place::EncodeResult);
}

// contract: P2, P7
#[test]
fn what_goes_wrong_while_a_result_is_decoded_is_the_callers() {
    check_row(Place::DecodeResult);
}

#[test]
fn the_table_has_every_place_and_every_way_once() {
    for place in PLACES {
        for way in WAYS {
            let cells = MATRIX.iter().filter(|c| c.place == place && c.way == way);
            assert_eq!(cells.count(), 1, "{place:?}, {way:?}");
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncodeArguments => "encoding the arguments, in the caller",
            Self::DecodeArguments => "decoding the arguments, in the worker",
            Self::Run => "the call itself, in the worker",
            Self::EncodeResult => "encoding the result, in the worker",
            Self::DecodeResult => "decoding the result, in the caller",
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "an error",
            Self::Panic => "a panic",
            Self::Exit => "`exit(3)`",
            Self::Abort => "an abort",
            Self::Segfault => "a segmentation fault",
            Self::Kill => "SIGKILL",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(stage) => write!(f, "`SubmitError::Codec` ({stage:?}), with the call"),
            Self::SubmitPanics => f.write_str("`submit` panics"),
            Self::CallerEnds(Ended::Exited(status)) => {
                write!(f, "the caller's process exits with status {status}")
            }
            Self::CallerEnds(Ended::Signal(signal)) => {
                write!(f, "signal {signal} ends the caller's process")
            }
            Self::ReturnedErr => f.write_str("the `Err` as a value; `failed()` is true"),
            Self::Codec(stage) => write!(f, "`TaskError::Codec` ({stage:?})"),
            Self::PanickedInWorker => {
                f.write_str("`TaskError::Panicked` with place, stack and worker")
            }
            Self::PanickedInCaller => f.write_str("`TaskError::Panicked` without a worker"),
            Self::Died(ended) => write!(f, "`TaskError::WorkerDied` (`{ended:?}`)"),
            Self::CallerEnds(_) => unreachable!("it is never lost here"),
        }
    }
}

fn page() -> String {
    let mut page = String::from(
        "# What a crash does\n\n\
         User code runs at five places on behalf of a call, and can end in six ways at each. This is what becomes of the call, in a pool of\n\
         processes with everything as it is by default. Tests hold every cell (`tests/crashes/matrix.rs`, from which this page is made).\n\n\
         As long as the caller lives, the pool goes on: the next call gives its value. It runs in the same worker, or, where that died, in a\n\
         new one. Where the caller ends, its workers are gone within a second.\n\n",
    );
    page += "| where |";
    for way in WAYS {
        page += &format!(" {way} |");
    }
    page += "\n|---|";
    page += &"---|".repeat(WAYS.len());
    for place in PLACES {
        page += &format!("\n| {place} |");
        for cell in MATRIX.iter().filter(|cell| cell.place == place) {
            page += &format!(" {} |", cell.outcome);
        }
    }
    page + "\n"
}

#[test]
fn the_page_says_what_the_tests_check() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/crash-matrix.md");
    if env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, page()).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page(),
        "docs/crash-matrix.md is not what the table gives; write it anew with\n\
         UPDATE_DOCS=1 cargo test -p concurrent-futures-tests --test crashes the_page_says"
    );
}
