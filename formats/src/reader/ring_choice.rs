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

/// What has rows of a table.
struct Rings<'a> {
    /// Runs of segments, those of the finest ring first: rows as they were sent, in order of time,
    /// then the tiers. Fine rows are in a ring that forgets sooner; those of a segment that was not
    /// split are in the other; and what is pinned is left when all around it is overwritten. What is
    /// between two of these may be in a coarser ring only.
    levels: Vec<Vec<Ring<'a>>>,
    /// The tiers, the finest first.
    tiers: Vec<&'a [Arc<OpenSegment>]>,
}

impl Rings<'_> {
    /// Has what is finer begin behind the step of a tier in which its oldest rows are gone, and end
    /// before the one in which they begin to be.
    fn hand_over_behind_steps(
        &mut self,
        recording: &Recording,
        schema: &Arc<Schema>,
        request: &ScanRequest,
    ) {
        let is_asked_for = |at: i64| (request.from..request.to).contains(&at);
        // From the coarsest on.
        for (runs, tier) in self.levels.iter_mut().zip(&self.tiers).rev() {
            let step_ns = step_ns(tier).max(1);
            let step_of = |at: i64| at.div_euclid(step_ns).saturating_mul(step_ns);
            let count = runs.len();
            let mut before = i64::MIN;
            for (number, run) in runs.iter_mut().enumerate() {
                let last = run.last;
                // A step that has rows of the run before too is known by these and by this one's.
                let is_alone = before < step_of(run.first);
                if is_alone && is_asked_for(run.first) && has_evicted(run) {
                    run.first = behind_step(recording, schema, run.first, tier);
                }
                let step = step_of(last);
                if number + 1 < count && is_asked_for(step) && step > run.first {
                    let has_step = |segment: &&Arc<OpenSegment>| {
                        span(recording, segment, &schema.name)
                            .is_some_and(|(first, to)| step_of(first) <= step && to >= last)
                    };
                    if tier
                        .iter()
                        .filter(has_step)
                        .any(|segment| knows_growth_of(segment, &schema.name))
                    {
                        run.last = step.saturating_sub(1);
                    }
                }
                before = last;
            }
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
    let tiers = recording.tiers().iter().rev().map(Vec::as_slice);
    let with_rows = tiers.filter(|tier| tier.iter().any(|of| span(recording, of, table).is_some()));
    let tiers: Vec<_> = with_rows.collect();
    let all = std::iter::once(recording.raw()).chain(tiers.iter().copied());
    let levels = all.map(|segments| runs(recording, segments, table)).collect();
    let mut rings = Rings { levels, tiers };
    if request.whole_steps {
        rings.hand_over_behind_steps(recording, schema, request);
    }
    let mut parts = Vec::new();
    let mut from = request.from;
    if let Some(tier) = recording.tiers().iter().find(suits) {
        for (first, last) in complete(recording, tier, table) {
            let (begin, end) = (first.max(from), last.saturating_add(1).min(request.to));
            if begin < end {
                finest_first(&rings.levels, from, begin, &mut parts);
                parts.push(Part { from: begin, to: end, segments: tier });
                from = end;
            }
        }
    }
    finest_first(&rings.levels, from, request.to, &mut parts);
    parts.retain(|part| part.from < part.to);
    parts
}

/// The runs of segments with rows of a table between which nothing was deleted, as their numbers
/// say: what was split has the number of what it was split from.
fn runs<'a>(recording: &Recording, segments: &'a [Arc<OpenSegment>], table: &str) -> Vec<Ring<'a>> {
    let mut runs: Vec<(usize, usize, i64, i64)> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        let Some((first, last)) = span(recording, segment, table) else { continue };
        match runs.last_mut() {
            Some(run) if segment.follows(&segments[run.1]) => {
                (run.1, run.3) = (at, run.3.max(last));
            }
            _ => runs.push((at, at, first, last)),
        }
    }
    let ring = |(from, to, first, last)| Ring { first, last, segments: &segments[from..=to] };
    runs.into_iter().map(ring).collect()
}

/// Splits a span among rings, the finest of which answers for what it has, and coarser ones for what
/// is before its runs of segments and between them.
fn finest_first<'a>(levels: &[Vec<Ring<'a>>], from: i64, to: i64, parts: &mut Vec<Part<'a>>) {
    let Some((runs, coarser)) = levels.split_first().filter(|_| from < to) else { return };
    let mut at = from;
    for (number, run) in runs.iter().enumerate() {
        let begin = run.first.clamp(at, to);
        finest_first(coarser, at, begin, parts);
        let is_last = number + 1 == runs.len();
        let end = if is_last { to } else { run.last.saturating_add(1).clamp(begin, to) };
        parts.push(Part { from: begin, to: end, segments: run.segments });
        at = end;
    }
    if runs.is_empty() {
        finest_first(coarser, from, to, parts);
    }
}

/// Whether the oldest segments of a ring were deleted.
fn has_evicted(ring: &Ring<'_>) -> bool {
    ring.segments.first().is_some_and(|segment| segment.reader.description().number > 1)
}

/// The wall time at which rows take over from a tier, where the first of them is at `first`: behind
/// the step of the tier that has this row.
fn behind_step(
    recording: &Recording,
    schema: &Arc<Schema>,
    first: i64,
    tier: &[Arc<OpenSegment>],
) -> i64 {
    let step = step_ns(tier).max(1);
    let to = first.div_euclid(step).saturating_add(1).saturating_mul(step);
    let wanted = Wanted { schema: schema.clone(), selected: Vec::new(), from: first, to };
    let wanted = Arc::new(wanted);
    let has_some = |segment: &&Arc<OpenSegment>| {
        knows_growth_of(segment, &schema.name)
            && span(recording, segment, &schema.name)
                .is_some_and(|(begin, end)| begin < to && end >= first)
    };
    let segments = tier.iter().filter(has_some);
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

/// Wall time of the first and the last row of a table in a segment, where it has any.
fn span(recording: &Recording, segment: &OpenSegment, table: &str) -> Option<(i64, i64)> {
    let (number, _) = segment.table(table)?;
    let span = segment.table_spans_ns.get(&number)?;
    Some(recording.wall_span(segment, *span))
}
