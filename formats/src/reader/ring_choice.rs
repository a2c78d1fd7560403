//! Which ring answers for which part of a span: rows as they were sent, or a tier.

use super::open::OpenSegment;
use super::plan::Wanted;
use super::scan::Scan;
use super::steps::knows_growth;
use super::{Recording, ScanItem, ScanRequest, Summary};
use crate::schema::Schema;
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

/// A ring that has rows of a table, or a run of its segments: their wall times, first and last.
struct Ring<'a> {
    first: i64,
    last: i64,
    segments: &'a [Arc<OpenSegment>],
}

/// What has rows of a table, the finest first.
struct Rings<'a> {
    /// Rows as they were sent, in order of time. Fine rows are in a ring that forgets sooner; those
    /// of a segment that was not split are in the other. What is between two of these may be in a
    /// tier only.
    rows: Vec<Ring<'a>>,
    tiers: Vec<Ring<'a>>,
}

impl Rings<'_> {
    /// Has what is finer begin behind the step of a tier in which its oldest rows are gone.
    fn hand_over_behind_steps(
        &mut self,
        recording: &Recording,
        schema: &Arc<Schema>,
        request: &ScanRequest,
    ) {
        let behind = |ring: &Ring<'_>, tier: &Ring<'_>| {
            let is_asked_for = (request.from..request.to).contains(&ring.first);
            match is_asked_for && has_evicted(ring) {
                true => behind_step(recording, schema, ring.first, tier),
                false => ring.first,
            }
        };
        for at in 1..self.tiers.len() {
            self.tiers[at - 1].first = behind(&self.tiers[at - 1], &self.tiers[at]);
        }
        let Some(tier) = self.tiers.first() else { return };
        let step_ns = step_ns(tier.segments).max(1);
        let mut before = i64::MIN;
        for run in &mut self.rows {
            // A step that has rows of the run before too is known by these and by this one's.
            if before < run.first.div_euclid(step_ns).saturating_mul(step_ns) {
                run.first = behind(run, tier);
            }
            before = run.last;
        }
    }
}

/// Splits the span of a request. Rows as they were sent answer where there are any; older time is
/// answered by the finest tier that has it. Where a value a step is all that is wanted, and the
/// steps are made of steps of a tier, the tier answers for what it has: it is shorter to read.
pub fn parts<'a>(
    recording: &'a Recording,
    schema: &Arc<Schema>,
    request: &ScanRequest,
) -> Vec<Part<'a>> {
    let table = &schema.name;
    let suits = |tier: &&Vec<Arc<OpenSegment>>| {
        let step = step_ns(tier);
        request
            .rollup
            .is_some_and(|rollup| step > 0 && rollup.step % step == 0 && rollup.origin % step == 0)
    };
    let finest_first = recording.tiers().iter().rev().map(Vec::as_slice);
    let tiers = finest_first.filter_map(|segments| {
        let (first, last) =
            spans(recording, segments, table).reduce(|all, span| (all.0, all.1.max(span.1)))?;
        Some(Ring { first, last, segments })
    });
    let mut rings = Rings { rows: runs(recording, table), tiers: tiers.collect() };
    if request.whole_steps {
        rings.hand_over_behind_steps(recording, schema, request);
    }
    let mut parts = Vec::new();
    let mut from = request.from;
    if let Some(tier) = recording.tiers().iter().find(suits) {
        for (first, last) in complete(recording, tier, table) {
            let (begin, end) = (first.max(from), last.saturating_add(1).min(request.to));
            if begin < end {
                rows_first(&rings, from, begin, &mut parts);
                parts.push(Part { from: begin, to: end, segments: tier });
                from = end;
            }
        }
    }
    rows_first(&rings, from, request.to, &mut parts);
    parts.retain(|part| part.from < part.to);
    parts
}

/// The runs of segments with rows of a table between which nothing was deleted, as their numbers
/// say: what was split has the number of what it was split from.
fn runs<'a>(recording: &'a Recording, table: &str) -> Vec<Ring<'a>> {
    let mut runs: Vec<(usize, usize, i64, i64)> = Vec::new();
    let raw = recording.raw();
    for (at, segment) in raw.iter().enumerate() {
        let Some((first, last)) = span(recording, segment, table) else { continue };
        match runs.last_mut() {
            Some(run) if follows(&raw[run.1], segment) => {
                (run.1, run.3) = (at, run.3.max(last));
            }
            _ => runs.push((at, at, first, last)),
        }
    }
    let ring = |(from, to, first, last)| Ring { first, last, segments: &raw[from..=to] };
    runs.into_iter().map(ring).collect()
}

fn follows(before: &OpenSegment, segment: &OpenSegment) -> bool {
    let number = |segment: &OpenSegment| segment.reader.description().number;
    number(segment) == number(before).wrapping_add(1)
}

