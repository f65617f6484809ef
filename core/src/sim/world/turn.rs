//! Whose turn it is.

use alloc::{format, vec::Vec};
use core::{sync::atomic::Ordering, time::Duration};

use super::{MAIN, State, Turn, World};
use crate::sim::{
    chooser::{Choice, Stance},
    fault::Fault,
    trace::{What, Who},
};

/// How often in a row somebody may look at what others may change, before they have their turn or time passes.
const LOOKS: usize = 64;

/// What happens next.
pub(super) enum Next {
    /// This one goes on.
    Run(usize),
    /// This interrupt comes, before somebody does.
    Interrupt(usize),
}

impl World {
    /// The current one came to a step. Gives what it has to do before it goes on.
    pub(super) fn turn(&mut self, me: usize, stance: Stance) -> Option<Turn> {
        self.steps += 1;
        self.live.beats.fetch_add(1, Ordering::Relaxed);
        self.lose_patience();
        if self.locks > 0 {
            // Not even if something is wrong: the lock is the whole process's.
            return None;
        }
        if self.is_interrupted() && self.fault.is_none() {
            // A handler is not interrupted.
            return None;
        }
        self.go_on(me, stance)
    }

    /// Who goes on, where it was the turn of `me`: the current one, or whom it ran an interrupt for.
    pub(super) fn go_on(&mut self, me: usize, stance: Stance) -> Option<Turn> {
        let here = self.current?;
        let panicking = std::thread::panicking();
        if !panicking {
            // What it panicked with was caught by the user's own code.
            self.threads[here].panic = None;
        }
        if self.fault.is_none() {
            // The standard library counts panics by the real thread: while one unwinds, others would seem to.
            let unwinds = panicking && !self.threads.iter().any(|thread| thread.unwinds);
            if unwinds && stance == Stance::GoesOn {
                return None;
            }
            match self.pick(me, stance) {
                Some(Next::Run(next)) if next == here => return None,
                Some(Next::Run(next)) => {
                    self.threads[here].unwinds = unwinds;
                    self.next = Some(next);
                    self.turns += 1;
                }
                Some(Next::Interrupt(number)) => return self.come(number, (me, stance)),
                None => self.stop(),
            }
        }
        self.threads[here].suspender.map(Turn::Others)
    }

    pub(super) fn is_ready(&self, index: usize) -> bool {
        self.threads[index].state == State::Ready
    }

    /// What is next, where `me` is running, or ran last; `None` if nobody can go on.
    pub(super) fn pick(&mut self, me: usize, stance: Stance) -> Option<Next> {
        if self.rules.by_hand && self.is_ready(MAIN) {
            // Whoever the body has run goes no further than a step.
            return Some(Next::Run(MAIN));
        }
        if self.rules.by_hand && stance == Stance::GoesOn {
            return Some(Next::Run(me));
        }
        loop {
            let options = self.options(me, stance);
            if options.is_empty() {
                return None;
            }
            match self.choose(&options, me, stance) {
                Choice::Run(index) => {
                    self.threads[index].since = self.steps;
                    return Some(Next::Run(index));
                }
                Choice::Interrupt(number) => return Some(Next::Interrupt(number)),
                Choice::Wake(index) => {
                    self.spurious -= 1;
                    self.wake_spuriously(index);
                }
                _ => self.pass_time(),
            }
        }
    }

    /// One of `options`.
    pub(super) fn choose(&mut self, options: &[Choice], me: usize, stance: Stance) -> Choice {
        let chosen = self.chooser.choose(options, me, stance);
        if options.len() > 1 {
            let choice = self.chooser.taken.last().copied();
            self.live.taken(|taken| taken.extend(choice));
        }
        if let (Some(wanted), true) = (self.chooser.misfit, self.rules.repeats) {
            self.blame(Fault::unrepeatable(&format!(
                "takes way {wanted} at choice {}, where there are {}",
                self.chooser.taken.len(),
                options.len()
            )));
        }
        options[chosen]
    }

