//! The row before of each instance, for as long as it may have another one.

use crate::memory::{clear_and_shrink, reserve_closely};
use crate::narrow::count32;

/// The words of the row before of every instance that was in the last two samples. All others, and
/// those that are in their first sample, have zeros: who lives for a moment takes nothing here. Who
/// packs and who unpacks come to the same, as both pass the same rows.
#[derive(Clone, Default)]
pub struct Predecessors {
    width: usize,
    /// Of each instance.
    places: Vec<Before>,
    /// The instances whose first sample this one is, or the one before.
    newcomers: Vec<u32>,
    /// Of each slot its instance, and whether this sample has it.
    slots: Vec<(u32, bool)>,
    /// The slots of instances that the sample before had, and that this one has.
    before: Vec<u32>,
    present: Vec<u32>,
    free: Vec<u32>,
    words: Vec<u64>,
    /// The row of an instance that has no slot.
    spare: Vec<u64>,
}

/// What there is of the row before of an instance.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    /// Nowhere.
    #[default]
    None,
    /// Nowhere, but the instance is in this sample, or was in the one before.
    Newcomer { is_in_this: bool },
    /// In a slot.
    Slot(u32),
}

impl Predecessors {
    /// Nothing was before. Rows have so many words.
    pub fn new(width: usize) -> Predecessors {
        Predecessors { width, ..Predecessors::default() }
    }

    /// Words of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        let of_slot = size_of::<(u32, bool)>() + self.width * size_of::<u64>();
        self.places.len() * size_of::<Before>() + self.slots.len() * of_slot
    }

    /// The row before of `instance`, to become its next.
    pub fn row_of(&mut self, instance: u32) -> &mut [u64] {
        let at = instance as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, Before::None);
        }
        let slot = match self.places[at] {
            Before::Slot(slot) => slot,
            Before::Newcomer { is_in_this: false } => self.give_slot(instance),
            place => {
                if place == Before::None {
                    self.places[at] = Before::Newcomer { is_in_this: true };
                    self.newcomers.push(instance);
                }
                self.spare.clear();
                self.spare.resize(self.width, 0);
                return &mut self.spare;
            }
        };
        if !std::mem::replace(&mut self.slots[slot as usize].1, true) {
            self.present.push(slot);
        }
        let from = slot as usize * self.width;
        &mut self.words[from..from + self.width]
    }

    fn give_slot(&mut self, instance: u32) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((instance, false));
            reserve_closely(&mut self.words, self.width);
            self.words.resize(self.slots.len() * self.width, 0);
            count32(self.slots.len()) - 1
        });
        self.slots[slot as usize] = (instance, false);
        let from = slot as usize * self.width;
        self.words[from..from + self.width].fill(0);
        self.places[instance as usize] = Before::Slot(slot);
        slot
    }

    /// Ends a sample: instances that it has not begin with zeros when they come again.
    pub fn end_sample(&mut self) {
        let places = &mut self.places;
        self.newcomers.retain(|&instance| {
            let place = &mut places[instance as usize];
            let is_in_this = *place == Before::Newcomer { is_in_this: true };
            match place {
                Before::Newcomer { is_in_this: true } => {
                    *place = Before::Newcomer { is_in_this: false };
                }
                Before::Newcomer { is_in_this: false } => *place = Before::None,
                Before::None | Before::Slot(_) => {}
            }
            is_in_this
        });
        for slot in self.before.drain(..) {
            let (instance, is_in_this) = self.slots[slot as usize];
            if !is_in_this {
                places[instance as usize] = Before::None;
                self.free.push(slot);
            }
        }
        for slot in &self.present {
            self.slots[*slot as usize].1 = false;
        }
        std::mem::swap(&mut self.before, &mut self.present);
    }

    /// Forgets everything, keeps the memory that as much will need.
    pub fn clear(&mut self) {
        clear_and_shrink(&mut self.places);
        clear_and_shrink(&mut self.newcomers);
        clear_and_shrink(&mut self.slots);
        clear_and_shrink(&mut self.before);
        clear_and_shrink(&mut self.present);
        clear_and_shrink(&mut self.free);
        clear_and_shrink(&mut self.words);
        clear_and_shrink(&mut self.spare);
    }

    /// Forgets everything for rows of so many words.
    pub fn begin(&mut self, width: usize) {
        self.clear();
        self.width = width;
    }
}

#[cfg(test)]
mod tests {
    use super::Predecessors;

    #[test]
    fn who_lives_for_one_sample_takes_no_words_and_slots_of_those_that_went_are_used_again() {
        const WIDTH: usize = 50;
        let mut before = Predecessors::new(WIDTH);
        // Ten stay, a hundred others come with each sample, of which twenty are in two.
        for sample in 0..200 {
            for instance in 0..10 {
                let row = before.row_of(instance);
                let expected = if sample < 2 { 0 } else { sample - 1 };
                assert!(row.iter().all(|word| *word == expected), "{instance} at {sample}");
                row.fill(sample);
            }
            let newcomers = 10 + sample as u32 * 100;
            let again = if sample > 0 { newcomers - 100..newcomers - 80 } else { 0..0 };
            for instance in (newcomers..newcomers + 100).chain(again) {
                let row = before.row_of(instance);
                assert!(row.iter().all(|word| *word == 0), "{instance} at {sample}");
                row.fill(9);
            }
            before.end_sample();
        }
        assert!(before.words.len() <= (10 + 20 + 20) * WIDTH, "{} words", before.words.len());
        // One that was away begins once more.
        before.end_sample();
        assert!(before.row_of(3).iter().all(|word| *word == 0));
    }
}
