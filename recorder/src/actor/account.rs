//! Which deadlines of a source have their sample or their gap: every one has, sooner or later.

use super::clock::{Clock, Tick};
use super::outbox::Outbox;
use super::source::Surroundings;
use crate::config::PlannedSource;
use nodemon_formats::clock::boottime_ns;
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
    /// An account that begins now.
    pub fn new(plan: &PlannedSource, around: &Surroundings) -> Account {
        let kept = plan.tables.iter().filter(|(_, kept)| *kept);
        Account {
            tables: kept.map(|(schema, _)| schema.name.clone()).collect(),
            interval_ns: plan.interval.as_nanos() as u64,
            clock: around.clock.clone(),
            outbox: around.outbox.clone(),
            until_ns: boottime_ns(),
        }
    }

    /// Until when every deadline has its sample or its gap, `CLOCK_BOOTTIME` ns.
    pub fn until_ns(&self) -> u64 {
        self.until_ns
    }

    /// A sample began at `start_ns`.
    pub fn sampled(&mut self, start_ns: u64) {
        self.until_ns = start_ns;
    }

    /// Ticks passed before the sample that began at `start_ns`.
    pub fn missed(&mut self, tick: &Tick, start_ns: u64) {
        let slack = if tick.cause == GapCause::Late { LATE_TOGETHER } else { 0 };
        self.gap(tick.cause, start_ns, tick.missed, "", slack * self.interval_ns);
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
        let interval_ns = self.interval_ns.cast_signed();
        let number = |time_ns| self.clock.wall_ns(time_ns).div_euclid(interval_ns);
        number(to_ns).saturating_sub(number(self.until_ns)).max(0).cast_unsigned()
    }
}
