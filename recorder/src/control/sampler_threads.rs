//! Which source runs on which thread.
//!
//! Sources of 100 ms and more share one thread and wake together. Faster ones have another, so
//! that a slow source which takes some milliseconds does not make them late. Those that drain what
//! the kernel samples have a third: what they take out at once takes long enough to make others
//! late, and they are late for nothing. Programs take a while to be loaded, too. Those that are
//! attached to network interfaces have a fourth: that waits for whoever makes interfaces, for seconds
//! where many come at once. Those that make stacks have a fifth: they wait for whoever has a process or
//! a file locked that they meet, which is little, and others are late for it.
//!
//! A thread that does not come back from a source is left to that source. The others on it go on
//! elsewhere, with all that they have: see [`SamplerThreads::leave_to`].

use super::RunError;
use crate::actor::{
    Drain, DropPrivileges, EndSource, Outbox, Place, RunSource, SamplerThread,
    SamplerThreadOptions, Watch,
};
use crate::config::PlannedSource;
use crate::source::{SLOW_FROM_NS, SourceKind};
use actix::Addr;
use std::cell::RefCell;
use std::ffi::CStr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How often to look whether what is being closed is gone.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The threads that sample, and the sources on them; clones are the same.
#[derive(Clone)]
pub struct SamplerThreads(Rc<RefCell<Threads>>);

struct Threads {
    options: SamplerThreadOptions,
    threads: Vec<Thread>,
}

/// A thread that samples.
struct Thread {
    kind: Kind,
    actor: Addr<SamplerThread>,
    outbox: Arc<Outbox>,
    sources: Vec<Arc<Watch>>,
    /// Whether it was left to a source that did not come back.
    is_left: bool,
}

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Slow,
    Fast,
    Drains,
    Interfaces,
    Stacks,
}

/// A source, and where it is.
pub struct Running {
    /// The source.
    pub watch: Arc<Watch>,
    /// Whether there are others on its thread, or may come to be.
    pub shares: bool,
}

impl SamplerThreads {
    /// No thread yet; each is started for its first source.
    pub fn new(options: SamplerThreadOptions) -> SamplerThreads {
        SamplerThreads(Rc::new(RefCell::new(Threads { options, threads: Vec::new() })))
    }

    /// Runs a source on the thread that it belongs to.
    ///
    /// # Errors
    /// When the kernel gives no thread.
    pub fn run(&self, plan: &PlannedSource, watch: Arc<Watch>) -> Result<(), RunError> {
        self.0.borrow_mut().run(kind_of(plan), watch)
    }

    /// Every source.
    pub fn running(&self) -> Vec<Running> {
        let threads = self.0.borrow();
        let of_thread = |thread: &Thread| {
            let shares = !thread.is_left;
            let running = |watch: &Arc<Watch>| Running { watch: watch.clone(), shares };
            thread.sources.iter().map(running).collect::<Vec<_>>()
        };
        threads.threads.iter().flat_map(of_thread).collect()
    }

    /// The thread of `hung` does not come back from it, and is left to it: the others on it go on
    /// on another thread. What they have sent and that thread has not passed on is passed on.
    /// Returns how many there are.
    ///
    /// # Errors
    /// When the kernel gives no thread.
    pub fn leave_to(&self, hung: &Arc<Watch>) -> Result<usize, RunError> {
        let mut threads = self.0.borrow_mut();
        let is_it = |watch: &Arc<Watch>| Arc::ptr_eq(watch, hung);
        let thread = threads.threads.iter_mut().find(|thread| thread.sources.iter().any(is_it));
        let Some(thread) = thread else { return Ok(0) };
        thread.is_left = true;
        thread.outbox.send();
        let kind = thread.kind;
        let (stays, go): (Vec<_>, Vec<_>) = thread.sources.drain(..).partition(is_it);
        thread.sources = stays;
        let moved = go.len();
        go.into_iter().try_for_each(|watch| threads.run(kind, watch))?;
        Ok(moved)
    }

    /// The actor of a source has died, and perhaps its whole thread: the source is restarted as
    /// `watch`.
    ///
    /// # Errors
    /// When the kernel gives no thread.
    pub fn replace(
        &self,
        dead: &Arc<Watch>,
        plan: &PlannedSource,
        watch: Arc<Watch>,
    ) -> Result<(), RunError> {
        let mut threads = self.0.borrow_mut();
        for thread in &mut threads.threads {
            thread.sources.retain(|known| !Arc::ptr_eq(known, dead));
        }
        threads.run(kind_of(plan), watch)
    }

