//! Why there is no data, and what there is instead.

use crate::answer::Answer;
use crate::context::Context;
use crate::error::QueryError;
use crate::filter::Filter;
use crate::listing::show_many;
use crate::span::Span;
use crate::time::show_precise;
use nodemon_formats::Schema;
use nodemon_formats::units::show_duration;
use std::sync::Arc;

/// The error for a span without a row.
///
/// # Errors
/// When the recording cannot be read.
pub fn explain(
    context: &Context,
    filters: &[Filter],
    span: &Span,
    schemas: &[Arc<Schema>],
    answers: &[Answer],
) -> Result<QueryError, QueryError> {
    let zone = &context.anchors.zone;
    let between = |from, to| format!("{} .. {}", show_precise(from, zone), show_precise(to, zone));
    let asked = between(span.from, span.to);
    let seen: u64 = answers.iter().map(|answer| answer.seen).sum();
    let [schema] = schemas else {
        let there = match context.recording.span() {
            Some((first, last)) => {
                let why = context.why_not_yet(span, last, 0).unwrap_or_default();
                format!("the recording spans {}{why}", between(first, last))
            }
            None => "the recording holds no row at all".into(),
        };
        return Ok(QueryError::NoData { what: format!("no table has rows in {asked}"), there });
    };
    let name = &schema.name;
    if seen > 0 {
        let filters: Vec<&str> = filters.iter().map(|filter| filter.column.as_str()).collect();
        let other: Vec<String> = answers.iter().flat_map(|a| a.other_keys.clone()).collect();
        let there = match other.is_empty() {
            true => format!("searched {}; none matched", show_many(seen, "sample")),
            false => format!("there is {} = {}", filters.join(", "), other.join(", ")),
        };
        let what = match filters.is_empty() {
            // A table without keys has a row in each of its samples.
            true => format!("{name} has no rows in {asked}: its samples are empty"),
            false => format!("no row of {name} in {asked} passes -w {}", filters.join(", ")),
        };
        return Ok(QueryError::NoData { what, there });
    }
    let mut there = match context.recording.table(name)? {
        Some(table) => {
            let spans = format!("{name} spans {}", between(table.span.0, table.span.1));
            let interval_ns = schema.interval_ns.cast_signed();
            let why = context.why_not_yet(span, table.span.1, interval_ns);
            format!("{spans}{}", why.or_else(|| why_between(span, interval_ns)).unwrap_or_default())
        }
        None => format!("{name} has no full-resolution rows"),
    };
    if let Some(first) = start_of_tiers(context)? {
        there.push_str(&format!("; tiers reach back to {}", show_precise(first, zone)));
    }
    Ok(QueryError::NoData { what: format!("{name} has no rows in {asked}"), there })
}

/// A span may lie between two samples.
fn why_between(span: &Span, interval_ns: i64) -> Option<String> {
    let is_short = span.to.saturating_sub(span.from) < interval_ns;
    is_short.then(|| format!("; it is sampled every {}", show_duration(interval_ns)))
}

/// Wall time of the first row of a tier, where the ring does not reach back as far.
fn start_of_tiers(context: &Context) -> Result<Option<i64>, QueryError> {
    let segments = context.recording.segments()?;
    let first = |of_tier: bool| {
        let spans = segments.iter().filter(|segment| (segment.tier_ns > 0) == of_tier);
        spans.filter_map(|segment| Some(segment.span?.0)).min()
    };
    Ok(first(true).filter(|tier| first(false).is_none_or(|ring| *tier < ring)))
}
