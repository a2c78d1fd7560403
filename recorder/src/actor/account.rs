//! Which deadlines of a source have their sample or their gap: every one has, sooner or later.

use super::clock::{Clock, Tick};
use super::outbox::Outbox;
use super::source::Surroundings;
use crate::config::PlannedSource;
use crate::source::KernelGap;
use nodemon_formats::{Gap, GapCause};
use std::rc::Rc;

/// Ticks that are missed with fewer than so many samples in between, within one record, are one gap.
const LATE_TOGETHER: u64 = 8;

/// What is accounted for of one source.
pub struct Account {
    tables: Vec<String>,
    interval_ns: u64,
    clock: Rc<Clock>,
    outbox: Rc<Outbox>,
    /// Until when every deadline has its sample or its gap, `CLOCK_BOOTTIME` ns.
    until_ns: u64,
}

impl Account {
    /// An account that begins at `since_ns`.
    pub fn new(plan: &PlannedSource, around: &Surroundings, since_ns: u64) -> Account {
        let kept = plan.tables.iter().filter(|(_, kept)| *kept);
        Account {
            tables: kept.map(|(schema, _)| schema.name.clone()).collect(),
            interval_ns: plan.asked.interval_ns(),
            clock: around.clock.clone(),
            outbox: around.outbox.clone(),
            until_ns: since_ns,
        }
    }

    /// Until when every deadline has its sample or its gap, `CLOCK_BOOTTIME` ns.
    pub fn until_ns(&self) -> u64 {
        self.until_ns
    }

    /// The source has a sample every `interval_ns`, or events at any time where that is 0.
    pub fn set_interval_ns(&mut self, interval_ns: u64) {
        self.interval_ns = interval_ns;
    }

    /// The first sample of the kernel since the source was opened is of `first_ns`: to start what
    /// samples there takes a while. Returns how many samples there would have been meanwhile.
    pub fn started(&mut self, first_ns: u64) -> u64 {
        let lost =
            first_ns.saturating_sub(self.until_ns).checked_div(self.interval_ns).unwrap_or(0);
        if lost > 0 {
            self.gap(GapCause::Late, first_ns, lost, "what samples was being started", 0);
        }
        lost
    }

    /// Samples of the kernel were drained, the last of which is of `last_ns`.
    pub fn drained(&mut self, last_ns: u64) {
        self.until_ns = last_ns;
    }

    /// The source was opened from `start_ns` on and has taken its first sample, whose newest row is
    /// of `row_ns`. Returns how many deadlines passed meanwhile.
    pub fn opened(&mut self, start_ns: u64, row_ns: u64) -> u64 {
        self.until_ns = start_ns;
        self.sampled(None, start_ns, row_ns)
    }

    /// Accounts for a sample, that of `tick` where it is not the first, which began at `start_ns`
    /// and whose newest row is of `row_ns`. Returns how many deadlines passed without a sample.
    ///
    /// Ticks know how late they came, and not how much later they were served or for how long the
    /// kernel let the source wait for what it read. All of it passes before the row, so all of it
    /// is accounted for here, before the row is sent: were it left to the next tick, a crash could
    /// take the gap and leave the row behind it.
    pub fn sampled(&mut self, tick: Option<&Tick>, start_ns: u64, row_ns: u64) -> u64 {
        let row_ns = row_ns.max(start_ns);
        let (begun, ended) = (self.number(start_ns), self.number(row_ns));
        // One deadline is that of the sample. One that passed while it was read is still served.
        let late = begun - self.number(self.until_ns) - 1;
        let lost = (late.max(0) + (ended - begun - 1).max(0)).cast_unsigned();
        if lost > 0 {
            let cause = match tick {
                Some(tick) if tick.missed > 0 => tick.cause,
                _ => self.clock.why_late(lost * self.interval_ns),
            };
            let slack = if cause == GapCause::Late { LATE_TOGETHER } else { 0 };
            self.gap(cause, row_ns, lost, "", slack * self.interval_ns);
        }
        self.until_ns = if ended > begun { self.deadline_ns(row_ns) - 1 } else { start_ns };
        lost
    }

    /// Samples of the kernel are missing.
    pub fn lost_in_kernel(&mut self, gap: &KernelGap) {
        let KernelGap { cause, from_ns, to_ns, lost, ref detail, .. } = *gap;
        self.until_ns = from_ns;
        let slack = if cause == GapCause::Late { LATE_TOGETHER } else { 0 };
        self.gap(cause, to_ns, lost, detail, slack * self.interval_ns);
    }

    /// Every deadline until `to_ns` was missed because of a failure.
    pub fn failed_until(&mut self, to_ns: u64, error: &str) {
        let lost = self.deadlines_until(to_ns);
        self.gap(GapCause::SourceFailed, to_ns, lost, error, 0);
    }

    fn gap(&mut self, cause: GapCause, to_ns: u64, lost: u64, detail: &str, slack_ns: u64) {
        for table in &self.tables {
            let (table, detail) = (table.clone(), detail.to_owned());
            let from_ns = self.until_ns;
            self.outbox.gap(Gap { table, cause, from_ns, to_ns, lost, detail }, slack_ns);
        }
        self.until_ns = to_ns;
    }

    /// How many deadlines there were from what is accounted for until `to_ns`.
    fn deadlines_until(&self, to_ns: u64) -> u64 {
        (self.number(to_ns) - self.number(self.until_ns)).max(0).cast_unsigned()
    }

    /// The number of the last deadline up to `time_ns`.
    fn number(&self, time_ns: u64) -> i64 {
        match self.interval_ns {
            // Events have no deadlines.
            0 => 0,
            interval_ns => self.clock.wall_ns(time_ns).div_euclid(interval_ns.cast_signed()),
        }
    }

    /// The last deadline up to `time_ns`, `CLOCK_BOOTTIME` ns.
    fn deadline_ns(&self, time_ns: u64) -> u64 {
        let interval_ns = self.interval_ns.max(1).cast_signed();
        let into = self.clock.wall_ns(time_ns).rem_euclid(interval_ns);
        time_ns - into.cast_unsigned()
    }
}
