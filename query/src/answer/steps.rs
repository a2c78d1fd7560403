//! A row a step.

use super::emitter::Emitter;
use super::growth::{Growth, Previous, difference, only_grows};
use super::instances::{Instances, Wanted};
use super::samples::key_word;
use super::tally::Tally;
use crate::error::QueryError;
use crate::question::{Aggregate, Plan, Step, ValueTest};
use crate::rows::{Batch, BatchColumn};
use nodemon_formats::interner::Interner;
use nodemon_formats::reader::{Cells, Chunk, Presence, Summary, Words};
use nodemon_formats::{ColumnType, TableKind};
use std::ops::Range;

/// So many rows are handed out together.
const BATCH_ROWS: usize = 4096;

/// Turns chunks and summaries into a row for each step and instance.
pub struct Steps<'a> {
    plan: &'a Plan,
    step: Step,
    instances: Instances<'a>,
    wanted: Vec<Wanted>,
    needs: Vec<Needs>,
    /// For each number of an instance and each slot: the sample before, and what the step has.
    previous: Vec<Previous>,
    tallies: Vec<Tally>,
    /// For each number of an instance: its rows in the step.
    rows: Vec<u64>,
    touched: Vec<usize>,
    current: Option<i64>,
    /// Strings of the step.
    texts: Interner,
    batch: Batch,
}

/// What is asked of a slot.
#[derive(Clone, Copy, Default)]
struct Needs {
    /// The rate from each sample to the next, and not only the growth of the whole step.
    each_rate: bool,
    /// Percentiles.
    sketch: bool,
}

impl<'a> Steps<'a> {
    /// Nothing was seen yet.
    pub fn new(plan: &'a Plan, step: Step) -> Steps<'a> {
        let columns = plan.keys.len() + plan.cells.len();
        let batch = Batch { columns: vec![BatchColumn::default(); columns], ..Batch::default() };
        let mut needs = vec![Needs::default(); plan.slots.len()];
        for cell in &plan.cells {
            let Some(aggregate) = cell.aggregate else { continue };
            needs[cell.slot].each_rate |= !aggregate.is_in_rollups(None);
            needs[cell.slot].sketch |= matches!(aggregate, Aggregate::Percentile(_));
        }
        Steps {
            plan,
            step,
            instances: Instances::new(plan),
            wanted: Vec::new(),
            needs,
            previous: Vec::new(),
            tallies: Vec::new(),
            rows: Vec::new(),
            touched: Vec::new(),
            current: None,
            texts: Interner::default(),
            batch,
        }
    }

    /// Takes a chunk in, and hands out the steps that it ends.
    ///
    /// # Errors
    /// The sink's.
    pub fn chunk(&mut self, chunk: &Chunk, emitter: &mut Emitter<'_>) -> Result<(), QueryError> {
        let Some(&last) = chunk.times.last() else { return Ok(()) };
        let mut row = chunk.times.partition_point(|time| *time < self.plan.from);
        let end = chunk.times.partition_point(|time| *time < self.plan.to);
        let born = born(&mut self.previous, &mut self.tallies, &mut self.rows, self.needs.len());
        self.instances.number(&chunk.instances, last, &mut self.wanted, born);
        self.remember(chunk, row);
        while row < end {
            let number = self.step.of(chunk.times[row]);
            let next = self.step.start(number.saturating_add(1));
            let rows = chunk.times[row..end].partition_point(|time| *time < next).max(1);
            self.enter(number, emitter)?;
            self.take_rows(chunk, row..row + rows);
            row += rows;
        }
        Ok(())
    }

    /// Takes in a block that lies inside one step.
    ///
    /// # Errors
    /// The sink's.
    pub fn summary(
        &mut self,
        summary: &Summary,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), QueryError> {
        let born = born(&mut self.previous, &mut self.tallies, &mut self.rows, self.needs.len());
        let (first, last) = summary.times;
        self.instances.number(&summary.instances, last, &mut self.wanted, born);
        let in_range = first >= self.plan.from && last < self.plan.to;
        if in_range {
            self.enter(self.step.of(first), emitter)?;
        }
        let (start, end) = summary.boot_times;
        let within = self.longest_within(end.saturating_sub(start), summary.rows);
        for wanted in std::mem::take(&mut self.wanted) {
            let mut is_there = false;
            for (s, slot) in self.plan.slots.iter().enumerate() {
                let column = &summary.columns[s * summary.instances.len() + wanted.index];
                if column.count == 0 {
                    continue;
                }
                is_there = true;
                let at = wanted.number * self.needs.len() + s;
                let (previous, tally) = (&mut self.previous[at], &mut self.tallies[at]);
                let needs = self.needs[s];
                let longest = if in_range { self.plan.longest_pair_ns } else { 0 };
                if slot.rate {
                    let pairs = [
                        previous.advance(slot.kind, column.first, start, longest),
                        previous.advance(slot.kind, column.last, end, within),
                    ];
                    for growth in pairs.into_iter().flatten().filter(|_| in_range) {
                        tally.grow(growth);
                        if needs.each_rate {
                            let rate = growth.per_s().to_bits();
                            tally.push(ColumnType::F64, rate, needs.sketch);
                        }
                    }
                } else if in_range && slot.kind.is_dictionary() {
                    let mut column = *column;
                    column.first = self.texts.intern(summary.strings.get(column.first)).into();
                    column.last = self.texts.intern(summary.strings.get(column.last)).into();
                    tally.order(slot.kind, column);
                } else if in_range {
                    tally.order(slot.kind, *column);
                    if needs.sketch {
                        tally.sketch(slot.kind, *column);
                    }
                }
                if in_range {
                    tally.count += column.count;
                }
            }
            if in_range && is_there {
                self.touch(wanted.number, summary.rows as u64);
            }
        }
        Ok(())
    }

    /// The longest time between the ends of a block of `rows` samples over which growth counts: 0
    /// when there must be a pause inside that is too long for a rate.
    fn longest_within(&self, length_ns: u64, rows: usize) -> u64 {
        let even_ns = self.plan.schema.interval_ns.saturating_mul(rows as u64);
        let pauses_ns = length_ns.saturating_sub(even_ns);
        if pauses_ns > self.plan.longest_pair_ns { 0 } else { length_ns }
    }

    /// There is no more: hands out what is left.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<(), QueryError> {
        self.end_step();
        self.hand_out(emitter)
    }

