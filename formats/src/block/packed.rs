//! Cells of rows that wait for their block, as what changed since the row before of their instance.
//!
//! Of a minute of processes hardly any cell changes from one second to the next: kept as words they
//! are some MiB, packed a hundredth of that.

use super::predecessors::Predecessors;
use super::wire::{Wire, put_varint, unzigzag, zigzag};
use crate::memory::{clear_and_shrink, reserve_closely};
use crate::narrow::index;
use std::ops::Range;

/// Cells of rows, packed in the order in which they came. Of each row: words that did not change, the
/// change of the one after those, and so on, until the row ends; both as varints.
#[derive(Clone, Default)]
pub struct PackedCells {
    /// Cells of a row.
    width: usize,
    bytes: Vec<u8>,
    before: Predecessors,
}

impl PackedCells {
    /// No rows of so many cells.
    pub fn new(width: usize) -> PackedCells {
        // A row's words: its cells, then a bit for each of them that is set where it is absent.
        let words = width + width.div_ceil(64);
        PackedCells { width, bytes: Vec::new(), before: Predecessors::new(words) }
    }

    /// Bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.before.size_bytes()
    }

    /// Appends a row of `instance`: as many cells as a row has, of which `is_absent` says whether the
    /// one at an index is absent.
    pub fn push(&mut self, instance: u32, cells: &[u64], is_absent: impl Fn(usize) -> bool) {
        // Mostly it is far less; doubled, it would be half empty for as long as it waits.
        reserve_closely(&mut self.bytes, 2 * self.before.width());
        let absent = (0..cells.len()).step_by(64).map(|first| {
            let bit = |at: usize| u64::from(is_absent(at)) << (at - first);
            (first..cells.len().min(first + 64)).fold(0, |bits, at| bits | bit(at))
        });
        let words = cells.iter().copied().chain(absent);
        let mut same = 0;
        for (before, word) in self.before.row_of(instance).iter_mut().zip(words) {
            let change = word.wrapping_sub(std::mem::replace(before, word));
            if change == 0 {
                same += 1;
            } else {
                put_varint(&mut self.bytes, same);
                put_varint(&mut self.bytes, zigzag(change.cast_signed()));
                same = 0;
            }
        }
        if same > 0 {
            put_varint(&mut self.bytes, same);
        }
    }

    /// Ends a sample, whose rows were pushed.
    pub fn end_sample(&mut self) {
        self.before.end_sample();
    }

    /// Forgets the rows, keeps the memory that as many will need.
    pub fn clear(&mut self) {
        clear_and_shrink(&mut self.bytes);
        self.before.clear();
    }

    /// Gives `cells` of the rows back, one row after the other; `memory` is kept for it.
    pub fn unpack<'a>(
        &'a self,
        cells: Range<usize>,
        memory: &'a mut Predecessors,
    ) -> UnpackedRows<'a> {
        let first_bits = cells.start / 64;
        let bits = cells.end.div_ceil(64).saturating_sub(first_bits);
        memory.begin(cells.len() + bits);
        UnpackedRows {
            wire: Wire::new(&self.bytes, "packed rows"),
            words: self.before.width(),
            from: cells.start,
            count: cells.len(),
            bits_from: self.width + first_bits,
            before: memory,
        }
    }
}

/// The rows of [`PackedCells`], one after the other.
pub struct UnpackedRows<'a> {
    wire: Wire<'a>,
    /// Words of a packed row.
    words: usize,
    /// Of these, the first cell that is wanted, how many are, and the first word of bits.
    from: usize,
    count: usize,
    bits_from: usize,
    before: &'a mut Predecessors,
}

impl UnpackedRows<'_> {
    /// The words of the next row, which is one of `instance`: those of its cells that are wanted, then
    /// the words of bits that say which are absent, from the one that has the first.
    pub fn next(&mut self, instance: u32) -> &[u64] {
        let row = self.before.row_of(instance);
        let mut at = 0;
        loop {
            // It was packed here: what it says fits, and it does not end within a row.
            at += index(self.wire.varint().unwrap_or(0));
            if at >= self.words {
                break;
            }
            let change = unzigzag(self.wire.varint().unwrap_or(0)).cast_unsigned();
            let cell = at.wrapping_sub(self.from);
            let bits = at.wrapping_sub(self.bits_from);
            let place = if cell < self.count { cell } else { bits.saturating_add(self.count) };
            if let Some(word) = row.get_mut(place) {
                *word = word.wrapping_add(change);
            }
            at += 1;
            if at == self.words {
                break;
            }
        }
        row
    }

    /// Ends a sample, whose rows were taken.
    pub fn end_sample(&mut self) {
        self.before.end_sample();
    }
}

#[cfg(test)]
mod tests {
    use super::{PackedCells, Predecessors};
    use proptest::prelude::*;

    type Row = (u32, Vec<Option<u64>>, u32);

    /// Rows of so many cells, each of one of five instances, and how many samples end behind each.
    fn rows() -> impl Strategy<Value = (usize, Vec<Row>)> {
        (1..200usize).prop_flat_map(|width| {
            let word = prop_oneof![
                6 => Just(Some(0)),
                2 => Just(None),
                2 => (0..1000u64).prop_map(Some),
                1 => any::<u64>().prop_map(Some),
            ];
            let row = (0..5u32, prop::collection::vec(word, width), 0..3u32);
            (Just(width), prop::collection::vec(row, 0..40))
        })
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back_word_by_word(
            (width, rows) in rows(),
            cells in (0..200usize, 0..200usize).prop_map(|(a, b)| a.min(b)..a.max(b)),
        ) {
            let mut packed = PackedCells::new(width);
            // Memory that was used before.
            packed.push(3, &vec![7; width], |at| at % 2 == 0);
            packed.end_sample();
            packed.clear();
            // Each row ends a sample or goes on in it.
            for (instance, row, ends) in &rows {
                let cells: Vec<u64> = row.iter().map(|cell| cell.unwrap_or(0)).collect();
                packed.push(*instance, &cells, |at| row[at].is_none());
                (0..*ends).for_each(|_| packed.end_sample());
            }
            let mut memory = Predecessors::new(3);
            memory.row_of(2).fill(9);
            let cells = cells.start.min(width)..cells.end.min(width);
            let mut unpacked = packed.unpack(cells.clone(), &mut memory);
            for (number, (instance, row, ends)) in rows.iter().enumerate() {
                let words = unpacked.next(*instance).to_vec();
                (0..*ends).for_each(|_| unpacked.end_sample());
                prop_assert!(words.len() >= cells.len());
                for (at, cell) in row.iter().enumerate().take(cells.end).skip(cells.start) {
                    let word = words[at - cells.start];
                    let bits = words[cells.len() + at / 64 - cells.start / 64];
                    prop_assert_eq!((word, bits >> (at % 64) & 1 == 1),
                        (cell.unwrap_or(0), cell.is_none()), "cell {} of row {}", at, number);
                }
            }
        }
    }
}
