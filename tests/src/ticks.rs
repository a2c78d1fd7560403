//! The account of a table: ticks that were due, samples that are stored, samples counted in gaps.

use crate::{gaps, read_table};
use nodemon_formats::GapCause;
use nodemon_formats::reader::WallGap;
use std::fmt;
use std::path::Path;

/// The account of one table between two ticks that were served in time.
#[derive(Debug)]
pub struct Ticks {
    /// The first and the last of the two, wall time, ns.
    pub between: (i64, i64),
    /// Ticks that were due.
    pub due: i64,
    /// Samples that are stored.
    pub stored: i64,
    /// The gaps.
    pub gaps: Vec<WallGap>,
}

impl Ticks {
    /// Draws up the account of a table of a recording that one recorder wrote.
    ///
    /// Ticks are whole multiples of the interval on the wall clock. A sample is taken some time
    /// after its tick, under load after the next one even, so the account begins and ends at a
    /// sample whose neighbours show that it was taken in time, and not within a gap: one that is
    /// scattered has samples in between, and counts what is missing on either side of them.
    pub fn of_table(dir: &Path, name: &str) -> Ticks {
        Ticks::find_in_table(dir, name).expect("some sample is taken in time")
    }

    /// As [`Ticks::of_table`]; `None` where no sample was taken in time.
    pub fn find_in_table(dir: &Path, name: &str) -> Option<Ticks> {
        let table = read_table(dir, name);
        assert_eq!(table.problems, [] as [&str; 0], "{name} is damaged");
        let (times, interval) = (table.times(), table.interval_ns);
        let in_time = |three: &[i64]| {
            let tick = |at: usize| three[at].div_euclid(interval);
            tick(1) == tick(0) + 1
                && tick(2) == tick(1) + 1
                && three[1].rem_euclid(interval) < interval / 2
        };
        let mut gaps = gaps(dir, name, i64::MIN, i64::MAX);
        let is_outside = |time: i64| !gaps.iter().any(|gap| gap.from < time && time < gap.to);
        let in_time = |three: &[i64]| in_time(three) && is_outside(three[1]);
        let first = times.windows(3).position(in_time)? + 1;
        let last = times.windows(3).rposition(in_time)? + 1;
        let (from, to) = (times[first], times[last]);
        gaps.retain(|gap| gap.to > from && gap.from < to);
        Some(Ticks {
            between: (from, to),
            due: to.div_euclid(interval) - from.div_euclid(interval) + 1,
            stored: (last - first + 1) as i64,
            gaps,
        })
    }

    /// Samples that gaps of these causes count.
    pub fn lost(&self, causes: &[GapCause]) -> i64 {
        let of_cause = self.gaps.iter().filter(|gap| causes.contains(&gap.gap.cause));
        of_cause.map(|gap| gap.gap.lost.cast_signed()).sum()
    }

    /// Fails the test unless every tick is a stored sample or counted in a gap.
    pub fn assert_balanced(&self, name: &str) {
        let lost: i64 = self.gaps.iter().map(|gap| gap.gap.lost.cast_signed()).sum();
        assert_eq!(
            self.due,
            self.stored + lost,
            "{name} does not balance: {self}\n{:#?}",
            self.gaps
        );
    }
}

impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost: u64 = self.gaps.iter().map(|gap| gap.gap.lost).sum();
        let Ticks { due, stored, gaps, .. } = self;
        write!(f, "{due} ticks were due, {stored} are stored, {lost} are in {} gaps", gaps.len())
    }
}
