//! What an allocator adds: executors that are made and dropped, callbacks, `map`, `wait`, `as_completed`, scopes.

use alloc::{boxed::Box, vec::Vec};

use concurrent_futures_core::{
    executor::{InlineExecutor, PumpExecutor},
    future::{ReturnWhen, SubmitError, TaskError, as_completed, promise, wait},
    platform::CriticalLock,
    queue::Deque,
    task::Task,
};

use crate::{
    Board, Check, Verdict,
    calls::refused,
    checks, expect, in_handler,
    tracked::{Count, Digits, Tracked},
};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "D3 X2" "a pool on the heap runs calls for who waits, and the rest when it is dropped" pump::<B>;
        "S1" "the inline executor runs calls where they are submitted" inline::<B>;
        "C1 C2" "callbacks are called once, in order; after the end at once" callbacks::<B>;
        "C2 F5" "a callback that comes after a handler has dropped the promise is called where it is added" promise_in_handler::<B>;
        "M1 M2" "map gives its results in order, and calls run for who asks" map::<B>;
        "M5" "dropping a map cancels what has not started" map_dropped::<B>;
        "W1 W2" "wait splits futures of several executors" waits::<B>;
        "A1" "as_completed gives each future once, those that are done first" completed::<B>;
        "T7" "a scope lends what is on the stack, and ends when its calls do" scope::<B>;
    ]
}

type InPlace = Deque<Task, CriticalLock, 8>;
type Pump<B> = PumpExecutor<<B as Board>::Platform, InPlace>;

fn pool<B: Board>() -> Pump<B> {
    PumpExecutor::new(InPlace::new())
}

fn pump<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    static RAN: Digits = Digits::new();
    let pool = pool::<B>();
    let boxed = Box::new(20);
    let handle = pool.handle();
    let outer = pool.spawn(move || Some(*boxed + handle.spawn(|| 1).ok()?.result().ok()?));
    expect!(
        matches!(outer.map_err(refused)?.result(), Ok(Some(21))),
        "another outcome"
    );
    let captured = Tracked::new::<B>(&DROPPED);
    let call = move || {
        RAN.write(1);
        drop(captured);
    };
    drop(pool.spawn(call).map_err(refused)?);
    drop(pool);
    expect!(RAN.take() == 1, "what was submitted does not run");
    expect!(DROPPED.in_threads() == 1, "what was captured is kept");
    Ok(())
}

fn inline<B: Board>() -> Verdict {
    let executor = InlineExecutor::<B::Platform>::new();
    let future = executor.submit(u32::wrapping_neg, 1).map_err(refused)?;
    expect!(future.done(), "it waits");
    expect!(matches!(future.result(), Ok(u32::MAX)), "another outcome");
    expect!(executor.shutdown(true, false).is_ok(), "an error");
    let refused = executor.spawn(|| ());
    expect!(
        matches!(refused, Err(SubmitError::ShutDown(_))),
        "it is open"
    );
    Ok(())
}

fn callbacks<B: Board>() -> Verdict {
    static CALLED: Digits = Digits::new();
    let pool = pool::<B>();
    let future = pool.spawn(|| 7).map_err(refused)?;
    for digit in 1..=3 {
        future.add_done_callback(move |done| {
            CALLED.write(if matches!(done.outcome(), Ok(7)) {
                digit
            } else {
                9
            });
        });
    }
    expect!(CALLED.take() == 0, "they are called too early");
    expect!(matches!(future.result_ref(), Ok(7)), "another outcome");
    expect!(CALLED.take() == 123, "another order");
    future.add_done_callback(|_| CALLED.write(4));
    expect!(
        CALLED.take() == 4,
        "one that comes late is not called at once"
    );
    Ok(())
}

fn promise_in_handler<B: Board>() -> Verdict {
    static DROPPED: Count = Count::new();
    let (promise, future) = promise::<B::Platform, u32>();
    let captured = Tracked::new::<B>(&DROPPED);
    in_handler::<B, _>(move || drop(promise));
    future.add_done_callback(move |_| drop(captured));
    expect!(
        DROPPED.in_threads() == 1 && DROPPED.in_handlers() == 0,
        "not called, or by the handler"
    );
    expect!(
        matches!(future.result(), Err(TaskError::Abandoned)),
        "another outcome"
    );
    Ok(())
}

fn map<B: Board>() -> Verdict {
    let pool = pool::<B>();
    let squares = pool
        .map(|n: u32| n * n, 1..=20)
        .map_err(|_| "the pool refuses a map")?;
    let squares: Vec<u32> = squares.filter_map(Result::ok).collect();
    expect!(squares.len() == 20, "not all of them come");
    expect!(
        squares.iter().zip(1..).all(|(square, n)| *square == n * n),
        "another order"
    );
    Ok(())
}

fn map_dropped<B: Board>() -> Verdict {
    static RAN: Digits = Digits::new();
    let pool = pool::<B>();
    let map = pool.map(|n: usize| RAN.write(n), 1..=4);
    let mut map = map.map_err(|_| "the pool refuses a map")?;
    expect!(matches!(map.next(), Some(Ok(()))), "another outcome");
    drop(map);
    pool.run_until_idle();
    expect!(RAN.take() == 1, "the rest is run");
    Ok(())
}

fn waits<B: Board>() -> Verdict {
    let pool = pool::<B>();
    let fixed = &B::pools().two;
    let futures = [
        pool.spawn(|| 1).map_err(refused)?,
        pool.spawn(|| 2).map_err(refused)?,
        fixed.spawn(|| 3).map_err(refused)?,
    ];
    let split = wait(&futures, ReturnWhen::FirstCompleted, None);
    expect!(
        (split.done.len(), split.not_done.len()) == (1, 2),
        "another split for the first"
    );
    let split = wait(futures, ReturnWhen::AllCompleted, None);
    expect!(
        (split.done.len(), split.not_done.len()) == (3, 0),
        "another split for all"
    );
    Ok(())
}

fn completed<B: Board>() -> Verdict {
    let pool = pool::<B>();
    let mut futures = Vec::new();
    for n in 1..=3_u32 {
        futures.push(pool.spawn(move || n).map_err(refused)?);
    }
    let (promise, promised) = promise::<B::Platform, u32>();
    expect!(promise.set(4).is_ok(), "it takes no value");
    futures.push(promised);
    let mut order = 0;
    for future in as_completed(futures) {
        order = 10 * order + future.result().unwrap_or(9);
    }
    expect!(order == 4123, "another order");
    Ok(())
}

fn scope<B: Board>() -> Verdict {
    let pool = pool::<B>();
    let numbers = [1_u32, 2, 3, 4];
    let (low, high) = numbers.split_at(2);
    let sum = pool.scope(|scope| {
        let low = scope.spawn(|| low.iter().sum::<u32>()).ok()?;
        let high = scope.spawn(|| high.iter().sum::<u32>()).ok()?;
        Some(low.result().ok()? + high.result().ok()?)
    });
    expect!(sum == Some(10), "another sum");
    Ok(())
}
