//! The gaps of a recording: of the segments with rows, and of before these what tiers have of them.

use super::open::OpenSegment;
use super::{ReadError, Recording, WallGap};
use crate::gap::{Gap, GapCause};
use crate::segment::SegmentError;
use std::collections::HashMap;
use std::sync::Arc;

/// Gaps that are told at most; where there are more, somebody made them to fill memory.
const MOST_GAPS: usize = 1 << 18;

impl Recording {
    /// Gaps that touch the span, of one table or of all, by time. A gap of every table touches
    /// each. Where the segments are gone that told of them, those of the finest tier are there that
    /// remembers; it has those less than a step apart as one. What is damaged of them is left out;
    /// [`Recording::damaged_gaps`] tells of it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn gaps(&self, table: Option<&str>, from: i64, to: i64) -> Result<Vec<WallGap>, ReadError> {
        let touches = |gap: &WallGap| {
            let of_table =
                table.is_none_or(|name| gap.gap.table.is_empty() || gap.gap.table == name);
            of_table && gap.from < to && gap.to >= from
        };
        let mut gaps: Vec<WallGap> = Vec::new();
        let mut until = i64::MAX;
        for segments in self.levels() {
            let finer = Finer::from_gaps(&gaps);
            let of_level = self.gaps_in(segments)?.into_iter();
            let before: Vec<WallGap> =
                of_level.filter_map(|gap| finer.rest_of(gap, until)).collect();
            gaps.extend(before);
            until = until.min(self.begin_of(segments));
        }
        gaps.retain(touches);
        gaps.truncate(MOST_GAPS);
        gaps.sort_by_key(|gap| (gap.from, gap.to));
        Ok(gaps)
    }

    /// What of the gaps is damaged.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn damaged_gaps(&self) -> Result<Vec<ReadError>, ReadError> {
        let mut problems = Vec::new();
        for segment in self.levels().into_iter().flatten() {
            let damage = Self::gaps_of(segment)?.1;
            problems.extend(damage.into_iter().map(|error| segment.error(error)));
        }
        Ok(problems)
    }

    /// The segments with rows, and the tiers that reach back further than what is finer, the finest
    /// first.
    fn levels(&self) -> Vec<&[Arc<OpenSegment>]> {
        let mut levels = vec![self.raw()];
        for tier in self.tiers().iter().rev() {
            let finer = levels.iter().map(|finer| self.begin_of(finer)).min();
            if finer.is_none_or(|finer| self.begin_of(tier) < finer) {
                levels.push(tier);
            }
        }
        levels
    }

    /// The wall time at which these segments begin to know.
    fn begin_of(&self, segments: &[Arc<OpenSegment>]) -> i64 {
        let first = segments.iter().find(|segment| !segment.is_fine);
        let begin = |segment: &Arc<OpenSegment>| {
            let created_ns = segment.reader.description().created.from_ns;
            let first_ns = segment.span_ns.map_or(created_ns, |span| span.0);
            self.wall_span(segment, (first_ns, first_ns)).0
        };
        first.map_or(i64::MAX, begin)
    }

    fn gaps_in(&self, segments: &[Arc<OpenSegment>]) -> Result<Vec<WallGap>, ReadError> {
        let mut gaps = Vec::new();
        // The wall time of the last row of any boot before, and so far.
        let (mut boot, mut before, mut so_far) = (None, None, None);
        for segment in segments {
            if boot != Some(segment.boot) {
                (boot, before) = (Some(segment.boot), so_far);
            }
            for gap in Self::gaps_of(segment)?.0 {
                let span = self.wall_span(segment, (gap.from_ns, gap.to_ns));
                // A reboot begins where the boot before it ends.
                let from = match (gap.cause, before) {
                    (GapCause::Rebooted, Some(last)) => last,
                    (GapCause::Rebooted, None) => span.1,
                    _ => span.0,
                };
                if gaps.len() < MOST_GAPS {
                    gaps.push(WallGap { gap, from, to: span.1 });
                }
            }
            if let Some(span) = segment.span_ns {
                so_far = so_far.max(Some(self.wall_span(segment, span).1));
            }
        }
        Ok(gaps)
    }

    /// The gaps of a segment: where a part of its trees turns out damaged, those that are found in
    /// the file.
    fn gaps_of(segment: &OpenSegment) -> Result<(Vec<Gap>, Vec<SegmentError>), ReadError> {
        let error = |error| segment.error(error);
        let (gaps, problems) = segment.reader.view().map_err(error)?.gaps();
        let is_lost = |problem: &SegmentError| {
            matches!(problem, SegmentError::Database(_) | SegmentError::Missing { .. })
        };
        if problems.iter().any(is_lost)
            && let Some(salvaged) = segment.salvaged()
        {
            return Ok((salvaged.view().map_err(error)?.gaps().0, problems));
        }
        Ok((gaps, problems))
    }
}

