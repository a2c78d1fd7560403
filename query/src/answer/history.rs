//! What was before: of the table its last sample, of every instance when it was seen last, of every
//! counter whose rate is wanted its last value.

use super::growth::Previous;
use super::instances::Wanted;
use crate::question::Plan;
use nodemon_formats::ColumnType;
use nodemon_formats::growth::{Beginning, Standing, Succession};
use nodemon_formats::reader::{Chunk, Presence, Summary, WallGap};
use nodemon_formats::{GapCause, Value};
use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

/// A time at which another recorder began, perhaps after a reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// Wall time, ns since the epoch.
    pub at: i64,
    /// Whether the machine was booted in between: then nothing goes on.
    pub rebooted: bool,
}

impl Break {
    /// The one that a gap stands for, if another recorder began behind it.
    pub fn from_gap(gap: &WallGap) -> Option<Break> {
        let rebooted = gap.gap.cause == GapCause::Rebooted;
        let restarted = rebooted || gap.gap.cause == GapCause::NotRunning;
        restarted.then_some(Break { at: gap.to, rebooted })
    }
}

/// Clocks of one boot do not move against each other by more than this unnoticed.
const ANOTHER_BOOT_NS: u64 = 1_000_000_000;

/// What was before, for each number of an instance and each slot.
pub struct History<'a> {
    plan: &'a Plan,
    succession: Succession,
    breaks: Peekable<IntoIter<Break>>,
    /// `CLOCK_BOOTTIME` and wall time of the table's last sample.
    last: Option<(u64, i64)>,
    /// Whether another recorder took the samples at hand than those before.
    restarted: bool,
    /// Whether no two samples at hand are too far apart for growth between them.
    steady: bool,
    /// Behind the last sample of the recorder before the one that took those at hand.
    since_ns: u64,
    seen: Vec<Option<u64>>,
    previous: Vec<Previous>,
}

/// How the rows of an instance stand to the samples before them.
pub struct Standings {
    from: usize,
    first: Standing,
    rest: Standing,
    each: Vec<Standing>,
}

impl Standings {
    /// That of a row at which the instance is there.
    #[inline]
    pub fn at(&self, row: usize) -> Standing {
        match self.each.get(row - self.from) {
            Some(standing) => *standing,
            None if row == self.from => self.first,
            None => self.rest,
        }
    }

    /// Whether all but the first go on where the one before was.
    pub fn is_steady(&self) -> bool {
        self.each.is_empty()
    }
}

