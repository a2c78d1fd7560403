//! Which ring answers for which part of a span: rows as they were sent, or a tier.

use super::open::OpenSegment;
use super::{Recording, ScanRequest};
use std::sync::Arc;

/// A part of a span, and the segments that answer for it.
pub struct Part<'a> {
    /// First wall time, ns.
    pub from: i64,
    /// End, exclusive.
    pub to: i64,
    /// The segments.
    pub segments: &'a [Arc<OpenSegment>],
}

/// Splits the span of a request. Rows as they were sent answer where there are any; older time is
/// answered by the finest tier that has it. Where a value a step is all that is wanted, and the
/// steps are made of steps of a tier, the tier answers for what it has: it is shorter to read.
pub fn parts<'a>(recording: &'a Recording, table: &str, request: &ScanRequest) -> Vec<Part<'a>> {
    let suits = |tier: &&Vec<Arc<OpenSegment>>| {
        let step = step_ns(tier);
        request
            .rollup
            .is_some_and(|rollup| step > 0 && rollup.step % step == 0 && rollup.origin % step == 0)
    };
    let (from, to) = (request.from, request.to);
    let mut parts = Vec::new();
    if let Some(tier) = recording.tiers().iter().find(suits)
        && let Some((first, last)) = span(recording, tier, table)
    {
        // A step carries the time of its last row; the rows before it are in it too.
        let first = first.div_euclid(step_ns(tier)) * step_ns(tier);
        let (begin, end) = (first.clamp(from, to), last.saturating_add(1).clamp(from, to));
        rows_first(recording, table, from, begin, &mut parts);
        parts.push(Part { from: begin, to: end, segments: tier });
        rows_first(recording, table, end, to, &mut parts);
    } else {
        rows_first(recording, table, from, to, &mut parts);
    }
    parts.retain(|part| part.from < part.to);
    parts
}

/// Splits a span into what rows answer for and what only tiers have.
fn rows_first<'a>(
    recording: &'a Recording,
    table: &str,
    from: i64,
    to: i64,
    parts: &mut Vec<Part<'a>>,
) {
    let at = parts.len();
    let mut end = to;
    let finest_first = recording.tiers().iter().rev().map(Vec::as_slice);
    for segments in std::iter::once(recording.raw()).chain(finest_first) {
        let Some((first, _)) = span(recording, segments, table) else { continue };
        let begin = first.clamp(from, end.max(from));
        parts.insert(at, Part { from: begin, to: end, segments });
        end = begin;
    }
}

/// The step of the tier that these segments are of, ns.
fn step_ns(segments: &[Arc<OpenSegment>]) -> i64 {
    segments.first().map_or(0, |segment| segment.reader.description().tier_ns.cast_signed())
}

/// Wall time of the first and the last row that these segments have of a table. Rows that are in
/// the journal only may come before the first block and after the last, so there the span of the
/// segment counts.
fn span(recording: &Recording, segments: &[Arc<OpenSegment>], table: &str) -> Option<(i64, i64)> {
    let mut spans = segments.iter().filter_map(|segment| {
        let (number, _) = segment.table(table)?;
        let indexed = segment.reader.view().and_then(|view| view.ends(number)).ok().flatten();
        let of_segment = segment.span_ns?;
        let first = indexed.map_or(of_segment.0, |(first, _)| first.first_ns);
        Some(recording.wall_span(segment, (first, of_segment.1)))
    });
    let first = spans.next()?;
    Some((first.0, spans.next_back().unwrap_or(first).1))
}
