//! Threads that open and close sources.
//!
//! To open a source may wait for whoever has what it opens (a file server, a driver, the verifier
//! of eBPF programs), and so may letting go of it. It is done here, one source after the other on
//! [`AT_ONCE`] threads, which end when there is nothing left to do. One that does not come back is
//! left behind, and another thread takes its place, so it holds up nobody: there are never more
//! threads than sources.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Threads that work at the same time, beside those that do not come back.
const AT_ONCE: usize = 2;

/// Something to do that may wait.
type Job = Box<dyn FnOnce() + Send>;

/// Where jobs are given to; clones are the same.
#[derive(Clone, Default)]
pub struct Workers(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// Of the threads, those that are not waited for any more.
    hung: usize,
}

/// A job that is under way. See [`Workers::left_behind`].
#[derive(Clone, Debug, Default)]
pub struct Place(Arc<Mutex<Standing>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// It waits for a thread.
    #[default]
    Queued,
    /// A thread is at it.
    Begun,
    /// Another thread has taken the place of its own.
    LeftBehind,
    Done,
}

impl Workers {
    /// Has `job` done, behind those that were given before.
    pub fn give(&self, job: impl FnOnce() + Send + 'static) -> Place {
        let place = Place::default();
        let (workers, own) = (self.clone(), place.clone());
        self.state().queue.push_back(Box::new(move || {
            *own.standing() = Standing::Begun;
            job();
            workers.came_back(&own);
        }));
        self.fill();
        place
    }

    /// The job does not come back: another thread takes its place. One that waits for a thread still
    /// holds up nobody.
    pub fn left_behind(&self, place: &Place) {
        let mut standing = place.standing();
        if *standing == Standing::Begun {
            *standing = Standing::LeftBehind;
            self.state().hung += 1;
            drop(standing);
            self.fill();
        }
    }

    fn came_back(&self, place: &Place) {
        let before = std::mem::replace(&mut *place.standing(), Standing::Done);
        if before == Standing::LeftBehind {
            self.state().hung -= 1;
        }
    }

    /// Starts threads while there are jobs for them.
    fn fill(&self) {
        let mut state = self.state();
        while !state.queue.is_empty() && state.threads - state.hung < AT_ONCE {
            let workers = self.clone();
            let name = "nodemon-open".to_owned();
            match std::thread::Builder::new().name(name).spawn(move || workers.work()) {
                Ok(_) => state.threads += 1,
                Err(error) => {
                    // Whoever works now comes to it later. Where nobody does, nobody may: it is
                    // done here, and may hold up this thread, which is better than never.
                    tracing::warn!("cannot start a thread that opens sources: {error}");
                    let alone = state.threads == state.hung;
                    let job = if alone { state.queue.pop_front() } else { None };
                    drop(state);
                    if let Some(job) = job {
                        job();
                    }
                    return;
                }
            }
        }
    }

    fn work(&self) {
        loop {
            let job = {
                let mut state = self.state();
                // One that came back after its place was taken is one too many.
                let is_needed = state.threads - state.hung <= AT_ONCE;
                let job = if is_needed { state.queue.pop_front() } else { None };
                let Some(job) = job else {
                    state.threads -= 1;
                    return;
                };
                job
            };
            job();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the job is done.
    pub fn is_done(&self) -> bool {
        *self.standing() == Standing::Done
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{AT_ONCE, Standing, Workers};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn a_job_that_waits_for_a_thread_is_not_taken_for_one_that_hangs() {
        let workers = Workers::default();
        let (go_on, wait) = channel::<()>();
        let (begin, begun) = channel();
        let (done, is_done) = channel();
        let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
        for _ in 0..AT_ONCE {
            let (wait, begin) = (wait.clone(), begin.clone());
            workers.give(move || {
                begin.send(()).unwrap();
                let _ = wait.lock().unwrap().recv();
            });
        }
        (0..AT_ONCE).for_each(|_| begun.recv().unwrap());
        for _ in 0..3 * AT_ONCE {
            let done = done.clone();
            let place = workers.give(move || done.send(()).unwrap());
            workers.left_behind(&place);
        }
        assert_eq!(workers.state().hung, 0, "nothing has hung yet");
        drop(go_on);
        for _ in 0..3 * AT_ONCE {
            is_done.recv_timeout(Duration::from_secs(20)).expect("every job is done");
        }
    }

    #[test]
    fn a_job_that_does_not_come_back_holds_up_no_other() {
        let workers = Workers::default();
        let (done, is_done) = channel();
        let mut hung = Vec::new();
        for _ in 0..2 * AT_ONCE {
            let (go_on, wait) = channel::<()>();
            let done = done.clone();
            let place = workers.give(move || {
                let _ = wait.recv();
                done.send("hung").unwrap();
            });
            hung.push((go_on, place));
        }
        let last = done.clone();
        let place = workers.give(move || last.send("last").unwrap());
        let patience = Duration::from_millis(50);
        assert!(is_done.recv_timeout(patience).is_err(), "more than {AT_ONCE} work at once");
        // Those that wait for a thread get one as soon as the ones before are left behind.
        for (_, place) in &hung {
            while *place.standing() == Standing::Queued {
                std::thread::yield_now();
            }
            workers.left_behind(place);
            // What is said twice counts once.
            workers.left_behind(place);
        }
        assert_eq!(is_done.recv_timeout(Duration::from_secs(20)).unwrap(), "last");
        while !place.is_done() {
            std::thread::yield_now();
        }
        drop(hung);
        for _ in 0..2 * AT_ONCE {
            assert_eq!(is_done.recv_timeout(Duration::from_secs(20)).unwrap(), "hung");
        }
        while workers.state().threads > 0 {
            std::thread::yield_now();
        }
        assert_eq!(workers.state().hung, 0, "all have come back");
    }
}
