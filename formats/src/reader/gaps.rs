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
        let mut gaps = Vec::new();
        let mut until = i64::MAX;
        for segments in self.levels() {
            // What finer segments tell too begins here.
            let mut told = HashMap::new();
            for gap in &gaps {
                let WallGap { gap, from, .. } = gap;
                let first = told.entry((gap.table.clone(), gap.cause)).or_insert(*from);
                *first = (*from).min(*first);
            }
            for mut gap in self.gaps_in(segments)? {
                let first = told.get(&(gap.gap.table.clone(), gap.gap.cause));
                let end = until.min(first.copied().unwrap_or(i64::MAX));
                let is_before = gap.from < end || until == i64::MAX;
                if gap.to > end {
                    let told: u64 = gaps
                        .iter()
                        .filter(|finer: &&WallGap| {
                            finer.gap.table == gap.gap.table
                                && finer.gap.cause == gap.gap.cause
                                && finer.from >= gap.from
                                && finer.to <= gap.to
                        })
                        .map(|finer| finer.gap.lost)
                        .sum();
                    gap.gap.lost = gap.gap.lost.saturating_sub(told);
                    gap.to = end;
                }
                if is_before && touches(&gap) && gaps.len() < MOST_GAPS {
                    gaps.push(gap);
                }
            }
            until = until.min(self.begin_of(segments));
        }
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
