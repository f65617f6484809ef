//! How cases are made up, and shrunk: fewer operations and threads, younger futures, simpler calls.

use concurrent_futures::{Policy, ReturnWhen};
use proptest::{collection::vec, option, prelude::*};

use super::operations::{
    Case, Keeping, Kind, MapShape, Millis, Op, Pick, Reaction, Shape, Simple, Start, Stay, Waiting,
    millis,
};

fn pick() -> impl Strategy<Value = Pick> {
    (0..6_u8).prop_map(Pick)
}

fn picks() -> impl Strategy<Value = Vec<Pick>> {
    vec(pick(), 0..4)
}

fn time() -> impl Strategy<Value = Millis> {
    0..5_u8
}

fn simple() -> impl Strategy<Value = Simple> {
    prop_oneof![
        6 => Just(Simple::Returns),
        1 => Just(Simple::Panics),
        1 => Just(Simple::Fails),
        1 => Just(Simple::ReturnsErr),
        2 => (1..4_u8).prop_map(Simple::Sleeps),
    ]
}

fn waiting() -> impl Strategy<Value = Waiting> {
    prop_oneof![
        3 => Just(Waiting::Take),
        1 => Just(Waiting::Wait),
        1 => Just(Waiting::Lend),
        1 => time().prop_map(Waiting::WaitFor),
        1 => time().prop_map(Waiting::LendFor),
        1 => time().prop_map(Waiting::TakeFor),
    ]
}

fn return_when() -> impl Strategy<Value = ReturnWhen> {
    prop_oneof![
        Just(ReturnWhen::AllCompleted),
        Just(ReturnWhen::FirstCompleted),
        Just(ReturnWhen::FirstException),
    ]
}

fn stay() -> impl Strategy<Value = Stay> {
    prop_oneof![
        Just(Stay::No),
        Just(Stay::Forever),
        time().prop_map(Stay::For),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        12 => simple().prop_map(Kind::Simple),
        3 => (pick(), waiting()).prop_map(|(pick, how)| Kind::Waits(pick, how)),
        1 => (picks(), return_when(), option::of(time()))
            .prop_map(|(picks, when, timeout)| Kind::WaitsForMany(picks, when, timeout)),
        1 => picks().prop_map(Kind::Collects),
        2 => simple().prop_map(Kind::Submits),
        1 => pick().prop_map(Kind::Cancels),
        1 => pick().prop_map(Kind::Sets),
        1 => vec(simple(), 1..3).prop_map(Kind::Scopes),
        1 => (stay(), any::<bool>()).prop_map(|(stay, cancel)| Kind::ShutsDown(stay, cancel)),
        1 => Just(Kind::DropsPool),
    ]
}

fn reaction() -> impl Strategy<Value = Reaction> {
    prop_oneof![
        4 => Just(Reaction::Notes),
        2 => Just(Reaction::Reads),
        1 => Just(Reaction::Panics),
        2 => simple().prop_map(Reaction::Submits),
        2 => pick().prop_map(Reaction::Cancels),
        1 => any::<bool>().prop_map(Reaction::ShutsDown),
    ]
}