    /// [`Instances::refused_keys`]
    pub fn refused_keys(&self) -> Vec<String> {
        self.instances.refused_keys()
    }

    fn remember(&mut self, chunk: &Chunk, begin: usize) {
        for (s, slot) in self.plan.slots.iter().enumerate().filter(|(_, slot)| slot.rate) {
            for wanted in &self.wanted {
                let cells = chunk.cells(s, wanted.index);
                if let Some(row) = (0..begin).rev().find(|row| cells.present.at(*row)) {
                    let previous = &mut self.previous[wanted.number * self.needs.len() + s];
                    previous.advance(slot.kind, cells.words.at(row), chunk.boot_times[row], 0);
                }
            }
        }
    }

    fn enter(&mut self, number: i64, emitter: &mut Emitter<'_>) -> Result<(), QueryError> {
        if self.current == Some(number) {
            return Ok(());
        }
        self.end_step();
        self.current = Some(number);
        if self.batch.len() >= BATCH_ROWS { self.hand_out(emitter) } else { Ok(()) }
    }

    fn touch(&mut self, number: usize, rows: u64) {
        if self.rows[number] == 0 {
            self.touched.push(number);
        }
        self.rows[number] += rows;
    }

    fn take_rows(&mut self, chunk: &Chunk, range: Range<usize>) {
        let wanted = std::mem::take(&mut self.wanted);
        for instance in &wanted {
            let present = rows_present(&chunk.present[instance.index], &range);
            if present == 0 {
                continue;
            }
            if self.plan.value_tests.is_empty() {
                self.touch(instance.number, present as u64);
                for s in 0..self.needs.len() {
                    self.take_cells(chunk, s, *instance, range.clone());
                }
            } else {
                self.take_passing(chunk, *instance, range.clone());
            }
        }
        self.wanted = wanted;
    }

