//! Strings of a row group, numbered in the order in which they come.

use crate::rows::{Batch, BatchColumn};
use nodemon_formats::ColumnType;
use nodemon_formats::interner::Interner;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// A dictionary takes less room than the strings themselves while it is small and they repeat.
const MAX_DICTIONARY_BYTES: usize = 1 << 20;
/// Readers cope with statistics of any length, but nothing prunes better for more than this.
const MAX_STATISTICS_BYTES: usize = 64;

/// The distinct strings of one column of a row group.
pub struct Dictionary {
    kind: ColumnType,
    entries: Interner,
    /// Numbers in `entries` by the numbers of the batch at hand; `u32::MAX` is not known yet.
    renumbered: Vec<u32>,
}

impl Dictionary {
    /// An empty dictionary for a column of type `kind`, where that is made of strings.
    pub fn new(kind: ColumnType) -> Option<Dictionary> {
        kind.is_dictionary().then(|| Dictionary {
            kind,
            entries: Interner::default(),
            renumbered: Vec::new(),
        })
    }

    /// Appends the numbers of a column's strings to `words`.
    pub fn add(&mut self, batch: &Batch, column: &BatchColumn, words: &mut Vec<u64>) {
        self.renumbered.clear();
        self.renumbered.resize(batch.strings.len(), u32::MAX);
        for (row, &word) in column.words.iter().enumerate() {
            let known = self.renumbered.get(word as usize).copied().unwrap_or(u32::MAX);
            let number = match known {
                u32::MAX if !column.is_present(row) => 0,
                u32::MAX => self.learn(batch, word),
                number => number,
            };
            words.push(u64::from(number));
        }
    }

    fn learn(&mut self, batch: &Batch, word: u64) -> u32 {
        let text = batch.strings.get(word as u32);
        let number = match self.kind {
            // Parquet's readers may refuse a whole file for one string that is not UTF-8.
            ColumnType::String => self.entries.intern(String::from_utf8_lossy(text).as_bytes()),
            _ => self.entries.intern(text),
        };
        if let Some(slot) = self.renumbered.get_mut(word as usize) {
            *slot = number;
        }
        number
    }

    /// The string of a number.
    pub fn get(&self, number: u64) -> &[u8] {
        self.entries.get(number as u32)
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all strings together.
    pub fn size_bytes(&self) -> usize {
        self.entries.size_bytes()
    }

    /// Whether `rows` rows are better written as numbers in this dictionary than as they are.
    pub fn pays(&self, rows: usize) -> bool {
        self.len() <= rows / 2 + 1 && self.size_bytes() <= MAX_DICTIONARY_BYTES
    }

    /// Appends every entry as Parquet stores it plainly.
    pub fn encode(&self, out: &mut Vec<u8>) {
        (0..self.len() as u64).for_each(|number| self.encode_entry(number, out));
    }

    /// Appends one entry as Parquet stores it plainly.
    pub fn encode_entry(&self, number: u64, out: &mut Vec<u8>) {
        let text = self.get(number);
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text);
    }

    /// Smallest and largest string, where both are short.
    pub fn statistics(&self, nulls: u64) -> Statistics {
        let all = || (0..self.len() as u32).map(|number| self.entries.get(number));
        let bounds = all().min().zip(all().max());
        let short = |text: &&[u8]| text.len() <= MAX_STATISTICS_BYTES;
        let bounds = bounds.filter(|(min, max)| short(min) && short(max));
        let (min, max) = bounds.unzip();
        let owned = |text: &[u8]| ByteArray::from(text.to_vec());
        ValueStatistics::new(min.map(owned), max.map(owned), None, Some(nulls), false).into()
    }

    /// Forgets every string and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
