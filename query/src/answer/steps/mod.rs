//! A row a step.

mod hand_out;
mod take;
mod tallies;

use super::emitter::Emitter;
use super::history::History;
use super::instances::{Instances, Wanted};
use crate::error::QueryError;
use crate::question::{Plan, Step};
use crate::rows::{Batch, BatchColumn};
use nodemon_formats::ColumnType;
use nodemon_formats::reader::{Chunk, Summary};
use tallies::Tallies;

/// Turns chunks and summaries into a row for each step and instance.
pub struct Steps<'a> {
    plan: &'a Plan,
    step: Step,
    instances: Instances<'a>,
    wanted: Vec<Wanted>,
    history: History<'a>,
    tallies: Tallies,
    current: Option<i64>,
    batch: Batch,
}

impl<'a> Steps<'a> {
    /// Nothing was seen yet.
    pub fn new(plan: &'a Plan, step: Step) -> Steps<'a> {
        let columns = plan.keys.len() + plan.cells.len();
        Steps {
            plan,
            step,
            instances: Instances::new(plan),
            wanted: Vec::new(),
            history: History::new(plan),
            tallies: Tallies::new(plan),
            current: None,
            batch: Batch { columns: vec![BatchColumn::default(); columns], ..Batch::default() },
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
        let born = |number| {
            self.history.born(number);
            self.tallies.born(number);
        };
        self.instances.number(&chunk.instances, last, &mut self.wanted, born);
        self.history.remember(chunk, row, &self.wanted);
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

    /// Takes in a block that lies inside one step, or a step of a tier.
    ///
    /// # Errors
    /// The sink's.
    pub fn summary(
        &mut self,
        summary: &Summary,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), QueryError> {
        let (first, last) = summary.times;
        let born = |number| {
            self.history.born(number);
            self.tallies.born(number);
        };
        self.instances.number(&summary.instances, last, &mut self.wanted, born);
        let in_range = first >= self.plan.from && last < self.plan.to;
        if in_range {
            self.enter(self.step.of(first), emitter)?;
        }
        for wanted in std::mem::take(&mut self.wanted) {
            self.take_summary(summary, wanted, in_range);
        }
        Ok(())
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

    fn take_summary(&mut self, summary: &Summary, wanted: Wanted, in_range: bool) {
        let (start, end) = summary.boot_times;
        let within = self.longest_within(end.saturating_sub(start), summary.rows);
        let mut is_there = false;
        for (s, slot) in self.plan.slots.iter().enumerate() {
            let column = &summary.columns[s * summary.instances.len() + wanted.index];
            if column.count == 0 {
                continue;
            }
            is_there = true;
            let needs = self.tallies.needs[s];
            let tally = self.tallies.of(wanted.number, s);
            if slot.rate {
                let longest = if in_range { self.plan.longest_pair_ns } else { 0 };
                let previous = self.history.of(wanted.number, s);
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
            }
            if !in_range {
                continue;
            }
            tally.count += column.count;
            if slot.kind == ColumnType::Histogram {
                tally.merge(summary.strings.get(column.last));
            } else if slot.kind.is_dictionary() {
                let mut column = *column;
                column.first = self.tallies.intern(summary.strings.get(column.first));
                column.last = self.tallies.intern(summary.strings.get(column.last));
                self.tallies.of(wanted.number, s).order(slot.kind, column);
            } else if !slot.rate {
                tally.order(slot.kind, *column);
                if needs.sketch {
                    tally.sketch(slot.kind, *column);
                }
            }
        }
        if in_range && is_there {
            self.tallies.touch(wanted.number, summary.rows as u64);
        }
    }

    /// The longest time between the ends of a block of `rows` samples over which growth counts: 0
    /// when there must be a pause inside that is too long for a rate.
    fn longest_within(&self, length_ns: u64, rows: usize) -> u64 {
        let even_ns = self.plan.schema.interval_ns.saturating_mul(rows as u64);
        let pauses_ns = length_ns.saturating_sub(even_ns);
        if pauses_ns > self.plan.longest_pair_ns { 0 } else { length_ns }
    }
}
