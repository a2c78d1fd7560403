//! How much a counter grew from one sample to the next: the one rule that queries and rollup tiers
//! share, so that the growth over a span is the same number whoever adds it up.
//!
//! Growth belongs to the later of two samples of a table that follow each other.
//!
//! - An instance that is in both grew by the difference.
//! - An instance that is not in the earlier one *began* between the two where that is certain: a
//!   process by its start time, a disk, an interface or a control group by not being there. Its
//!   counters began at zero, so it grew by what they say.
//! - An instance that was missing and returns may be another one: nothing is known of it. Only a
//!   process is the same by its keys, whatever sample left it out.
//! - A counter that went down near the end of 32 or 64 bits has wrapped. One that went down to an
//!   eighth or less was reset, and grew by what it says since. Of any other fall nothing is known.
//! - Two samples further apart than [`longest_ns`] say nothing about the time in between.

use crate::schema::{ColumnType, Schema};

/// Tables of which an instance that is new in a sample began after the sample before, with counters
/// of zero. A CPU or a sensor is not among them: what was away goes on counting where it was.
const BEGIN_AT_ZERO: [&str; 8] =
    ["disk", "net", "cgroup", "net_traffic", "syscall", "packet_drop", "tcp_retransmit", "timer"];

/// The key that says when an instance began, `CLOCK_BOOTTIME` ns.
const START_KEY: &str = "start_ns";

/// So many intervals may lie between two samples for what is only in the second to be new: beyond
/// that there was a gap, and it may have been left out before.
const INTERVALS_OF_A_BEGINNING: u64 = 3;

/// Between samples that are further apart than this, ns, no growth is told: ten intervals, and at
/// least three minutes. It depends on the table alone, never on the question.
pub fn longest_ns(interval_ns: u64) -> u64 {
    interval_ns.saturating_mul(10).max(180_000_000_000)
}

/// By what it is known that an instance began after the sample before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// By nothing.
    Unknown,
    /// By its absence in that sample.
    Absence,
    /// By a key that says when it started, in steps of so many ns; the same keys are the same
    /// instance, even if samples left it out.
    Start {
        /// Index into the schema's keys.
        key: usize,
        /// What the start is rounded down to, ns.
        quantum_ns: u64,
    },
}

/// How instances of a table follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Succession {
    /// By what beginnings are known.
    pub beginning: Beginning,
    /// [`longest_ns`] of the table.
    pub longest_ns: u64,
    /// Longest time between two samples for absence in the first to be proof, ns.
    near_ns: u64,
}

/// What an instance in a sample has to do with the sample before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was there.
    Continues,
    /// It is the same as one that was seen within [`longest_ns`], perhaps not in the sample before.
    Bridges,
    /// It began since, at zero.
    Began,
    /// Nothing is known.
    Unknown,
}

impl Succession {
    /// That of the table of `schema`.
    pub fn from_schema(schema: &Schema) -> Succession {
        let start = schema.keys.iter().position(|key| key.name == START_KEY);
        let beginning = match start {
            Some(key) => Beginning::Start { key, quantum_ns: schema.keys[key].quantum },
            None if BEGIN_AT_ZERO.contains(&schema.name.as_str()) => Beginning::Absence,
            None => Beginning::Unknown,
        };
        Succession {
            beginning,
            longest_ns: longest_ns(schema.interval_ns),
            near_ns: schema.interval_ns.saturating_mul(INTERVALS_OF_A_BEGINNING),
        }
    }

    /// What an instance in the sample at `now` has to do with the sample before, at `before`.
    /// `seen` is when it was there last, in a sample since `since`, where the recorder began that
    /// took this one: of what others saw before that this one knows nothing. `start_ns` is the word of its start key, where there is one.
    /// After `restarted`, between the two another recorder began, which may look at more.
    pub fn standing(
        &self,
        seen: Option<u64>,
        since: u64,
        before: Option<u64>,
        now: u64,
        start_ns: Option<u64>,
        restarted: bool,
    ) -> Standing {
        let is_recent = |then: &u64| now > *then && now - *then <= self.longest_ns;
        let Some(before) = before.filter(is_recent) else { return Standing::Unknown };
        let seen = seen.filter(is_recent);
        match self.beginning {
            Beginning::Start { .. } if seen.is_some() => Standing::Bridges,
            _ if seen == Some(before) => Standing::Continues,
            Beginning::Start { quantum_ns, .. } => match start_ns {
                Some(start) if start.saturating_add(quantum_ns) > before => Standing::Began,
                _ => Standing::Unknown,
            },
            Beginning::Absence
                if seen.is_none_or(|seen| seen < since)
                    && !restarted
                    && now - before <= self.near_ns =>
            {
                Standing::Began
            }
            _ => Standing::Unknown,
        }
    }
}

