//! What a program does with a pool, at its worst: full, and with all its calls on the side of the queue that is not in order yet.

use concurrent_futures_core::{executor::StaticPool, future::Future};
use cortex_m_support::{Core, CortexM};

use checks::Board;

/// A pool of `N` slots.
pub(crate) type Pool<const N: usize> = StaticPool<Core, N, 24>;

/// Does everything that takes a lock, and says after each part what it was. False if a call went astray.
pub(crate) fn run<const N: usize>(pool: &'static Pool<N>, mut done: impl FnMut(&str)) -> bool {
    let full = || [const { () }; N].map(|()| pool.spawn(|| 1));
    let mut good = true;

    let futures = full();
    good &= pool.spawn(|| 1).is_err();
    done("submit");
    good &= pool.run_until_idle() == N;
    done("run");
    good &= futures.into_iter().flatten().filter_map(ok).count() == N;
    done("take");

    // The newest first, which is found last; then the oldest first.
    let mut futures = full();
    futures.reverse();
    good &= cancelled(futures) == N;
    good &= cancelled(full()) == N;
    done("cancel");

    // Run by who waits for a call behind them.
    good &= (1..N).filter(|_| from_handler(pool) == 1).count() == N - 1;
    done("submit-detached");
    good &= pool
        .spawn(|| 1)
        .is_ok_and(|future| from_handler(pool) == 0 && future.result().is_ok());
    done("wait");
    good &= pool.free_slots() == N && pool.stats().queued == 0;

    let futures = full();
    good &= pool
        .shutdown(true, true)
        .is_ok_and(|report| report.cancelled == N);
    drop(futures);
    done("shutdown");
    good
}

fn ok(future: Future<u32>) -> Option<u32> {
    future.result().ok()
}

fn cancelled<E, const N: usize>(futures: [Result<Future<u32>, E>; N]) -> usize {
    let futures = futures.into_iter().flatten();
    futures.filter(Future::cancel).count()
}

/// How many calls an interrupt handler could submit, of one.
fn from_handler<const N: usize>(pool: &'static Pool<N>) -> usize {
    let mut taken = 0;
    CortexM::interrupt(&mut || {
        taken += usize::from(pool.interrupt_side().submit_detached(|| ()).is_ok())
    });
    taken
}
