//! What the step at hand has, of every instance and slot.

use crate::answer::tally::Tally;
use crate::question::{Aggregate, Plan};
use nodemon_formats::interner::Interner;

/// Tallies by number of an instance and slot.
pub struct Tallies {
    /// What is asked of each slot.
    pub needs: Vec<Needs>,
    tallies: Vec<Tally>,
    /// For each number of an instance: its rows in the step.
    rows: Vec<u64>,
    touched: Vec<usize>,
    /// Strings of the step.
    texts: Interner,
}

/// What is asked of a slot.
#[derive(Clone, Copy, Default)]
pub struct Needs {
    /// The rate from each sample to the next, and not only the growth of the whole step.
    pub each_rate: bool,
    /// Percentiles.
    pub sketch: bool,
}

impl Tallies {
    /// Nothing yet, of what `plan` asks for.
    pub fn new(plan: &Plan) -> Tallies {
        let mut needs = vec![Needs::default(); plan.slots.len()];
        for cell in &plan.cells {
            let Some(aggregate) = cell.aggregate else { continue };
            needs[cell.slot].each_rate |= !aggregate.is_in_rollups(None);
            needs[cell.slot].sketch |= matches!(aggregate, Aggregate::Percentile(_));
        }
        Tallies {
            needs,
            tallies: Vec::new(),
            rows: Vec::new(),
            touched: Vec::new(),
            texts: Interner::default(),
        }
    }

    /// A number was given out: makes room. Whoever had it before has nothing in the step.
    pub fn born(&mut self, number: usize) {
        let end = (number + 1) * self.needs.len();
        self.tallies.resize(self.tallies.len().max(end), Tally::default());
        self.rows.resize(self.rows.len().max(number + 1), 0);
    }

    /// An instance has `rows` more rows in the step.
    pub fn touch(&mut self, number: usize, rows: u64) {
        if self.rows[number] == 0 {
            self.touched.push(number);
        }
        self.rows[number] += rows;
    }

    /// The tally of a slot of an instance.
    pub fn tally_of(&mut self, number: usize, slot: usize) -> &mut Tally {
        &mut self.tallies[number * self.needs.len() + slot]
    }

    /// The tallies of an instance.
    pub fn tallies_of(&mut self, number: usize) -> &mut [Tally] {
        let width = self.needs.len();
        &mut self.tallies[number * width..(number + 1) * width]
    }

    /// The number of a string, for as long as the step lasts.
    pub fn intern(&mut self, text: &[u8]) -> u64 {
        self.texts.intern(text).into()
    }

    /// The string of a number.
    pub fn text(&self, number: u64) -> &[u8] {
        self.texts.get(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The step ends: the instances that have rows in it, and how many, by number.
    pub fn end(&mut self) -> Vec<(usize, u64)> {
        self.touched.sort_unstable();
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|number| (number, std::mem::take(&mut self.rows[number]))).collect()
    }

    /// The step is told: forgets its strings.
    pub fn forget(&mut self) {
        self.texts.clear();
    }
}