fn map_shape() -> impl Strategy<Value = MapShape> {
    let options = (option::of(1..3_usize), option::of(time()), any::<bool>());
    (vec(simple(), 0..4), any::<bool>(), options, 0..5_usize).prop_map(
        |(items, ordered, (buffer, timeout, keep_going), take)| MapShape {
            items,
            ordered,
            buffer,
            timeout,
            keep_going,
            take,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let keeping = prop_oneof![
        Just(Keeping::Sets),
        Just(Keeping::SetsError),
        Just(Keeping::Drops)
    ];
    let awaited = || (picks(), return_when(), option::of(time()));
    prop_oneof![
        24 => kind().prop_map(Op::Submit),
        3 => simple().prop_map(Op::TrySubmit),
        3 => Just(Op::Promise),
        3 => (pick(), keeping).prop_map(|(pick, keeping)| Op::Keep(pick, keeping)),
        6 => pick().prop_map(Op::Cancel),
        4 => pick().prop_map(Op::Look),
        10 => (pick(), waiting()).prop_map(|(pick, how)| Op::Wait(pick, how)),
        6 => (pick(), reaction()).prop_map(|(pick, reaction)| Op::Callback(pick, reaction)),
        3 => pick().prop_map(Op::Drop),
        4 => awaited().prop_map(|(picks, when, timeout)| Op::WaitForMany(picks, when, timeout)),
        4 => (picks(), 0..4_usize, option::of(time()))
            .prop_map(|(picks, take, timeout)| Op::AsCompleted(picks, take, timeout)),
        3 => pick().prop_map(Op::Insert),
        3 => option::of(time()).prop_map(Op::Next),
        1 => Just(Op::DropSet),
        3 => map_shape().prop_map(Op::Map),
        2 => (vec(simple(), 1..4), any::<bool>()).prop_map(|(calls, look)| Op::Scope(calls, look)),
        2 => (stay(), any::<bool>()).prop_map(|(stay, cancel)| Op::ShutDown(stay, cancel)),
        1 => Just(Op::DropPool),
        1 => Just(Op::Detach),
        3 => (1..4_u8).prop_map(Op::Sleep),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        3 => Just(Policy::Block),
        1 => (1..4_u8).prop_map(|time| Policy::BlockTimeout(millis(time))),
        1 => Just(Policy::Reject),
        1 => Just(Policy::RunInCaller),
        1 => Just(Policy::DiscardOldest),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let capacity = prop_oneof![3 => 1..5_usize, 1 => Just(64)];
    let start = prop_oneof![
        8 => Just(Start::Trivial),
        1 => Just(Start::Works),
        1 => (0..2_usize).prop_map(Start::Fails),
    ];
    (1..4_usize, capacity, policy(), start, any::<bool>()).prop_map(
        |(workers, capacity, policy, start, hook)| Shape {
            workers,
            capacity,
            policy,
            start,
            hook,
        },
    )
}

/// Operations of one sort, which a test is about, among all others.
pub(crate) type Focus = BoxedStrategy<Op>;

pub(crate) fn anything() -> Focus {
    op().boxed()
}

pub(crate) fn waiting_for_one() -> Focus {
    prop_oneof![
        2 => (pick(), waiting()).prop_map(|(pick, how)| Op::Wait(pick, how)),
        1 => simple().prop_map(|simple| Op::Submit(Kind::Simple(simple))),
    ]
    .boxed()
}

pub(crate) fn failing() -> Focus {
    let failing = prop_oneof![
        Just(Simple::Panics),
        Just(Simple::Fails),
        Just(Simple::ReturnsErr)
    ];
    prop_oneof![
        3 => failing.prop_map(|simple| Op::Submit(Kind::Simple(simple))),
        1 => pick().prop_map(Op::Drop),
        1 => pick().prop_map(Op::Look),
        1 => pick().prop_map(|pick| Op::Callback(pick, Reaction::Reads)),
    ]
    .boxed()
}

pub(crate) fn cancelling() -> Focus {
    prop_oneof![
        2 => pick().prop_map(Op::Cancel),
        1 => pick().prop_map(|pick| Op::Submit(Kind::Cancels(pick))),
        1 => pick().prop_map(|pick| Op::Callback(pick, Reaction::Cancels(pick))),
        1 => Just(Op::Promise),
        1 => pick().prop_map(|pick| Op::Keep(pick, Keeping::Sets)),
    ]
    .boxed()
}

pub(crate) fn calling_back() -> Focus {
    prop_oneof![
        3 => (pick(), reaction()).prop_map(|(pick, reaction)| Op::Callback(pick, reaction)),
        1 => pick().prop_map(|pick| Op::Wait(pick, Waiting::Take)),
    ]
    .boxed()
}

pub(crate) fn waiting_for_many() -> Focus {
    (picks(), return_when(), option::of(time()))
        .prop_map(|(picks, when, timeout)| Op::WaitForMany(picks, when, timeout))
        .boxed()
}

pub(crate) fn gathering() -> Focus {
    prop_oneof![
        2 => (picks(), 0..4_usize, option::of(time()))
            .prop_map(|(picks, take, timeout)| Op::AsCompleted(picks, take, timeout)),
        2 => pick().prop_map(Op::Insert),
        1 => option::of(time()).prop_map(Op::Next),
        1 => Just(Op::DropSet),
    ]
    .boxed()
}

pub(crate) fn mapping() -> Focus {
    map_shape().prop_map(Op::Map).boxed()
}

pub(crate) fn ending() -> Focus {
    prop_oneof![
        2 => (stay(), any::<bool>()).prop_map(|(stay, cancel)| Op::ShutDown(stay, cancel)),
        1 => (stay(), any::<bool>())
            .prop_map(|(stay, cancel)| Op::Submit(Kind::ShutsDown(stay, cancel))),
        1 => Just(Op::DropPool),
        1 => Just(Op::Submit(Kind::DropsPool)),
    ]
    .boxed()
}

pub(crate) fn nesting() -> Focus {
    prop_oneof![
        3 => (pick(), waiting()).prop_map(|(pick, how)| Op::Submit(Kind::Waits(pick, how))),
        1 => (picks(), return_when())
            .prop_map(|(picks, when)| Op::Submit(Kind::WaitsForMany(picks, when, None))),
        1 => picks().prop_map(|picks| Op::Submit(Kind::Collects(picks))),
        1 => vec(simple(), 1..3).prop_map(|calls| Op::Submit(Kind::Scopes(calls))),
        1 => (vec(simple(), 1..4), any::<bool>()).prop_map(|(calls, look)| Op::Scope(calls, look)),
    ]
    .boxed()
}

pub(crate) fn submitting() -> Focus {
    prop_oneof![
        3 => simple().prop_map(|simple| Op::Submit(Kind::Simple(simple))),
        1 => simple().prop_map(Op::TrySubmit),
        1 => simple().prop_map(|simple| Op::Submit(Kind::Submits(simple))),
    ]
    .boxed()
}

/// Cases of one to three threads with up to twelve operations each, half of them of the sort that a test is about.
pub(crate) fn case(focus: &Focus) -> impl Strategy<Value = Case> + use<> {
    let op = prop_oneof![1 => op().boxed(), 1 => focus.clone()].boxed();
    let threads = prop_oneof![vec(vec(op.clone(), 1..13), 1..2), vec(vec(op, 1..9), 2..4),];
    (shape(), threads, (0..1_000_u64).no_shrink()).prop_map(|(pool, threads, seed)| Case {
        pool,
        threads,
        seed: seed * 16,
    })
}

/// Operations whose effects on one worker, with nobody else about, can be told in advance: see `expected.rs`.
fn sequential_op() -> impl Strategy<Value = Op> {
    let reaction = prop_oneof![3 => Just(Reaction::Notes), 1 => Just(Reaction::Panics)];
    let prompt = prop_oneof![
        4 => Just(Simple::Returns),
        1 => Just(Simple::Panics),
        1 => Just(Simple::Fails),
        1 => Just(Simple::ReturnsErr),
    ];
    let prompt = prompt.boxed();
    let stay = prop_oneof![Just(Stay::No), Just(Stay::Forever)];
    prop_oneof![
        10 => prompt.clone().prop_map(|simple| Op::Submit(Kind::Simple(simple))),
        3 => prompt.clone().prop_map(Op::TrySubmit),
        4 => pick().prop_map(Op::Cancel),
        2 => pick().prop_map(Op::Look),
        4 => (pick(), waiting()).prop_map(|(pick, how)| Op::Wait(pick, how)),
        4 => (pick(), reaction).prop_map(|(pick, reaction)| Op::Callback(pick, reaction)),
        1 => pick().prop_map(Op::Drop),
        2 => (picks(), return_when(), Just(None))
            .prop_map(|(picks, when, timeout)| Op::WaitForMany(picks, when, timeout)),
        2 => (picks(), 0..4_usize, Just(None))
            .prop_map(|(picks, take, timeout)| Op::AsCompleted(picks, take, timeout)),
        1 => (stay, any::<bool>()).prop_map(|(stay, cancel)| Op::ShutDown(stay, cancel)),
        1 => Just(Op::DropPool),
    ]
}

/// One thread, one worker, prompt calls.
pub(crate) fn sequential_case() -> impl Strategy<Value = Case> {
    // Whether the worker has its turn when somebody looks at a state is up to the simulator: before that it is given one.
    let sleeps = |op: &Op| {
        matches!(
            op,
            Op::Look(_)
                | Op::Wait(_, Waiting::Wait | Waiting::WaitFor(_))
                | Op::WaitForMany(..)
                | Op::AsCompleted(..)
        )
    };
    let ops = vec(sequential_op(), 1..13).prop_map(move |ops| {
        let sleep = |op: &Op| sleeps(op).then_some(Op::Sleep(1));
        ops.into_iter()
            .flat_map(|op| [sleep(&op), Some(op)])
            .flatten()
            .collect()
    });
    (shape(), ops).prop_map(|(mut pool, ops)| {
        pool.workers = 1;
        pool.start = Start::Trivial;
        Case {
            pool,
            threads: vec![ops],
            seed: 0,
        }
    })
}