    /// Sources are open: what only opening them took is dropped.
    pub async fn privileges_end(&self, directory: &Path) {
        let threads: Vec<Addr<SamplerThread>> = {
            let threads = self.0.borrow();
            threads.threads.iter().map(|thread| thread.actor.clone()).collect()
        };
        for thread in threads {
            // A thread that hangs hears it when it comes back.
            thread.do_send(DropPrivileges(directory.to_owned()));
        }
    }

    /// Ends a source, and waits for it until `deadline`. Whether it has ended.
    pub async fn end(&self, name: &str, deadline: Instant) -> bool {
        let found = {
            let mut threads = self.0.borrow_mut();
            threads.threads.iter_mut().find_map(|thread| {
                let at = thread.sources.iter().position(|watch| watch.name == name)?;
                Some((thread.actor.clone(), thread.sources.remove(at)))
            })
        };
        let Some((thread, watch)) = found else { return true };
        match timeout_at(deadline, thread.send(EndSource(watch.name))).await {
            Ok(place) => are_gone(place.ok().flatten().as_slice(), deadline).await,
            Err(_) => false,
        }
    }

    /// Ends every source, and waits until `deadline` for what they send and close. Returns the
    /// sources that have not ended, and how many are still being closed.
    pub async fn drain(&self, deadline: Instant) -> (Vec<Arc<Watch>>, usize) {
        let threads = {
            let mut own = self.0.borrow_mut();
            own.options.context.is_ending.store(true, Relaxed);
            std::mem::take(&mut own.threads)
        };
        // All at the same time: one that hangs takes nothing away from the others.
        let asked: Vec<_> =
            threads.into_iter().map(|thread| (thread.actor.send(Drain), thread)).collect();
        let (mut left, mut places) = (Vec::new(), Vec::new());
        for (answer, thread) in asked {
            match timeout_at(deadline, answer).await {
                Ok(let_go) => places.extend(let_go.unwrap_or_default()),
                Err(_) => {
                    thread.outbox.send();
                    left.extend(thread.sources);
                }
            }
        }
        let busy = if are_gone(&places, deadline).await {
            0
        } else {
            places.iter().filter(|place| !place.is_done()).count()
        };
        (left, busy)
    }
}

/// Waits until `deadline` for what is being closed in `places`. Whether all of it is gone.
async fn are_gone(places: &[Place], deadline: Instant) -> bool {
    while places.iter().any(|place| !place.is_done()) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
    true
}

impl Threads {
    fn run(&mut self, kind: Kind, watch: Arc<Watch>) -> Result<(), RunError> {
        let fits =
            |thread: &Thread| thread.kind == kind && !thread.is_left && thread.actor.connected();
        let at = match self.threads.iter().position(fits) {
            Some(at) => at,
            None => {
                let name: &CStr = match kind {
                    Kind::Slow => c"nodemon-slow",
                    Kind::Fast => c"nodemon-fast",
                    Kind::Drains => c"nodemon-drain",
                    Kind::Interfaces => c"nodemon-wait",
                    Kind::Stacks => c"nodemon-stacks",
                };
                let doing = "start a thread that samples";
                let outbox = self.options.outbox();
                let actor = SamplerThread::start(name, self.options.clone(), outbox.clone());
                let actor = actor.map_err(|source| RunError::System { doing, source })?;
                let sources = Vec::new();
                self.threads.push(Thread { kind, actor, outbox, sources, is_left: false });
                self.threads.len() - 1
            }
        };
        if let Some(thread) = self.threads.get_mut(at) {
            thread.actor.do_send(RunSource(watch.clone()));
            thread.sources.push(watch);
        }
        Ok(())
    }
}

fn kind_of(plan: &PlannedSource) -> Kind {
    match plan.descriptor.kind {
        SourceKind::Ebpf { reads_processes: true, .. } => Kind::Stacks,
        SourceKind::Ebpf { on_interfaces: true, .. } => Kind::Interfaces,
        SourceKind::Ebpf { .. } => Kind::Drains,
        _ if plan.asked.interval_ns() >= SLOW_FROM_NS => Kind::Slow,
        SourceKind::KernelSampled { .. } => Kind::Drains,
        SourceKind::Polled => Kind::Fast,
    }
}
