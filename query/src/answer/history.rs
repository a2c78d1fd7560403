//! The sample before, of every counter of every instance whose rate is wanted.

use super::growth::Previous;
use super::instances::Wanted;
use crate::question::Plan;
use nodemon_formats::reader::Chunk;

/// The sample before, for each number of an instance and each slot.
pub struct History<'a> {
    plan: &'a Plan,
    previous: Vec<Previous>,
}

impl<'a> History<'a> {
    /// Nothing was seen yet.
    pub fn new(plan: &'a Plan) -> History<'a> {
        History { plan, previous: Vec::new() }
    }

    /// A number was given out: makes room, and forgets whoever had it before.
    pub fn born(&mut self, number: usize) {
        let width = self.plan.slots.len();
        let end = (number + 1) * width;
        self.previous.resize(self.previous.len().max(end), Previous::default());
        self.previous[number * width..end].fill(Previous::default());
    }

    /// The sample before of a slot of an instance.
    pub fn of(&mut self, number: usize, slot: usize) -> &mut Previous {
        &mut self.previous[number * self.plan.slots.len() + slot]
    }

    /// Looks at the last value of each counter before row `begin`, from which the first rate in
    /// the range is told.
    pub fn remember(&mut self, chunk: &Chunk, begin: usize, wanted: &[Wanted]) {
        for (s, slot) in self.plan.slots.iter().enumerate().filter(|(_, slot)| slot.rate) {
            for instance in wanted {
                let cells = chunk.cells(s, instance.index);
                if let Some(row) = (0..begin).rev().find(|row| cells.present.at(*row)) {
                    let (word, time) = (cells.words.at(row), chunk.boot_times[row]);
                    self.of(instance.number, s).advance(slot.kind, word, time, 0);
                }
            }
        }
    }
}
