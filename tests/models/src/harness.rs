//! Runs explorations, each in a process of its own, and says which were as they should be.

use std::{
    collections::BTreeMap,
    env,
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use concurrent_futures_core::sync::{Essential, switch_off};

/// One model.
pub struct Model {
    pub name: String,
    /// How much is explored, in the short and in the long form. What it counts is the explorer's business.
    pub effort: (usize, usize),
    /// What runs in every execution.
    pub run: Arc<dyn Fn() + Send + Sync>,
}

impl Model {
    pub fn new(
        name: impl Into<String>,
        effort: (usize, usize),
        run: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (name, run) = (name.into(), Arc::new(run));
        Self { name, effort, run }
    }
}

/// An essential step, its name, the model that needs it, and what is said when it is missing.
pub type Removal = (
    Essential,
    &'static str,
    &'static str,
    &'static [&'static str],
);

/// How many explorations go on at the same time.
const AT_ONCE: usize = 2;

/// One exploration to be run, and what should come of it.
#[derive(Clone, Copy)]
enum Job<'a> {
    Holds(&'a Model),
    Caught(&'a Removal),
}

impl Job<'_> {
    /// Runs it; says whether it was as it should be, and in which words.
    fn run(self) -> (bool, String) {
        match self {
            Self::Holds(model) => {
                let (held, text) = child(&model.name, None);
                let line = if held {
                    format!("holds: {}", model.name)
                } else {
                    format!("BROKEN: {}\n{text}", model.name)
                };
                (held, line)
            }
            Self::Caught((_, name, model, expected)) => {
                let (held, text) = child(model, Some(name));
                let caught = !held && expected.iter().any(|expected| text.contains(expected));
                let line = if caught {
                    format!("caught: {name} by {model}")
                } else {
                    format!("NOT CAUGHT: {name} by {model}\n{text}")
                };
                (caught, line)
            }
        }
    }
}

/// Runs one exploration in a process of its own; gives whether it held and what it said.
fn child(model: &str, essential: Option<&str>) -> (bool, String) {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.arg(model).args(essential);
    let output = command
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("this program starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// Runs all jobs, a few at a time, and reports them in their order.
fn run_all(jobs: &[Job<'_>]) -> ExitCode {
    let next = AtomicUsize::new(0);
    let mut failed = 0;
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for _ in 0..AT_ONCE {
            let (tell, next) = (tell.clone(), &next);
            scope.spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = tell.send((std::ptr::from_ref(job).addr(), job.run()));
                    told.expect("the results are awaited");
                }
            });
        }
        drop(tell);
        let mut early = BTreeMap::new();
        for job in jobs {
            let address = std::ptr::from_ref(job).addr();
            let (passed, line) = loop {
                if let Some(result) = early.remove(&address) {
                    break result;
                }
                let (address, result) = told.recv().expect("every job has a result");
                early.insert(address, result);
            };
            println!("{line}");
            failed += usize::from(!passed);
        }
    });
    println!("{} passed, {failed} failed", jobs.len() - failed);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The program: all explorations, or the one that the arguments name.
pub fn main(models: &[Model], removals: &[Removal], explore: fn(&Model, bool)) -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        let jobs = models.iter().map(Job::Holds);
        let jobs: Vec<_> = jobs.chain(removals.iter().map(Job::Caught)).collect();
        return run_all(&jobs);
    };
    let essential = arguments.next().map(|name| {
        removals
            .iter()
            .find(|(_, known, ..)| *known == name)
            .unwrap_or_else(|| panic!("no essential step is called {name}"))
            .0
    });
    let model = models
        .iter()
        .find(|model| model.name == name)
        .unwrap_or_else(|| panic!("no model is called {name}"));
    switch_off(essential);
    explore(model, env::var_os("MODELS_LONG").is_some());
    ExitCode::SUCCESS
}
