//! Rows as they were sampled.

use super::emitter::Emitter;
use super::history::{Break, History, Standings};
use super::instance_column::InstanceColumn;
use super::instances::{Instances, Wanted};
use super::keys::key_word;
use crate::error::QueryError;
use crate::question::{Plan, ValueTest};
use crate::rows::{Batch, BatchColumn, Bitmap};
use nodemon_formats::interner::Interner;
use nodemon_formats::narrow::index;
use nodemon_formats::reader::{Chunk, Presence, Summary};
use nodemon_formats::{ColumnType, Value};
use std::ops::Range;

/// About how many rows are made at a time; as much as fits the caches together with its source.
const TILE_ROWS: usize = 8192;

/// Turns chunks into rows, by time and then by instance.
pub struct Samples<'a> {
    plan: &'a Plan,
    instances: Instances<'a>,
    wanted: Vec<Wanted>,
    history: History<'a>,
    batch: Batch,
    /// Number in the batch of each string of the chunk, or [`UNSEEN`].
    strings: Vec<u32>,
    /// For each key the words of the wanted instances.
    keys: Vec<Vec<u64>>,
}

const UNSEEN: u32 = u32::MAX;

impl<'a> Samples<'a> {
    /// Nothing was seen yet.
    pub fn new(plan: &'a Plan, breaks: Vec<Break>) -> Samples<'a> {
        let columns = plan.keys.len() + plan.slots.len();
        let batch = Batch { columns: vec![BatchColumn::default(); columns], ..Batch::default() };
        Samples {
            plan,
            instances: Instances::new(plan),
            wanted: Vec::new(),
            history: History::new(plan, breaks),
            batch,
            strings: Vec::new(),
            keys: vec![Vec::new(); plan.keys.len()],
        }
    }

    /// Takes a chunk in, which may be made of a step of a tier, and hands its rows out.
    ///
    /// # Errors
    /// The sink's.
    pub fn chunk(
        &mut self,
        chunk: &Chunk,
        step: Option<&Summary>,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), QueryError> {
        let Some(&last) = chunk.times.last() else { return Ok(()) };
        let begin = chunk.times.partition_point(|time| *time < self.plan.from);
        let end = chunk.times.partition_point(|time| *time < self.plan.to);
        let born = |number| self.history.born(number);
        self.instances.number(&chunk.instances, last, &mut self.wanted, born);
        match step {
            Some(step) => self.history.begin_of_tier(step),
            None => self.history.begin(chunk.times[0], &chunk.boot_times),
        }
        if let Some(step) = step.filter(|_| begin == 0) {
            self.history.begin_step(step, &self.wanted);
        }
        let result = self.rows(chunk, begin..end, emitter);
        self.history.end(chunk.boot_times[chunk.rows() - 1], last);
        result
    }

    fn rows(
        &mut self,
        chunk: &Chunk,
        range: Range<usize>,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), QueryError> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        self.history.remember(chunk, range.start, &self.wanted);
        self.batch.strings.clear();
        self.strings.clear();
        self.strings.resize(chunk.strings.ends.len(), UNSEEN);
        self.spell_keys();
        let rows = (TILE_ROWS / self.wanted.len()).max(1);
        for start in range.clone().step_by(rows) {
            self.tile(chunk, start..range.end.min(start + rows));
            let filters =
                self.batch.columns.split_off(self.plan.keys.len() + self.plan.cells.len());
            let result = emitter.rows_of(&self.batch);
            self.batch.columns.extend(filters);
            result?;
        }
        Ok(())
    }

    /// [`Instances::refused_keys`]
    pub fn refused_keys(&self) -> Vec<String> {
        self.instances.refused_keys()
    }

    fn spell_keys(&mut self) {
        for (k, words) in self.keys.iter_mut().enumerate() {
            words.clear();
            let key = self.plan.keys[k];
            let numbers = self.wanted.iter().map(|wanted| {
                key_word(&self.instances.get(wanted.number).keys[key], &mut self.batch.strings)
            });
            words.extend(numbers.map(|word| word.unwrap_or(0)));
        }
    }

