//! Waking virtual threads.

use alloc::{sync::Arc, task::Wake};
use core::task::Waker;

use crate::sim::{chooser::Stance, trace::What};

/// What wakes a virtual thread of one run.
struct Token {
    run: usize,
    index: usize,
}

/// The waker of the virtual thread `index` in a run.
pub(super) fn token(run: usize, index: usize) -> Waker {
    Waker::from(Arc::new(Token { run, index }))
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = super::with(|world| {
            let here = world.run_number() == self.run;
            here.then(|| (world.unpark(self.index), world.who(self.index)).1)
        });
        if let Some(who) = here.flatten() {
            super::step(What::Unparks(who), Stance::GoesOn);
        }
    }
}