/// By how much a counter of type `kind` grew from `earlier` to `later`, as a word of that type;
/// `None` where that is not known.
#[inline]
pub fn between(kind: ColumnType, earlier: u64, later: u64) -> Option<u64> {
    match kind {
        ColumnType::F64 => {
            let (earlier, later) = (f64::from_bits(earlier), f64::from_bits(later));
            let by = later - earlier;
            let grown = if by >= 0.0 { by } else { later };
            (by >= 0.0 || was_reset(earlier, later)).then(|| grown.to_bits())
        }
        ColumnType::I64 => {
            let (earlier, later) = (earlier.cast_signed(), later.cast_signed());
            match later.checked_sub(earlier) {
                Some(by) if by >= 0 => Some(by.cast_unsigned()),
                _ => was_reset(earlier as f64, later as f64).then(|| later.cast_unsigned()),
            }
        }
        _ if later < earlier || later == u64::MAX => of_a_fall(earlier, later),
        _ => Some(later - earlier),
    }
}

/// What a counter that fell, or that says -1, grew by.
#[cold]
fn of_a_fall(earlier: u64, later: u64) -> Option<u64> {
    // -1 in an unsigned number is what a driver says that does not know.
    if earlier == u64::MAX || later == u64::MAX {
        return None;
    }
    for bits in [32, 64] {
        let end = 1u128 << bits;
        let near = end / 16;
        let (earlier, later) = (u128::from(earlier), u128::from(later));
        if earlier < end && end - earlier <= near && later <= near {
            return u64::try_from(end - earlier + later).ok();
        }
    }
    was_reset(earlier as f64, later as f64).then_some(later)
}

fn was_reset(earlier: f64, later: f64) -> bool {
    later >= 0.0 && later <= earlier / 8.0
}

/// The growth from zero to `word`: what an instance that began has grown by.
#[inline]
pub fn from_zero(kind: ColumnType, word: u64) -> Option<u64> {
    match kind {
        ColumnType::F64 => Some(word).filter(|word| f64::from_bits(*word) >= 0.0),
        ColumnType::I64 => Some(word).filter(|word| word.cast_signed() >= 0),
        _ => Some(word).filter(|word| *word != u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::unit;

    const SECOND: u64 = 1_000_000_000;

    fn succession(table: &str, key: &str) -> Succession {
        let mut schema = Schema::sample(table, "a test", "").key(key, ColumnType::U64, "");
        schema = schema.counter("grows", unit::COUNT, "");
        schema.interval_ns = SECOND;
        Succession::from_schema(&schema)
    }

    #[test]
    fn a_wrap_is_one_only_near_the_end_of_the_range_and_a_fall_to_little_is_a_reset() {
        let grown = |earlier, later| between(ColumnType::U64, earlier, later);
        assert_eq!(grown(5, 9), Some(4));
        assert_eq!(grown((1 << 32) - 10, 20), Some(30), "32 bits wrapped");
        assert_eq!(grown(u64::MAX - 9, 20), Some(30), "64 bits wrapped");
        assert_eq!(grown(1 << 40, 20), Some(20), "a reset in the middle of the range");
        assert_eq!(grown(1000, 990), None, "idle time that went back a little is neither");
        assert_eq!(grown(70, u64::MAX), None, "-1 is no value");
        assert_eq!(grown(u64::MAX, 70), None, "-1 was no value");
        let signed = |a: i64, b: i64| {
            between(ColumnType::I64, a.cast_unsigned(), b.cast_unsigned()).map(u64::cast_signed)
        };
        assert_eq!((signed(-4, 3), signed(90, 2), signed(9, 8)), (Some(7), Some(2), None));
        let float =
            |a: f64, b: f64| between(ColumnType::F64, a.to_bits(), b.to_bits()).map(f64::from_bits);
        assert_eq!(
            (float(1.0, 3.5), float(90.0, 2.0), float(9.0, 8.0)),
            (Some(2.5), Some(2.0), None)
        );
        assert_eq!(float(1.0, f64::NAN), None);
    }

    #[test]
    fn a_process_is_new_by_its_start_and_the_same_by_its_keys() {
        let of = succession("process", "start_ns");
        let standing =
            |seen, start| of.standing(seen, 0, Some(9 * SECOND), 10 * SECOND, start, true);
        assert_eq!(standing(None, Some(9 * SECOND + 1)), Standing::Began);
        assert_eq!(standing(None, Some(8 * SECOND)), Standing::Unknown, "it was left out before");
        assert_eq!(standing(Some(3 * SECOND), Some(1)), Standing::Bridges);
    }

    #[test]
    fn what_is_new_in_a_sample_began_and_what_returns_may_be_another() {
        let disk = succession("disk", "device");
        let standing =
            |seen, before, restarted| disk.standing(seen, 0, before, 10 * SECOND, None, restarted);
        assert_eq!(standing(None, Some(9 * SECOND), false), Standing::Began);
        assert_eq!(standing(None, Some(9 * SECOND), true), Standing::Unknown, "another recorder");
        assert_eq!(standing(None, None, false), Standing::Unknown, "the first sample");
        assert_eq!(standing(None, Some(2 * SECOND), false), Standing::Unknown, "a gap");
        assert_eq!(standing(Some(9 * SECOND), Some(9 * SECOND), false), Standing::Continues);
        assert_eq!(standing(Some(8 * SECOND), Some(9 * SECOND), false), Standing::Unknown);
        let cpu = succession("cpu", "cpu");
        let new = cpu.standing(None, 0, Some(9 * SECOND), 10 * SECOND, None, false);
        assert_eq!(new, Standing::Unknown, "a CPU goes on counting where it was");
    }
}
