//! When a source sends what it has sampled, and when it will again.

use super::{Phase, SourceState};
use crate::actor::thread::surroundings::Surroundings;
use crate::source::SLOW_FROM_NS;
use nodemon_formats::TableKind;
use nodemon_formats::narrow::duration_ns;

/// How much time the samples in one record may span.
const FLUSH_EVERY_NS: u64 = 250_000_000;
/// Records are sent before they grow beyond this.
const FLUSH_SIZE_BYTES: usize = 1 << 20;

impl SourceState {
    /// Whether the sample of `deadline_ns` is the last one of its record. Sources of one thread
    /// come to the same answer at the same tick, so that their records travel together.
    pub(super) fn is_flush_due(&mut self, deadline_ns: u64, around: &Surroundings) -> bool {
        if !self.gathers() {
            return true;
        }
        let wall_ns = around.clock.wall_ns(deadline_ns);
        let stretch = wall_ns.div_euclid(FLUSH_EVERY_NS.cast_signed());
        let is_new = std::mem::replace(&mut self.flushed, stretch) != stretch;
        is_new || self.sink.tables().iter().any(|table| table.size_bytes() >= FLUSH_SIZE_BYTES)
    }

    /// Sends what was sampled so far.
    pub(super) fn flush(&mut self, around: &Surroundings) {
        for (feed, builder) in self.feeds.iter().zip(self.sink.tables()) {
            match feed {
                Some(feed) => {
                    self.triggers.look(&feed.triggers, builder);
                    around.outbox.put(feed, builder);
                }
                None => builder.clear(),
            }
        }
    }

    /// Whether there are events to send.
    pub(super) fn has_events(&mut self) -> bool {
        let tables = self.plan.tables.iter().zip(self.sink.tables());
        let mut events = tables.filter(|((schema, _), _)| schema.kind == TableKind::Event);
        events.any(|(_, builder)| builder.samples() > 0)
    }

    /// Says when there will be something to send after the turn of `deadline_ns`, as far as that is
    /// known.
    pub(super) fn announce(&self, deadline_ns: u64, around: &Surroundings) {
        if self.phase != Phase::Runs {
            return;
        }
        let every_ns = duration_ns(self.cadence());
        let behind = |step_ns: u64| {
            let into_ns = around.clock.wall_ns(deadline_ns).rem_euclid(step_ns.cast_signed());
            deadline_ns + (step_ns - into_ns.cast_unsigned())
        };
        let next_ns = match self.least_interval_ns() {
            _ if !self.drains && self.gathers() => behind(FLUSH_EVERY_NS),
            // Events follow events.
            _ if !self.drains || self.had_events => deadline_ns + every_ns,
            // A drain between two samples has nothing.
            Some(interval_ns) if interval_ns > every_ns => behind(interval_ns),
            Some(_) => deadline_ns + every_ns,
            None => return,
        };
        around.outbox.announce(deadline_ns, next_ns);
    }

    /// Whether several samples are sent in a record.
    fn gathers(&self) -> bool {
        self.cadence().as_nanos() <= u128::from(SLOW_FROM_NS)
    }

    /// Time between two samples of the table that has most; `None` where there are only events.
    fn least_interval_ns(&self) -> Option<u64> {
        let samples = self.plan.tables.iter().map(|(schema, _)| schema);
        let samples = samples.filter(|schema| schema.kind == TableKind::Sample);
        samples.map(|schema| schema.interval_ns).min()
    }
}
