//! Who is measured: this library and its peers, each behind the same three operations.
//!
//! A contender adds nothing of its own to a call: what a user of that library would write, and no more. In particular
//! the peers that only run closures answer through the crate `oneshot`, whose channels carry one value and can block a
//! thread. Nothing is added to catch panics where a peer does not do it, although ours does: it would cost them extra.

mod boxed_channel;
mod executors_pool;
mod ours;
mod rayon_pool;
mod tokio_blocking;

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

pub use self::boxed_channel::BoxedChannel;
pub use self::executors_pool::ExecutorsPool;
pub use self::ours::Ours;
pub use self::rayon_pool::RayonPool;
pub use self::tokio_blocking::TokioBlocking;

/// Worker threads of every contender.
pub const WORKERS: usize = 2;

/// A pool of [`WORKERS`] threads that runs calls and hands out their results. Dropping it stops the threads.
///
/// A trait with type parameters, not a trait object: each measured loop is compiled for each contender.
pub trait Contender: Sized + Sync {
    /// What a caller holds until the result is there.
    type Handle<T: Send + 'static>;

    /// Starts the pool with the library's default settings, the number of workers apart.
    fn start() -> Self;

    /// Starts the pool so that `pending` calls can wait in it without blocking the caller.
    ///
    /// The same as [`start`](Self::start) wherever the queue has no limit.
    fn start_with_room_for(pending: usize) -> Self {
        let _ = pending;
        Self::start()
    }

    /// Submits a call.
    ///
    /// # Panics
    ///
    /// If the pool refuses it.
    fn spawn<T, F>(&self, call: F) -> Self::Handle<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;

    /// Waits for the result of a call.
    ///
    /// # Panics
    ///
    /// If there is none.
    fn get<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T;

    /// Waits for the results of all `handles`, in their order, and leaves `handles` empty.
    ///
    /// For a contender that collects many results more cheaply than one by one.
    ///
    /// # Panics
    ///
    /// If a call has no result.
    fn get_all<T: Send + 'static>(
        &self,
        handles: &mut Vec<Self::Handle<T>>,
        mut each: impl FnMut(T),
    ) {
        for handle in handles.drain(..) {
            each(self.get(handle));
        }
    }
}

/// The contenders by name, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ContenderName {
    /// This library: [`Ours`].
    Ours,
    /// rayon: [`RayonPool`].
    Rayon,
    /// crossbeam-channel: [`BoxedChannel`].
    CrossbeamChannel,
    /// executors: [`ExecutorsPool`].
    Executors,
    /// tokio: [`TokioBlocking`].
    Tokio,
}

impl ContenderName {
    /// Everybody.
    pub const ALL: [Self; 5] = [
        Self::Ours,
        Self::Rayon,
        Self::CrossbeamChannel,
        Self::Executors,
        Self::Tokio,
    ];

    /// The name in reports and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Rayon => "rayon",
            Self::CrossbeamChannel => "crossbeam-channel",
            Self::Executors => "executors",
            Self::Tokio => "tokio",
        }
    }
}

impl fmt::Display for ContenderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_reports_json_and_arguments() {
        assert_eq!(ContenderName::value_variants(), ContenderName::ALL);
        for name in ContenderName::ALL {
            assert_eq!(serde_json::to_string(&name).unwrap(), format!("\"{name}\""));
            assert_eq!(ContenderName::from_str(name.as_str(), false), Ok(name));
        }
    }

    fn answers_in_order<C: Contender>() {
        let pool = C::start();
        let mut handles: Vec<_> = (0..100_u32)
            .map(|number| pool.spawn(move || number))
            .collect();
        assert_eq!(pool.get(handles.remove(0)), 0);
        let mut answers = Vec::new();
        pool.get_all(&mut handles, |answer| answers.push(answer));
        assert!(handles.is_empty());
        assert!(answers.into_iter().eq(1..100));
    }

    #[test]
    fn every_contender_answers_in_order() {
        answers_in_order::<Ours>();
        answers_in_order::<RayonPool>();
        answers_in_order::<BoxedChannel>();
        answers_in_order::<ExecutorsPool>();
        answers_in_order::<TokioBlocking>();
    }
}
