//! Measures `concurrent-futures` side by side with its peers, in one run.
//!
//! `cargo run --release -p concurrent-futures-benches --bin compare` prints one table per [`Work`](work::Work). Figures of
//! different runs or machines do not compare; the ratios of one run do. `--bin processes` does the same for process pools,
//! whose peers are those of CPython; its fairness is described in its own source.
//!
//! What keeps the comparison fair:
//!
//! - **The same work.** A work is one function, generic over [`Contender`](contender::Contender): the calls, the order
//!   in which results are collected and the checks of those results are the same source lines for everybody.
//! - **No toll on the way.** That function is compiled once per contender, so nobody pays for a dynamic call its users
//!   would not pay for. Where a peer has a cheaper way to collect many results, it may use it.
//! - **Two workers each, default settings otherwise.** Both workers are proved to run before the clock starts. The one
//!   exception is the capacity of our queue in `memory`, where a million calls have to fit.
//! - **Alone on the machine.** Each measurement starts a pool, warms it up, measures and stops it: no idle threads of
//!   one contender beside another one's work.
//! - **Interleaved rounds.** Every contender is measured once per round, in an order that changes with the round, after
//!   one round that does not count. A disturbance then hits one sample of several contenders, not all samples of one.
//!
//! What each contender does with a call stands in its module under [`contender`].

pub mod contender;
pub mod report;
pub mod rounds;
pub mod statistics;
pub mod work;
