//! crossbeam-channel: the pool people write themselves. Threads that run boxed closures from an unbounded channel, and a
//! `oneshot` channel for the result: two allocations, and now and then a block of the channel.
//!
//! The bare minimum: no panic is caught, nothing can be cancelled, nobody counts the workers.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, unbounded};

use super::{Contender, WORKERS};

type Job = Box<dyn FnOnce() + Send>;

/// Threads at the end of a [`crossbeam_channel`]; a handle is the receiver of a `oneshot` channel.
#[derive(Debug)]
pub struct BoxedChannel {
    // None only in drop: workers end when the channel has no sender.
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

impl Contender for BoxedChannel {
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn start() -> Self {
        let (jobs, queue) = unbounded::<Job>();
        let workers = (0..WORKERS)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for job in queue {
                        job();
                    }
                })
            })
            .collect();
        Self {
            jobs: Some(jobs),
            workers,
        }
    }

    fn spawn<T, F>(&self, call: F) -> oneshot::Receiver<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, handle) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _ = answer.send(call());
        });
        let jobs = self.jobs.as_ref().expect("open until drop");
        if jobs.send(job).is_err() {
            panic!("the workers are gone");
        }
        handle
    }

    fn get<T: Send + 'static>(&self, handle: oneshot::Receiver<T>) -> T {
        handle.recv().expect("a call has no result")
    }
}

impl Drop for BoxedChannel {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // A worker whose call panicked: the call's handle has already said so.
            let _ = worker.join();
        }
    }
}
