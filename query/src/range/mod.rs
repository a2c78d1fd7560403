//! `range`: rows of a table over a span of time.

mod format;
mod ticks;

use crate::absence;
use crate::answer::{Answer, answer};
use crate::cli::RangeArgs;
use crate::context::Context;
use crate::error::{Outcome, QueryError};
use crate::output::Output;
use crate::question::{Question, Step, StepQuestion};
use crate::rows::{Format, SinkOptions};
use crate::span::Span;
use crate::time::{Stamp, show_instant};
use nodemon_formats::Schema;
use nodemon_formats::units::nearest;
use std::sync::Arc;

/// Runs `range`.
///
/// # Errors
/// When the recording cannot be read, the question makes no sense, there is no data, or the output
/// cannot be written.
pub fn run(context: &Context, args: &RangeArgs) -> Result<Outcome, QueryError> {
    let mut outcome = context.warn_of_problems();
    let format = format::from_args(args)?;
    let schemas = tables(context, args, format)?;
    let span = context.span(&args.span)?;
    context.note_anchor(&span);
    let mut output = match &args.output {
        Some(path) => Output::file(path)?,
        None => Output::stdout(),
    };
    let mut warner = context.warner();
    let mut warn = |problem: &_| warner.note(problem);
    let mut answers = Vec::new();
    for schema in &schemas {
        let plan = question(context, args, format, &span).plan(schema, context.recording.host())?;
        if format.is_for_people || args.rate {
            ticks::note(context, &plan);
        }
        let several = schemas.len() > 1;
        let look = format::look(context, args, schema, several);
        let options = SinkOptions { look, is_one_of_several: several };
        let mut sink = (format.sink)(output.another()?, &plan.header, options)?;
        let answer = answer(&context.recording, &plan, sink.as_mut(), &mut warn)?;
        sink.finish()?;
        outcome = outcome.and(answer.outcome);
        note_tier(context, schema, &answer);
        answers.push(answer);
    }
    if answers.iter().all(|answer: &Answer| answer.rows == 0) {
        return Err(absence::explain(context, &args.filters, &span, &schemas, &answers)?);
    }
    output.commit()?;
    Ok(outcome)
}

/// The schemas of the tables that were asked for.
fn tables(
    context: &Context,
    args: &RangeArgs,
    format: &Format,
) -> Result<Vec<Arc<Schema>>, QueryError> {
    let mut schemas = Vec::new();
    for name in &args.tables {
        schemas.push(context.table(name)?);
    }
    if schemas.is_empty() {
        schemas = context.recording.schemas();
        schemas.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if schemas.len() == 1 {
        return Ok(schemas);
    }
    let one = |why: &str| {
        let names: Vec<&str> = schemas.iter().map(|schema| schema.name.as_str()).collect();
        QueryError::Usage(format!("{why}: name it with -t, one of {}", names.join(", ")))
    };
    if !args.columns.is_empty() {
        Err(one("-c chooses columns of one table"))
    } else if !args.filters.is_empty() {
        Err(one("-w chooses rows of one table"))
    } else if format.holds_tables {
        Ok(schemas)
    } else {
        Err(one("this format holds one table (`nodemon-query export` writes them all)"))
    }
}

fn note_tier(context: &Context, schema: &Schema, answer: &Answer) {
    if let Some(until) = answer.coarse_until {
        context.note(&format!(
            "before {} only downsampled data of {} is left",
            show_instant(until, &context.anchors.zone),
            schema.name
        ));
    }
}

fn question(context: &Context, args: &RangeArgs, format: &Format, span: &Span) -> Question {
    // Steps begin when clocks on the wall show round times.
    let offset = Stamp::from_ns(span.from, &context.anchors.zone).offset;
    let origin = -i64::from(offset.seconds()) * 1_000_000_000;
    Question {
        from: span.from,
        to: span.to,
        columns: args.columns.clone(),
        filters: args.filters.clone(),
        rates: args.rate || (format.is_for_people && !args.raw),
        step: args.step.map(|length| StepQuestion {
            step: Step { origin, length },
            aggregates: args.aggregates.clone(),
        }),
        frames: false,
    }
}

impl Context {
    /// The newest schema of a table.
    ///
    /// # Errors
    /// When there is no such table; with the nearest name, or why it has no row.
    pub fn table(&self, name: &str) -> Result<Arc<Schema>, QueryError> {
        if let Some(schema) = self.recording.schema(name) {
            return Ok(schema);
        }
        let schemas = self.recording.schemas();
        let known = schemas.iter().map(|schema| schema.name.as_str());
        let gaps = self.recording.gaps(Some(name), i64::MIN, i64::MAX)?;
        let mut own = gaps.into_iter().map(|gap| gap.gap).filter(|gap| gap.table == name);
        let why = own.find(|gap| !gap.detail.is_empty());
        Err(QueryError::UnknownTable {
            name: name.to_owned(),
            nearest: nearest(name, known).map(str::to_owned),
            gap: why.map(|gap| format!("{}: {}", gap.cause.phrase(), gap.detail)),
        })
    }
}
