//! Cells of rows that wait for their block, as what changed since the row before of their instance.
//!
//! Of a minute of processes hardly any cell changes from one second to the next: kept as words they
//! are some MiB, packed a hundredth of that.

use super::wire::{unzigzag, zigzag};
use crate::memory::{clear_and_shrink, reserve_closely};
use crate::varint::put_varint;

/// Cells of rows, packed in the order in which they came. Of each row: words that did not change, the
/// change of the one after those, and so on, until the row ends; both as varints.
#[derive(Clone, Default)]
pub struct PackedCells {
    /// Words a row: its cells, then a bit for each of them that is set where it is absent.
    words: usize,
    bytes: Vec<u8>,
    /// The words of the last row of each instance; zeros before it has one.
    last: Vec<u64>,
}

impl PackedCells {
    /// No rows of so many cells.
    pub fn new(width: usize) -> PackedCells {
        PackedCells { words: width + width.div_ceil(64), ..PackedCells::default() }
    }

    /// Bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.last.len() * size_of::<u64>()
    }

    /// Appends a row of `instance`: as many cells as a row has, of which `is_absent` says whether the
    /// one at an index is absent.
    pub fn push(&mut self, instance: u32, cells: &[u64], is_absent: impl Fn(usize) -> bool) {
        let from = instance as usize * self.words;
        if self.last.len() < from + self.words {
            let more = from + self.words - self.last.len();
            reserve_closely(&mut self.last, more);
            self.last.resize(from + self.words, 0);
        }
        // Mostly it is far less; doubled, it would be half empty for as long as it waits.
        reserve_closely(&mut self.bytes, 2 * self.words);
        let absent = (0..cells.len()).step_by(64).map(|first| {
            let bit = |at: usize| u64::from(is_absent(at)) << (at - first);
            (first..cells.len().min(first + 64)).fold(0, |bits, at| bits | bit(at))
        });
        let words = cells.iter().copied().chain(absent);
        let mut same = 0;
        for (last, word) in self.last[from..].iter_mut().zip(words) {
            let change = word.wrapping_sub(std::mem::replace(last, word));
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

    /// Forgets the rows, keeps the memory that as many will need.
    pub fn clear(&mut self) {
        clear_and_shrink(&mut self.bytes);
        clear_and_shrink(&mut self.last);
    }

    /// Gives the rows back one after the other; `words` is memory for it.
    pub fn unpack<'a>(&'a self, words: &'a mut Vec<u64>) -> UnpackedRows<'a> {
        clear_and_shrink(words);
        words.resize(self.last.len(), 0);
        UnpackedRows { bytes: self.bytes.iter(), words: self.words, last: words }
    }
}

/// The rows of [`PackedCells`], one after the other.
pub struct UnpackedRows<'a> {
    bytes: std::slice::Iter<'a, u8>,
    words: usize,
    last: &'a mut [u64],
}

impl UnpackedRows<'_> {
    /// The words of the next row, which is one of `instance`: its cells, then the bits of those that
    /// are absent.
    pub fn next(&mut self, instance: u32) -> &[u64] {
        let from = instance as usize * self.words;
        let Some(row) = self.last.get_mut(from..from + self.words) else { return &[] };
        let mut at = 0;
        loop {
            // It was packed here: what it says fits, and it does not end within a row.
            at += varint(&mut self.bytes) as usize;
            let Some(word) = row.get_mut(at) else { break };
            *word = word.wrapping_add(unzigzag(varint(&mut self.bytes)).cast_unsigned());
            at += 1;
            if at == row.len() {
                break;
            }
        }
        row
    }
}

#[inline]
fn varint(bytes: &mut std::slice::Iter<'_, u8>) -> u64 {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let Some(byte) = bytes.next() else { break };
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::PackedCells;
    use proptest::prelude::*;

    type Row = (u32, Vec<Option<u64>>);

    /// Rows of so many cells, each of one of five instances; absent are those that say so.
    fn rows() -> impl Strategy<Value = (usize, Vec<Row>)> {
        (1..200usize).prop_flat_map(|width| {
            let word = prop_oneof![
                6 => Just(Some(0)),
                2 => Just(None),
                2 => (0..1000u64).prop_map(Some),
                1 => any::<u64>().prop_map(Some),
            ];
            let row = (0..5u32, prop::collection::vec(word, width));
            (Just(width), prop::collection::vec(row, 0..40))
        })
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back_word_by_word((width, rows) in rows()) {
            let mut packed = PackedCells::new(width);
            // Memory that was used before.
            packed.push(3, &vec![7; width], |at| at % 2 == 0);
            packed.clear();
            for (instance, row) in &rows {
                let cells: Vec<u64> = row.iter().map(|cell| cell.unwrap_or(0)).collect();
                packed.push(*instance, &cells, |at| row[at].is_none());
            }
            let mut memory = vec![9; 3];
            let mut unpacked = packed.unpack(&mut memory);
            for (number, (instance, row)) in rows.iter().enumerate() {
                let words = unpacked.next(*instance);
                for (at, cell) in row.iter().enumerate() {
                    let is_absent = words[width + at / 64] >> (at % 64) & 1 == 1;
                    prop_assert_eq!((words[at], is_absent), (cell.unwrap_or(0), cell.is_none()),
                        "cell {} of row {}", at, number);
                }
            }
        }
    }
}