    fn take_cells(&mut self, chunk: &Chunk, s: usize, instance: Wanted, range: Range<usize>) {
        let cells = chunk.cells(s, instance.index);
        let slot = &self.plan.slots[s];
        let mut one = self.one(instance.number, s);
        let present = rows_present(&cells.present, &range);
        one.tally.count += present as u64;
        if slot.rate {
            let whole = present == range.len() && !one.needs.each_rate;
            if !(whole && one.take_growth(slot.kind, cells, &chunk.boot_times, range.clone())) {
                let times = &chunk.boot_times;
                for row in range.filter(|row| cells.present.at(*row)) {
                    one.take_rate(slot.kind, cells.words.at(row), times[row]);
                }
            }
        } else if slot.kind.is_dictionary() {
            let there = |row: &usize| cells.present.at(*row);
            let ends = [range.clone().find(there), range.rev().find(there)];
            let words = ends.into_iter().flatten().map(|row| cells.words.at(row));
            for word in words {
                let number = self.texts.intern(chunk.strings.get(word)).into();
                self.tallies[instance.number * self.needs.len() + s].push(slot.kind, number, false);
            }
        } else {
            match &cells.words {
                Words::Constant(word) => {
                    one.tally.push_constant(slot.kind, *word, present as u64, one.needs.sketch);
                }
                Words::Each(words) if present == range.len() => {
                    one.tally.push_each(slot.kind, &words[range], one.needs.sketch);
                }
                Words::Each(words) => range
                    .filter(|row| cells.present.at(*row))
                    .for_each(|row| one.tally.push(slot.kind, words[row], one.needs.sketch)),
            }
        }
    }

    fn one(&mut self, number: usize, s: usize) -> One<'_> {
        let at = number * self.needs.len() + s;
        One {
            previous: &mut self.previous[at],
            tally: &mut self.tallies[at],
            needs: self.needs[s],
            longest_ns: self.plan.longest_pair_ns,
        }
    }

    /// As [`Steps::take_cells`] for every slot, row by row, with the rows that pass.
    fn take_passing(&mut self, chunk: &Chunk, instance: Wanted, range: Range<usize>) {
        let slots = &self.plan.slots;
        let mut growths: Vec<Option<Growth>> = vec![None; slots.len()];
        for row in range.filter(|row| chunk.present[instance.index].at(*row)) {
            for (s, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.rate) {
                let cells = chunk.cells(s, instance.index);
                let one = self.one(instance.number, s);
                growths[s] = match cells.present.at(row) {
                    true => one.previous.advance(
                        slot.kind,
                        cells.words.at(row),
                        chunk.boot_times[row],
                        one.longest_ns,
                    ),
                    false => None,
                };
            }
            let passes = |test: &ValueTest| passes(test, self.plan, chunk, instance, row, &growths);
            if !self.plan.value_tests.iter().all(passes) {
                continue;
            }
            self.touch(instance.number, 1);
            for (s, slot) in slots.iter().enumerate() {
                let cells = chunk.cells(s, instance.index);
                if !cells.present.at(row) {
                    continue;
                }
                let mut word = cells.words.at(row);
                if slot.kind.is_dictionary() {
                    word = self.texts.intern(chunk.strings.get(word)).into();
                }
                let one = self.one(instance.number, s);
                one.tally.count += 1;
                match growths[s] {
                    Some(growth) => {
                        one.tally.grow(growth);
                        one.tally.push(ColumnType::F64, growth.per_s().to_bits(), one.needs.sketch);
                    }
                    None if slot.rate => {}
                    None => one.tally.push(slot.kind, word, one.needs.sketch),
                }
            }
        }
    }

    /// Makes rows of the tallies and clears them.
    fn end_step(&mut self) {
        let Some(number) = self.current else { return };
        let time = self.step.start(number);
        let width = self.needs.len();
        self.touched.sort_unstable();
        for instance in std::mem::take(&mut self.touched) {
            let rows = std::mem::take(&mut self.rows[instance]);
            let tallies = &mut self.tallies[instance * width..(instance + 1) * width];
            if self.plan.schema.kind == TableKind::Event || tallies.iter().any(|t| t.count > 0) {
                self.batch.times.push(time);
                for (k, key) in self.plan.keys.iter().enumerate() {
                    let key = &self.instances.get(instance).keys[*key];
                    let word = key_word(key, &mut self.batch.strings);
                    push(&mut self.batch.columns[k], word);
                }
                for (c, cell) in self.plan.cells.iter().enumerate() {
                    let slot = &self.plan.slots[cell.slot];
                    let tally = &mut tallies[cell.slot];
                    let word = match (self.plan.schema.kind, cell.aggregate) {
                        (TableKind::Event, Some(Aggregate::Count)) => Some(rows),
                        (_, Some(aggregate)) if slot.rate => tally.of_rates(slot.kind, aggregate),
                        (_, Some(aggregate)) => tally.of_values(slot.kind, aggregate),
                        (_, None) => None,
                    };
                    let is_text =
                        slot.kind.is_dictionary() && cell.aggregate != Some(Aggregate::Count);
                    let word = match is_text {
                        true => word.map(|word| {
                            self.batch.strings.intern(self.texts.get(word as u32)).into()
                        }),
                        false => word,
                    };
                    push(&mut self.batch.columns[self.plan.keys.len() + c], word);
                }
            }
            tallies.fill(Tally::default());
        }
        self.texts.clear();
    }

    fn hand_out(&mut self, emitter: &mut Emitter<'_>) -> Result<(), QueryError> {
        let result = emitter.rows_of(&self.batch);
        self.batch.times.clear();
        self.batch.strings.clear();
        self.batch.columns.fill(BatchColumn::default());
        result
    }
}

