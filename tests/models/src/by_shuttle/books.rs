//! The accounts of all calls of an execution, kept by what the core observes.

use std::{cell::RefCell, collections::BTreeMap};

use concurrent_futures_core::platform::CallEvent;

/// How often each thing happened to one call.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
struct Account {
    started: usize,
    dropped: usize,
    finished: usize,
    taken: usize,
    freed: usize,
}

// Of the system: all of an execution runs on one of its threads. Freed boxes stay, so that an address is one call, or those of a slot, one after
// the other.
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
            CallEvent::Created => {
                let previous = std::mem::take(account);
                if previous != Account::default() {
                    previous.close();
                }
            }
            CallEvent::Started => account.started += 1,
            CallEvent::Dropped => account.dropped += 1,
            CallEvent::Finished => account.finished += 1,
            CallEvent::Taken => account.taken += 1,
            CallEvent::Freed => account.freed += 1,
            _ => {}
        }
    });
}

impl Account {
    /// The call ran or was dropped, never both; its outcome, if it has one, left it once; its memory is free.
    ///
    /// (A promise has nothing to run, and may have an outcome all the same.)
    fn close(&self) {
        assert!(
            self.started + self.dropped <= 1,
            "run twice, or dropped twice: {self:?}"
        );
        assert!(self.started <= self.finished, "no outcome: {self:?}");
        assert!(self.finished <= 1, "two outcomes: {self:?}");
        assert_eq!(
            self.taken, self.finished,
            "an outcome is left, or was taken twice: {self:?}"
        );
        assert_eq!(self.freed, 1, "not freed, or freed twice: {self:?}");
        assert!(
            self.started + self.dropped + self.finished > 0,
            "without an end: {self:?}"
        );
    }
}

/// Everything is over, for every call.
// contract: F1 T5
pub fn close() {
    ACCOUNTS.with_borrow(|accounts| accounts.values().for_each(Account::close));
}
