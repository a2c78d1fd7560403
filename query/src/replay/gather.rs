//! From the recording to frames, some ticks at a time.

use super::frame::{Event, Frame, Placed, TableGap};
use super::histograms;
use super::part::{Cpu, Disk, Kernel, Load, Memory, Net, Places, Pressure, Process, Row};
use super::window::{Warn, Window, holds};
use crate::answer::answer;
use crate::error::{Outcome, QueryError};
use crate::question::{Plan, Question, Step, StepQuestion};
use crate::rows::{Batch, Header, Missing, Sink};
use nodemon_formats::reader::Recording;
use nodemon_formats::text::readable;
use nodemon_formats::{ColumnType, Schema, TableKind, Value};
use std::sync::Arc;

/// Everything that a screen shows of the ticks of a window; of `gaps` those that touch them.
///
/// # Errors
/// When the recording cannot be read.
pub fn gather(
    recording: &Recording,
    gaps: &[TableGap],
    window: Window,
    warn: Warn<'_>,
) -> Result<(Vec<Frame>, Outcome), QueryError> {
    let mut frames = window.frames();
    for gap in gaps {
        let touched =
            |frame: &&mut Frame| gap.missing.from < frame.to && gap.missing.to > frame.from;
        frames.iter_mut().filter(touched).for_each(|frame| frame.gaps.push(gap.clone()));
    }
    let mut outcome = Outcome::Complete;
    let into = &mut frames;
    outcome = outcome.and(gather_part::<Cpu>(recording, window, into, warn)?);
    outcome = outcome.and(gather_part::<Kernel>(recording, window, into, warn)?);
    outcome = outcome.and(gather_part::<Load>(recording, window, into, warn)?);
    outcome = outcome.and(gather_part::<Memory>(recording, window, into, warn)?);
    outcome = outcome.and(gather_part::<Pressure>(recording, window, into, warn)?);
    outcome = outcome.and(gather_part::<Disk>(recording, window, into, warn)?);
    outcome = outcome.and(gather_part::<Net>(recording, window, into, warn)?);
    outcome = outcome.and(gather_part::<Process>(recording, window, into, warn)?);
    let mut schemas = recording.schemas();
    // Few events fit a screen, and there are many samples of stacks in every tick.
    schemas.sort_by_key(|schema| has_stacks(schema));
    for schema in schemas {
        outcome = outcome.and(histograms::gather(recording, &schema, window, into, warn)?);
        if schema.kind == TableKind::Event {
            outcome = outcome.and(gather_events(recording, &schema, window, into, warn)?);
        }
    }
    Ok((frames, outcome))
}

fn has_stacks(schema: &Schema) -> bool {
    schema.values.iter().any(|column| column.kind == ColumnType::Stack)
}

/// The parts of one table.
///
/// # Errors
/// When the recording cannot be read.
pub fn gather_part<P: Placed>(
    recording: &Recording,
    window: Window,
    frames: &mut [Frame],
    warn: Warn<'_>,
) -> Result<Outcome, QueryError> {
    let Some(schema) = recording.schema(P::TABLE) else { return Ok(Outcome::Complete) };
    let is_wanted = |name: &&str| schema.values.iter().any(|column| column.name == **name);
    let columns: Vec<String> =
        P::COLUMNS.iter().filter(|name| is_wanted(name)).map(|name| (*name).to_owned()).collect();
    if columns.is_empty() {
        return Ok(Outcome::Complete);
    }
    let holds = holds(schema.interval_ns, window.step.length);
    let question = Question {
        from: window.from().saturating_sub(holds),
        to: window.to(),
        columns,
        rates: true,
        step: Some(StepQuestion { step: window.step, aggregates: Vec::new() }),
        ..Question::default()
    };
    let plan = question.plan(&schema, recording.host())?;
    let mut parts = Parts::<P> {
        places: Places::find(P::COLUMNS, &plan.header),
        step: window.step,
        found: Vec::new(),
    };
    let outcome = answer(recording, &plan, &mut parts, warn)?.outcome;
    place(parts.found, window, holds, frames);
    Ok(outcome)
}

/// Puts the parts of each tick where they belong, and those that still hold into later ticks, but
/// not over a gap.
fn place<P: Placed>(found: Vec<(i64, P)>, window: Window, holds: i64, frames: &mut [Frame]) {
    let mut ticks: Vec<(i64, Vec<P>)> = Vec::new();
    for (tick, part) in found {
        match ticks.last_mut() {
            Some((last, parts)) if *last == tick => parts.push(part),
            _ => ticks.push((tick, vec![part])),
        }
    }
    let mut ticks = ticks.into_iter().peekable();
    let mut latest: Option<(i64, Vec<P>)> = None;
    for (now, frame) in (window.first..).zip(frames.iter_mut()) {
        let is_missing = |gap: &TableGap| gap.table.is_empty() || gap.table == P::TABLE;
        if frame.gaps.iter().any(is_missing) {
            latest = None;
        }
        while let Some(next) = ticks.next_if(|(tick, _)| *tick <= now) {
            latest = Some(next);
        }
        if let Some((tick, parts)) = &latest {
            let age = now.saturating_sub(*tick).saturating_mul(window.step.length);
            if age == 0 || age < holds {
                P::place(frame).clone_from(parts);
            }
        }
    }
}

struct Parts<P> {
    places: Places,
    step: Step,
    /// Parts with the number of their tick, in order of time.
    found: Vec<(i64, P)>,
}

impl<P: Placed> Sink for Parts<P> {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        for (row, time) in batch.times.iter().enumerate() {
            let row = Row { batch, row, places: &self.places };
            self.found.push((self.step.number_at(*time), P::from_row(&row)));
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

fn gather_events(
    recording: &Recording,
    schema: &Arc<Schema>,
    window: Window,
    frames: &mut [Frame],
    warn: Warn<'_>,
) -> Result<Outcome, QueryError> {
    let question = Question { from: window.from(), to: window.to(), ..Question::default() };
    let plan: Plan = question.plan(schema, recording.host())?;
    let mut events = Events { header: plan.header.clone(), found: Vec::new() };
    let outcome = answer(recording, &plan, &mut events, warn)?.outcome;
    for event in events.found {
        let n = window.step.number_at(event.time) - window.first;
        if let Some(frame) = usize::try_from(n).ok().and_then(|n| frames.get_mut(n)) {
            frame.events.push(event);
        }
    }
    Ok(outcome)
}

struct Events {
    header: Arc<Header>,
    found: Vec<Event>,
}

impl Sink for Events {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        for (row, time) in batch.times.iter().enumerate() {
            let table = self.header.table.clone();
            self.found.push(Event { time: *time, table, text: describe(&self.header, batch, row) });
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

fn describe(header: &Header, batch: &Batch, row: usize) -> String {
    let mut text = String::new();
    for (field, column) in header.fields.iter().zip(&batch.columns) {
        if !column.is_present(row) {
            continue;
        }
        let word = column.words[row];
        let value = match field.kind {
            ColumnType::String => {
                let bytes = batch.strings.at_word(word);
                Value::String(readable(bytes).into_owned())
            }
            ColumnType::Bytes => Value::Bytes(batch.strings.at_word(word).to_vec()),
            kind => Value::from_word(kind, word),
        };
        let space = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{space}{}={value}", field.name));
    }
    text
}
