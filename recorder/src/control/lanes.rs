//! Which source runs on which thread.
//!
//! Sources of 100 ms and more share one thread and wake together. Faster ones have another, so
//! that a slow source which takes some milliseconds does not make them late. Those that drain what
//! the kernel samples have a third: what they take out at once takes long enough to make others
//! late, and they are late for nothing. Programs take a while to be loaded, too. Those that are hung
//! on network interfaces have a fourth: that waits for whoever makes interfaces, for seconds where
//! many come at once.

use super::RunError;
use crate::actor::{
    Drain, DropPrivileges, EndSource, GATHER_UP_TO_NS, Lane, LaneOptions, Opening, StartSource,
};
use crate::config::PlannedSource;
use crate::source::{Nature, hangs_on_interfaces};
use actix::Addr;
use std::ffi::CStr;
use std::path::Path;

/// The threads that sample; each is started for its first source.
pub struct Lanes {
    options: LaneOptions,
    slow: Option<Addr<Lane>>,
    fast: Option<Addr<Lane>>,
    drains: Option<Addr<Lane>>,
    waits: Option<Addr<Lane>>,
}

/// A thread.
#[derive(Clone, Copy)]
enum Thread {
    Slow,
    Fast,
    Drains,
    Waits,
}

impl Lanes {
    /// No thread yet.
    pub fn new(options: LaneOptions) -> Lanes {
        Lanes { options, slow: None, fast: None, drains: None, waits: None }
    }

    /// Starts a source on the thread that it belongs to, and says how that went. See
    /// [`StartSource::since_ns`].
    ///
    /// # Errors
    /// When the kernel gives no thread, or the thread does not answer.
    pub async fn start(
        &mut self,
        plan: &PlannedSource,
        since_ns: u64,
    ) -> Result<Opening, RunError> {
        let start = StartSource { plan: plan.clone(), since_ns };
        let opening = self.lane(plan)?.send(start).await;
        opening.map_err(|_| RunError::Broken("a sampling thread has died".to_owned()))
    }

    /// Sources are open: what only opening them took is dropped.
    pub async fn privileges_end(&self, directory: &Path) {
        for lane in [&self.slow, &self.fast, &self.drains, &self.waits].into_iter().flatten() {
            // A lane that does not answer has raised the alarm itself.
            let _ = lane.send(DropPrivileges(directory.to_owned())).await;
        }
    }

    /// Ends a source.
    pub async fn end(&mut self, plan: &PlannedSource) {
        if let Some(lane) = self.place(plan) {
            // A lane that does not answer has raised the alarm itself.
            let _ = lane.send(EndSource(plan.descriptor.name)).await;
        }
    }

    /// Ends every source, and waits until the writer has what they sent.
    pub async fn drain(&mut self) {
        // Fast sources have the more to lose, should another hang.
        let lanes = [self.drains.take(), self.fast.take(), self.slow.take(), self.waits.take()];
        for lane in lanes.into_iter().flatten() {
            let _ = lane.send(Drain).await;
        }
    }

    fn lane(&mut self, plan: &PlannedSource) -> Result<&Addr<Lane>, RunError> {
        let name: &CStr = match thread_of(plan) {
            Thread::Slow => c"nodemon-slow",
            Thread::Fast => c"nodemon-fast",
            Thread::Drains => c"nodemon-drain",
            Thread::Waits => c"nodemon-wait",
        };
        let options = self.options.clone();
        match self.place(plan) {
            Some(lane) => Ok(lane),
            place => {
                let doing = "start a thread that samples";
                let lane = Lane::start_thread(name, options);
                let lane = lane.map_err(|source| RunError::System { doing, source })?;
                Ok(place.insert(lane))
            }
        }
    }

    fn place(&mut self, plan: &PlannedSource) -> &mut Option<Addr<Lane>> {
        match thread_of(plan) {
            Thread::Slow => &mut self.slow,
            Thread::Fast => &mut self.fast,
            Thread::Drains => &mut self.drains,
            Thread::Waits => &mut self.waits,
        }
    }
}

fn thread_of(plan: &PlannedSource) -> Thread {
    match plan.descriptor.nature {
        Nature::Ebpf if hangs_on_interfaces(plan.descriptor.name) => Thread::Waits,
        Nature::Ebpf => Thread::Drains,
        _ if plan.asked.interval_ns() >= GATHER_UP_TO_NS => Thread::Slow,
        Nature::Fed => Thread::Drains,
        Nature::Read => Thread::Fast,
    }
}
