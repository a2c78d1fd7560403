//! Tallies into rows.

use super::Steps;
use crate::answer::emitter::Emitter;
use crate::answer::keys::key_word;
use crate::answer::tally::Tally;
use crate::error::QueryError;
use crate::question::{Aggregate, Cell};
use crate::rows::{BatchColumn, Bitmap};
use nodemon_formats::{ColumnType, TableKind};

/// So many rows are handed out together.
const BATCH_ROWS: usize = 4096;

impl Steps<'_> {
    /// The next rows lie in step `number`.
    pub(super) fn enter(
        &mut self,
        number: i64,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), QueryError> {
        if self.current == Some(number) {
            return Ok(());
        }
        self.end_step();
        self.current = Some(number);
        if self.batch.len() >= BATCH_ROWS { self.hand_out(emitter) } else { Ok(()) }
    }

    /// Makes rows of the tallies and clears them. An instance without any value has none.
    pub(super) fn end_step(&mut self) {
        let Some(number) = self.current else { return };
        let is_event = self.plan.schema.kind == TableKind::Event;
        for (instance, rows) in self.tallies.end() {
            if is_event || self.tallies.tallies_of(instance).iter().any(|tally| tally.count > 0) {
                self.batch.times.push(self.step.start(number));
                for (k, key) in self.plan.keys.iter().enumerate() {
                    let key = &self.instances.get(instance).keys[*key];
                    let word = key_word(key, &mut self.batch.strings);
                    push(&mut self.batch.columns[k], word);
                }
                for (c, cell) in self.plan.cells.iter().enumerate() {
                    let word = self.word(instance, rows, *cell);
                    push(&mut self.batch.columns[self.plan.keys.len() + c], word);
                }
            }
            self.tallies.tallies_of(instance).fill(Tally::default());
        }
        self.tallies.forget();
    }

    fn word(&mut self, instance: usize, rows: u64, cell: Cell) -> Option<u64> {
        let slot = &self.plan.slots[cell.slot];
        let aggregate = cell.aggregate?;
        if aggregate == Aggregate::Count && self.plan.schema.kind == TableKind::Event {
            return Some(rows);
        }
        if self.plan.is_blank(&cell) {
            return None;
        }
        let tally = self.tallies.tally_of(instance, cell.slot);
        if slot.rate {
            return tally.of_rates(slot.kind, aggregate);
        }
        if slot.kind == ColumnType::Histogram {
            return tally.of_histograms(aggregate);
        }
        let word = tally.of_values(slot.kind, aggregate)?;
        match slot.kind.is_dictionary() && aggregate != Aggregate::Count {
            true => Some(self.batch.strings.intern(self.tallies.text(word)).into()),
            false => Some(word),
        }
    }

    /// Hands the rows out that are ready.
    pub(super) fn hand_out(&mut self, emitter: &mut Emitter<'_>) -> Result<(), QueryError> {
        let result = emitter.rows_of(&self.batch);
        self.batch.times.clear();
        self.batch.strings.clear();
        self.batch.columns.fill(BatchColumn::default());
        result
    }
}

fn push(column: &mut BatchColumn, word: Option<u64>) {
    if word.is_none() && column.present.is_none() {
        column.present = Some(Bitmap::filled(column.words.len(), true));
    }
    if let Some(present) = &mut column.present {
        present.push(word.is_some());
    }
    column.words.push(word.unwrap_or(0));
}
