//! Rows of a chunk into tallies.

use super::Steps;
use super::tallies::Needs;
use crate::answer::growth::{Growth, Previous, only_grows};
use crate::answer::history::Standings;
use crate::answer::instances::Wanted;
use crate::answer::tally::Tally;
use crate::question::{Plan, ValueTest};
use nodemon_formats::ColumnType;
use nodemon_formats::growth::Standing;
use nodemon_formats::reader::{Cells, Chunk, Presence, Words};
use std::ops::Range;

impl Steps<'_> {
    /// Takes rows in that lie in the step at hand.
    pub(super) fn take_rows(&mut self, chunk: &Chunk, range: Range<usize>) {
        let wanted = std::mem::take(&mut self.wanted);
        for instance in &wanted {
            let present = rows_present(&chunk.present[instance.index], &range);
            if present == 0 {
                continue;
            }
            if self.plan.value_tests.is_empty() {
                self.tallies.touch(instance.number, present as u64);
                let standings = self.history.standings(chunk, *instance, &range);
                for s in 0..self.plan.slots.len() {
                    self.take_cells(chunk, s, *instance, range.clone(), &standings);
                }
            } else {
                self.take_passing(chunk, *instance, range.clone());
            }
            self.history.saw(chunk, *instance, &range);
        }
        self.wanted = wanted;
    }

    fn take_cells(
        &mut self,
        chunk: &Chunk,
        s: usize,
        instance: Wanted,
        range: Range<usize>,
        standings: &Standings,
    ) {
        let (cells, slot) = (chunk.cells(s, instance.index), &self.plan.slots[s]);
        let present = rows_present(&cells.present, &range);
        let mut one = self.one(instance.number, s);
        one.tally.count += present as u64;
        if slot.rate {
            let times =
                Times { boot_times: &chunk.boot_times, before_ns: one.before_ns, standings };
            let whole = present == range.len() && !one.needs.each_rate && standings.is_steady();
            if !(whole && one.take_growth(slot.kind, cells, &times, range.clone())) {
                for row in range.filter(|row| cells.present.at(*row)) {
                    one.take_rate(slot.kind, cells.words.at(row), &times, row);
                }
            }
        } else if slot.kind == ColumnType::Histogram {
            for row in range.filter(|row| cells.present.at(*row)) {
                one.tally.merge(chunk.strings.get(cells.words.at(row)));
            }
        } else if slot.kind.is_dictionary() {
            let there = |row: &usize| cells.present.at(*row);
            let ends = [range.clone().find(there), range.rev().find(there)];
            for row in ends.into_iter().flatten() {
                let number = self.tallies.intern(chunk.strings.get(cells.words.at(row)));
                self.tallies.tally_of(instance.number, s).push(slot.kind, number, false);
            }
        } else {
            one.take_values(slot.kind, cells, range, present);
        }
    }

    /// As [`Steps::take_cells`] for every slot, row by row, with the rows that pass.
    fn take_passing(&mut self, chunk: &Chunk, instance: Wanted, range: Range<usize>) {
        let slots = &self.plan.slots;
        let mut growths: Vec<Option<Growth>> = vec![None; slots.len()];
        let standings = self.history.standings(chunk, instance, &range);
        for row in range.filter(|row| chunk.present[instance.index].at(*row)) {
            for (s, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.rate) {
                let cells = chunk.cells(s, instance.index);
                let one = self.one(instance.number, s);
                let times = Times {
                    boot_times: &chunk.boot_times,
                    before_ns: one.before_ns,
                    standings: &standings,
                };
                growths[s] = match cells.present.at(row) {
                    true => times.advance(one.previous, slot.kind, cells.words.at(row), row),
                    false => None,
                };
            }
            let passes = |test: &ValueTest| passes(test, self.plan, chunk, instance, row, &growths);
            if !self.plan.value_tests.iter().all(passes) {
                continue;
            }
            self.tallies.touch(instance.number, 1);
            for (s, slot) in slots.iter().enumerate() {
                let cells = chunk.cells(s, instance.index);
                if !cells.present.at(row) {
                    continue;
                }
                let mut word = cells.words.at(row);
                if slot.kind == ColumnType::Histogram {
                    let tally = self.tallies.tally_of(instance.number, s);
                    tally.count += 1;
                    tally.merge(chunk.strings.get(word));
                    continue;
                }
                if slot.kind.is_dictionary() {
                    word = self.tallies.intern(chunk.strings.get(word));
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

    fn one(&mut self, number: usize, s: usize) -> One<'_> {
        One {
            before_ns: self.history.before_ns(),
            needs: self.tallies.needs[s],
            previous: self.history.previous_of(number, s),
            tally: self.tallies.tally_of(number, s),
        }
    }
}

/// One slot of one instance.
struct One<'a> {
    previous: &'a mut Previous,
    tally: &'a mut Tally,
    needs: Needs,
    before_ns: u64,
}

/// When rows were sampled, and how they stand to those before.
struct Times<'a> {
    boot_times: &'a [u64],
    /// Of the sample before the first row of the chunk.
    before_ns: u64,
    standings: &'a Standings,
}