impl<'a> History<'a> {
    /// Nothing was seen yet. `breaks` ascend.
    pub fn new(plan: &'a Plan, breaks: Vec<Break>) -> History<'a> {
        History {
            plan,
            succession: Succession::from_schema(&plan.schema),
            breaks: breaks.into_iter().peekable(),
            last: None,
            restarted: false,
            steady: true,
            since_ns: 0,
            seen: Vec::new(),
            previous: Vec::new(),
        }
    }

    /// A number was given out: makes room, and forgets whoever had it before.
    pub fn born(&mut self, number: usize) {
        let width = self.plan.slots.len();
        let end = (number + 1) * width;
        self.previous.resize(self.previous.len().max(end), Previous::default());
        self.previous[number * width..end].fill(Previous::default());
        self.seen.resize(self.seen.len().max(number + 1), None);
        self.seen[number] = None;
    }

    /// The last value of a slot of an instance.
    pub fn previous_of(&mut self, number: usize, slot: usize) -> &mut Previous {
        &mut self.previous[number * self.plan.slots.len() + slot]
    }

    /// Samples come next, of which the first is at `wall`.
    pub fn begin(&mut self, wall: i64, boot_times: &[u64]) {
        self.restarted = false;
        while let Some(b) = self.breaks.next_if(|b| b.at <= wall) {
            if self.last.is_some_and(|(_, last)| last <= b.at) {
                self.restarted = true;
                if b.rebooted {
                    self.last = None;
                    self.seen.fill(None);
                }
            }
        }
        let longest_ns = self.succession.longest_ns;
        let is_steady = |pair: &[u64]| pair[1] > pair[0] && pair[1] - pair[0] <= longest_ns;
        self.steady = boot_times.windows(2).all(is_steady);
        if self.restarted {
            self.begin_run();
        }
    }

    /// A step of a tier comes next. The gaps of its time may be gone, but it tells whether it is
    /// the first of a run.
    pub fn begin_of_tier(&mut self, summary: &Summary) {
        self.begin(summary.times.0, &[]);
        let mut instances = summary.tier.iter().flat_map(|tier| &tier.instances);
        if instances.any(|instance| instance.first_ns.is_some() && instance.before_ns.is_none()) {
            self.begin_run();
        }
    }

    fn begin_run(&mut self) {
        self.since_ns = self.last.map_or(0, |(boot_ns, _)| boot_ns.saturating_add(1));
    }

    /// The samples that came are done; the last of them was at this `CLOCK_BOOTTIME` and wall time.
    pub fn end(&mut self, boot_ns: u64, wall: i64) {
        self.last = Some((boot_ns, wall));
    }

    /// `CLOCK_BOOTTIME` of the last sample before those at hand; 0 where there is none.
    pub fn before_ns(&self) -> u64 {
        self.last.map_or(0, |(boot_ns, _)| boot_ns)
    }

    /// How an instance with these keys, there at `now`, stands to the last sample before those at
    /// hand.
    pub fn standing(&self, number: usize, keys: &[Value], now: u64) -> Standing {
        let before = self.last.map(|(boot_ns, _)| boot_ns);
        self.standing_to(self.seen[number], before, now, keys, self.restarted)
    }

    /// How an instance in a step of a tier that does not know what was before stands to the last
    /// sample before those at hand. A recorder began there; where the clocks moved against each
    /// other as well it may have been another boot.
    pub fn standing_of_first(&self, number: usize, summary: &Summary, index: usize) -> Standing {
        let of_tier = summary.tier.as_ref().and_then(|tier| tier.instances.get(index));
        let first_ns = of_tier.and_then(|instance| instance.first_ns);
        let (Some(now), Some((boot_ns, wall))) = (first_ns, self.last) else {
            return Standing::Unknown;
        };
        let offset = wall.saturating_sub_unsigned(boot_ns);
        let offset_here = summary.times.1.saturating_sub_unsigned(summary.boot_times.1);
        if offset.abs_diff(offset_here) > ANOTHER_BOOT_NS {
            return Standing::Unknown;
        }
        let (seen, keys) = (self.seen[number], &summary.instances[index]);
        let before_ns = of_tier.and_then(|instance| instance.before_ns).unwrap_or(boot_ns);
        self.standing_to(seen, Some(before_ns), now, keys, true)
    }

    /// A row is what a step of a tier comes to: each rate in it is what its counter grew by, also
    /// where it was reset or began on the way.
    pub fn begin_step(&mut self, summary: &Summary, wanted: &[Wanted]) {
        let Some(tier) = summary.tier.as_ref().filter(|tier| !tier.instances.is_empty()) else {
            return;
        };
        let Some((before_ns, _)) = self.last else { return };
        let is_in_step = |wanted: &&Wanted| {
            tier.instances.get(wanted.index).is_some_and(|instance| instance.is_in_step)
        };
        for instance in wanted.iter().filter(is_in_step) {
            self.seen[instance.number] = Some(before_ns);
            for (s, slot) in self.plan.slots.iter().enumerate().filter(|(_, slot)| slot.rate) {
                let at = s * summary.instances.len() + instance.index;
                let base = match tier.grown[at] {
                    Some(by) => less(slot.kind, summary.columns[at].last, by),
                    None => None,
                };
                let previous = self.previous_of(instance.number, s);
                *previous = Previous::default();
                if let Some(base) = base {
                    previous.remember(base, before_ns);
                }
            }
        }
    }

    fn standing_to(
        &self,
        seen: Option<u64>,
        before: Option<u64>,
        now: u64,
        keys: &[Value],
        restarted: bool,
    ) -> Standing {
        let start = match self.succession.beginning {
            Beginning::Start { key, .. } => keys.get(key).and_then(|key| match key {
                Value::U64(start) => Some(*start),
                _ => None,
            }),
            _ => None,
        };
        self.succession.standing(seen, self.since_ns, before, now, start, restarted)
    }

    /// How some rows of an instance of a chunk stand to the samples before them.
    pub fn standings(&self, chunk: &Chunk, instance: Wanted, range: &Range<usize>) -> Standings {
        let times = &chunk.boot_times;
        let keys = &chunk.instances[instance.index];
        let present = &chunk.present[instance.index];
        let mut seen = self.seen[instance.number];
        let of_row = |row: usize, seen| match row.checked_sub(1) {
            Some(before) => self.standing_to(seen, Some(times[before]), times[row], keys, false),
            None => {
                let before = self.last.map(|(boot_ns, _)| boot_ns);
                self.standing_to(seen, before, times[row], keys, self.restarted)
            }
        };
        let rest = match self.succession.beginning {
            Beginning::Start { .. } => Standing::Bridges,
            _ => Standing::Continues,
        };
        let mut standings =
            Standings { from: range.start, first: Standing::Unknown, rest, each: Vec::new() };
        if range.is_empty() || *present == Presence::None {
        } else if *present == Presence::All && self.steady {
            standings.first = of_row(range.start, seen);
        } else {
            standings.each.reserve(range.len());
            for row in range.clone() {
                if present.at(row) {
                    standings.each.push(of_row(row, seen));
                    seen = Some(times[row]);
                } else {
                    standings.each.push(Standing::Unknown);
                }
            }
        }
        standings
    }

    /// An instance was there at the last row of `range` that has it.
    pub fn saw(&mut self, chunk: &Chunk, instance: Wanted, range: &Range<usize>) {
        let present = &chunk.present[instance.index];
        if let Some(row) = range.clone().rev().find(|row| present.at(*row)) {
            self.seen[instance.number] = Some(chunk.boot_times[row]);
        }
    }

    /// An instance was there in a sample.
    pub fn saw_at(&mut self, number: usize, boot_ns: u64) {
        self.seen[number] = Some(boot_ns);
    }

    /// Looks at the rows of a chunk before row `begin`, from which the first rate is told.
    pub fn remember(&mut self, chunk: &Chunk, begin: usize, wanted: &[Wanted]) {
        for instance in wanted {
            self.saw(chunk, *instance, &(0..begin));
        }
        for (s, _) in self.plan.slots.iter().enumerate().filter(|(_, slot)| slot.rate) {
            for instance in wanted {
                let cells = chunk.cells(s, instance.index);
                if let Some(row) = (0..begin).rev().find(|row| cells.present.at(*row)) {
                    let (word, time) = (cells.words.at(row), chunk.boot_times[row]);
                    self.previous_of(instance.number, s).remember(word, time);
                }
            }
        }
    }
}

/// The value that a counter grew from; `None` where it was reset on the way.
fn less(kind: ColumnType, word: u64, by: u64) -> Option<u64> {
    match kind {
        ColumnType::F64 => {
            let base = f64::from_bits(word) - f64::from_bits(by);
            (base >= 0.0).then_some(base.to_bits())
        }
        ColumnType::I64 => Some(word.cast_signed().checked_sub(by.cast_signed())?.cast_unsigned()),
        _ => word.checked_sub(by),
    }
}