    /// Makes the rows of a few samples.
    fn tile(&mut self, chunk: &Chunk, range: Range<usize>) {
        let (instances, samples) = (self.wanted.len(), range.len());
        let rows = instances * samples;
        self.batch.times.clear();
        for time in &chunk.times[range.clone()] {
            self.batch.times.extend(std::iter::repeat_n(*time, instances));
        }
        for (k, words) in self.keys.iter().enumerate() {
            let present = self.absent_keys(k, samples);
            let column = &mut self.batch.columns[k];
            column.words.clear();
            (0..samples).for_each(|_| column.words.extend_from_slice(words));
            column.present = present;
        }
        let has_rates = self.plan.slots.iter().any(|slot| slot.rate);
        let rated = self.wanted.iter().filter(|_| has_rates);
        let standings: Vec<Standings> =
            rated.map(|wanted| self.history.standings(chunk, *wanted, &range)).collect();
        let before_ns = self.history.before_ns();
        for (s, slot) in self.plan.slots.iter().enumerate() {
            let column = &mut self.batch.columns[self.plan.keys.len() + s];
            column.words.clear();
            column.words.resize(rows, 0);
            column.present = None;
            if self.plan.is_below_resolution(slot) {
                column.present = Some(Bitmap::filled(rows, false));
                continue;
            }
            for (offset, wanted) in self.wanted.iter().enumerate() {
                let cells = chunk.cells(s, wanted.index);
                let mut column_of_instance = InstanceColumn { column, stride: instances, offset };
                if slot.rate {
                    let previous = self.history.previous_of(wanted.number, s);
                    column_of_instance.rates(
                        slot.kind,
                        cells,
                        &chunk.boot_times,
                        range.clone(),
                        previous,
                        &standings[offset],
                        before_ns,
                    );
                } else {
                    column_of_instance.values(cells, range.clone());
                }
            }
            if slot.kind.is_dictionary() {
                for word in &mut column.words {
                    *word = renumber(*word, chunk, &mut self.strings, &mut self.batch.strings);
                }
            }
        }
        for wanted in self.wanted.iter().filter(|_| has_rates) {
            self.history.saw(chunk, *wanted, &range);
        }
        if let Some(keep) = self.rows_to_keep(chunk, range) {
            self.batch.retain(&keep);
        }
    }

    fn absent_keys(&self, k: usize, samples: usize) -> Option<Bitmap> {
        let key = self.plan.keys[k];
        let is_there = |offset: usize| {
            self.instances.get(self.wanted[offset].number).keys[key] != Value::Absent
        };
        let instances = self.wanted.len();
        let all = (0..instances).all(is_there);
        (!all).then(|| Bitmap::from_fn(samples * instances, |row| is_there(row % instances)))
    }

    /// Which rows there are and pass; `None` where all do.
    fn rows_to_keep(&self, chunk: &Chunk, range: Range<usize>) -> Option<Bitmap> {
        let instances = self.wanted.len();
        let rows = range.len() * instances;
        let mut keep: Option<Bitmap> = None;
        for (offset, wanted) in self.wanted.iter().enumerate() {
            let present = &chunk.present[wanted.index];
            if *present == Presence::All {
                continue;
            }
            let keep = keep.get_or_insert_with(|| Bitmap::filled(rows, true));
            for (sample, row) in range.clone().enumerate().filter(|(_, row)| !present.at(*row)) {
                debug_assert!(row < chunk.rows());
                keep.set(sample * instances + offset, false);
            }
        }
        for test in &self.plan.value_tests {
            let keep = keep.get_or_insert_with(|| Bitmap::filled(rows, true));
            self.apply(test, keep);
        }
        keep
    }

    fn apply(&self, test: &ValueTest, keep: &mut Bitmap) {
        let slot = &self.plan.slots[test.slot];
        let column = &self.batch.columns[self.plan.keys.len() + test.slot];
        let kind = if slot.rate { ColumnType::F64 } else { slot.kind };
        let strings = &self.batch.strings;
        // Each string of the column is looked at once, and none of the other columns.
        let known = if kind.is_dictionary() { strings.len() } else { 0 };
        let mut verdicts: Vec<Option<bool>> = vec![None; known];
        for (row, word) in column.words.iter().enumerate() {
            let mut passes = || match verdicts.get_mut(index(*word)) {
                _ if !kind.is_dictionary() => test.test.passes_number(kind, *word),
                Some(verdict) => *verdict
                    .get_or_insert_with(|| test.test.passes_bytes(kind, strings.at_word(*word))),
                None => false,
            };
            if keep.get(row) && !(column.is_present(row) && passes()) {
                keep.set(row, false);
            }
        }
    }
}

/// The number in the batch of string `word` of the chunk.
fn renumber(word: u64, chunk: &Chunk, numbers: &mut [u32], strings: &mut Interner) -> u64 {
    let text = chunk.strings.get(word);
    match usize::try_from(word).ok().and_then(|word| numbers.get_mut(word)) {
        Some(number) => {
            if *number == UNSEEN {
                *number = strings.intern(text);
            }
            u64::from(*number)
        }
        None => strings.intern(text).into(),
    }
}