impl Times<'_> {
    /// The growth of a counter that has `word` in `row`.
    #[inline]
    fn advance(
        &self,
        previous: &mut Previous,
        kind: ColumnType,
        word: u64,
        row: usize,
    ) -> Option<Growth> {
        let before_ns = if row > 0 { self.boot_times[row - 1] } else { self.before_ns };
        previous.advance(kind, word, self.boot_times[row], self.standings.at(row), before_ns)
    }
}

impl One<'_> {
    fn take_values(
        &mut self,
        kind: ColumnType,
        cells: &Cells,
        range: Range<usize>,
        present: usize,
    ) {
        let sketch = self.needs.sketch;
        match &cells.words {
            Words::Constant(word) => {
                self.tally.push_constant(kind, *word, present as u64, sketch);
            }
            Words::Each(words) if present == range.len() => {
                self.tally.push_each(kind, &words[range], sketch);
            }
            Words::Each(words) => range
                .filter(|row| cells.present.at(*row))
                .for_each(|row| self.tally.push(kind, words[row], sketch)),
        }
    }

    fn take_rate(&mut self, kind: ColumnType, word: u64, times: &Times<'_>, row: usize) {
        if let Some(growth) = times.advance(self.previous, kind, word, row) {
            self.tally.grow(growth);
            if self.needs.each_rate {
                let rate = growth.per_s().to_bits();
                self.tally.push(ColumnType::F64, rate, self.needs.sketch);
            }
        }
    }

    /// Takes rows that all have a value at once; false where they have to be taken one by one,
    /// because the counter was reset among them.
    fn take_growth(
        &mut self,
        kind: ColumnType,
        cells: &Cells,
        times: &Times<'_>,
        range: Range<usize>,
    ) -> bool {
        let of_rows = &times.boot_times[range.clone()];
        let (Some(&start), Some(&end)) = (of_rows.first(), of_rows.last()) else { return true };
        let (first, last) = match &cells.words {
            Words::Constant(word) => (*word, *word),
            Words::Each(words) if only_grows(kind, &words[range.clone()]) => {
                (words[range.start], words[range.end - 1])
            }
            Words::Each(_) => return false,
        };
        self.take_rate(kind, first, times, range.start);
        if let Some(growth) = self.previous.advance(kind, last, end, Standing::Bridges, start) {
            self.tally.grow(growth);
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
        let known = growths[test.slot].filter(|_| !plan.is_below_resolution(slot));
        return known.is_some_and(|growth| {
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

fn rows_present(presence: &Presence, range: &Range<usize>) -> usize {
    match presence {
        Presence::All => range.len(),
        Presence::None => 0,
        Presence::Some(_) => range.clone().filter(|row| presence.at(*row)).count(),
    }
}
