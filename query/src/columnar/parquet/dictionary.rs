//! Strings of a column, numbered in the order in which they come.

use super::hybrid;
use super::pack::width_of;
use crate::rows::{Batch, BatchColumn};
use nodemon_formats::ColumnType;
use nodemon_formats::interner::Interner;
use nodemon_formats::text::readable;
use parquet::basic::Encoding;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// A dictionary of more than that is not worth reading; pages behind it hold the strings themselves.
const MAX_DICTIONARY_BYTES: usize = 1 << 20;
/// Nothing prunes better for longer statistics.
const MAX_STATISTICS_BYTES: usize = 64;

/// Encodes strings as numbers in a dictionary, while that pays.
pub struct TextEncoder {
    kind: ColumnType,
    /// Every string of the row group.
    strings: Interner,
    /// How many of them the dictionary holds; `None` while it takes more.
    full_at: Option<usize>,
    /// Numbers in `strings` by the numbers of the batch at hand; `u32::MAX` is not known yet.
    renumbered: Vec<u32>,
    /// Those of the page.
    numbers: Vec<u64>,
}

impl TextEncoder {
    /// Nothing was seen yet.
    pub fn new(kind: ColumnType) -> TextEncoder {
        TextEncoder {
            kind,
            strings: Interner::default(),
            full_at: None,
            renumbered: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Takes the strings of the rows that have one.
    pub fn push(&mut self, batch: &Batch, column: &BatchColumn) {
        self.renumbered.clear();
        self.renumbered.resize(batch.strings.len(), u32::MAX);
        for (row, &word) in column.words.iter().enumerate() {
            if !column.is_present(row) {
                continue;
            }
            let known = self.renumbered.get(word as usize).copied().unwrap_or(u32::MAX);
            let number = if known == u32::MAX { self.learn(batch, word) } else { known };
            self.numbers.push(u64::from(number));
        }
    }

    fn learn(&mut self, batch: &Batch, word: u64) -> u32 {
        let text = batch.strings.get(word as u32);
        let number = match self.kind {
            // Readers may refuse a whole file for one string that is not UTF-8.
            ColumnType::String => self.strings.intern(readable(text).as_bytes()),
            _ => self.strings.intern(text),
        };
        if let Some(slot) = self.renumbered.get_mut(word as usize) {
            *slot = number;
        }
        number
    }

    /// Appends the strings since the last call to `out`, and says how.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Encoding {
        let encoding = match self.full_at {
            None => {
                let width = width_of(self.strings.len().saturating_sub(1) as u64).max(1);
                out.push(width as u8);
                hybrid::encode(&self.numbers, width, out);
                Encoding::RLE_DICTIONARY
            }
            Some(_) => {
                self.numbers.iter().for_each(|number| plain(self.strings.get(*number as u32), out));
                Encoding::PLAIN
            }
        };
        self.numbers.clear();
        if self.full_at.is_none() && self.strings.size_bytes() > MAX_DICTIONARY_BYTES {
            self.full_at = Some(self.strings.len());
        }
        encoding
    }

    /// Bytes of all strings.
    pub fn size_bytes(&self) -> usize {
        self.strings.size_bytes()
    }

    /// Appends the dictionary to `out` and returns how many entries it has.
    pub fn dictionary(&self, out: &mut Vec<u8>) -> usize {
        let entries = self.full_at.unwrap_or(self.strings.len());
        (0..entries as u32).for_each(|number| plain(self.strings.get(number), out));
        entries
    }

    /// Smallest and largest string, where both are short.
    pub fn statistics(&self, nulls: u64) -> Statistics {
        let all = || (0..self.strings.len() as u32).map(|number| self.strings.get(number));
        let bounds = all().min().zip(all().max());
        let short = |text: &[u8]| text.len() <= MAX_STATISTICS_BYTES;
        let (min, max) = bounds.filter(|(min, max)| short(min) && short(max)).unzip();
        let owned = |text: &[u8]| ByteArray::from(text.to_vec());
        ValueStatistics::new(min.map(owned), max.map(owned), None, Some(nulls), false).into()
    }

    /// Forgets everything, for the next row group, and keeps the memory.
    pub fn clear(&mut self) {
        self.strings.clear();
        self.full_at = None;
    }
}

fn plain(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}
