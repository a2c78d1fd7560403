//! Histograms of a tick, of whatever table has some: how many events, and how long most and the
//! slowest took.

use super::distribution::Distribution;
use super::frame::{Frame, TableGap};
use super::window::{Warn, Window, holds};
use crate::answer::answer;
use crate::columns::label;
use crate::error::{Outcome, QueryError};
use crate::question::{Aggregate, Question, Step, StepQuestion};
use crate::rows::{Batch, Missing, Sink, as_f64};
use nodemon_formats::reader::Recording;
use nodemon_formats::text::readable;
use nodemon_formats::{Column, ColumnType, Schema, TableKind, Value as Cell};
use std::sync::Arc;

/// What is asked of each column, in the order of the fields of [`Distribution`].
const FIGURES: [Aggregate; 4] =
    [Aggregate::Count, Aggregate::Percentile(50.0), Aggregate::Percentile(99.0), Aggregate::Max];

/// The histograms of one table, if it has any.
///
/// # Errors
/// When the recording cannot be read.
pub fn gather(
    recording: &Recording,
    schema: &Arc<Schema>,
    window: Window,
    frames: &mut [Frame],
    warn: Warn<'_>,
) -> Result<Outcome, QueryError> {
    let columns: Vec<_> =
        schema.values.iter().filter(|column| column.kind == ColumnType::Histogram).collect();
    if columns.is_empty() || schema.kind != TableKind::Sample {
        return Ok(Outcome::Complete);
    }
    let holds = holds(schema.interval_ns, window.step.length);
    let question = Question {
        from: window.step.start(window.first).saturating_sub(holds),
        to: window.step.start(window.first.saturating_add_unsigned(window.count as u64)),
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        step: Some(StepQuestion { step: window.step, aggregates: FIGURES.to_vec() }),
        ..Question::default()
    };
    let plan = question.plan(schema, recording.host())?;
    let of_column = |column: &&Column| Distribution {
        table: schema.name.clone(),
        column: column.name.clone(),
        label: if columns.len() > 1 { label(column).to_owned() } else { String::new() },
        unit: column.unit.to_string(),
        ..Distribution::default()
    };
    let kinds = plan.header.fields.iter().map(|field| field.kind).collect();
    let mut found = Found {
        keys: schema.keys.iter().map(|key| (key.name.clone(), key.kind)).collect(),
        columns: columns.iter().map(of_column).collect(),
        kinds,
        step: window.step,
        ticks: Vec::new(),
    };
    let outcome = answer(recording, &plan, &mut found, warn)?.outcome;
    place(&found.ticks, &schema.name, window, holds, frames);
    Ok(outcome)
}

/// Puts what each tick has where it belongs, and what still holds into later ticks, but not over a
/// gap.
fn place(
    ticks: &[(i64, Vec<Distribution>)],
    table: &str,
    window: Window,
    holds: i64,
    frames: &mut [Frame],
) {
    let mut behind_gap = i64::MIN;
    for (now, frame) in (window.first..).zip(frames) {
        let is_missing = |gap: &TableGap| gap.table.is_empty() || gap.table == table;
        if frame.gaps.iter().any(is_missing) {
            behind_gap = now;
        }
        let latest = ticks.partition_point(|(tick, _)| *tick <= now).checked_sub(1);
        let Some((tick, parts)) = latest.map(|at| &ticks[at]) else { continue };
        let age = now.saturating_sub(*tick).saturating_mul(window.step.length);
        if *tick >= behind_gap && (age == 0 || age < holds) {
            frame.histograms.extend_from_slice(parts);
        }
    }
}

struct Found {
    keys: Vec<(String, ColumnType)>,
    columns: Vec<Distribution>,
    kinds: Vec<ColumnType>,
    step: Step,
    /// By the number of the tick, ascending.
    ticks: Vec<(i64, Vec<Distribution>)>,
}

impl Sink for Found {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        for (row, time) in batch.times.iter().enumerate() {
            let tick = self.step.number_at(*time);
            if self.ticks.last().is_none_or(|(last, _)| *last != tick) {
                self.ticks.push((tick, Vec::new()));
            }
            let figure = |at: usize| {
                let column = &batch.columns[at];
                column.is_present(row).then(|| as_f64(self.kinds[at], column.words[row]))
            };
            for (number, column) in self.columns.iter().enumerate() {
                let at = self.keys.len() + number * FIGURES.len();
                let [count, p50, p99, max] = [0, 1, 2, 3].map(|figure_at| figure(at + figure_at));
                let (Some(count), Some(p50), Some(p99), Some(max)) = (count, p50, p99, max) else {
                    continue;
                };
                let keys = self
                    .keys
                    .iter()
                    .enumerate()
                    .map(|(k, (name, kind))| (name.clone(), key_text(batch, k, *kind, row)));
                let keys = keys.collect();
                let found = Distribution { keys, count, p50, p99, max, ..column.clone() };
                if let Some((_, parts)) = self.ticks.last_mut() {
                    parts.push(found);
                }
            }
        }
        Ok(())
    }

    fn gap(&mut self, _gap: &Missing) -> Result<(), QueryError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        Ok(())
    }
}

fn key_text(batch: &Batch, column: usize, kind: ColumnType, row: usize) -> String {
    let column = &batch.columns[column];
    if !column.is_present(row) {
        return String::new();
    }
    let word = column.words[row];
    match kind.is_dictionary() {
        true => readable(batch.strings.at_word(word)).into_owned(),
        false => Cell::from_word(kind, word).to_string(),
    }
}
