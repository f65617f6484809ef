//! Awaiting, without an executor of async tasks: one waker, and who polls.

use core::{
    future::Future as _,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

use concurrent_futures_core::future::{Slot, TaskError};

use crate::{
    Board, Check, Verdict, calls::refused, checks, expect, in_handler, promises::pair,
    waiting::with_alarm,
};

pub(crate) fn all<B: Board>() -> &'static [Check] {
    checks![
        "R6" "an awaited call wakes once, by a handler too" wakes::<B>;
        "R6" "a waker is not lost, at whichever instruction the interrupt comes" interrupted::<B>;
        "R6" "whoever awaits and goes away is not woken" goes_away::<B>;
        "R6" "awaiting and then blocking is allowed" then_blocks::<B>;
    ]
}

static WOKEN: AtomicUsize = AtomicUsize::new(0);
const COUNTING: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| wake(), |_| wake(), |_| ());
const RAW: RawWaker = RawWaker::new(core::ptr::null(), &COUNTING);

fn wake() {
    // A load and a store: a handler and the thread it interrupts do not both wake.
    WOKEN.store(WOKEN.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// How often it was woken since the last time.
fn woken() -> usize {
    let woken = WOKEN.load(Ordering::Relaxed);
    WOKEN.store(0, Ordering::Relaxed);
    woken
}

fn counting() -> Waker {
    // SAFETY: the functions need no data, and are safe from anywhere.
    unsafe { Waker::from_raw(RAW) }
}

static SLOT: Slot<u32> = Slot::new();

fn wakes<B: Board>() -> Verdict {
    let waker = counting();
    let mut context = Context::from_waker(&waker);
    let (promise, mut future) = pair::<B::Platform, _>(&SLOT)?;
    for _ in 0..2 {
        let polled = Pin::new(&mut future).poll(&mut context);
        expect!(polled.is_pending(), "it is over too early");
    }
    expect!(woken() == 0, "it is woken too early");
    expect!(
        in_handler::<B, _>(move || promise.set(4).is_ok()),
        "it takes no value"
    );
    expect!(woken() == 1, "it is not woken once");
    let polled = Pin::new(&mut future).poll(&mut context);
    expect!(matches!(polled, Poll::Ready(Ok(4))), "another outcome");
    expect!(
        matches!(future.result(), Err(TaskError::Consumed)),
        "there is a second outcome"
    );

    let pool = &B::pools().two;
    let mut future = pool.spawn(|| 5).map_err(refused)?;
    expect!(
        Pin::new(&mut future).poll(&mut context).is_pending(),
        "polling runs the call"
    );
    expect!(
        pool.run_one() && woken() == 1,
        "it is not woken once, by a call"
    );
    let polled = Pin::new(&mut future).poll(&mut context);
    expect!(
        matches!(polled, Poll::Ready(Ok(5))),
        "another outcome of a call"
    );
    Ok(())
}

/// At how many cycles after the start the interrupt is tried: until polling is over.
const CYCLES: u32 = 1500;

fn interrupted<B: Board>() -> Verdict {
    let waker = counting();
    let mut context = Context::from_waker(&waker);
    let (mut ready, mut pending) = (false, false);
    for cycles in 1..CYCLES {
        let (promise, mut future) = pair::<B::Platform, _>(&SLOT)?;
        let mut promise = Some(promise);
        let mut bring = || {
            let _ = promise.take().map(|promise| promise.set(cycles));
        };
        let polled = with_alarm::<B, _>(cycles, &mut bring, || {
            Pin::new(&mut future).poll(&mut context)
        });
        let polled = if polled.is_pending() {
            expect!(woken() == 1, "it is not woken once");
            pending = true;
            Pin::new(&mut future).poll(&mut context)
        } else {
            ready = true;
            // Woken for what it then saw itself: allowed.
            woken();
            polled
        };
        expect!(
            matches!(polled, Poll::Ready(Ok(value)) if value == cycles),
            "another outcome"
        );
    }
    expect!(
        ready && pending,
        "the interrupt never came before, or never after"
    );
    Ok(())
}

fn goes_away<B: Board>() -> Verdict {
    let waker = counting();
    let mut context = Context::from_waker(&waker);
    let (promise, mut future) = pair::<B::Platform, _>(&SLOT)?;
    expect!(
        Pin::new(&mut future).poll(&mut context).is_pending(),
        "it is over too early"
    );
    drop(future);
    expect!(promise.set(1).is_ok(), "it takes no value");
    expect!(woken() == 0, "a stray wake");
    Ok(())
}

fn then_blocks<B: Board>() -> Verdict {
    let waker = counting();
    let mut context = Context::from_waker(&waker);
    let pool = &B::pools().two;
    let mut future = pool.spawn(|| 6).map_err(refused)?;
    expect!(
        Pin::new(&mut future).poll(&mut context).is_pending(),
        "polling runs the call"
    );
    expect!(matches!(future.result(), Ok(6)), "another outcome");
    woken();
    Ok(())
}
