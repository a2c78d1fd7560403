//! Rows of a table, one after the other, by the same plans and answers that `range` has.

use crate::answer::{Answer, answer};
use crate::context::{Context, Warner};
use crate::error::{Outcome, QueryError};
use crate::filter::{Filter, Operator};
use crate::interrupt::Interrupt;
use crate::question::{Aggregate, Question, Step, StepQuestion};
use crate::rows::{Batch, Header, Missing, Sink, as_f64};
use nodemon_formats::ColumnType;
use nodemon_formats::reader::ReadError;
use nodemon_formats::text::readable;
use std::collections::BTreeSet;

/// Who asks, and what is to be told of the answers.
pub struct Asker<'a> {
    /// The recording.
    pub context: &'a Context,
    /// Whether a signal asked to stop.
    pub interrupt: Option<&'a Interrupt>,
    /// Whether damaged data was left out.
    pub outcome: Outcome,
    /// The tables that had a part in the portrait.
    pub used: BTreeSet<&'static str>,
    /// Up to this wall time tiers answered.
    pub coarse_until: Option<i64>,
    warner: Warner<'a>,
}

/// What is asked of one table.
#[derive(Clone, Debug)]
pub struct Wanted<'q> {
    /// The table.
    pub table: &'static str,
    /// Its columns; those that the recording lacks are left out.
    pub columns: &'q [&'static str],
    /// What rows have to pass.
    pub filters: Vec<Filter>,
    /// First wall time, and the one behind the last.
    pub span: (i64, i64),
    /// Whether counters are wanted as rates, and what to make of the values of each step.
    pub step: Option<(bool, Step, &'q [Aggregate])>,
}

/// A column is this number.
pub fn is(column: &str, value: u64) -> Filter {
    of(column, value.to_string())
}

/// A column is this text, whatever a shell would make of it.
pub fn is_text(column: &str, value: &str) -> Filter {
    of(column, globset::escape(value))
}

fn of(column: &str, value: String) -> Filter {
    Filter { column: column.to_owned(), operator: Operator::Equal, values: vec![value] }
}

/// A span as one step.
pub fn whole((from, to): (i64, i64)) -> Step {
    Step { origin: from, length: to.saturating_sub(from).max(1) }
}

/// A span in `pieces` steps, of which the last may end a little behind it.
pub fn pieces((from, to): (i64, i64), pieces: i64) -> Step {
    let pieces = pieces.max(1);
    let length = to.saturating_sub(from).max(1);
    Step { origin: from, length: (length / pieces + i64::from(length % pieces > 0)).max(1) }
}

/// A span in steps of an hour at most, so that no more than the instances of that time are kept.
pub fn by_the_hour(span: (i64, i64)) -> Step {
    pieces(span, span.1.saturating_sub(span.0) / 3_600_000_000_000 + 1)
}

impl<'a> Asker<'a> {
    /// Nothing was asked yet.
    pub fn new(context: &'a Context, interrupt: Option<&'a Interrupt>) -> Asker<'a> {
        Asker {
            context,
            interrupt,
            outcome: Outcome::Complete,
            used: BTreeSet::new(),
            coarse_until: None,
            warner: context.warner(),
        }
    }

    /// Whether the recording has a table with all of these columns.
    pub fn has(&self, table: &str, columns: &[&str]) -> bool {
        self.context.recording.schema(table).is_some_and(|schema| {
            let all = schema.keys.iter().chain(&schema.values);
            columns.iter().all(|name| all.clone().any(|column| column.name == *name))
        })
    }

    /// Shows each row of an answer to `each`, and tells what it was made from; `None` where the
    /// recording has no such table.
    ///
    /// # Errors
    /// When the recording cannot be read, or a signal asks to stop.
    pub fn ask(
        &mut self,
        wanted: &Wanted<'_>,
        each: &mut dyn FnMut(&Row<'_>),
    ) -> Result<Option<Answer>, QueryError> {
        let Some(schema) = self.context.recording.schema(wanted.table) else { return Ok(None) };
        let filters: Vec<&str> = wanted.filters.iter().map(|f| f.column.as_str()).collect();
        let is_there = |name: &&&str| schema.values.iter().any(|column| column.name == ***name);
        let columns: Vec<String> =
            wanted.columns.iter().filter(is_there).map(|name| (*name).to_owned()).collect();
        if columns.is_empty() || !self.has(wanted.table, &filters) {
            return Ok(None);
        }
        let step = wanted
            .step
            .map(|(_, step, aggregates)| StepQuestion { step, aggregates: aggregates.to_vec() });
        let question = Question {
            from: wanted.span.0,
            to: wanted.span.1,
            columns,
            filters: wanted.filters.clone(),
            rates: wanted.step.is_some_and(|(rates, ..)| rates),
            step,
            frames: false,
        };
        let plan = question.plan(&schema, self.context.recording.host())?;
        let header = plan.header.clone();
        let mut rows = Rows { header: &header, interrupt: self.interrupt, each };
        let warner = &mut self.warner;
        let mut warn = |problem: &ReadError| warner.note(problem);
        let answer = answer(&self.context.recording, &plan, &mut rows, &mut warn)?;
        self.outcome = self.outcome.and(answer.outcome);
        self.coarse_until = self.coarse_until.max(answer.coarse_until);
        self.used.insert(wanted.table);
        Ok(Some(answer))
    }

    /// Notes damage that was met elsewhere.
    pub fn warn(&mut self, problem: &ReadError) {
        self.warner.note(problem);
    }
}

struct Rows<'s> {
    header: &'s Header,
    interrupt: Option<&'s Interrupt>,
    each: &'s mut dyn FnMut(&Row<'_>),
}

impl Sink for Rows<'_> {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        if self.interrupt.is_some_and(Interrupt::is_asked) {
            return Err(QueryError::Interrupted);
        }
        for row in 0..batch.len() {
            (self.each)(&Row { header: self.header, batch, row });
        }
        Ok(())
    }

    // Gaps are told for all tables together.
    fn gap(&mut self, _gap: &Missing) -> Result<(), QueryError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        Ok(())
    }
}

/// A row of an answer.
pub struct Row<'r> {
    header: &'r Header,
    batch: &'r Batch,
    row: usize,
}

impl Row<'_> {
    /// Its wall time, or that of the start of its step.
    pub fn time(&self) -> i64 {
        self.batch.times[self.row]
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        let (word, kind) = self.word(name)?;
        let number = as_f64(kind, word);
        (!kind.is_dictionary() && number.is_finite()).then_some(number)
    }

    /// An integer that is not negative.
    pub fn integer(&self, name: &str) -> Option<u64> {
        let (word, kind) = self.word(name)?;
        (kind == ColumnType::U64).then_some(word)
    }

    /// Text; `None` where there is none.
    pub fn text(&self, name: &str) -> Option<String> {
        let (word, kind) = self.word(name)?;
        kind.is_dictionary().then(|| readable(self.batch.strings.at_word(word)).into_owned())
    }

    fn word(&self, name: &str) -> Option<(u64, ColumnType)> {
        let at = self.header.fields.iter().position(|field| field.name == name)?;
        let column = self.batch.columns.get(at)?;
        column.is_present(self.row).then(|| (column.words[self.row], self.header.fields[at].kind))
    }
}
