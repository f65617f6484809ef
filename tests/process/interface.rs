//! P1: what works on threads works on processes, and what a worker could not find is refused.

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

use concurrent_futures::{
    BuildError, CallOptions, Executor, InlineExecutor, MapOptions, ProcessPoolExecutor,
    PumpExecutor, Ring, SubmitError, TaskError, ThreadPoolExecutor,
};
use serde::{Deserialize, Serialize};

use crate::help::{Folder, again_as, alone, one, output_of, role, tell, told};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(f64),
    Named {
        name: String,
        corners: Vec<(i64, i64)>,
    },
}

impl Shape {
    fn grown(self) -> Self {
        match self {
            Self::Dot => Self::Circle(1.5),
            Self::Circle(radius) => Self::Circle(radius * 2.0),
            Self::Named { name, corners } => Self::Named {
                name: name + "!",
                corners: corners.into_iter().map(|(x, y)| (y, x)).collect(),
            },
        }
    }
}

fn longest<T: ToString>(things: Vec<T>) -> Option<String> {
    things
        .iter()
        .map(ToString::to_string)
        .max_by_key(String::len)
}

fn halved(n: u32) -> Result<u32, String> {
    if n.is_multiple_of(2) {
        Ok(n / 2)
    } else {
        Err(format!("{n} is odd"))
    }
}

/// Everything that the trait can do, as text.
fn census<E: Executor>(executor: &E) -> Vec<String> {
    let mut seen = Vec::new();
    let mut see = |what: &dyn std::fmt::Debug| seen.push(format!("{what:?}"));
    see(&executor.submit(u32::leading_zeros, 7).unwrap().result());
    see(&executor
        .submit(|(a, b): (i8, i8)| a.checked_mul(b), (100, 2))
        .unwrap()
        .result());
    see(&executor
        .submit(longest::<u64>, vec![1, 333, 22])
        .unwrap()
        .result());
    see(&executor
        .submit(longest::<String>, vec!["a".to_owned(), "äö".to_owned()])
        .unwrap()
        .result());
    for shape in [
        Shape::Dot,
        Shape::Circle(-0.25),
        Shape::Named {
            name: "none".to_owned(),
            corners: vec![(1, i64::MIN), (i64::MAX, -2)],
        },
    ] {
        see(&executor.submit(Shape::grown, shape).unwrap().result());
    }
    let map = BTreeMap::from([(Some(3), 'x'), (None, '🦀')]);
    see(&executor
        .submit(|map: BTreeMap<Option<u128>, char>| map, map)
        .unwrap()
        .result());
    for n in [8, 9] {
        let call = executor.submit_result(halved, n).unwrap();
        call.wait();
        see(&(call.failed(), call.result()));
        let call = executor.submit(halved, n).unwrap();
        call.wait();
        see(&(call.failed(), call.result()));
    }
    let panicked = executor
        .submit(|n: u32| -> u32 { panic!("no {n}") }, 4)
        .unwrap();
    panicked.wait();
    let failed = panicked.failed();
    match panicked.result() {
        Err(TaskError::Panicked(panic)) => see(&(failed, panic.message())),
        other => see(&other),
    }
    let squares = executor.map(|n: u64| n * n, 0..20).unwrap();
    see(&squares.map(Result::unwrap).collect::<Vec<_>>());
    let options = MapOptions::new().buffer_size(3).keep_going(true);
    let some = executor
        .map_with(options, |n: u64| 6 / n, [1, 0, 3])
        .unwrap();
    see(&some
        .map(|outcome| outcome.map_err(|error| error.to_string().contains("divide by zero")))
        .collect::<Vec<_>>());
    let report = executor.shutdown(true, false).unwrap();
    see(&(report.still_running, report.still_queued));
    match executor.submit(|n: u8| n + 1, 3) {
        Err(SubmitError::ShutDown(call)) => {
            let (f, n) = call.into_inner();
            see(&f(n));
        }
        other => see(&other),
    }
    see(&executor
        .map(|n: u8| n, [1])
        .map(|_| ())
        .map_err(|error| error.to_string()));
    seen
}