/// Splits a span into what rows answer for and what only tiers have.
fn rows_first<'a>(rings: &Rings<'a>, from: i64, to: i64, parts: &mut Vec<Part<'a>>) {
    let mut at = from;
    for (number, run) in rings.rows.iter().enumerate() {
        let begin = run.first.clamp(at, to.max(at));
        finest_first(&rings.tiers, at, begin, parts);
        let is_last = number + 1 == rings.rows.len();
        let end = if is_last { to } else { run.last.saturating_add(1).clamp(begin, to.max(begin)) };
        parts.push(Part { from: begin, to: end, segments: run.segments });
        at = end;
    }
    if rings.rows.is_empty() {
        finest_first(&rings.tiers, from, to, parts);
    }
}

/// Splits a span among tiers: the finest answers for what it has, coarser ones for what is older.
fn finest_first<'a>(tiers: &[Ring<'a>], from: i64, to: i64, parts: &mut Vec<Part<'a>>) {
    let at = parts.len();
    let mut end = to;
    for ring in tiers {
        let begin = ring.first.clamp(from, end.max(from));
        parts.insert(at, Part { from: begin, to: end, segments: ring.segments });
        end = begin;
    }
}

/// Whether the oldest segments of a ring were deleted.
fn has_evicted(ring: &Ring<'_>) -> bool {
    ring.segments.first().is_some_and(|segment| segment.reader.description().number > 1)
}

/// The wall time at which rows take over from a tier, where the first of them is at `first`: behind
/// the step of the tier that has this row.
fn behind_step(recording: &Recording, schema: &Arc<Schema>, first: i64, tier: &Ring<'_>) -> i64 {
    let step = step_ns(tier.segments).max(1);
    let to = first.div_euclid(step).saturating_add(1).saturating_mul(step);
    let wanted = Wanted { schema: schema.clone(), selected: Vec::new(), from: first, to };
    let wanted = Arc::new(wanted);
    let has_some = |segment: &&Arc<OpenSegment>| {
        knows_growth_of(segment, &schema.name)
            && span(recording, segment, &schema.name)
                .is_some_and(|(begin, end)| begin < to && end >= first)
    };
    let segments = tier.segments.iter().filter(has_some);
    let segments = segments.map(|segment| (segment.clone(), wanted.clone())).collect();
    let request = ScanRequest { threads: 1, ..ScanRequest::default() };
    let mut steps = Scan::new(segments, recording.timeline().clone(), &request);
    let step = steps.find_map(|item| match item {
        Ok(ScanItem::Summary(summary)) => Some(summary),
        _ => None,
    });
    match step {
        Some(step) if !began_behind(&step, first) => step.times.1.saturating_add(1),
        _ => first,
    }
}

/// Whether the run that a step of a tier is of took its first sample behind this wall time.
fn began_behind(step: &Summary, wall: i64) -> bool {
    let offset = step.times.1.saturating_sub_unsigned(step.boot_times.1);
    let instances = step.tier.iter().flat_map(|tier| &tier.instances);
    let first_of_run = instances
        .filter(|instance| instance.before_ns.is_none())
        .find_map(|instance| instance.first_ns);
    first_of_run.is_some_and(|first_ns| offset.saturating_add_unsigned(first_ns) > wall)
}

fn knows_growth_of(segment: &OpenSegment, table: &str) -> bool {
    segment.table(table).is_some_and(|(_, schema)| knows_growth(&schema))
}

/// The spans for which a tier has every row of a table. A recorder that was killed takes along what
/// it had gathered, so between two segments of a tier something may be missing, and the first step
/// of the later one may lack rows.
fn complete(
    recording: &Recording,
    tier: &[Arc<OpenSegment>],
    table: &str,
) -> impl Iterator<Item = (i64, i64)> {
    let step = step_ns(tier).max(1);
    // One that does not know what counters grew by answers only where nothing else does.
    let with_rows = tier.iter().filter(|segment| span(recording, segment, table).is_some());
    let spans = with_rows.enumerate().filter(move |(_, segment)| knows_growth_of(segment, table));
    let spans = spans.filter_map(move |(at, segment)| Some((at, span(recording, segment, table)?)));
    spans.map(move |(number, (first, last))| {
        // A step carries the time of its last row; the rows before it are in it too.
        let begin = first.div_euclid(step).saturating_mul(step);
        (if number == 0 { begin } else { begin.saturating_add(step) }, last)
    })
}

/// The step of the tier that these segments are of, ns.
fn step_ns(segments: &[Arc<OpenSegment>]) -> i64 {
    segments.first().map_or(0, |segment| segment.reader.description().tier_ns.cast_signed())
}

/// Wall time of the first and the last row of a table in each of these segments that has rows.
fn spans(
    recording: &Recording,
    segments: &[Arc<OpenSegment>],
    table: &str,
) -> impl Iterator<Item = (i64, i64)> {
    segments.iter().filter_map(move |segment| span(recording, segment, table))
}

fn span(recording: &Recording, segment: &OpenSegment, table: &str) -> Option<(i64, i64)> {
    let (number, _) = segment.table(table)?;
    let span = segment.table_spans_ns.get(&number)?;
    Some(recording.wall_span(segment, *span))
}