/// One slot of one instance.
struct One<'a> {
    previous: &'a mut Previous,
    tally: &'a mut Tally,
    needs: Needs,
    longest_ns: u64,
}

impl One<'_> {
    fn take_rate(&mut self, kind: ColumnType, word: u64, time_ns: u64) {
        if let Some(growth) = self.previous.advance(kind, word, time_ns, self.longest_ns) {
            self.tally.grow(growth);
            if self.needs.each_rate {
                let rate = growth.per_s().to_bits();
                self.tally.push(ColumnType::F64, rate, self.needs.sketch);
            }
        }
    }

    /// Takes rows that all have a value at once; false where they have to be taken one by one,
    /// because the counter was reset among them or there is too long a pause.
    fn take_growth(
        &mut self,
        kind: ColumnType,
        cells: &Cells,
        boot_times: &[u64],
        range: Range<usize>,
    ) -> bool {
        let times = &boot_times[range.clone()];
        let (Some(&start), Some(&end)) = (times.first(), times.last()) else { return true };
        let steady = |pair: &[u64]| pair[1] > pair[0] && pair[1] - pair[0] <= self.longest_ns;
        if !times.windows(2).all(steady) {
            return false;
        }
        let (first, last) = match &cells.words {
            Words::Constant(word) => (*word, *word),
            Words::Each(words) if only_grows(kind, &words[range.clone()]) => {
                (words[range.start], words[range.end - 1])
            }
            Words::Each(_) => return false,
        };
        self.take_rate(kind, first, start);
        if end > start
            && let Some(by) = difference(kind, first, last)
        {
            self.tally.grow(Growth { by, ns: end - start });
            self.previous.advance(kind, last, end, 0);
        }
        true
    }
}

fn passes(
    test: &ValueTest,
    plan: &Plan,
    chunk: &Chunk,
    instance: Wanted,
    row: usize,
    growths: &[Option<Growth>],
) -> bool {
    let slot = &plan.slots[test.slot];
    if slot.rate {
        return growths[test.slot].is_some_and(|growth| {
            test.test.passes_number(ColumnType::F64, growth.per_s().to_bits())
        });
    }
    let cells = chunk.cells(test.slot, instance.index);
    let word = cells.words.at(row);
    cells.present.at(row)
        && match slot.kind.is_dictionary() {
            true => test.test.passes_bytes(slot.kind, chunk.strings.get(word)),
            false => test.test.passes_number(slot.kind, word),
        }
}

/// What to do for a new number of an instance: make room, and forget whoever had it before.
fn born<'v>(
    previous: &'v mut Vec<Previous>,
    tallies: &'v mut Vec<Tally>,
    rows: &'v mut Vec<u64>,
    width: usize,
) -> impl FnMut(usize) + 'v {
    move |number| {
        let (start, end) = (number * width, (number + 1) * width);
        previous.resize(previous.len().max(end), Previous::default());
        previous[start..end].fill(Previous::default());
        tallies.resize(tallies.len().max(end), Tally::default());
        rows.resize(rows.len().max(number + 1), 0);
    }
}

fn push(column: &mut BatchColumn, word: Option<u64>) {
    if word.is_none() && column.present.is_none() {
        column.present = Some(crate::rows::Bitmap::filled(column.words.len(), true));
    }
    if let Some(present) = &mut column.present {
        present.push(word.is_some());
    }
    column.words.push(word.unwrap_or(0));
}

fn rows_present(presence: &Presence, range: &Range<usize>) -> usize {
    match presence {
        Presence::All => range.len(),
        Presence::None => 0,
        Presence::Some(_) => range.clone().filter(|row| presence.at(*row)).count(),
    }
}
