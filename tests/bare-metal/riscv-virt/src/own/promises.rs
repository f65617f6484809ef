//! A promise on one hart and its future on another.

use core::{cell::Cell, time::Duration};

use checks::{Verdict, expect};
use concurrent_futures_core::{
    future::{Future, Promise, ResultError, Slot, TaskError},
    platform::{Parker, Platform},
};
use critical_section::Mutex;

use super::pools::gives;
use crate::{
    clint,
    harts::{HELPERS, all_parked, call},
    platform::{Harts, wake},
    start::{HARTS, hart},
};

static SLOTS: [Slot<u32>; HARTS] = [const { Slot::new() }; HARTS];
static PROMISES: [Mutex<Cell<Option<Promise<u32>>>>; HARTS] =
    [const { Mutex::new(Cell::new(None)) }; HARTS];

/// A promise in `slot`, which is free as soon as the last outcome was taken, whichever hart set it.
fn pair<T: Send>(slot: &'static Slot<T>) -> Result<(Promise<T>, Future<T>), &'static str> {
    slot.promise::<Harts>().map_err(|_| "no free slot")
}

fn send(hart: usize, promise: Promise<u32>) {
    critical_section::with(|section| PROMISES[hart].borrow(section).set(Some(promise)));
    wake(hart);
}

fn receive() -> Promise<u32> {
    loop {
        let promise = critical_section::with(|section| PROMISES[hart()].borrow(section).take());
        match promise {
            Some(promise) => return promise,
            None => Harts::with_parker(Parker::park),
        }
    }
}

pub(super) fn results() -> Verdict {
    const ROUNDS: u32 = 1000;
    for _ in HELPERS {
        let given = call(|| {
            for round in 0..ROUNDS {
                let _ = receive().set(round * HARTS as u32 + hart() as u32);
            }
        });
        expect!(given, "no free hart");
    }
    for round in 0..ROUNDS {
        let mut futures = [const { None }; HARTS];
        for hart in HELPERS {
            let (promise, future) = pair(&SLOTS[hart])?;
            send(hart, promise);
            futures[hart] = Some(future);
        }
        for (hart, future) in futures.into_iter().enumerate() {
            let Some(future) = future else { continue };
            let expected = round * HARTS as u32 + hart as u32;
            gives(future, expected)?;
        }
    }
    expect!(all_parked(), "a hart did not come back");
    Ok(())
}

pub(super) fn from_a_handler() -> Verdict {
    static PROMISE: Mutex<Cell<Option<Promise<u32>>>> = Mutex::new(Cell::new(None));
    for round in 0..500 {
        let (promise, future) = pair(&SLOTS[0])?;
        critical_section::with(|section| PROMISE.borrow(section).set(Some(promise)));
        clint::once(round * 2, || {
            let promise = critical_section::with(|section| PROMISE.borrow(section).take());
            if let Some(promise) = promise {
                let _ = promise.set(1);
            }
        });
        gives(future, 1)?;
    }
    Ok(())
}

pub(super) fn timeout() -> Verdict {
    let (promise, future) = pair(&SLOTS[0])?;
    let Err(ResultError::Unfinished(future)) = future.result_timeout(Duration::from_millis(1))
    else {
        return Err("an outcome that nobody set");
    };
    expect!(promise.set(2).is_ok(), "it takes no value");
    gives(future, 2)?;
    Ok(())
}

pub(super) fn cancel_or_set() -> Verdict {
    const ROUNDS: u32 = 3000;
    static TOLD: Slot<bool> = Slot::new();
    static TELL: Mutex<Cell<Option<Promise<bool>>>> = Mutex::new(Cell::new(None));
    let given = call(|| {
        for _ in 0..ROUNDS {
            let promise = receive();
            let set = promise.set(3).is_ok();
            let tell = critical_section::with(|section| TELL.borrow(section).take());
            if let Some(tell) = tell {
                let _ = tell.set(set);
            }
        }
    });
    expect!(given, "no free hart");
    for round in 0..ROUNDS {
        let (promise, future) = pair(&SLOTS[1])?;
        let (tell, told) = pair(&TOLD)?;
        critical_section::with(|section| TELL.borrow(section).set(Some(tell)));
        send(1, promise);
        // Now early, now late.
        for _ in 0..round % 64 * 8 {
            core::hint::spin_loop();
        }
        let cancelled = future.cancel();
        let set = told.result().map_err(|_| "the other hart says nothing")?;
        expect!(cancelled != set, "both, or neither");
        match future.result() {
            Ok(3) => expect!(set, "a value that was not set"),
            Err(TaskError::Cancelled(_)) => expect!(cancelled, "not cancelled by this"),
            _ => return Err("another outcome"),
        }
    }
    expect!(all_parked(), "a hart did not come back");
    Ok(())
}