/// What finer segments tell.
struct Finer<'a>(HashMap<Sort<'a>, Reported>);

/// Table, cause and kind of gaps that tell of the same.
type Sort<'a> = (&'a str, GapCause, &'a str);

/// What is told of one sort.
struct Reported {
    /// When the first of its gaps begins.
    from: i64,
    /// When each of them ends, and what those up to it have lost, by time.
    lost_until: Vec<(i64, u64)>,
}

impl<'a> Finer<'a> {
    fn from_gaps(gaps: &'a [WallGap]) -> Finer<'a> {
        let mut finer: HashMap<Sort<'a>, Reported> = HashMap::new();
        for WallGap { gap, from, to } in gaps {
            let none = Reported { from: *from, lost_until: Vec::new() };
            let told = finer.entry(sort_of(gap)).or_insert(none);
            told.from = told.from.min(*from);
            told.lost_until.push((*to, gap.lost));
        }
        for told in finer.values_mut() {
            told.lost_until.sort_unstable();
            let mut lost = 0u64;
            for (_, until) in &mut told.lost_until {
                lost = lost.saturating_add(*until);
                *until = lost;
            }
        }
        Finer(finer)
    }

    /// What of a gap is from before all that finer segments tell, who know from `until` on: the gap
    /// of a coarser one has more than one of them as one.
    fn rest_of(&self, mut gap: WallGap, until: i64) -> Option<WallGap> {
        let told = self.0.get(&sort_of(&gap.gap));
        let end = told.map_or(until, |told| told.from.min(until));
        if gap.from >= end && until != i64::MAX {
            return None;
        }
        if gap.to > end {
            // All of these begin behind this gap.
            let lost = told.map_or(0, |told| {
                let ended = told.lost_until.partition_point(|(to, _)| *to <= gap.to);
                ended.checked_sub(1).map_or(0, |last| told.lost_until[last].1)
            });
            gap.gap.lost = gap.gap.lost.saturating_sub(lost);
            gap.to = end;
        }
        Some(gap)
    }
}

fn sort_of(gap: &Gap) -> Sort<'_> {
    (&gap.table, gap.cause, gap.kind())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Finer, WallGap};
    use crate::gap::{Gap, GapCause, STARTING};

    fn gap(detail: &str, (from, to): (i64, i64), lost: u64) -> WallGap {
        let (table, cause, detail) = ("t".to_owned(), GapCause::Late, detail.to_owned());
        let (from_ns, to_ns) = (from.cast_unsigned(), to.cast_unsigned());
        WallGap { gap: Gap { table, cause, from_ns, to_ns, lost, detail }, from, to }
    }

    #[test]
    fn a_gap_from_before_the_rows_has_lost_what_is_not_told_with_them() {
        let of_rows = [
            gap("overslept", (7, 8), 50),
            gap(STARTING, (8, 9), 400),
            gap("overslept", (10, 12), 40),
            gap("overslept", (20, 22), 1000),
        ];
        let finer = Finer::from_gaps(&of_rows);
        let rest = finer.rest_of(gap("overslept", (3, 12), 100), 5).unwrap();
        assert_eq!((rest.from, rest.to, rest.gap.lost), (3, 5, 10));
        // Of another kind nothing is told that could be told twice.
        let rest = finer.rest_of(gap(STARTING, (1, 2), 7), 5).unwrap();
        assert_eq!((rest.from, rest.to, rest.gap.lost), (1, 2, 7));
        assert!(finer.rest_of(gap("overslept", (6, 12), 90), 5).is_none());
    }

    #[test]
    fn as_many_gaps_as_a_recording_may_have_are_told_in_a_moment() {
        let count = 1 << 17;
        let of_rows: Vec<_> =
            (0..count).map(|at| gap("", (count + at, count + at + 1), 1)).collect();
        let start = std::time::Instant::now();
        let finer = Finer::from_gaps(&of_rows);
        let of_tier = (0..count).map(|at| gap("", (at, 2 * count), 1 << 20));
        let rest: Vec<_> = of_tier.filter_map(|gap| finer.rest_of(gap, count)).collect();
        assert!(rest.iter().all(|gap| gap.gap.lost == (1 << 20) - (1 << 17)));
        assert_eq!(rest.len() as i64, count);
        assert!(start.elapsed().as_secs() < 10, "it took {:?}", start.elapsed());
    }
}
