//! A rate that a trigger raised, until it is as before.
//!
//! The schema keeps the interval that it has, and samples come more often: so no segment ends, gaps
//! are those of the deadlines that the configuration asks for, and tiers take what they take of any
//! sample.

use super::{Next, Phase, SourceState};
use crate::actor::message::Raised;
use nodemon_formats::narrow::duration_ns;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

impl SourceState {
    /// Takes on what a trigger asks for: of several at once the most of each.
    pub fn raise(&mut self, asked: Raised) -> Next {
        let before = self.cadence();
        self.raised = Some(self.raised.map_or(asked, |raised| Raised {
            every: raised.every.min(asked.every),
            until_ns: raised.until_ns.max(asked.until_ns),
        }));
        match self.phase {
            Phase::Runs if self.cadence() != before && !self.feeds.is_empty() => {
                Next::Begin(self.cadence())
            }
            _ => Next::GoOn,
        }
    }

    /// How often to sample it now. What is drained out of the kernel is no finer when that is done more
    /// often.
    pub(super) fn cadence(&self) -> Duration {
        match self.raised {
            Some(raised) if !self.drains => self.every.min(raised.every),
            _ => self.every,
        }
    }

    /// CPU time of this thread, where that says how long to [rest](SourceState::rest).
    pub(super) fn cpu_ns(&self) -> Option<u64> {
        self.raised.map(|_| {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            (time.tv_sec * 1_000_000_000 + time.tv_nsec).cast_unsigned()
        })
    }

    /// A sample that began at `start_ns`, and at `cpu_ns` of this thread, is over: the next is not
    /// taken before twice as much time has passed as it took of a CPU, for there are others on the
    /// thread. What is due without a trigger is not given up for that.
    pub(super) fn rest(&mut self, start_ns: u64, cpu_ns: Option<u64>) {
        if let (Some(begun_ns), Some(ended_ns)) = (cpu_ns, self.cpu_ns()) {
            let took_ns = ended_ns.saturating_sub(begun_ns);
            let most_ns = duration_ns(self.every) / 2;
            self.rests_until_ns = start_ns + took_ns.saturating_mul(2).min(most_ns);
        }
    }

    /// Whether what a trigger asked for is over at `now_ns`, and was not before.
    pub(super) fn is_raised_no_more(&mut self, now_ns: u64) -> bool {
        self.raised.take_if(|raised| now_ns >= raised.until_ns).is_some()
    }
}
