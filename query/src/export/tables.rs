//! Which tables are written.

use crate::cli::ExportArgs;
use crate::context::Context;
use crate::error::QueryError;
use crate::span::Span;
use crate::time::show_precise;
use nodemon_formats::Schema;
use nodemon_formats::narrow::whole;
use std::sync::Arc;

/// A table to write.
pub struct Source {
    /// Its newest schema.
    pub schema: Arc<Schema>,
    /// About how many bytes of blocks the span takes: what progress is measured in.
    pub weight: u64,
}

/// The tables that were asked for, by name, or all. One without rows in the span is among them: that
/// nothing happened is an answer. When none of them has any it is an error.
///
/// # Errors
/// When a table is unknown, or there is no data.
pub fn choose(
    context: &Context,
    args: &ExportArgs,
    span: &Span,
) -> Result<Vec<Source>, QueryError> {
    let mut schemas = Vec::new();
    for name in &args.tables {
        schemas.push(context.table(name)?);
    }
    if schemas.is_empty() {
        schemas = context.recording.schemas();
    }
    schemas.sort_by(|a, b| a.name.cmp(&b.name));
    schemas.dedup_by(|a, b| a.name == b.name);
    let mut sources = Vec::new();
    let mut there: Option<(i64, i64)> = None;
    let mut overlap = false;
    for schema in schemas {
        let table = context.recording.table(&schema.name)?;
        let mut weight = 1;
        if let Some(table) = &table {
            let (first, last) = table.span;
            there = Some(there.map_or(table.span, |(a, b)| (a.min(first), b.max(last))));
            let (from, to) = (span.from.max(first), span.to.min(last.saturating_add(1)));
            overlap |= from < to;
            let share = to.saturating_sub(from).max(0) as f64 / (last - first).max(1) as f64;
            weight += whole(table.size_bytes as f64 * share.min(1.0));
        }
        sources.push(Source { schema, weight });
    }
    if overlap {
        return Ok(sources);
    }
    let zone = &context.anchors.zone;
    let between = |from, to| format!("{} .. {}", show_precise(from, zone), show_precise(to, zone));
    let what = match &sources[..] {
        [one] => format!("{} has no rows in {}", one.schema.name, between(span.from, span.to)),
        _ => format!("no table has rows in {}", between(span.from, span.to)),
    };
    let there = match there {
        Some((first, last)) => format!("there are rows in {}", between(first, last)),
        None => "there are no rows at all".into(),
    };
    Err(QueryError::NoData { what, there })
}
