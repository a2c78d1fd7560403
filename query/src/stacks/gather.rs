//! Rows into a profile.

use super::looks::Looks;
use super::profile::{Bounds, Detail, Profile};
use super::source::{Places, Source};
use crate::answer::{Answer, answer};
use crate::cli::StacksArgs;
use crate::context::Context;
use crate::error::QueryError;
use crate::interrupt::Interrupt;
use crate::rows::{Batch, Header, Missing, Sink};
use crate::span::Span;
use nodemon_formats::reader::ReadError;
use nodemon_formats::text::readable;
use nodemon_formats::{ColumnType, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// What a span had.
pub struct Gathered {
    /// The span.
    pub span: Span,
    /// Its stacks.
    pub profile: Profile,
    /// What they were made from.
    pub answer: Answer,
    /// Samples that are lost in gaps.
    pub lost: u64,
}

/// Adds the stacks of a span up.
///
/// # Errors
/// When the recording cannot be read, a filter makes no sense, or a signal asks to stop.
pub fn gather(
    context: &Context,
    args: &StacksArgs,
    (source, detail): (&Source, Detail),
    span: Span,
    interrupt: Option<&Interrupt>,
    warn: &mut dyn FnMut(&ReadError),
) -> Result<Gathered, QueryError> {
    let (plan, places) = source.plan(context, args, &span)?;
    let mut rows = Rows {
        header: plan.header.clone(),
        places,
        looks: match source.each {
            0 | 1 => Looks::all_alike(source.each),
            _ => Looks::of_table(&context.recording, &source.schema, &span)?,
        },
        profile: Profile::new(detail, Bounds::default()),
        lost: 0,
        interrupt,
        key: Vec::new(),
    };
    let answer = answer(&context.recording, &plan, &mut rows, warn)?;
    Ok(Gathered { span, profile: rows.profile, answer, lost: rows.lost })
}

struct Rows<'a> {
    header: Arc<Header>,
    places: Places,
    looks: Looks,
    profile: Profile,
    lost: u64,
    interrupt: Option<&'a Interrupt>,
    /// The words of the row at hand that say where it belongs.
    key: Vec<u64>,
}

impl Rows<'_> {
    /// The value of a row by which it is grouped.
    fn value(&self, batch: &Batch, at: usize, row: usize) -> String {
        let field = &self.header.fields[at];
        let column = &batch.columns[at];
        if !column.is_present(row) {
            return format!("[no {}]", field.name);
        }
        let word = column.words[row];
        let number = |value: Value| format!("{}={value}", field.name);
        match field.kind {
            ColumnType::String if batch.strings.at_word(word).is_empty() => {
                format!("[no {}]", field.name)
            }
            ColumnType::String => readable(batch.strings.at_word(word)).into_owned(),
            ColumnType::Bytes => number(Value::Bytes(batch.strings.at_word(word).to_vec())),
            kind => number(Value::from_word(kind, word)),
        }
    }

    fn place(&mut self, batch: &Batch, row: usize) -> u32 {
        let by = self.places.by.iter();
        let group: Vec<String> = by.map(|at| self.value(batch, *at, row)).collect();
        let stack = &batch.columns[self.places.stack];
        let cell = stack.is_present(row).then(|| batch.strings.at_word(stack.words[row]));
        self.profile.place(&group, cell)
    }
}

impl Sink for Rows<'_> {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        if self.interrupt.is_some_and(Interrupt::is_asked) {
            return Err(QueryError::Interrupted);
        }
        // Words are the same text for as long as a batch.
        let mut known: HashMap<Box<[u64]>, u32> = HashMap::new();
        for row in 0..batch.len() {
            let mut key = std::mem::take(&mut self.key);
            key.clear();
            for at in self.places.by.iter().chain([&self.places.stack]) {
                let column = &batch.columns[*at];
                let is_present = column.is_present(row);
                key.push(if is_present { column.words[row] } else { 0 });
                key.push(u64::from(is_present));
            }
            let place = match known.get(&key[..]) {
                Some(place) => *place,
                None => {
                    let place = self.place(batch, row);
                    known.insert(key.clone().into(), place);
                    place
                }
            };
            self.key = key;
            let weight = self.places.weight.map(|at| &batch.columns[at]);
            let weight = weight.map(|c| if c.is_present(row) { c.words[row] } else { 0 });
            self.profile.add(place, weight.unwrap_or_else(|| self.looks.weight(batch.times[row])));
        }
        Ok(())
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        self.lost = self.lost.saturating_add(gap.lost);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        Ok(())
    }
}
