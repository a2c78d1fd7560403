//! Which source runs on which thread.
//!
//! Sources of 100 ms and more share one thread and wake together. Faster ones have another, so
//! that a slow source which takes some milliseconds does not make them late.

use super::RunError;
use crate::actor::{Drain, EndSource, GATHER_UP_TO_NS, Lane, LaneOptions, Opening, StartSource};
use crate::config::PlannedSource;
use actix::Addr;
use std::ffi::CStr;

/// The threads that sample; each is started for its first source.
pub struct Lanes {
    options: LaneOptions,
    slow: Option<Addr<Lane>>,
    fast: Option<Addr<Lane>>,
}

impl Lanes {
    /// No thread yet.
    pub fn new(options: LaneOptions) -> Lanes {
        Lanes { options, slow: None, fast: None }
    }

    /// Starts a source on the thread that it belongs to, and says how that went.
    ///
    /// # Errors
    /// When the kernel gives no thread, or the thread does not answer.
    pub async fn start(&mut self, plan: &PlannedSource) -> Result<Opening, RunError> {
        let opening = self.lane(plan)?.send(StartSource(plan.clone())).await;
        opening.map_err(|_| RunError::Broken("a sampling thread has died".to_owned()))
    }

    /// Ends a source.
    pub async fn end(&mut self, plan: &PlannedSource) {
        let lane = if is_fast(plan) { &self.fast } else { &self.slow };
        if let Some(lane) = lane {
            // A lane that does not answer has raised the alarm itself.
            let _ = lane.send(EndSource(plan.descriptor.name)).await;
        }
    }

    /// Ends every source, and waits until the writer has what they sent.
    pub async fn drain(&mut self) {
        // Fast sources have the more to lose, should another hang.
        for lane in [self.fast.take(), self.slow.take()].into_iter().flatten() {
            let _ = lane.send(Drain).await;
        }
    }

    fn lane(&mut self, plan: &PlannedSource) -> Result<&Addr<Lane>, RunError> {
        let (place, name): (_, &CStr) = if is_fast(plan) {
            (&mut self.fast, c"nodemon-fast")
        } else {
            (&mut self.slow, c"nodemon-slow")
        };
        match place {
            Some(lane) => Ok(lane),
            None => {
                let lane = Lane::start_thread(name, self.options.clone());
                let doing = "start a thread that samples";
                let lane = lane.map_err(|source| RunError::System { doing, source })?;
                Ok(place.insert(lane))
            }
        }
    }
}

fn is_fast(plan: &PlannedSource) -> bool {
    plan.interval.as_nanos() < u128::from(GATHER_UP_TO_NS)
}
