//! Many futures and those who wait for them together.

use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use concurrent_futures::{
    Future, ReturnWhen, ThreadPoolExecutor, WaitSet, as_completed, as_completed_timeout, wait,
};
use fastrand::Rng;

use crate::{dawdle, moment, rounds};

fn calls(pools: &[ThreadPoolExecutor], rng: &mut Rng, count: usize) -> Vec<Future<Vec<usize>>> {
    (0..count)
        .map(|n| {
            let mut fork = rng.fork();
            rng.choice(pools)
                .unwrap()
                .spawn(move || {
                    dawdle(&mut fork);
                    vec![n]
                })
                .unwrap()
        })
        .collect()
}

/// Takes the outcome, and says whose it was.
fn take(future: Future<Vec<usize>>) -> usize {
    let mut value = future.result().unwrap();
    value.push(0);
    assert_eq!(value.len(), 2);
    value[0]
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn next_by_polling<T>(set: &mut WaitSet<Future<T>>) -> Option<Future<T>> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match set.poll_next(&mut Context::from_waker(&waker)) {
            Poll::Ready(next) => return next,
            Poll::Pending => thread::park(),
        }
    }
}

// contract: W4, F6
#[test]
fn a_set_gives_each_future_once() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let pools = [1, 2].map(|workers| ThreadPoolExecutor::new(workers).unwrap());
        let count = rng.usize(1..40);
        let mut given = vec![false; count];
        let mut waiting = calls(&pools, &mut rng, count).into_iter();
        let mut set = WaitSet::new();
        // Goes before the end, sometimes, with what is in it.
        let enough = if rng.u8(..4) == 0 {
            rng.usize(..count)
        } else {
            count
        };
        let mut got = 0;
        while got < enough {
            let more = rng.usize(..4);
            set.extend(waiting.by_ref().take(more));
            let next = match rng.u8(..4) {
                0 => set.try_next(),
                1 => set.next_timeout(moment(&mut rng)).unwrap_or(None),
                2 => set.next(),
                _ => next_by_polling(&mut set),
            };
            if let Some(future) = next {
                let n = take(future);
                assert!(!std::mem::replace(&mut given[n], true), "{n} twice");
                got += 1;
            }
            dawdle(&mut rng);
        }
        if enough == count {
            assert!(set.is_empty());
        }
    });
}

// contract: W1, W4, A1
#[test]
fn many_wait_for_the_same_futures() {
    rounds(1.0, |seed| {
        let mut rng = Rng::with_seed(seed);
        let pools = [1, 2].map(|workers| ThreadPoolExecutor::new(workers).unwrap());
        let futures = calls(&pools, &mut rng, 24);
        thread::scope(|s| {
            for kind in 0..4 {
                let (mut rng, futures) = (rng.fork(), &futures);
                s.spawn(move || match kind {
                    0 => {
                        for _ in 0..8 {
                            let first = ReturnWhen::FirstCompleted;
                            let split = wait(futures, first, Some(moment(&mut rng)));
                            assert_eq!(split.done.len() + split.not_done.len(), futures.len());
                        }
                    }
                    1 => {
                        let split = wait(futures, ReturnWhen::AllCompleted, None);
                        assert_eq!(split.done.len(), futures.len());
                        for (n, future) in futures.iter().enumerate() {
                            assert_eq!(future.result_ref().unwrap(), &[n]);
                        }
                    }
                    2 => {
                        let mut seen: Vec<_> = as_completed(futures)
                            .map(|future| future.result_ref().unwrap()[0])
                            .collect();
                        seen.sort_unstable();
                        assert!(seen.into_iter().eq(0..futures.len()));
                    }
                    _ => {
                        for _ in 0..4 {
                            let some = as_completed_timeout(futures, moment(&mut rng));
                            for future in some.flatten().take(5) {
                                assert!(future.done());
                            }
                        }
                    }
                });
            }
        });
        for (n, future) in futures.into_iter().enumerate() {
            assert_eq!(take(future), n);
        }
    });
}
