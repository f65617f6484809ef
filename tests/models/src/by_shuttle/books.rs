//! The accounts of all calls of an execution, kept by what the core observes.

use std::{cell::RefCell, collections::BTreeMap};

use concurrent_futures_core::platform::CallEvent;

/// How often each thing happened to one call.
#[derive(Clone, Copy, Default, Debug)]
struct Account {
    started: usize,
    dropped: usize,
    finished: usize,
    taken: usize,
    freed: usize,
}

// Of the system: all of an execution runs on one of its threads. Freed blocks stay, so that an address is one call.
std::thread_local! {
    static ACCOUNTS: RefCell<BTreeMap<usize, Account>> = const { RefCell::new(BTreeMap::new()) };
}

/// Opens empty books.
pub fn open() {
    ACCOUNTS.with_borrow_mut(BTreeMap::clear);
}

/// Something happened to a call.
pub fn note(event: CallEvent, address: usize) {
    ACCOUNTS.with_borrow_mut(|accounts| {
        let account = accounts.entry(address).or_default();
        match event {
            CallEvent::Started => account.started += 1,
            CallEvent::Dropped => account.dropped += 1,
            CallEvent::Finished => account.finished += 1,
            CallEvent::Taken => account.taken += 1,
            CallEvent::Freed => account.freed += 1,
            _ => {}
        }
    });
}

/// Everything is over: every call ran or was dropped, never both; its outcome, if it has one, left it once; its memory is free.
///
/// (A promise has nothing to run, and may have an outcome all the same.)
// contract: F1 T5
pub fn close() {
    ACCOUNTS.with_borrow(|accounts| {
        for account in accounts.values() {
            assert!(
                account.started + account.dropped <= 1,
                "run twice, or dropped twice: {account:?}"
            );
            assert!(
                account.started <= account.finished,
                "no outcome: {account:?}"
            );
            assert!(account.finished <= 1, "two outcomes: {account:?}");
            assert_eq!(
                account.taken, account.finished,
                "an outcome is left, or was taken twice: {account:?}"
            );
            assert_eq!(account.freed, 1, "not freed, or freed twice: {account:?}");
            assert!(
                account.started + account.dropped + account.finished > 0,
                "without an end: {account:?}"
            );
        }
    });
}
