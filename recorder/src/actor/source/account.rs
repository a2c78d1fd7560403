//! Which deadlines of a source have their sample or their gap: every one has, sooner or later.

use crate::actor::thread::clock::Tick;
use crate::actor::thread::surroundings::Surroundings;
use crate::config::PlannedSource;
use crate::source::KernelGap;
use nodemon_formats::gap::STARTING;
use nodemon_formats::{Gap, GapCause};

/// Ticks that are missed with fewer than so many samples in between, within one record, are one gap.
const LATE_TOGETHER: u64 = 8;

/// How often it is told that a source without deadlines does not come back, ns.
const TOLD_EVERY_NS: u64 = 1_000_000_000;

/// What is accounted for of one source.
pub struct Account {
    tables: Vec<String>,
    interval_ns: u64,
    /// What the wall clock to which deadlines are aligned is ahead of `CLOCK_BOOTTIME`, ns.
    offset_ns: i64,
    /// Until when every deadline has its sample or its gap, `CLOCK_BOOTTIME` ns.
    until_ns: u64,
    /// Whether time was accounted for that passed within a sample which is not over: one deadline
    /// before `until_ns` is still that of the sample.
    is_one_spared: bool,
}

impl Account {
    /// An account that begins at `since_ns`.
    pub fn new(plan: &PlannedSource, offset_ns: i64, since_ns: u64) -> Account {
        let kept = plan.tables.iter().filter(|(_, kept)| *kept);
        Account {
            tables: kept.map(|(schema, _)| schema.name.clone()).collect(),
            interval_ns: plan.asked.interval_ns(),
            offset_ns,
            until_ns: since_ns,
            is_one_spared: false,
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
    pub fn started(&mut self, around: &Surroundings, first_ns: u64) -> u64 {
        let lost =
            first_ns.saturating_sub(self.until_ns).checked_div(self.interval_ns).unwrap_or(0);
        if lost > 0 {
            self.gap(around, GapCause::Late, first_ns, lost, STARTING, 0);
        }
        lost
    }

    /// Samples of the kernel were drained, the last of which is of `last_ns`.
    pub fn drained(&mut self, last_ns: u64) {
        self.until_ns = last_ns;
    }

    /// The source was opened from `start_ns` on and has taken its first sample, whose newest row is
    /// of `row_ns`. Returns how many deadlines passed meanwhile.
    pub fn opened(&mut self, around: &Surroundings, start_ns: u64, row_ns: u64) -> u64 {
        self.until_ns = self.until_ns.max(start_ns);
        self.account(around, None, start_ns, row_ns, STARTING)
    }

    /// Accounts for a sample, that of `tick` where it is not the first, which began at `start_ns`
    /// and whose newest row is of `row_ns`. Returns how many deadlines passed without a sample.
    ///
    /// Ticks know how late they came, and not how much later they were served or for how long the
    /// kernel let the source wait for what it read. All of it passes before the row, so all of it
    /// is accounted for here, before the row is sent: were it left to the next tick, a crash could
    /// take the gap and leave the row behind it.
    pub fn sampled(
        &mut self,
        around: &Surroundings,
        tick: Option<&Tick>,
        start_ns: u64,
        row_ns: u64,
    ) -> u64 {
        self.account(around, tick, start_ns, row_ns, "")
    }

    fn account(
        &mut self,
        around: &Surroundings,
        tick: Option<&Tick>,
        start_ns: u64,
        row_ns: u64,
        detail: &str,
    ) -> u64 {
        // What the watchdog accounted for while the sample was taken is not counted again.
        let was_spared = std::mem::take(&mut self.is_one_spared);
        let start_ns = if was_spared { start_ns.max(self.until_ns) } else { start_ns };
        let row_ns = row_ns.max(start_ns);
        let (begun, ended) = (self.number(start_ns), self.number(row_ns));
        // One deadline is that of the sample. One that passed while it was read is still served.
        let late = begun - self.number(self.until_ns) - 1;
        let lost = (late.max(0) + (ended - begun - 1).max(0)).cast_unsigned();
        if lost > 0 {
            let cause = match tick {
                Some(tick) if tick.missed > 0 => tick.cause,
                _ => around.clock.why_late(lost * self.interval_ns),
            };
            let slack = if cause == GapCause::Late { LATE_TOGETHER } else { 0 };
            let detail = if cause == GapCause::Late { detail } else { "" };
            self.gap(around, cause, row_ns, lost, detail, slack * self.interval_ns);
        }
        self.until_ns = if ended > begun { self.deadline_ns(row_ns) - 1 } else { start_ns };
        lost
    }

    /// The source does not come back: what passed until `now_ns` is told while it lasts. `spares`
    /// is whether a sample is being taken, which one of the deadlines belongs to. Returns the gaps,
    /// one for each table, and how many deadlines they count. None while no deadline has passed.
    ///
    /// Of what is drained out of the kernel nobody knows what is lost before it was drained: such
    /// a gap counts nothing.
    pub fn hangs(
        &mut self,
        now_ns: u64,
        spares: bool,
        is_drained: bool,
        why: &str,
    ) -> (Vec<Gap>, u64) {
        let spared = u64::from(spares && !self.is_one_spared);
        let lost = self.deadlines_until(now_ns).saturating_sub(spared);
        let is_due = match (self.interval_ns, is_drained) {
            (0, _) | (_, true) => now_ns >= self.until_ns.saturating_add(TOLD_EVERY_NS),
            _ => lost > 0,
        };
        if !is_due {
            return (Vec::new(), 0);
        }
        self.is_one_spared |= spares && !is_drained;
        let lost = if is_drained { 0 } else { lost };
        (self.gaps(GapCause::SourceFailed, now_ns, lost, why), lost)
    }

    /// A source that did not come back is given up at `now_ns`. See [`Account::hangs`].
    pub fn given_up(&mut self, now_ns: u64, why: &str) -> (Vec<Gap>, u64) {
        let spared = u64::from(std::mem::take(&mut self.is_one_spared));
        let lost = self.deadlines_until(now_ns) + spared;
        (self.gaps(GapCause::SourceFailed, now_ns, lost, why), lost)
    }

    /// Samples of the kernel are missing.
    pub fn lost_in_kernel(&mut self, around: &Surroundings, gap: &KernelGap) {
        let KernelGap { cause, from_ns, to_ns, lost, ref detail, .. } = *gap;
        self.until_ns = from_ns;
        let slack = if cause == GapCause::Late { LATE_TOGETHER } else { 0 };
        self.gap(around, cause, to_ns, lost, detail, slack * self.interval_ns);
    }

    /// Every deadline until `to_ns` was missed because of a failure. Returns how many.
    pub fn failed_until(&mut self, around: &Surroundings, to_ns: u64, error: &str) -> u64 {
        let (gaps, lost) = self.given_up(to_ns, error);
        gaps.into_iter().for_each(|gap| around.outbox.gap(gap, 0));
        lost
    }

    fn gap(
        &mut self,
        around: &Surroundings,
        cause: GapCause,
        to_ns: u64,
        lost: u64,
        detail: &str,
        slack_ns: u64,
    ) {
        for gap in self.gaps(cause, to_ns, lost, detail) {
            around.outbox.gap(gap, slack_ns);
        }
    }

    /// One gap for each table, up to `to_ns`.
    fn gaps(&mut self, cause: GapCause, to_ns: u64, lost: u64, detail: &str) -> Vec<Gap> {
        let from_ns = std::mem::replace(&mut self.until_ns, to_ns);
        let gap = |table: &String| Gap {
            table: table.clone(),
            cause,
            from_ns,
            to_ns,
            lost,
            detail: detail.to_owned(),
        };
        self.tables.iter().map(gap).collect()
    }

    /// How many deadlines there were from what is accounted for until `to_ns`.
    fn deadlines_until(&self, to_ns: u64) -> u64 {
        (self.number(to_ns) - self.number(self.until_ns)).max(0).cast_unsigned()
    }

    fn wall_ns(&self, time_ns: u64) -> i64 {
        time_ns.cast_signed().wrapping_add(self.offset_ns)
    }

    /// The number of the last deadline up to `time_ns`.
    fn number(&self, time_ns: u64) -> i64 {
        match self.interval_ns {
            // Events have no deadlines.
            0 => 0,
            interval_ns => self.wall_ns(time_ns).div_euclid(interval_ns.cast_signed()),
        }
    }

    /// The last deadline up to `time_ns`, `CLOCK_BOOTTIME` ns.
    fn deadline_ns(&self, time_ns: u64) -> u64 {
        let interval_ns = self.interval_ns.max(1).cast_signed();
        let into = self.wall_ns(time_ns).rem_euclid(interval_ns);
        time_ns - into.cast_unsigned()
    }
}