    fn options(&self, me: usize, stance: Stance) -> Vec<Choice> {
        let count = self.threads.len();
        let mut options = Vec::with_capacity(count + 1);
        if stance == Stance::GoesOn {
            options.push(Choice::Run(me));
        }
        let others = (1..count).map(|distance| (me + distance) % count);
        options.extend(
            others
                .filter(|&index| self.is_ready(index))
                .map(Choice::Run),
        );
        if stance == Stance::Blocked && self.is_ready(me) {
            options.push(Choice::Run(me));
        }
        // Priorities are not fair: somebody who could go on for long does.
        let fair = self.rules.patience / 4;
        if let Some(late) = options.iter().find(|choice| match choice {
            Choice::Run(index) if *index != me => self.steps - self.threads[*index].since > fair,
            _ => false,
        }) {
            return alloc::vec![*late];
        }
        if let Some(overdue) = self.overdue(me, fair) {
            return alloc::vec![overdue];
        }
        // Whoever looks may go on looking; but not for ever, while others could change what it looks for.
        let looks_on = stance == Stance::Polls && self.threads[me].looked.1 < LOOKS;
        let is_idle = options.is_empty() && !looks_on;
        if self.deadline().is_some() && (is_idle || self.rules.timeouts_race) {
            options.push(Choice::Time);
        }
        if self.spurious > 0 && !is_idle {
            let parked = |index: &usize| matches!(self.threads[*index].state, State::Parked(_));
            options.extend((0..count).filter(parked).map(Choice::Wake));
        }
        let mut interrupts = self.offered(me).peekable();
        if looks_on
            || (stance == Stance::Polls && options.is_empty() && interrupts.peek().is_none())
        {
            options.push(Choice::Run(me));
        }
        // They do not come by themselves, as long as anybody can go on, and then before time passes. What counts as an interruption of
        // somebody comes last.
        let place = usize::from(!is_idle && !options.is_empty());
        options.splice(place..place, interrupts);
        options
    }

    /// The next deadline of anybody who is parked.
    fn deadline(&self) -> Option<Duration> {
        let deadlines = self.threads.iter().filter_map(|thread| match thread.state {
            State::Parked(deadline) => deadline,
            State::Ready | State::Ended => None,
        });
        deadlines.min()
    }

    fn pass_time(&mut self) {
        if let Some(deadline) = self.deadline() {
            self.advance(deadline);
        }
    }

    /// Lets the clock advance to `time`, and wakes whose deadline is over.
    pub(in crate::sim) fn advance(&mut self, time: Duration) {
        self.now = self.now.max(time);
        self.record_of(Who::Clock, What::Advances(self.now));
        let (now, steps) = (self.now, self.steps);
        for thread in &mut self.threads {
            if matches!(thread.state, State::Parked(Some(deadline)) if deadline <= now) {
                thread.state = State::Ready;
                thread.since = steps;
            }
        }
    }

    /// Puts the token of `index`.
    pub(in crate::sim) fn unpark(&mut self, index: usize) {
        let steps = self.steps;
        let thread = &mut self.threads[index];
        if let State::Parked(_) = thread.state {
            thread.state = State::Ready;
            thread.since = steps;
        } else {
            thread.token = true;
        }
    }

    /// As [`unpark`](Self::unpark), and says whose it is; nothing if there is no such thread, or it has ended.
    pub(in crate::sim) fn unpark_number(&mut self, index: usize) -> Option<Who> {
        let thread = self.threads.get(index)?;
        if thread.state == State::Ended {
            return None;
        }
        let who = thread.who;
        self.unpark(index);
        Some(who)
    }

    /// Wakes `index` without a token; false if it is not parked.
    pub(in crate::sim) fn wake_spuriously(&mut self, index: usize) -> bool {
        let steps = self.steps;
        let thread = &mut self.threads[index];
        let State::Parked(_) = thread.state else {
            return false;
        };
        thread.state = State::Ready;
        thread.since = steps;
        let who = thread.who;
        self.record_of(who, What::WakesSpuriously);
        true
    }
}
