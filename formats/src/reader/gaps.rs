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
        let mut unknown = vec![(i64::MIN, i64::MAX)];
        let mut rowless = unknown.clone();
        for segments in self.levels() {
            let finer = Finer::from_gaps(&gaps);
            let of_level = self.gaps_in(segments)?.into_iter();
            let before: Vec<WallGap> =
                of_level.flat_map(|gap| finer.rest_of(gap, &unknown)).collect();
            gaps.extend(before);
            let known = self.known(segments);
            unknown = without(&unknown, &known);
            let has_table = |name| segments.iter().any(|segment| segment.table(name).is_some());
            if table.is_none_or(has_table) {
                rowless = without(&rowless, &known);
            }
        }
        gaps.extend(rowless.into_iter().filter_map(overwritten));
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

    /// The segments with rows, and the tiers that know of time of which what is finer does not, the
    /// finest first.
    fn levels(&self) -> Vec<&[Arc<OpenSegment>]> {
        let mut levels = vec![self.raw()];
        let mut known = self.known(self.raw());
        for tier in self.tiers().iter().rev() {
            let own = self.known(tier);
            if !without(&own, &known).is_empty() {
                levels.push(tier);
                known.extend(own);
            }
        }
        levels
    }

    /// The spans of wall time of which these segments know, gaps included: all from the first on, but
    /// for what a ring has overwritten behind segments that are pinned.
    fn known(&self, segments: &[Arc<OpenSegment>]) -> Vec<(i64, i64)> {
        let wall = |segment: &Arc<OpenSegment>| {
            let created_ns = segment.reader.description().created.from_ns;
            self.wall_span(segment, segment.span_ns.unwrap_or((created_ns, created_ns)))
        };
        let mut known: Vec<(i64, i64)> = Vec::new();
        let mut before: Option<&Arc<OpenSegment>> = None;
        for segment in segments.iter().filter(|segment| !segment.is_fine) {
            let (begin, _) = wall(segment);
            match (before, known.last_mut()) {
                (Some(before), Some(last)) if segment.is_behind_hole(before) => {
                    last.1 = wall(before).1.max(last.0);
                    known.push((begin, i64::MAX));
                }
                (None, _) => known.push((begin, i64::MAX)),
                _ => {}
            }
            before = Some(segment);
        }
        known
    }

    fn gaps_in(&self, segments: &[Arc<OpenSegment>]) -> Result<Vec<WallGap>, ReadError> {
        let mut gaps = Vec::new();
        // The wall time of the last row of any boot before, and so far.
        let (mut boot, mut before, mut so_far) = (None, None, None);
        let mut last: Option<&Arc<OpenSegment>> = None;
        for segment in segments {
            if !segment.is_fine {
                // What was between them is not known.
                if last.is_some_and(|last| segment.is_behind_hole(last)) {
                    so_far = None;
                }
                last = Some(segment);
            }
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

    /// What of a gap is of time of which finer segments do not know, who tell what they know: the gap
    /// of a coarser one has more than one of them as one.
    fn rest_of(&self, gap: WallGap, unknown: &[(i64, i64)]) -> Vec<WallGap> {
        let (first, others) = match unknown.split_first() {
            Some(((i64::MIN, until), others)) => (self.before(gap.clone(), *until), others),
            _ => (None, unknown),
        };
        let told = self.0.get(&sort_of(&gap.gap));
        let within = others.iter().filter(|(from, to)| gap.from < *to && gap.to > *from);
        let within = within.map(|(from, to)| {
            let mut part = gap.clone();
            (part.from, part.to) = (gap.from.max(*from), gap.to.min(*to));
            if (part.from, part.to) != (gap.from, gap.to) {
                part.gap.lost = gap.gap.lost.saturating_sub(told.map_or(0, Reported::lost));
            }
            part
        });
        first.into_iter().chain(within).collect()
    }

    /// What of a gap is from before all that finer segments tell, who know from `until` on.
    fn before(&self, mut gap: WallGap, until: i64) -> Option<WallGap> {
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

impl Reported {
    /// All that is told to be lost.
    fn lost(&self) -> u64 {
        self.lost_until.last().map_or(0, |(_, lost)| *lost)
    }
}

/// What of these spans is in none of the others.
fn without(spans: &[(i64, i64)], others: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut others = others.to_vec();
    others.sort_unstable();
    let mut left = Vec::new();
    for &(mut from, to) in spans {
        for &(begin, end) in &others {
            if begin > from && begin < to {
                left.push((from, begin));
            }
            if begin < to {
                from = from.max(end);
            }
        }
        if from < to {
            left.push((from, to));
        }
    }
    left
}

/// The gap of a span that was overwritten between what is pinned and what a ring has; none before
/// the first that there is.
fn overwritten((from, to): (i64, i64)) -> Option<WallGap> {
    let (from_ns, to_ns) = (0, 0);
    let cause = GapCause::Overwritten;
    let gap = Gap { table: String::new(), cause, from_ns, to_ns, lost: 0, detail: String::new() };
    (from != i64::MIN && to != i64::MAX).then_some(WallGap { gap, from, to })
}

fn sort_of(gap: &Gap) -> Sort<'_> {
    (&gap.table, gap.cause, gap.kind())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Finer, WallGap, overwritten, without};
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
        let rest = finer.before(gap("overslept", (3, 12), 100), 5).unwrap();
        assert_eq!((rest.from, rest.to, rest.gap.lost), (3, 5, 10));
        // Of another kind nothing is told that could be told twice.
        let rest = finer.before(gap(STARTING, (1, 2), 7), 5).unwrap();
        assert_eq!((rest.from, rest.to, rest.gap.lost), (1, 2, 7));
        assert!(finer.before(gap("overslept", (6, 12), 90), 5).is_none());
    }

    #[test]
    fn a_gap_of_a_tier_is_told_where_rows_were_overwritten_and_not_twice_where_they_are_pinned() {
        // Rows are known from 10 to 20, which is pinned, and from 50 on.
        let known = [(10, 20), (50, i64::MAX)];
        let unknown = without(&[(i64::MIN, i64::MAX)], &known);
        assert_eq!(unknown, [(i64::MIN, 10), (20, 50)]);
        let of_rows = [gap("a", (12, 13), 5)];
        let finer = Finer::from_gaps(&of_rows);
        let rest = |text: &str, span, lost| {
            let rest = finer.rest_of(gap(text, span, lost), &unknown);
            rest.iter().map(|gap| (gap.from, gap.to, gap.gap.lost)).collect::<Vec<_>>()
        };
        assert_eq!(rest("b", (1, 5), 7), [(1, 5, 7)], "before all rows");
        assert_eq!(rest("a", (12, 13), 5), [], "told by the rows");
        assert_eq!(rest("b", (30, 40), 7), [(30, 40, 7)], "between them");
        assert_eq!(rest("a", (12, 30), 9), [(20, 30, 4)], "what the rows tell is not told again");
        assert_eq!(rest("b", (60, 70), 7), [], "rows would tell of it");
        assert_eq!(without(&[(0, 9)], &[(3, 5), (5, 7), (8, 20)]), [(0, 3), (7, 8)]);
        assert!(overwritten((20, 50)).is_some() && overwritten((i64::MIN, 10)).is_none());
    }

    #[test]
    fn as_many_gaps_as_a_recording_may_have_are_told_in_a_moment() {
        let count = 1 << 17;
        let of_rows: Vec<_> =
            (0..count).map(|at| gap("", (count + at, count + at + 1), 1)).collect();
        let start = std::time::Instant::now();
        let finer = Finer::from_gaps(&of_rows);
        let of_tier = (0..count).map(|at| gap("", (at, 2 * count), 1 << 20));
        let unknown = [(i64::MIN, count)];
        let rest: Vec<_> = of_tier.flat_map(|gap| finer.rest_of(gap, &unknown)).collect();
        assert!(rest.iter().all(|gap| gap.gap.lost == (1 << 20) - (1 << 17)));
        assert_eq!(rest.len() as i64, count);
        assert!(start.elapsed().as_secs() < 10, "it took {:?}", start.elapsed());
    }
}
