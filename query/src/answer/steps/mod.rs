//! A row a step.

mod hand_out;
mod take;
mod tallies;

use super::emitter::Emitter;
use super::growth::{Growth, Previous};
use super::history::{Break, History};
use super::instances::{Instances, Wanted};
use crate::error::QueryError;
use crate::question::{Plan, Step};
use crate::rows::{Batch, BatchColumn, as_f64};
use nodemon_formats::ColumnType;
use nodemon_formats::growth::Standing;
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
    /// The longest time between steps of a tier that does not say what counters grew by.
    longest_of_tier_ns: u64,
}

impl<'a> Steps<'a> {
    /// Nothing was seen yet.
    pub fn new(plan: &'a Plan, step: Step, breaks: Vec<Break>) -> Steps<'a> {
        let columns = plan.keys.len() + plan.cells.len();
        Steps {
            plan,
            step,
            instances: Instances::new(plan),
            wanted: Vec::new(),
            history: History::new(plan, breaks),
            tallies: Tallies::new(plan),
            current: None,
            longest_of_tier_ns: plan.longest_pair_ns.max(step.length.unsigned_abs() / 2 * 3),
            batch: Batch { columns: vec![BatchColumn::default(); columns], ..Batch::default() },
        }
    }

    /// Takes a chunk in, which may be made of a step of a tier, and hands out the steps that it
    /// ends.
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
        let mut row = chunk.times.partition_point(|time| *time < self.plan.from);
        let end = chunk.times.partition_point(|time| *time < self.plan.to);
        let born = |number| {
            self.history.born(number);
            self.tallies.born(number);
        };
        self.instances.number(&chunk.instances, last, &mut self.wanted, born);
        match step {
            Some(step) => self.history.begin_of_tier(step),
            None => self.history.begin(chunk.times[0], &chunk.boot_times),
        }
        self.history.remember(chunk, row, &self.wanted);
        if let Some(step) = step.filter(|_| row == 0) {
            self.history.begin_step(step, &self.wanted);
        }
        while row < end {
            let number = self.step.number_at(chunk.times[row]);
            let next = self.step.start(number.saturating_add(1));
            let rows = chunk.times[row..end].partition_point(|time| *time < next).max(1);
            self.enter(number, emitter)?;
            self.take_rows(chunk, row..row + rows);
            row += rows;
        }
        self.history.end(chunk.boot_times[chunk.rows() - 1], last);
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
            self.enter(self.step.number_at(first), emitter)?;
        }
        match summary.tier {
            Some(_) => self.history.begin_of_tier(summary),
            None => self.history.begin(first, &[summary.boot_times.0]),
        }
        for wanted in std::mem::take(&mut self.wanted) {
            self.take_summary(summary, wanted, in_range);
        }
        self.history.end(summary.boot_times.1, last);
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
        let keys = &summary.instances[wanted.index];
        let of_tier = summary.tier.as_ref().and_then(|tier| tier.instances.get(wanted.index));
        if of_tier.is_some_and(|instance| !instance.is_in_step) {
            return;
        }
        let standing = match of_tier {
            Some(_) => self.history.standing_of_first(wanted.number, summary, wanted.index),
            None => self.history.standing(wanted.number, keys, start),
        };
        // One that went before the step ended was not in its last sample.
        let is_gone = of_tier.is_some_and(|instance| !instance.is_there);
        let seen_ns = if is_gone { end.saturating_sub(1) } else { end };
        let before_ns = self.history.before_ns();
        let mut is_there = false;
        for (s, slot) in self.plan.slots.iter().enumerate() {
            let at = s * summary.instances.len() + wanted.index;
            let column = &summary.columns[at];
            if column.count == 0 && of_tier.is_none() {
                continue;
            }
            is_there |= column.count > 0;
            let needs = self.tallies.needs[s];
            let tally = self.tallies.tally_of(wanted.number, s);
            if slot.rate {
                let previous = self.history.previous_of(wanted.number, s);
                let pairs = match (&summary.tier, of_tier) {
                    (Some(tier), Some(instance)) => {
                        let first = instance.first_ns.zip(tier.first[at]);
                        let joined = first.and_then(|(first_ns, word)| {
                            previous.advance(slot.kind, word, first_ns, standing, before_ns)
                        });
                        *previous = Previous::default();
                        if column.count > 0 {
                            previous.remember(column.last, seen_ns);
                        }
                        let by = tier.grown[at].map(|by| as_f64(slot.kind, by));
                        [joined, by.map(|by| Growth { by, ns: instance.grown_ns })]
                    }
                    (None, _) => [
                        previous.advance(slot.kind, column.first, start, standing, before_ns),
                        previous.advance(slot.kind, column.last, end, Standing::Bridges, start),
                    ],
                    (Some(_), None) => {
                        let longest = self.longest_of_tier_ns;
                        [previous.pair(slot.kind, column.last, end, longest), None]
                    }
                };
                for growth in pairs.into_iter().flatten().filter(|_| in_range) {
                    tally.grow(growth);
                    if needs.each_rate && growth.ns > 0 {
                        let rate = growth.per_s().to_bits();
                        tally.push(ColumnType::F64, rate, needs.sketch);
                    }
                }
            }
            if !in_range || column.count == 0 {
                continue;
            }
            tally.count += column.count;
            if slot.kind == ColumnType::Histogram {
                tally.merge(summary.strings.get(column.last));
            } else if slot.kind.is_dictionary() {
                let mut column = *column;
                column.first = self.tallies.intern(summary.strings.get(column.first));
                column.last = self.tallies.intern(summary.strings.get(column.last));
                self.tallies.tally_of(wanted.number, s).order(slot.kind, column);
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
        self.history.saw_at(wanted.number, seen_ns);
    }
}