// contract: P1, S1
#[test]
fn one_function_sees_the_same_on_every_executor() {
    alone(|| {
        let inline = census(&InlineExecutor::new());
        assert_eq!(census(&ThreadPoolExecutor::new(2).unwrap()), inline);
        assert_eq!(census(&PumpExecutor::new(Ring::new(64).unwrap())), inline);
        for workers in [1, 3] {
            let pool = ProcessPoolExecutor::new(workers).unwrap();
            assert_eq!(census(&pool), inline);
            let pool = ProcessPoolExecutor::new(workers).unwrap();
            assert_eq!(census(&pool.handle()), inline);
        }
    });
}

// contract: P1
#[test]
fn calls_run_in_a_process_of_their_own() {
    static HERE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    fn count(by: u32) -> (u32, u32) {
        let before = HERE.fetch_add(by, std::sync::atomic::Ordering::SeqCst);
        (std::process::id(), before)
    }
    alone(|| {
        let pool = one();
        let (first, zero) = pool.submit(count, 5).unwrap().result().unwrap();
        let (second, five) = pool.submit(count, 1).unwrap().result().unwrap();
        assert_eq!((zero, five), (0, 5), "a worker keeps its statics");
        assert_eq!(HERE.load(std::sync::atomic::Ordering::SeqCst), 0);
        assert_eq!(first, second);
        assert_ne!(first, std::process::id());
        assert_eq!(pool.worker_pids(), [first]);
    });
}

/// A function that is not in this program.
fn elsewhere() -> fn(i32) -> i32 {
    // SAFETY: the name is a C string.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"abs".as_ptr()) };
    assert!(!address.is_null());
    // SAFETY: it is not null, and nobody calls it.
    unsafe { std::mem::transmute::<*mut libc::c_void, fn(i32) -> i32>(address) }
}

// contract: P1
#[test]
fn a_function_of_a_shared_library_is_refused_with_its_arguments() {
    type Call = (fn(i32) -> i32, i32);
    fn refused<T: std::fmt::Debug>(outcome: Result<T, SubmitError<Call>>) {
        match outcome {
            Err(SubmitError::UnknownFunction(call)) => {
                let (f, argument) = call.into_inner();
                assert_eq!((f as usize, argument), (elsewhere() as usize, -3));
            }
            other => panic!("{other:?}"),
        }
    }
    alone(|| {
        let pool = one();
        refused(pool.submit(elsewhere(), -3));
        refused(pool.try_submit(elsewhere(), -3));
        refused(pool.submit_with(CallOptions::new(), elsewhere(), -3));
        refused(Executor::submit(&pool, elsewhere(), -3));
        assert!(matches!(
            pool.map(elsewhere(), [1, 2]).map(drop),
            Err(SubmitError::UnknownFunction(_))
        ));
        assert!(pool.worker_pids().is_empty(), "no worker is needed to know");
        assert_eq!(pool.submit(i32::abs, -3).unwrap().result().unwrap(), 3);
    });
}

// contract: P1
#[test]
fn an_initializer_of_a_shared_library_is_refused() {
    alone(|| {
        // SAFETY: nobody calls it.
        let f = unsafe {
            std::mem::transmute::<fn(i32) -> i32, fn(i32) -> Result<(), String>>(elsewhere())
        };
        let built = ProcessPoolExecutor::builder()
            .max_workers(1)
            .initializer(f, 1)
            .build();
        assert!(
            matches!(built, Err(BuildError::UnknownFunction)),
            "{built:?}"
        );
    });
}

/// Takes its own file away, puts another program there, and uses a pool.
fn without_a_file() {
    let own = std::env::current_exe().unwrap();
    fs::remove_file(&own).unwrap();
    fs::copy("/bin/false", &own).unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let pool = one();
        match pool.submit(|n: u32| n + 1, 41) {
            Ok(call) => call.result().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }));
    tell(format!("{outcome:?}"));
}

// contract: P1
#[test]
fn a_program_whose_file_was_replaced_starts_workers_of_its_own_image() {
    if role().is_some() {
        return without_a_file();
    }
    alone(|| {
        let folder = Folder::new();
        let copy = folder.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        let name = "interface::a_program_whose_file_was_replaced_starts_workers_of_its_own_image";
        let mut child = again_as(&copy, name, "replaced").spawn().unwrap();
        let mut output = output_of(&mut child);
        assert_eq!(told(&mut output).as_deref(), Some("Ok(Ok(42))"));
        std::io::Read::read_to_end(&mut output, &mut Vec::new()).unwrap();
        child.wait().unwrap();
    });
}
